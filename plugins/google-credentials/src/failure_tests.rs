//! What Google's refusals mean. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

/// As VPC Service Controls say it.
const PERIMETER: &str =
    "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: 8c1f";

fn api(code: u16, status: &str, message: &str, reason: Option<&str>) -> Failure {
    let details: Vec<Value> = reason
        .iter()
        .map(|reason| json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}))
        .collect();
    let body = json!({"error": {"code": code, "message": message, "status": status, "details": details}});
    Failure::read(code, None, body.to_string().as_bytes())
}

/// Messages as Secret Manager sends them; codes and their HTTP statuses from google/rpc/code.proto.
#[test]
fn classes() {
    let access = "Permission 'secretmanager.versions.access' denied for resource 'projects/p/secrets/s/versions/latest' (or it may not exist).";
    for (code, status, message, reason, expected) in [
        (
            404,
            "NOT_FOUND",
            "Secret [projects/1/secrets/s] not found or has no versions.",
            None,
            Class::NotFound,
        ),
        (
            404,
            "NOT_FOUND",
            "Secret Version [projects/1/secrets/s/versions/9] not found.",
            None,
            Class::NotFound,
        ),
        (404, "NOT_FOUND", "Method not found.", None, Class::Other),
        (404, "NOT_FOUND", "Project [p] not found.", None, Class::Other),
        (403, "PERMISSION_DENIED", access, Some("IAM_PERMISSION_DENIED"), Class::Denied),
        (403, "PERMISSION_DENIED", access, None, Class::Denied),
        (
            403,
            "PERMISSION_DENIED",
            "Secret Manager API has not been used",
            Some("SERVICE_DISABLED"),
            Class::Project,
        ),
        (
            403,
            "PERMISSION_DENIED",
            "Permission denied on resource project x.",
            Some("CONSUMER_INVALID"),
            Class::Project,
        ),
        (
            403,
            "PERMISSION_DENIED",
            "insufficient scopes",
            Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
            Class::Scope,
        ),
        (403, "PERMISSION_DENIED", PERIMETER, Some("SECURITY_POLICY_VIOLATED"), Class::Policy),
        (403, "PERMISSION_DENIED", PERIMETER, None, Class::Policy),
        (403, "PERMISSION_DENIED", "x", Some("ORG_RESTRICTION_VIOLATION"), Class::Policy),
        (403, "PERMISSION_DENIED", "x", Some("LOCATION_ORG_POLICY_VIOLATED"), Class::Policy),
        (403, "PERMISSION_DENIED", "x", Some("ACCOUNT_STATE_INVALID"), Class::Denied),
        (403, "PERMISSION_DENIED", "quota", Some("RATE_LIMIT_EXCEEDED"), Class::Throttled),
        (
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials.",
            Some("ACCESS_TOKEN_EXPIRED"),
            Class::Refused,
        ),
        (429, "RESOURCE_EXHAUSTED", "Quota exceeded", Some("RATE_LIMIT_EXCEEDED"), Class::Throttled),
        (
            400,
            "FAILED_PRECONDITION",
            "Secret Version [projects/1/secrets/s/versions/2] is in DISABLED state.",
            None,
            Class::State,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "Secret Version [projects/1/secrets/s/versions/2] is in DESTROYED state.",
            None,
            Class::State,
        ),
        (400, "FAILED_PRECONDITION", "something else", None, Class::Other),
        (400, "INVALID_ARGUMENT", "The provided Secret Version ID [x] does not match", None, Class::Other),
        (503, "UNAVAILABLE", "The service is currently unavailable.", None, Class::Unavailable),
        (500, "INTERNAL", "", None, Class::Unavailable),
        (504, "DEADLINE_EXCEEDED", "", None, Class::Unavailable),
        (409, "ABORTED", "", None, Class::Unavailable),
    ] {
        assert_eq!(api(code, status, message, reason).class(), expected, "{status} {message}");
    }
    for (status, body, expected) in [
        (404, "<html>", Class::Unavailable),
        (404, r#"{"errors":[]}"#, Class::Unavailable),
        (403, "<html>", Class::Unavailable),
        (401, "", Class::Unavailable),
        (302, "", Class::Unavailable),
        (429, "", Class::Throttled),
        (400, r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#, Class::Other),
    ] {
        assert_eq!(Failure::read(status, None, body.as_bytes()).class(), expected, "{status} {body}");
    }
}

#[test]
fn delays() {
    let body = |delay: &str| {
        json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded", "details": [
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]}})
        .to_string()
    };
    for (header, delay, expected) in [
        (None, "7s", Some(7000)),
        (None, "0.500s", Some(500)),
        (Some(3000), "7s", Some(3000)),
        (None, "soon", None),
        (None, "-1s", None),
        (None, "1e9s", None),
    ] {
        let failure = Failure::read(429, header, body(delay).as_bytes());
        assert_eq!(failure.retry_after_ms, expected, "{delay}");
        let error = failure.error("secretmanager.versions.access", "projects/p/secrets/s");
        assert!(matches!(error, Error::RateLimited(limit) if limit.retry_after_ms == expected));
    }
}

#[test]
fn words_for_people() {
    let what = "projects/p/secrets/s/versions/latest";
    let action = "secretmanager.versions.access";
    let denied = api(403, "PERMISSION_DENIED", "denied\nfor it", None).error(action, what);
    let Error::Denied(detail) = denied else { panic!("{denied:?}") };
    assert_eq!(
        detail,
        "secretmanager.versions.access on projects/p/secrets/s/versions/latest is not allowed, or it does not exist (Google says the same to both): PERMISSION_DENIED: denied for it"
    );
    let off =
        api(403, "PERMISSION_DENIED", "has not been used", Some("SERVICE_DISABLED")).error(action, what);
    assert!(matches!(off, Error::Denied(detail) if detail.contains("(SERVICE_DISABLED): has not been used")));
    let outside =
        api(403, "PERMISSION_DENIED", PERIMETER, Some("SECURITY_POLICY_VIOLATED")).error(action, what);
    let Error::Denied(detail) = outside else { panic!("{outside:?}") };
    assert_eq!(
        detail,
        format!(
            "{action} on {what}: the organization's policy refuses it: PERMISSION_DENIED (SECURITY_POLICY_VIOLATED): {PERIMETER}"
        )
    );
    let login =
        api(403, "PERMISSION_DENIED", PERIMETER, None).login_error("acting as x", ". It needs a right");
    assert!(
        matches!(&login, Error::Unauthenticated(said) if said.contains("organization's policy refuses") && !said.contains("a right")),
        "{login:?}"
    );
    let quoted = api(400, "INVALID_ARGUMENT", "you sent ya29.s3cr3t", None).without(&["ya29.s3cr3t", ""]);
    assert_eq!(quoted.said(), "INVALID_ARGUMENT: you sent [hidden]");
    // Whoever answers may put it anywhere, also where the word is cut.
    let odd = format!("{}ya29.s3cr3t", "X".repeat(95));
    let quoted = api(403, &odd, "m", Some("OF_ya29.s3cr3t")).without(&["ya29.s3cr3t"]).said();
    assert!(!quoted.contains("ya29") && quoted.ends_with(" (OF_[hidden]): m"), "{quoted}");
}
