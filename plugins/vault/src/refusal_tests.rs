//! What each refusal of Vault means. Only tests.

use super::*;

fn read(status: u16, body: &str) -> Error {
    error(
        &Refused { status, retry_after_ms: Some(3000), body: body.as_bytes() },
        &Asked {
            path: "secret/data/app/x",
            capability: "read",
            namespace: Some("team"),
            login_namespace: Some("team"),
        },
    )
}

/// The kind, the pointer if it has one, and the text.
fn parts(error: Error) -> (&'static str, String, String) {
    match error {
        Error::NotFound(text) => ("not-found", String::new(), text),
        Error::Unauthenticated(text) => ("unauthenticated", String::new(), text),
        Error::Denied(text) => ("denied", String::new(), text),
        Error::RateLimited(limit) => ("rate-limited", format!("{:?}", limit.retry_after_ms), limit.detail),
        Error::Unavailable(text) => ("unavailable", String::new(), text),
        Error::InvalidConfig(error) => ("invalid-config", error.path, error.detail),
        Error::Conflict(text) | Error::Unsupported(text) | Error::Other(text) => {
            ("other", String::new(), text)
        }
        Error::NotModified => ("not-modified", String::new(), String::new()),
    }
}

const DENIED: &str = "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}\n";
const NONE: &str = r#"{"errors":[]}"#;

/// Bodies of OpenBao 2.7.2; those of 412, 472 and the "invalid token" from Vault's documentation.
#[test]
fn errors_drive_behaviour() {
    for (status, body, kind, at, said) in [
        (
            403,
            DENIED,
            "denied",
            "",
            "HTTP 403: permission denied. The token's policies lack: path \"secret/data/app/x\" { capabilities = [\"read\"] } in namespace team",
        ),
        (403, r#"{"errors":["permission denied"]}"#, "denied", "", "bound CIDRs"),
        (404, NONE, "not-found", "", "no such key"),
        (404, "<html>nothing here</html>", "unavailable", "", "proxy"),
        (404, "", "unavailable", "", "proxy"),
        (404, r#"{"message":"no Route matched"}"#, "unavailable", "", "proxy"),
        // Kong's, JSON:API's, and what else only looks like Vault's.
        (
            404,
            r#"{"message":"no Route matched with those values","request_id":"5f1c3a0d7f2e4b"}"#,
            "unavailable",
            "",
            "proxy",
        ),
        (404, r#"{"errors":[{"status":"404","title":"Not Found"}]}"#, "unavailable", "", "proxy"),
        (404, r#"{"errors":"x"}"#, "unavailable", "", "proxy"),
        (404, r#"{"errors":null}"#, "unavailable", "", "proxy"),
        (404, r#"{"errors":null,"request_id":"x","lease_id":""}"#, "unavailable", "", "proxy"),
        (404, r#"{"errors":[""]}"#, "other", "", "HTTP 404"),
        (404, r#"{"request_id":"x","data":{"metadata":{}}}"#, "unavailable", "", "proxy"),
        (404, r#"{"request_id":"x","lease_id":"","data":null}"#, "unavailable", "", "proxy"),
        (404, r#"{"errors":["namespace not found"]}"#, "invalid-config", "/namespace", "namespace team"),
        (
            404,
            r#"{"errors":["no handler for route \"nope/data/x\". route entry not found."]}"#,
            "invalid-config",
            "/path",
            "no handler for route",
        ),
        (
            404,
            r#"{"request_id":"b22b34db-ddf8-f29d-4b4f-c9686a7b6f08","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the OpenBao CLI, use 'bao kv get' for this operation."],"auth":null}"#,
            "invalid-config",
            "/version",
            "set version to v2",
        ),
        (
            404,
            r#"{"request_id":"652272ef-120a-1c90-f961-e2959cb6999a","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":null,"metadata":{"created_time":"2026-11-25T19:07:49.696469456Z","custom_metadata":null,"deletion_time":"2026-11-25T19:07:49.722674836Z","destroyed":false,"version":2}},"wrap_info":null,"warnings":null,"auth":null}"#,
            "not-found",
            "",
            "version 2 was deleted (2026-11-25T19:07:49.722674836Z)",
        ),
        (
            404,
            r#"{"request_id":"4c844ab2-28cd-3bef-638e-5809fc4765d5","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":null,"metadata":{"created_time":"2026-11-25T19:07:49.656330046Z","custom_metadata":null,"deletion_time":"","destroyed":true,"version":1}},"wrap_info":null,"warnings":null,"auth":null}"#,
            "not-found",
            "",
            "version 1 was destroyed",
        ),
        (400, r#"{"errors":["missing client token"]}"#, "unauthenticated", "", "missing client token"),
        (
            400,
            r#"{"errors":["Field validation failed: error converting input for field \"version\""]}"#,
            "other",
            "",
            "Field validation failed",
        ),
        (405, r#"{"errors":["unsupported operation"]}"#, "other", "", "is it a KV engine?"),
        (
            429,
            r#"{"errors":["request path \"kv1/foo\": rate limit quota exceeded"]}"#,
            "rate-limited",
            "Some(3000)",
            "quota exceeded",
        ),
        (412, r#"{"errors":["required index state not present"]}"#, "unavailable", "", "catch up"),
        (472, "", "unavailable", "", "active cluster"),
        (307, "<a href=\"/v1/secret/data/app/x\">Temporary Redirect</a>.", "unavailable", "", "not followed"),
        (503, r#"{"errors":["Vault is sealed"]}"#, "unavailable", "", "HTTP 503: Vault is sealed"),
        (502, "<html>", "unavailable", "", "HTTP 502"),
    ] {
        let (got_kind, got_at, got_said) = parts(read(status, body));
        assert_eq!((got_kind, got_at.as_str()), (kind, at), "{status} {body}: {got_said}");
        assert!(got_said.contains(said), "{got_said}\n  lacks {said}");
    }
}

#[test]
fn a_refused_list_names_what_it_needs() {
    let refused = Refused { status: 403, retry_after_ms: None, body: DENIED.as_bytes() };
    let asked =
        Asked { path: "secret/metadata/app", capability: "list", namespace: None, login_namespace: None };
    let (kind, _, said) = parts(error(&refused, &asked));
    assert_eq!(kind, "denied");
    assert!(said.ends_with(r#"path "secret/metadata/app/*" { capabilities = ["list"] }"#), "{said}");
}

/// All but the third from OpenBao 2.7.2: an unknown token, a policy that lacks the path, the mount
/// look-up without any right below the mount. The third is Vault 1.15's for an unknown token.
#[test]
fn the_text_of_a_403() {
    for (body, expected) in [
        (r#"{"errors":["permission denied"]}"#, Hint::Unclear),
        (DENIED, Hint::Known),
        (r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#, Hint::Ended),
        (
            r#"{"errors":["preflight capability check returned 403, please ensure client's policies grant access to path \"kv1/\""]}"#,
            Hint::Known,
        ),
        ("<html>forbidden</html>", Hint::Unclear),
    ] {
        assert_eq!(hint(body.as_bytes()), expected, "{body}");
    }
}

/// Of another engine than KV: the first six from OpenBao 2.7.2.
#[test]
fn errors_of_other_engines() {
    for (status, body, kind, at, said) in [
        (400, r#"{"errors":["unknown role: nope"]}"#, "other", "", "HTTP 400: unknown role: nope"),
        (
            404,
            "{\"errors\":[\"1 error occurred:\\n\\t* unsupported path\\n\\n\"]}",
            "other",
            "",
            "unsupported path",
        ),
        (
            404,
            r#"{"errors":["no handler for route \"transit2/x\". route entry not found."]}"#,
            "other",
            "",
            "no handler for route",
        ),
        (
            405,
            "{\"errors\":[\"1 error occurred:\\n\\t* unsupported operation\\n\\n\"]}",
            "other",
            "",
            "not for this method (read)",
        ),
        (
            403,
            DENIED,
            "denied",
            "",
            r#"path "database/creds/x" { capabilities = ["read"] } in namespace team"#,
        ),
        (404, NONE, "not-found", "", "no such thing"),
        (404, r#"{"request_id":"x","lease_id":"","data":null}"#, "not-found", "", "no such thing"),
        (404, r#"{"errors":["namespace not found"]}"#, "invalid-config", "/namespace", "namespace team"),
        (404, "<html>", "unavailable", "", "proxy"),
        (404, "", "unavailable", "", "proxy"),
        (404, r#"{"errors":null}"#, "unavailable", "", "proxy"),
        (404, r#"{"message":"no Route matched","request_id":"x"}"#, "unavailable", "", "proxy"),
        (503, r#"{"errors":["Vault is sealed"]}"#, "unavailable", "", "sealed"),
    ] {
        let refused = Refused { status, retry_after_ms: None, body: body.as_bytes() };
        let asked = Asked {
            path: "database/creds/x",
            capability: "read",
            namespace: Some("team"),
            login_namespace: Some("team"),
        };
        let (got_kind, got_at, got_said) = parts(engine_error(&refused, &asked));
        assert_eq!((got_kind, got_at.as_str()), (kind, at), "{status} {body}: {got_said}");
        assert!(got_said.contains(said), "{got_said}\n  lacks {said}");
    }
}

/// Bodies of OpenBao 2.7.2.
#[test]
fn a_refused_login_names_all_but_the_secret() {
    for (status, body, kind, at, said) in [
        (
            400,
            r#"{"errors":["invalid role or secret ID"]}"#,
            "unauthenticated",
            "",
            "login by appRole at auth/approle as r in namespace team: HTTP 400: invalid role or secret ID",
        ),
        (403, r#"{"errors":["permission denied"]}"#, "unauthenticated", "", "no auth method is mounted"),
        (404, r#"{"errors":["namespace not found"]}"#, "invalid-config", "/auth/namespace", "not found"),
        (
            404,
            r#"{"errors":["no handler for route \"auth/approle/login\". route entry not found."]}"#,
            "invalid-config",
            "/auth/appRole",
            "no auth method is mounted at auth/approle",
        ),
        (503, r#"{"errors":["Vault is sealed"]}"#, "unavailable", "", "sealed"),
        (429, "", "rate-limited", "None", "HTTP 429"),
    ] {
        let refused = Refused { status, retry_after_ms: None, body: body.as_bytes() };
        let asked = LoginAsked {
            method: "appRole",
            mount: "approle",
            role: Some("r"),
            namespace: Some("team"),
            namespace_at: "/auth/namespace",
        };
        let (got_kind, got_at, got_said) = parts(login_error(&refused, &asked));
        assert_eq!((got_kind, got_at.as_str()), (kind, at), "{status} {body}: {got_said}");
        assert!(got_said.contains(said), "{got_said}\n  lacks {said}");
    }
}

/// Bodies of OpenBao 2.7.2.
#[test]
fn a_login_that_is_refused_in_bare_words_is_explained() {
    let said = |method: &str, body: &str| {
        let refused = Refused { status: 403, retry_after_ms: None, body: body.as_bytes() };
        let (role, namespace, namespace_at) = (Some("r"), None, "/namespace");
        parts(login_error(&refused, &LoginAsked { method, mount: "m", role, namespace, namespace_at })).2
    };
    let bare = r#"{"errors":["permission denied"]}"#;
    assert!(said("jwt", bare).ends_with("(Vault also says this if no auth method is mounted there)"));
    assert!(said("kubernetes", bare).contains("system:auth-delegator"));
    let told = r#"{"errors":["service account name not authorized"]}"#;
    assert!(said("kubernetes", told).ends_with("HTTP 403: service account name not authorized"));
}

/// Vault's documentation of namespaces: policies are those of the namespace they were written in, and name what is
/// below it with its path in front.
#[test]
fn a_rule_is_written_where_the_login_was() {
    for (reads, login, path, within) in [
        (None, None, "secret/data/x", ""),
        (Some("team/a"), Some("team/a"), "secret/data/x", " in namespace team/a"),
        (Some("team/a/"), Some("team"), "a/secret/data/x", " in namespace team"),
        (Some("team/a"), Some("root"), "team/a/secret/data/x", " in the root namespace"),
        (Some("team-b"), Some("team"), "secret/data/x", " in namespace team-b"),
        (None, Some("team"), "secret/data/x", ""),
    ] {
        let asked =
            Asked { path: "secret/data/x", capability: "read", namespace: reads, login_namespace: login };
        assert_eq!(asked.rule(), (path.to_owned(), within.to_owned()), "{reads:?} {login:?}");
    }
}
