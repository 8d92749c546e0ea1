//! Logins by a ServiceAccount's token: `kubernetes`, where OpenBao asks the API server, and `jwt`, where it knows
//! the API server's key.

use serde_json::{Value, json};

use super::{Server, VALUE, secret, service_account};
use crate::support::{Operator, assert_no_value_left, world};

#[test]
fn the_api_server_reviews_the_token() {
    let world = world!("vault-kubernetes");
    let (vault, cluster) = (Server::of(&world, &world.env.bao), &world.env.cluster);
    let path = world.name.as_str();
    vault.mount("", path);
    vault.call("POST", &format!("sys/auth/{path}"), json!({"type": "kubernetes"}));
    let config = json!({
        "kubernetes_host": cluster.issuer(), "kubernetes_ca_cert": cluster.ca_pem(), "disable_local_ca_jwt": true,
    });
    vault.call("POST", &format!("auth/{path}/config"), config);
    let role = |name: &str, audience: Option<&str>| {
        let mut role = json!({
            "bound_service_account_names": ["reader", "undelegated"], "bound_service_account_namespaces": [path],
            "token_policies": [path], "token_ttl": "10m",
        });
        if let Some(audience) = audience {
            role["audience"] = audience.into();
        }
        vault.call("POST", &format!("auth/{path}/role/{name}"), role);
    };
    role("reader", None);
    role("for-vault", Some("vault"));
    for name in ["reader", "stranger", "undelegated"] {
        service_account(&world, name, json!({}));
    }
    // Without a reviewer of its own OpenBao reviews a token with that token.
    let subjects =
        ["reader", "stranger"].map(|name| json!({"kind": "ServiceAccount", "name": name, "namespace": path}));
    world.apply_json(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{path}-reviews")}, "subjects": subjects,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
    }));
    let operator = Operator::start(&world);
    let by = |role: &str, credential: Value| {
        let mut auth = json!({"mountPath": path, "role": role});
        auth.as_object_mut().unwrap().extend(credential.as_object().unwrap().clone());
        json!({"path": path, "auth": {"kubernetes": auth}})
    };
    let account = |name: &str| json!({"serviceAccountRef": {"name": name}});
    vault.works("account", by("reader", account("reader")));
    let audiences =
        json!({"serviceAccountRef": {"name": "reader", "audiences": ["vault", cluster.issuer()]}});
    vault.works("audiences", by("for-vault", audiences));
    let token = cluster.service_account_token(path, "reader", cluster.issuer()).unwrap();
    secret(&world, "token", json!({"token": token, "wrong": format!("{token}x")}));
    let in_secret = |key: &str| json!({"secretRef": {"name": "token", "key": key}});
    vault.works("in-secret", by("reader", in_secret("token")));

    let at = format!("login by kubernetes at auth/{path} as reader");
    let refused = |name: &str, credential: Value, words: &[&str]| {
        vault.refused(name, by("reader", credential), "AuthenticationFailed", words)
    };
    refused("stranger", account("stranger"), &[&at, "service account name not authorized"]);
    refused("undelegated", account("undelegated"), &[&at]);
    refused("wrong", in_secret("wrong"), &[&at]);
    let words = [&format!("login by kubernetes at auth/{path} as nobody") as &str, "invalid role name"];
    vault.refused("no-role", by("nobody", account("reader")), "AuthenticationFailed", &words);
    let words = [&format!("ServiceAccount {path}/absent") as &str];
    vault.refused("absent", by("reader", account("absent")), "ReferenceNotFound", &words);
    let words = ["/auth/kubernetes/serviceAccountRef", "the operator's own token is not lent"];
    vault.refused("own", by("reader", json!({})), "InvalidProviderConfig", &words);
    assert_no_value_left(&world, &operator, &[VALUE, &token]);
}

#[test]
fn the_token_is_verified_with_the_api_servers_key() {
    let world = world!("vault-jwt");
    let (vault, cluster) = (Server::of(&world, &world.env.bao), &world.env.cluster);
    let path = world.name.as_str();
    vault.mount("", path);
    vault.jwt("", path, "reader", &[path]);
    let subject = format!("system:serviceaccount:{path}:reader");
    // Another audience.
    vault.call(
        "POST",
        &format!("auth/{path}/role/elsewhere"),
        json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["elsewhere"],
            "bound_subject": subject, "token_policies": [path], "token_ttl": "10m",
        }),
    );
    for name in ["reader", "stranger"] {
        service_account(&world, name, json!({}));
    }
    let operator = Operator::start(&world);
    let by = |jwt: Value| json!({"path": path, "auth": {"jwt": jwt}});
    // The reference document's form, with the mount's default role.
    let document = |name: &str| by(json!({"path": path, "serviceAccountRef": {"name": name}}));
    vault.works("document", document("reader"));
    // ESO's.
    let eso = |role: &str, more: Value| {
        let mut token = json!({"serviceAccountRef": {"name": "reader"}});
        token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        by(json!({"path": path, "role": role, "kubernetesServiceAccountToken": token}))
    };
    vault.works("eso", eso("reader", json!({})));
    let elsewhere = json!({"audiences": ["elsewhere"], "expirationSeconds": 3600});
    vault.works("eso-audience", eso("elsewhere", elsewhere));
    let token = cluster.service_account_token(path, "reader", "vault").unwrap();
    let over = json!({"iss": cluster.issuer(), "sub": subject, "aud": ["vault"], "iat": 1_700_000_000, "exp": 1_700_000_600});
    let over = cluster.forged_token(&over).unwrap();
    secret(&world, "token", json!({"token": format!("{token}\n"), "over": over}));
    let in_secret =
        |key: &str| by(json!({"path": path, "role": "reader", "secretRef": {"name": "token", "key": key}}));
    vault.works("in-secret", in_secret("token"));

    let at = format!("login by jwt at auth/{path}");
    let refused = |name: &str, vault_of: Value, words: &[&str]| {
        vault.refused(name, vault_of, "AuthenticationFailed", words)
    };
    refused("stranger", document("stranger"), &[&at, "sub"]);
    refused("over", in_secret("over"), &[&format!("{at} as reader"), "expired"]);
    refused("wrong-audience", eso("elsewhere", json!({})), &[&format!("{at} as elsewhere"), "audience"]);
    refused("no-role", eso("nobody", json!({})), &[&format!("{at} as nobody"), "role"]);
    let two = json!({"path": path, "serviceAccountRef": {"name": "reader"}, "secretRef": {"name": "token", "key": "token"}});
    let words = ["/auth/jwt", "secretRef, serviceAccountRef"];
    vault.refused("two", by(two), "InvalidProviderConfig", &words);
    let mut both = document("reader");
    both["auth"]["tokenSecretRef"] = json!({"name": "token", "key": "token"});
    vault.refused("both", both, "InvalidProviderConfig", &["tokenSecretRef, jwt", "remove all but one"]);
    assert_no_value_left(&world, &operator, &[VALUE, &token, &over]);
}
