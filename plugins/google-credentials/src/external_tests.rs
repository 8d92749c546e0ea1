//! Which credential configurations are taken, and why others are not. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;

const URL: &str = "https://token.example/t";
const ENDPOINT: Manifest<'_> =
    Manifest { audience: None, email: None, endpoint: Some(("/externalTokenEndpoint", URL)) };
const ACTING: &str = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/gsa@p.iam.gserviceaccount.com:generateAccessToken";

fn config(more: Value) -> Value {
    let mut config = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "token_url": "https://sts.googleapis.com/v1/token",
        "token_info_url": "https://sts.googleapis.com/v1/introspect",
        "credential_source": {"url": URL, "headers": {"Metadata": "s3cr3t"}},
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn parse(config: &Value, manifest: Manifest<'_>) -> Result<(Exchange, Option<Impersonation>), String> {
    read(config.to_string().as_bytes(), "/credConfig", manifest).map_err(|error| match error {
        Error::InvalidConfig(error) => format!("{} {}", error.path, error.detail),
        other => format!("{other:?}"),
    })
}

#[test]
fn what_is_taken() {
    let (exchange, none) = parse(&config(json!({})), ENDPOINT).unwrap();
    assert_eq!((exchange.token_type.as_str(), none), ("urn:ietf:params:oauth:token-type:id_token", None));
    let Shown::Url(token) = exchange.subject else { panic!() };
    assert_eq!((token.url.as_str(), token.field), (URL, None));
    assert_eq!(token.headers.get("Metadata"), Some(&Hidden("s3cr3t".to_owned())));
    // Defaults of ESO, and what the manifest says instead.
    let bare = json!({"type": "external_account", "credential_source": {"url": URL,
        "format": {"type": "json", "subject_token_field_name": "id_token"}}});
    let email = Some("other@p.iam.gserviceaccount.com");
    let manifest = Manifest { audience: Some("//iam/mine"), email, ..ENDPOINT };
    let (exchange, acting) = parse(&bare, manifest).unwrap();
    assert_eq!(
        (exchange.audience.as_str(), exchange.token_type.as_str(), exchange.token_url.as_str()),
        ("//iam/mine", JWT, TOKEN_URL)
    );
    assert_eq!(acting.unwrap().email, "other@p.iam.gserviceaccount.com");
    let Shown::Url(token) = exchange.subject else { panic!() };
    assert_eq!(token.field.as_deref(), Some("id_token"));
    // The configuration's own service account, and its life.
    let life = json!({"token_lifetime_seconds": 1200});
    let acting = json!({"service_account_impersonation_url": ACTING, "service_account_impersonation": life});
    let (_, acting) = parse(&config(acting), Manifest::default()).unwrap();
    let acting = acting.unwrap();
    assert_eq!(
        (acting.email.as_str(), acting.url.as_str(), acting.seconds),
        ("gsa@p.iam.gserviceaccount.com", ACTING, 1200)
    );
}

#[test]
fn what_is_refused() {
    let source = |source: Value| config(json!({"credential_source": source}));
    for (config, said) in [
        (json!("s3cr3t"), "form of external_account"),
        (json!({"type": "external_account", "credential_source": {"url": URL}}), "audience"),
        (config(json!({"token_url": "https://evil.example/v1/token"})), "token_url"),
        (config(json!({"token_url": "https://sts.evil.example/v1/token"})), "token_url"),
        (config(json!({"token_url": "https://sts.evilgoogleapis.com/v1/token"})), "token_url"),
        (config(json!({"token_url": "http://sts.googleapis.com/v1/token"})), "token_url"),
        (config(json!({"token_url": "https://sts.googleapis.com@evil.example/v1/token"})), "token_url"),
        (config(json!({"service_account_impersonation_url": "https://evil.example/"})), "impersonation_url"),
        (config(json!({"service_account_impersonation": {"token_lifetime_seconds": 43_201}})), "43200"),
        (config(json!({"universe_domain": "other.example"})), "other.example"),
        (source(json!({"executable": {"command": "/bin/s3cr3t"}})), "none is run"),
        (source(json!({"file": "/var/run/secrets/kubernetes.io/serviceaccount/token"})), "serviceAccountRef"),
        (source(json!({"environment_id": "aws1", "url": URL})), "awsSecurityCredentials"),
        (source(json!({"certificate": {}})), "certificate"),
        (source(json!({})), "credential_source.url"),
        (source(json!({"url": "file:///etc/passwd"})), "credential_source.url"),
        (source(json!({"url": URL, "format": {"type": "json"}})), "subject_token_field_name"),
        (source(json!({"url": URL, "format": {"type": "xml"}})), "text or json"),
    ] {
        let error = parse(&config, ENDPOINT).unwrap_err();
        assert!(error.contains(said) && !error.contains("s3cr3t"), "{config}: {error}");
    }
    let wrong = json!({"type": "service_account", "audience": "a", "credential_source": {"url": URL}});
    assert!(parse(&wrong, ENDPOINT).unwrap_err().contains("external_account"));
}

/// Who writes the ConfigMap chooses no address that the store does not repeat.
#[test]
fn the_store_repeats_the_address() {
    for endpoint in ["", "https://token.example/other", "https://token.example/t/"] {
        let manifest = Manifest { endpoint: Some(("/externalTokenEndpoint", endpoint)), ..ENDPOINT };
        let error = parse(&config(json!({})), manifest).unwrap_err();
        assert!(error.starts_with("/externalTokenEndpoint"), "{error}");
    }
    assert!(parse(&config(json!({})), Manifest::default()).is_ok(), "the operator's own need not");
    // And may name another STS, which the host lets pass if it is granted.
    for (url, fine, of_store) in [
        ("https://sts.googleapis.com/v1/token", true, true),
        ("https://sts.us-east4.rep.googleapis.com/v1/token", true, true),
        ("https://sts.corp.example/v1/token", true, false),
        ("https://sts.googleapis.com:8443/v1/token", true, false),
        ("https://sts.bucket.storage.googleapis.com/v1/token", true, false),
        ("https://sts.us-east4.googleapis.com/v1/token", true, false),
        ("https://sts.us-east4.evil.rep.googleapis.com/v1/token", true, false),
        ("https://sts.rep.googleapis.com/v1/token", true, false),
        ("https://corp.example/v1/token", false, false),
    ] {
        let config = config(json!({"token_url": url}));
        assert_eq!(parse(&config, Manifest::default()).is_ok(), fine, "{url}");
        assert_eq!(parse(&config, ENDPOINT).is_ok(), of_store, "{url}");
    }
}

/// The first ones match the expression of ESO's validation.
#[test]
fn impersonation_urls() {
    let url = |host: &str, rest: &str| format!("https://{host}/v1/projects/{rest}:generateAccessToken");
    let email = "gsa@p.iam.gserviceaccount.com";
    for (url, expected) in [
        (ACTING.to_owned(), Some(email)),
        (
            url("iamcredentials.us-east1.rep.googleapis.com", &format!("-/serviceAccounts/{email}")),
            Some(email),
        ),
        (
            url("iamcredentials.googleapis.com", "-/serviceAccounts/1-compute@developer.gserviceaccount.com"),
            Some("1-compute@developer.gserviceaccount.com"),
        ),
        (url("iamcredentials.evilgoogleapis.com", &format!("-/serviceAccounts/{email}")), None),
        (url("iamcredentials.googleapis.com.evil.example", &format!("-/serviceAccounts/{email}")), None),
        (url("iamcredentials.googleapis.com:8443", &format!("-/serviceAccounts/{email}")), None),
        (url("iamcredentials.googleapis.com", &format!("../serviceAccounts/{email}")), None),
        (url("iamcredentials.googleapis.com", &format!("-/x/serviceAccounts/{email}")), None),
        (url("iamcredentials.googleapis.com", "-/serviceAccounts/a/b@p.iam.gserviceaccount.com"), None),
        (url("iamcredentials.googleapis.com", "-/serviceAccounts/a@p.example.com"), None),
        (ACTING.replace("https", "http"), None),
        (ACTING.replace("generateAccessToken", "signJwt"), None),
    ] {
        assert_eq!(impersonated(&url), expected, "{url}");
    }
}
