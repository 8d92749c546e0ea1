//! Which logins are read from which manifests. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

fn parse(auth: Value) -> Result<Auth, String> {
    Auth::parse(&json!({"auth": auth})).map_err(|error| match error {
        Error::InvalidConfig(error) => error.path,
        other => format!("{other:?}"),
    })
}

fn account(at: &str, audiences_at: Option<&str>, audiences: &[&str], expiration_seconds: u64) -> Credential {
    Credential::Jwt(Jwt::Account {
        at: at.to_owned(),
        audiences_at: audiences_at.map(ToOwned::to_owned),
        audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
        expiration_seconds,
    })
}

/// Expected: what ESO's auth_jwt.go asks for.
#[test]
fn both_spellings_of_jwt() {
    let (sa, token) =
        ("/auth/jwt/serviceAccountRef", "/auth/jwt/kubernetesServiceAccountToken/serviceAccountRef");
    let audiences = Some("/auth/jwt/kubernetesServiceAccountToken/audiences");
    for (jwt, expected) in [
        (json!({"serviceAccountRef": {"name": "sa"}}), account(sa, None, &["vault"], 600)),
        (json!({"serviceAccountRef": {"name": "sa", "audiences": ["x"]}}), account(sa, None, &["x"], 600)),
        (
            json!({"kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "sa"}, "audiences": ["x"], "expirationSeconds": 900}}),
            account(token, audiences, &["x"], 900),
        ),
        (
            json!({"kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "sa", "audiences": ["x"]}}}),
            account(token, None, &["x", "vault"], 600),
        ),
        (
            json!({"kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "sa"}, "audiences": []}}),
            account(token, audiences, &[], 600),
        ),
        (
            json!({"secretRef": {"name": "s"}}),
            Credential::Jwt(Jwt::Secret { at: "/auth/jwt/secretRef".to_owned() }),
        ),
    ] {
        assert_eq!(parse(json!({"jwt": jwt})).unwrap().credential, expected, "{jwt}");
    }
    for jwt in [json!({}), json!({"serviceAccountRef": {"name": "s"}, "secretRef": {"name": "s"}})] {
        assert_eq!(parse(json!({"jwt": jwt})), Err("/auth/jwt".to_owned()), "{jwt}");
    }
}

#[test]
fn exactly_one_whole_login() {
    for (auth, path) in [
        (json!({}), "/auth"),
        (json!({"namespace": "team"}), "/auth"),
        (json!({"tokenSecretRef": {"name": "t"}, "jwt": {"secretRef": {"name": "j"}}}), "/auth"),
        (json!({"appRole": {"roleId": "r"}}), "/auth/appRole/secretRef"),
        (json!({"appRole": {"secretRef": {"name": "s"}}}), "/auth/appRole/roleId"),
        (json!({"appRole": {"roleId": " ", "secretRef": {"name": "s"}}}), "/auth/appRole/roleId"),
        (
            json!({"appRole": {"path": "../x", "roleId": "r", "secretRef": {"name": "s"}}}),
            "/auth/appRole/path",
        ),
        (json!({"kubernetes": {"serviceAccountRef": {"name": "s"}}}), "/auth/kubernetes/role"),
        (json!({"kubernetes": {"role": "r"}}), "/auth/kubernetes/serviceAccountRef"),
        (json!({"userPass": {"secretRef": {"name": "s"}}}), "/auth/userPass/username"),
        (json!({"ldap": {"username": "u"}}), "/auth/ldap/secretRef"),
        (json!({"iam": {}}), "/auth/iam/vaultRole"),
        (json!({"iam": {"vaultRole": "r", "region": "a/b"}}), "/auth/iam/region"),
        (json!({"gcp": {"role": "r"}}), "/auth/gcp/secretRef"),
        (json!({"gcp": {"role": "r", "serviceAccountRef": {"name": "s"}}}), "/auth/gcp/secretRef"),
        (
            json!({"gcp": {"role": "r", "workloadIdentity": {}}}),
            "/auth/gcp/workloadIdentity/serviceAccountRef",
        ),
        (json!({"gcp": {"role": "r", "secretRef": {}}}), "/auth/gcp/secretRef/secretAccessKeySecretRef"),
        (json!({"gcp": {"secretRef": {"secretAccessKeySecretRef": {"name": "k"}}}}), "/auth/gcp/role"),
    ] {
        assert_eq!(parse(auth.clone()), Err(path.to_owned()), "{auth}");
    }
}

/// Defaults and preferences of ESO's auth_*.go.
#[test]
fn mounts_roles_and_paths() {
    let secret = json!({"name": "s"});
    let none = Auth::parse(&json!({})).unwrap();
    assert_eq!((none.login_path(), none.credential), (None, Credential::Nothing));
    let by_account = account("/auth/kubernetes/serviceAccountRef", None, &[], 600);
    for (auth, login, role, credential) in [
        (json!({"tokenSecretRef": secret}), None, None, Credential::Token),
        (
            json!({"appRole": {"roleId": " r ", "roleRef": secret, "secretRef": secret}}),
            Some("auth/approle/login"),
            Some("r"),
            Credential::AppRole { role_id: Some("r".to_owned()) },
        ),
        (
            json!({"appRole": {"path": "/team/approle/", "roleId": "", "roleRef": secret, "secretRef": secret}}),
            Some("auth/team/approle/login"),
            None,
            Credential::AppRole { role_id: None },
        ),
        (
            json!({"kubernetes": {"role": "r", "serviceAccountRef": secret, "secretRef": secret}}),
            Some("auth/kubernetes/login"),
            Some("r"),
            by_account,
        ),
        (
            json!({"ldap": {"username": "u", "secretRef": secret}}),
            Some("auth/ldap/login/u"),
            Some("u"),
            Credential::Password { at: "/auth/ldap/secretRef".to_owned() },
        ),
        (
            json!({"userPass": {"path": "up", "username": " u", "secretRef": secret}}),
            Some("auth/up/login/u"),
            Some("u"),
            Credential::Password { at: "/auth/userPass/secretRef".to_owned() },
        ),
        (json!({"cert": {}}), Some("auth/cert/login"), None, Credential::Certificate),
        (
            json!({"iam": {"vaultRole": "dev", "region": "eu-west-1", "vaultAwsIamServerID": "v"}}),
            Some("auth/aws/login"),
            Some("dev"),
            Credential::Iam { region: "eu-west-1".to_owned(), server_id: Some("v".to_owned()) },
        ),
        (
            json!({"gcp": {"role": "r", "secretRef": {"secretAccessKeySecretRef": secret}}}),
            Some("auth/gcp/login"),
            Some("r"),
            Credential::Gcp,
        ),
        (
            json!({"gcp": {"path": "google", "role": "r", "workloadIdentity": {"serviceAccountRef": secret}}}),
            Some("auth/google/login"),
            Some("r"),
            Credential::Gcp,
        ),
        (
            json!({"cert": {"vaultRole": "web"}}),
            Some("auth/cert/login"),
            Some("web"),
            Credential::Certificate,
        ),
    ] {
        let found = parse(auth.clone()).unwrap();
        assert_eq!(found.login_path().as_deref(), login, "{auth}");
        assert_eq!(found.role.as_deref(), role, "{auth}");
        assert_eq!(found.credential, credential, "{auth}");
    }
}
