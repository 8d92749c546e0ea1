//! Logins with words: a token, AppRole, userpass, and the client certificate. Each once as it should be, and
//! once for each thing that people get wrong. Logins by a ServiceAccount's token are in `tokens`.

use claviger_testenv::{Authority, Bao, BaoOptions, Usage};
use serde_json::{Value, json};

use super::{Server, VALUE, bundle, secret};
use crate::support::{Mount, Operator, assert_no_value_left, world};

const WRONG: &str = "MARKED-wrong-credential";

#[test]
fn a_token_an_app_role_and_a_password() {
    let world = world!("vault-words");
    let vault = Server::of(&world, &world.env.bao);
    let path = world.name.as_str();
    vault.mount("", path);
    let with = |auth: Value| json!({"path": path, "auth": auth});
    let operator = Operator::start(&world);

    let token = vault.token("", &[path]);
    // A file's last newline is none of the token's.
    secret(&world, "token", json!({"token": format!("{token}\n"), "wrong": WRONG, "empty": "\n"}));
    let by_token = |key: &str| with(json!({"tokenSecretRef": {"name": "token", "key": key}}));
    vault.works("token", by_token("token"));
    let words = ["auth.tokenSecretRef", "revoked, expired"];
    vault.refused("token-wrong", by_token("wrong"), "AuthenticationFailed", &words);
    vault.refused("token-empty", by_token("empty"), "AuthenticationFailed", &["tokenSecretRef is empty"]);
    let words = [&format!("Secret {path}/token") as &str, "absent"];
    vault.refused("token-absent", by_token("absent"), "ReferenceNotFound", &words);

    let (approle, role_id, secret_id) = Mount { world: &world, path: path.to_owned() }.app_role("10m");
    secret(&world, "approle", json!({"role-id": role_id, "secret-id": secret_id, "wrong": WRONG}));
    let by_role = |mount: &str, role: Value, key: &str| {
        let mut auth = json!({"path": mount, "secretRef": {"name": "approle", "key": key}});
        auth.as_object_mut().unwrap().extend(role.as_object().unwrap().clone());
        with(json!({"appRole": auth}))
    };
    vault.works("role-id", by_role(&approle, json!({"roleId": role_id}), "secret-id"));
    let reference = json!({"roleRef": {"name": "approle", "key": "role-id"}});
    vault.works("role-ref", by_role(&approle, reference, "secret-id"));
    let at = format!("login by appRole at auth/{approle}");
    let wrong = by_role(&approle, json!({"roleId": role_id}), "wrong");
    vault.refused(
        "role-wrong-secret",
        wrong,
        "AuthenticationFailed",
        &[&at, &role_id, "invalid role or secret ID"],
    );
    let wrong = by_role(&approle, json!({"roleId": "nobody"}), "secret-id");
    vault.refused("role-wrong-id", wrong, "AuthenticationFailed", &[&at, "as nobody"]);
    let wrong = by_role("nowhere", json!({"roleId": role_id}), "secret-id");
    let words = ["auth/nowhere", "no auth method is mounted there"];
    vault.refused("role-wrong-mount", wrong, "AuthenticationFailed", &words);

    vault.call("POST", &format!("sys/auth/userpass-{path}"), json!({"type": "userpass"}));
    let password = " MARKED-pass word ";
    let user = json!({"password": password, "token_policies": [path]});
    vault.call("POST", &format!("auth/userpass-{path}/users/ada"), user);
    secret(&world, "user", json!({"password": format!("{password}\n"), "wrong": WRONG}));
    let by_password = |user: &str, key: &str| {
        let secret_ref = json!({"name": "user", "key": key});
        with(
            json!({"userPass": {"path": format!("userpass-{path}"), "username": user, "secretRef": secret_ref}}),
        )
    };
    vault.works("user", by_password("ada", "password"));
    let at = format!("login by userPass at auth/userpass-{path} as");
    let words = [&format!("{at} ada") as &str, "invalid username or password"];
    vault.refused("user-wrong-password", by_password("ada", "wrong"), "AuthenticationFailed", &words);
    let words = [&format!("{at} bob") as &str];
    vault.refused("user-wrong-name", by_password("bob", "password"), "AuthenticationFailed", &words);

    assert_no_value_left(&world, &operator, &[VALUE, WRONG, &token, &secret_id, password.trim()]);
}

#[test]
fn a_client_certificate() {
    let world = world!("vault-cert");
    let dir = tempfile::tempdir().unwrap();
    let options = BaoOptions { tls: true, ..BaoOptions::default() };
    let bao = Bao::start(&world.env.tools, dir.path(), options).unwrap();
    let vault = Server::of(&world, bao.view());
    vault.mount("", "kv");
    let ours = Authority::new("clients").unwrap();
    vault.call("POST", "sys/auth/cert", json!({"type": "cert"}));
    vault.call(
        "POST",
        "auth/cert/certs/web",
        json!({"certificate": ours.pem(), "allowed_common_names": ["app"], "token_policies": ["kv"]}),
    );
    let another = Authority::new("others").unwrap();
    let mut keys = Vec::new();
    for (name, authority, common_name) in
        [("app", &ours, "app"), ("stranger", &ours, "stranger"), ("forged", &another, "app")]
    {
        let leaf = authority.leaf(Usage::Client, common_name, &[], &[]).unwrap();
        secret(&world, name, json!({"tls.crt": leaf.cert_pem, "tls.key": leaf.key_pem}));
        keys.push(leaf.key_pem);
    }
    let operator = Operator::start(&world);
    let by = |name: &str| {
        // Keys that are left out are those of a Secret of type kubernetes.io/tls.
        let pair = json!({"clientCert": {"name": name}, "secretRef": {"name": name}, "vaultRole": "web"});
        json!({"path": "kv", "caBundle": bundle(&bao), "auth": {"cert": pair}})
    };
    vault.works("app", by("app"));
    // Without a certificate of its own the login is by that of the connection.
    let pair = json!({"certSecretRef": {"name": "app"}, "keySecretRef": {"name": "app"}});
    let shared =
        json!({"path": "kv", "caBundle": bundle(&bao), "tls": pair, "auth": {"cert": {"vaultRole": "web"}}});
    vault.works("shared", shared);
    for name in ["stranger", "forged"] {
        let words = ["login by cert at auth/cert as web", "certificate"];
        vault.refused(name, by(name), "AuthenticationFailed", &words);
    }
    let mut crossed = by("app");
    crossed["auth"]["cert"]["secretRef"]["name"] = "stranger".into();
    vault.refused("crossed", crossed, "InvalidProviderConfig", &["key"]);
    let plain = Server { world: &world, address: world.env.bao.address().to_owned(), api: vault.api };
    plain.refused("plain", by("app"), "InvalidProviderConfig", &["/server", "https://"]);

    // The lines between the first and the last are the key.
    let inner = keys[0].lines().nth(1).unwrap();
    assert_no_value_left(&world, &operator, &[VALUE, inner]);
}
