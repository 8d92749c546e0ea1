//! The logins of Vault that ask others: `iam` (AWS's STS says who signed), `gcp` (a Google service account's key
//! signs) and `ldap`.

use std::collections::BTreeMap;

use claviger_testenv::{VaultLogins, signing_key};
use serde_json::{Value, json};

use super::{Server, VALUE, secret, service_account};
use crate::support::{Account, Operator, allow, assert_no_value_left, world};

const WRONG: &str = "MARKED-wrong-credential";

#[test]
fn sts_says_who_signed() {
    let world = world!("vault-iam");
    let dir = tempfile::tempdir().unwrap();
    let logins =
        VaultLogins::start(&world.env.tools, dir.path(), &world.env.bao, &world.env.aws, &BTreeMap::new())
            .unwrap();
    let vault = Server::with_logins(&world, &logins);
    let path = world.name.as_str();
    vault.mount("", path);
    let account = Account::new(&world, "eu-central-1");
    let may_assume = json!([allow(&["sts:AssumeRole"], &["*"])]);
    let user = account.user("vault-iam-user", &may_assume);
    let user_arn = account.aws.iam_arn("user/vault-iam-user");
    let irsa = account.role(
        "vault-iam-irsa",
        &account.trust_in_account(path, "trusted"),
        &json!([allow(&["s3:GetObject"], &["*"])]),
    );
    let trust = json!([{
        "Effect": "Allow", "Principal": {"AWS": user_arn}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "the-external-id"}},
    }]);
    let assumed = account.role("vault-iam-assumed", &trust, &json!([allow(&["s3:GetObject"], &["*"])]));
    vault.call("POST", &format!("sys/auth/{path}"), json!({"type": "aws"}));
    vault.call(
        "POST",
        &format!("auth/{path}/config/client"),
        json!({"iam_server_id_header_value": "vault.example.org"}),
    );
    for (role, principal) in [("user", &user_arn), ("irsa", &irsa), ("assumed", &assumed)] {
        let role_of =
            json!({"auth_type": "iam", "bound_iam_principal_arn": principal, "token_policies": [path]});
        vault.call("POST", &format!("auth/{path}/role/{role}"), role_of);
    }
    account.key_secret("key", &user);
    let wrong = claviger_testenv::AwsIdentity { secret_access_key: WRONG.to_owned(), ..user.clone() };
    account.key_secret("wrong", &wrong);
    for name in ["trusted", "untrusted"] {
        service_account(&world, name, json!({"eks.amazonaws.com/role-arn": irsa}));
    }
    let operator = Operator::start(&world);
    let by = |role: &str, credential: Value| {
        let mut auth = json!({
            "path": path, "vaultRole": role, "region": "eu-central-1", "vaultAwsIamServerID": "vault.example.org",
        });
        auth.as_object_mut().unwrap().extend(credential.as_object().unwrap().clone());
        json!({"path": path, "auth": {"iam": auth}})
    };
    let account_ref = |name: &str| json!({"jwt": {"serviceAccountRef": {"name": name}}});
    let assuming = |external_id: &str| {
        let mut auth = Account::key_auth("key");
        auth["role"] = assumed.as_str().into();
        auth["externalID"] = external_id.into();
        auth
    };
    vault.works("key", by("user", Account::key_auth("key")));
    vault.works("account", by("irsa", account_ref("trusted")));
    vault.works("assumed", by("assumed", assuming("the-external-id")));

    let at = format!("login by iam at auth/{path} as");
    let refused = |name: &str, vault_of: Value, words: &[&str]| {
        vault.refused(name, vault_of, "AuthenticationFailed", words)
    };
    refused("wrong-key", by("user", Account::key_auth("wrong")), &[&format!("{at} user"), "403 from STS"]);
    refused("wrong-role", by("irsa", Account::key_auth("key")), &[&format!("{at} irsa"), "does not belong"]);
    refused("no-role", by("nobody", Account::key_auth("key")), &[&format!("{at} nobody"), "does not exist"]);
    refused("untrusted", by("irsa", account_ref("untrusted")), &["role/vault-iam-irsa"]);
    refused("wrong-external-id", by("assumed", assuming("another")), &["role/vault-iam-assumed"]);
    let mut server_id = by("user", Account::key_auth("key"));
    server_id["auth"]["iam"]["vaultAwsIamServerID"] = "another.example.org".into();
    refused("wrong-server-id", server_id, &["X-Vault-AWS-IAM-Server-ID", "wrong value of header"]);
    // Nobody granted the operator's own credentials to the plugin.
    vault.refused("ambient", by("user", json!({})), "InvalidProviderConfig", &["grants.ambient"]);
    assert_no_value_left(&world, &operator, &[VALUE, WRONG, &user.secret_access_key]);
}

#[test]
fn a_google_key_and_a_directorys_password() {
    let world = world!("vault-gcp");
    let dir = tempfile::tempdir().unwrap();
    let email = "reader@project.iam.gserviceaccount.com";
    let ((private, public), (another, _)) = (signing_key().unwrap(), signing_key().unwrap());
    let keys = BTreeMap::from([(email.to_owned(), public)]);
    let logins =
        VaultLogins::start(&world.env.tools, dir.path(), &world.env.bao, &world.env.aws, &keys).unwrap();
    let vault = Server::with_logins(&world, &logins);
    let path = world.name.as_str();
    vault.mount("", path);
    let gcp = format!("gcp-{path}");
    vault.call("POST", &format!("sys/auth/{gcp}"), json!({"type": "gcp"}));
    for (role, bound) in [("reader", email), ("others", "other@project.iam.gserviceaccount.com")] {
        let role_of = json!({
            "type": "iam", "bound_service_accounts": [bound], "token_policies": [path],
        });
        vault.call("POST", &format!("auth/{gcp}/role/{role}"), role_of);
    }
    let file = |key: &str| {
        let file = json!({
            "type": "service_account", "project_id": "project", "private_key_id": "k1", "private_key": key,
            "client_email": email, "token_uri": "https://oauth2.googleapis.com/token",
        });
        file.to_string()
    };
    secret(&world, "google", json!({"key.json": file(&private), "another": file(&another), "none": WRONG}));
    let operator = Operator::start(&world);
    let by = |role: &str, key: &str| {
        let secret_ref = json!({"secretAccessKeySecretRef": {"name": "google", "key": key}});
        json!({"path": path, "auth": {"gcp": {"path": gcp, "role": role, "secretRef": secret_ref}}})
    };
    vault.works("google", by("reader", "key.json"));
    let at = format!("login by gcp at auth/{gcp} as");
    let refused = |name: &str, vault_of: Value, words: &[&str]| {
        vault.refused(name, vault_of, "AuthenticationFailed", words)
    };
    refused("google-another", by("reader", "another"), &[&format!("{at} reader"), "verify the JWT"]);
    refused("google-others", by("others", "key.json"), &[&format!("{at} others"), "not bound"]);
    let words = ["/auth/gcp/secretRef/secretAccessKeySecretRef", "JSON key file"];
    vault.refused("google-none", by("reader", "none"), "InvalidProviderConfig", &words);
    let instance =
        json!({"path": path, "auth": {"gcp": {"role": "reader", "serviceAccountRef": {"name": "x"}}}});
    vault.refused("google-instance", instance, "InvalidProviderConfig", &["not lent to stores"]);

    let ldap = format!("ldap-{path}");
    vault.call("POST", &format!("sys/auth/{ldap}"), json!({"type": "ldap"}));
    let password = "MARKED-ldap password";
    vault.call("POST", &format!("auth/{ldap}/users/ada"), json!({"policies": path, "password": password}));
    secret(&world, "ldap", json!({"password": format!("{password}\n"), "wrong": WRONG}));
    let by = |user: &str, key: &str| {
        let secret_ref = json!({"name": "ldap", "key": key});
        json!({"path": path, "auth": {"ldap": {"path": ldap, "username": user, "secretRef": secret_ref}}})
    };
    vault.works("directory", by("ada", "password"));
    let words = [&format!("login by ldap at auth/{ldap} as ada") as &str, "failed to bind"];
    refused("directory-wrong", by("ada", "wrong"), &words);
    let inner = private.lines().nth(1).unwrap();
    assert_no_value_left(&world, &operator, &[VALUE, WRONG, inner, password]);
}
