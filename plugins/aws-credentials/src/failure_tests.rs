//! Answers as AWS documents them, and as a well-known test server gives them.

use super::*;

fn json(status: u16, kind: &str, message: &str) -> Failure {
    let body = serde_json::json!({"__type": kind, "message": message}).to_string();
    Failure::read(status, None, None, body.as_bytes())
}

#[test]
fn codes_drive_behaviour() {
    for (status, code, message, expected) in [
        (
            400,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
            Class::NotFound,
        ),
        (
            404,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
            Class::NotFound,
        ),
        (400, "ParameterNotFound", "", Class::NotFound),
        (400, "com.amazonaws.ssm#ParameterVersionNotFound", "", Class::NotFound),
        (400, "InvalidResourceId", "The resource ID isn't valid.", Class::Other),
        (
            400,
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
            Class::NotFound,
        ),
        (
            400,
            "InvalidRequestException",
            "An error occurred (InvalidRequestException) when calling the GetSecretValue operation: You tried to perform the operation on a secret that's currently marked deleted.",
            Class::NotFound,
        ),
        (400, "InvalidRequestException", "The VersionId does not have the staging label", Class::Other),
        (
            400,
            "AccessDeniedException",
            "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: secretsmanager:GetSecretValue on resource: k because no identity-based policy allows the action",
            Class::Denied,
        ),
        (400, "AccessDeniedException", "Access to KMS is not allowed", Class::Undecryptable),
        (
            400,
            "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access. (Service: AWSKMS)",
            Class::Undecryptable,
        ),
        (400, "DecryptionFailure", "", Class::Undecryptable),
        // Parameter Store's, of a key that is disabled or gone.
        (400, "InvalidKeyId", "", Class::Undecryptable),
        (
            400,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            Class::Refused,
        ),
        (
            400,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            Class::Refused,
        ),
        (
            403,
            "InvalidSignatureException",
            "The request signature we calculated does not match",
            Class::Refused,
        ),
        (
            400,
            "InvalidSignatureException",
            "Signature not yet current: 20260101T0100Z is still later than",
            Class::Skewed,
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20260101T0000Z is now earlier than",
            Class::Skewed,
        ),
        (403, "RequestTimeTooSkewed", "", Class::Skewed),
        (400, "ThrottlingException", "Rate exceeded", Class::Throttled),
        (400, "TooManyRequestsException", "", Class::Throttled),
        (429, "", "", Class::Throttled),
        (500, "InternalServiceError", "", Class::Unavailable),
        (503, "", "", Class::Unavailable),
        // Whatever answers so, it is not AWS saying that a secret is gone or forbidden.
        (404, "", "", Class::Unavailable),
        (403, "", "", Class::Unavailable),
        (403, "", "Forbidden by the proxy", Class::Unavailable),
        (400, "OptInRequired", "", Class::Denied),
        (400, "ValidationException", "", Class::Other),
    ] {
        assert_eq!(json(status, code, message).class(), expected, "{status} {code} {message}");
    }
}

#[test]
fn the_code_stands_in_several_places() {
    let header =
        Failure::read(400, Some("ThrottlingException:http://internal.amazon.com/"), Some(2000), b"{}");
    assert_eq!((header.code.as_str(), header.retry_after_ms), ("ThrottlingException", Some(2000)));
    assert!(matches!(
        header.error("ssm:GetParameters", "k"),
        Error::RateLimited(RateLimit { retry_after_ms: Some(2000), .. })
    ));
    // STS, and JSON services behind a test server's own access control.
    let xml = br#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
        <Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole on &quot;r&quot;</Message>
        </Error><RequestId>x</RequestId></ErrorResponse>"#;
    let failure = Failure::read(403, None, None, xml);
    assert_eq!(failure.code, "AccessDenied");
    assert!(failure.message.ends_with(r#"sts:AssumeRole on "r""#));
    assert_eq!(failure.class(), Class::Denied);
    let html = Failure::read(502, None, None, b"<html>bad gateway</html>");
    assert_eq!(
        (html.class(), html.said()),
        (Class::Unavailable, "the answer is not AWS's (HTTP 502)".to_owned())
    );
}

#[test]
fn the_quoted_request_is_left_out() {
    let body = serde_json::json!({"__type": "InvalidSignatureException", "message":
        "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nx-amz-security-token:IQoJsecret'"});
    let failure = Failure::read(403, None, None, body.to_string().as_bytes());
    let error = format!("{:?}", failure.error("a", "k"));
    assert!(error.contains("does not match") && !error.contains("IQoJ"), "{error}");
}

#[test]
fn errors_name_the_right_and_the_key() {
    let denied = json(400, "AccessDeniedException", "User: u is not authorized");
    assert!(matches!(denied.error("secretsmanager:GetSecretValue", "db"), Error::Denied(detail)
            if detail == "secretsmanager:GetSecretValue on db is not allowed: AccessDeniedException: User: u is not authorized"));
    let kms = json(400, "AccessDeniedException", "Access to KMS is not allowed");
    assert!(
        matches!(kms.error("x", "db"), Error::Denied(detail) if detail.starts_with("kms:Decrypt for db"))
    );
    let skewed = json(400, "InvalidSignatureException", "Signature not yet current");
    assert!(matches!(skewed.error("x", "db"), Error::Unauthenticated(detail) if detail.contains("clock")));
}

#[test]
fn a_role_that_cannot_be_assumed_is_no_credential() {
    let sts = |code, at| json(403, code, "m").sts_error("sts:AssumeRole", "arn:r", "role 2 of 3", at);
    assert!(
        matches!(sts("AccessDenied", Some("/role")), Error::Unauthenticated(detail) if detail.contains("arn:r (role 2 of 3)"))
    );
    assert!(matches!(sts("ExpiredTokenException", None), Error::Unauthenticated(_)));
    assert!(
        matches!(sts("ValidationError", Some("/role")), Error::InvalidConfig(error) if error.path == "/role")
    );
    assert!(matches!(sts("ValidationError", None), Error::Unauthenticated(_)));
    assert!(matches!(sts("Throttling", None), Error::RateLimited(_)));
    assert!(matches!(sts("IDPCommunicationError", None), Error::Unavailable(_)));
}

/// The words are IAM's, from its guide to access denied messages.
#[test]
fn who_is_known_and_whose_session_is_revoked() {
    let explicit = "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ssm:GetParameter on resource: k with an explicit deny in an identity-based policy";
    let implicit = "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ssm:GetParameter on resource: k because no identity-based policy allows the ssm:GetParameter action";
    for (code, message, known, revoked) in [
        ("AccessDeniedException", explicit, true, true),
        ("AccessDenied", explicit, true, true),
        ("AccessDeniedException", implicit, true, false),
        ("OptInRequired", explicit, false, false),
        ("UnrecognizedClientException", "", false, false),
        ("", explicit, false, false),
    ] {
        let failure = json(400, code, message);
        assert_eq!(
            (failure.knows_signer(), failure.is_explicit_deny()),
            (known, revoked),
            "{code} {message}"
        );
    }
}

#[test]
fn code_and_words_are_cleaned() {
    let own =
        Credentials { id: "AKIA".to_owned(), secret: "s3cr3t".to_owned(), token: Some("t0k3n".to_owned()) };
    let failure = json(400, "Odd-t0k3n", "it is s3cr3t").clean(&own);
    assert_eq!(failure.said(), "Odd-[redacted]: it is [redacted]");
}

/// Codes and words of the API references of CreateSecret, PutSecretValue and PutParameter.
#[test]
fn conflicts_of_writes() {
    for (code, message, expected) in [
        (
            "ResourceExistsException",
            "You can't use ClientRequestToken 1 because that value is already in use",
            true,
        ),
        ("ParameterAlreadyExists", "The parameter already exists.", true),
        ("TooManyUpdates", "There are concurrent updates for a resource", true),
        ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.", true),
        ("ParameterNotFound", "", true),
        ("InvalidRequestException", "You can't perform this operation: it was marked for deletion.", true),
        (
            "InvalidRequestException",
            "A parameter value is not valid for the current state of the resource.",
            false,
        ),
        ("AccessDeniedException", "", false),
        ("ThrottlingException", "Rate exceeded", false),
        ("LimitExceededException", "", false),
    ] {
        assert_eq!(json(400, code, message).is_conflict(), expected, "{code}: {message}");
    }
}
