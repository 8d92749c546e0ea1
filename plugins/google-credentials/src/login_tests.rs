//! What is sent on each way to a token, and what is made of the answers. Only tests.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;
use crate::fake::Fake;
use crate::key::tests::file as key_file;

/// The signature is OpenSSL's: `openssl dgst -sha256 -sign`, of the two parts before it. The claims are those of
/// Google's "Using OAuth 2.0 for Server to Server Applications".
const JWT: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJ2YXVsdEBwcm9qZWN0LmlhbS5nc2VydmljZWFjY291bnQuY29tIiwic2NvcGUiOiJodHRwczovL3d3dy5nb29nbGVhcGlzLmNvbS9hdXRoL2Nsb3VkLXBsYXRmb3JtIiwiYXVkIjoiaHR0cHM6Ly9vYXV0aDIuZ29vZ2xlYXBpcy5jb20vdG9rZW4iLCJpYXQiOjE3NjczMjMwMzUsImV4cCI6MTc2NzMyNjYzNX0.AzfyXFyq8Te3RtH43S7K_cYl-EurelAd48d4imTGvFBswO2YJv8ktzLEKRc5qEp5f-V3bme1nQ4u4WU4udCF2SUIZ94fJw9XZbNvXBb3ejb2sMjdQt6dCSqOWwucrNpP04DItQPZFa06KKOMz-wDWaVn4xw3mCxu9L8DsEhApY1O4pq_2tBNAM4ESibVSTPlTRngj_ezzcuKQ47PAZzfai-D7QpvsAsHA5fQ69hVtEPgbiVy8Q5kqMg7bQyc9L4LEcpqmtFCnyFeD1gHsd7-R4jfTBRH5kASmHai9Sx85Rt9z6sRNxWi5baTSrHI9_3EKxJJj18HFVONtfHjZmKzqg";

fn hidden(text: &str) -> Hidden {
    Hidden(text.to_owned())
}

fn go(credential: Credential, impersonation: Option<Impersonation>, fake: &Fake<'_>) -> Result<Token, Error> {
    login(fake, &Plan::of(credential, impersonation), &Endpoints::default())
}

fn key() -> Credential {
    Credential::Key(Key::read(key_file().to_string().as_bytes(), "/key").unwrap())
}

fn exchange(subject: Shown) -> Credential {
    Credential::Exchange(Exchange {
        audience: "//iam/p".to_owned(),
        token_type: crate::external::JWT.to_owned(),
        token_url: crate::external::TOKEN_URL.to_owned(),
        client: None,
        subject,
    })
}

fn ok(body: Value) -> (u16, String) {
    (200, body.to_string())
}

/// One request of each way, as Google documents it.
#[test]
fn what_is_sent() {
    let refresh = Credential::Refresh {
        client_id: "id".to_owned(),
        client_secret: hidden("s&1"),
        refresh_token: hidden("1//r"),
        token_uri: "https://oauth2.googleapis.com/token".to_owned(),
    };
    let provider = "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c";
    let binding = Credential::Binding {
        token: hidden("k8s"),
        pool: "p.svc.id.goog".to_owned(),
        provider: provider.to_owned(),
    };
    let bound = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": "k8s",
        "audience": format!("identitynamespace:p.svc.id.goog:{provider}"),
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    });
    let exchanged = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&audience=%2F%2Fiam%2Fp&scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&subject_token=k8s";
    for (credential, url, body) in [
        (
            key(),
            "https://oauth2.googleapis.com/token",
            format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={JWT}"),
        ),
        (
            refresh,
            "https://oauth2.googleapis.com/token",
            "grant_type=refresh_token&client_id=id&client_secret=s%261&refresh_token=1%2F%2Fr".to_owned(),
        ),
        (binding, "https://securetoken.googleapis.com/v1/identitybindingtoken", bound.to_string()),
        (exchange(Shown::Token(hidden("k8s"))), "https://sts.googleapis.com/v1/token", exchanged.to_owned()),
    ] {
        let fake =
            Fake::new(|_| ok(json!({"access_token": "ya29.t", "expires_in": 3599, "token_type": "Bearer"})));
        let token = go(credential, None, &fake).unwrap();
        assert_eq!((token.token.0.as_str(), token.seconds), ("ya29.t", 3599));
        let requests = fake.requests.borrow();
        let [sent] = &requests[..] else { panic!("{} requests", requests.len()) };
        assert_eq!((sent.method, sent.url.as_str()), ("POST", url));
        assert_eq!(String::from_utf8(sent.body.clone()).unwrap(), body, "{url}");
    }
}

/// `generateAccessToken` of the IAM Service Account Credentials API.
#[test]
fn acting_as_a_service_account() {
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("sts.") => ok(json!({"access_token": "federated", "expires_in": "600"})),
        _ => ok(json!({"accessToken": "ya29.gsa", "expireTime": "2026-01-02T04:04:05Z"})),
    });
    let acting = Impersonation {
        delegates: vec!["projects/-/serviceAccounts/d@p.iam.gserviceaccount.com".to_owned()],
        ..Impersonation::of("gsa@p.iam.gserviceaccount.com")
    };
    let token = go(exchange(Shown::Token(hidden("k8s"))), Some(acting), &fake).unwrap();
    assert_eq!((token.token.0.as_str(), token.seconds), ("ya29.gsa", 3600));
    let requests = fake.requests.borrow();
    let second = requests.last().unwrap();
    assert_eq!(
        second.url,
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/gsa@p.iam.gserviceaccount.com:generateAccessToken"
    );
    assert!(second.headers.contains(&("authorization".to_owned(), "Bearer federated".to_owned())));
    assert_eq!(
        serde_json::from_slice::<Value>(&second.body).unwrap(),
        json!({"scope": [SCOPE], "lifetime": "3600s",
            "delegates": ["projects/-/serviceAccounts/d@p.iam.gserviceaccount.com"]})
    );
}

/// Formats of Google's AIP-4117.
#[test]
fn tokens_of_other_systems() {
    let from = |field: Option<&str>| TokenUrl {
        url: "https://token.example/t?x=y".to_owned(),
        headers: BTreeMap::from([("Metadata".to_owned(), hidden("True"))]),
        field: field.map(ToOwned::to_owned),
    };
    for (field, status, body, expected) in [
        (None, 200, " text-token \n", Ok("text-token")),
        (Some("id"), 200, r#"{"id":"json-token"}"#, Ok("json-token")),
        (Some("id"), 200, r#"{"other":"s3cr3t"}"#, Err("unauthenticated")),
        (None, 200, "\n", Err("unauthenticated")),
        (None, 403, "s3cr3t", Err("unauthenticated")),
        (None, 503, "s3cr3t", Err("unavailable")),
    ] {
        let fake = Fake::new(move |request| match request.method {
            "GET" => (status, body.to_owned()),
            _ => ok(json!({"access_token": "t"})),
        });
        let found = go(exchange(Shown::Url(from(field))), None, &fake);
        let requests = fake.requests.borrow();
        assert_eq!(requests[0].headers, [("Metadata".to_owned(), "True".to_owned())]);
        match (found, expected) {
            (Ok(token), Ok(shown)) => {
                assert_eq!(token.seconds, UNKNOWN_SECONDS);
                let sent = String::from_utf8(requests[1].body.clone()).unwrap();
                assert!(sent.ends_with(&format!("&subject_token={shown}")), "{sent}");
            }
            (Err(Error::Unauthenticated(said)), Err("unauthenticated"))
            | (Err(Error::Unavailable(said)), Err("unavailable")) => {
                assert!(said.contains("token.example") && !said.contains("s3cr3t"), "{said}");
            }
            (found, _) => panic!("{body}: {found:?}"),
        }
    }
}

/// A question to AWS is percent-encoded once for itself and once for the form; the client's secret goes as Basic.
#[test]
fn what_aws_signs_is_shown() {
    let subject = Shown::Aws {
        region: "eu-central-1".to_owned(),
        id: "AKIDEXAMPLE".to_owned(),
        secret: hidden("s3cr3t"),
        session: None,
    };
    let Credential::Exchange(mut exchange) = exchange(subject) else { panic!() };
    exchange.token_type = aws::TOKEN_TYPE.to_owned();
    exchange.client = Some(("id".to_owned(), hidden("pass")));
    let fake = Fake::new(|_| ok(json!({"access_token": "t"})));
    go(Credential::Exchange(exchange), None, &fake).unwrap();
    let requests = fake.requests.borrow();
    assert!(requests[0].headers.contains(&("authorization".to_owned(), "Basic aWQ6cGFzcw==".to_owned())));
    let fields: BTreeMap<String, String> = form_urlencoded::parse(&requests[0].body).into_owned().collect();
    assert_eq!(fields["subject_token_type"], "urn:ietf:params:aws:token-type:aws4_request");
    assert!(fields["subject_token"].starts_with("%7B%22url%22%3A%22https%3A%2F%2Fsts%2Eeu%2Dcentral%2D1"));
    assert!(!fields["subject_token"].contains("s3cr3t"));
}

/// Google quotes what AWS answers, and that may quote what was signed.
#[test]
fn aws_credentials_are_not_quoted() {
    let subject = Shown::Aws {
        region: "eu-central-1".to_owned(),
        id: "AKIDEXAMPLE".to_owned(),
        secret: hidden("s3cr3t-key"),
        session: Some(hidden("s3ss10n+t0ken/")),
    };
    let said = "SignatureDoesNotMatch: x-amz-security-token:s3ss10n+t0ken/ with s3cr3t-key of AKIDEXAMPLE";
    let refused = json!({"error": "invalid_grant", "error_description": said});
    let fake = Fake::new(|_| (400, refused.to_string()));
    let Err(Error::Unauthenticated(detail)) = go(exchange(subject), None, &fake) else { panic!() };
    assert!(detail.contains("x-amz-security-token:[hidden] with [hidden] of AKIDEXAMPLE"), "{detail}");
}

/// Bodies of Google's documentation and libraries' tests.
#[test]
fn refusals_name_the_step_and_nothing_secret() {
    let clock = json!({"error": "invalid_grant", "error_description":
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."});
    let account = json!({"error": "invalid_grant", "error_description": "Invalid grant: account not found"});
    let target = json!({"error": "invalid_target", "error_description": "The target service indicated by the \"audience\" parameters is invalid."});
    let denied = json!({"error": {"code": 403, "status": "PERMISSION_DENIED",
        "message": "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."}});
    for (status, body, expected, said) in [
        (400, clock.to_string(), "unauthenticated", "clock"),
        (400, account.to_string(), "unauthenticated", "account not found"),
        (400, target.to_string(), "unauthenticated", "invalid_target"),
        (403, denied.to_string(), "unauthenticated", "PERMISSION_DENIED"),
        (429, json!({"error": "rate_limit_exceeded"}).to_string(), "rate-limited", "rate_limit_exceeded"),
        (503, "<html>".to_owned(), "unavailable", "not Google's"),
        (500, json!({"error": "internal_failure"}).to_string(), "unavailable", "internal_failure"),
        (404, "<html>".to_owned(), "unavailable", "not Google's"),
        (200, "<html>".to_owned(), "unavailable", "not Google's"),
        (200, json!({"access_token": ""}).to_string(), "unavailable", "not Google's"),
    ] {
        let fake = Fake::new(|_| (status, body.clone()));
        let error = go(key(), None, &fake).unwrap_err();
        let (kind, detail) = match error {
            Error::Unauthenticated(detail) => ("unauthenticated", detail),
            Error::Unavailable(detail) => ("unavailable", detail),
            Error::RateLimited(limit) => ("rate-limited", limit.detail),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, expected, "{status} {body}");
        assert!(detail.contains(said) && detail.contains("service account's key"), "{detail}");
    }
    let quotes = Fake::new(|request| {
        let sent = String::from_utf8(request.body.clone()).unwrap();
        let said = format!("{sent} of vault@project.iam.gserviceaccount.com");
        (400, json!({"error": "invalid_grant", "error_description": said}).to_string())
    });
    let Error::Unauthenticated(detail) = go(key(), None, &quotes).unwrap_err() else { panic!() };
    assert!(detail.contains("[hidden]"), "{detail}");
    assert!(!detail.contains(JWT) && !detail.contains("vault@project"), "{detail}");
}

#[test]
fn acting_as_another_may_be_refused() {
    let denied = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no federated"}});
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("sts.") => ok(json!({"access_token": "federated"})),
        _ => (403, denied.to_string()),
    });
    let acting = Impersonation::of("gsa@p.iam.gserviceaccount.com");
    let found = go(exchange(Shown::Token(hidden("k8s"))), Some(acting), &fake);
    let Err(Error::Unauthenticated(detail)) = found else { panic!("{found:?}") };
    assert!(detail.starts_with("acting as gsa@p.iam.gserviceaccount.com is refused"), "{detail}");
    assert!(detail.contains("roles/iam.workloadIdentityUser") && !detail.contains("federated:"), "{detail}");
    assert!(detail.contains("no [hidden]"), "{detail}");
}

#[test]
fn signing_for_a_service_account() {
    let fake = Fake::new(|_| ok(json!({"keyId": "k", "signedJwt": "a.b.c"})));
    let token = Token { token: hidden("t"), seconds: 1 };
    let claims = json!({"sub": "gsa@p.iam.gserviceaccount.com"});
    let jwt =
        sign_jwt(&fake, &Endpoints::default(), "gsa@p.iam.gserviceaccount.com", &claims, &token).unwrap();
    assert_eq!(jwt, "a.b.c");
    let requests = fake.requests.borrow();
    assert_eq!(
        requests[0].url,
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/gsa@p.iam.gserviceaccount.com:signJwt"
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&requests[0].body).unwrap(),
        json!({"payload": "{\"sub\":\"gsa@p.iam.gserviceaccount.com\"}"})
    );
}
