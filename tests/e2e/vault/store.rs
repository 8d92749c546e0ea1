//! The main job: the reference document's Vault stores and its database credentials, byte for byte,
//! through rotation, somebody's edit, and an outage.

use claviger_testenv::{Bao, BaoOptions};
use serde_json::json;

use crate::support::{Mount, Operator, World, assert_no_value_left, world};

/// The reference document's ExternalSecret, with the store's name left open.
fn database_credentials(world: &World, store: &str, refresh: &str) -> String {
    format!(
        r#"
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata:
  name: database-credentials
  namespace: {ns}
spec:
  refreshInterval: {refresh}
  secretStoreRef:
    name: {store}
    kind: SecretStore
  target:
    name: postgres-credentials
    creationPolicy: Owner
    template:
      type: Opaque
      engineVersion: v2
      data:
        username: "{{{{ .username }}}}"
        password: "{{{{ .password }}}}"
        host: "{{{{ .host }}}}"
        port: "{{{{ .port }}}}"
        database: "{{{{ .database }}}}"
        connection-string: "postgresql://{{{{ .username }}}}:{{{{ .password }}}}@{{{{ .host }}}}:{{{{ .port }}}}/{{{{ .database }}}}"
  data:
    - secretKey: username
      remoteRef: {{key: database/postgres/main, property: username}}
    - secretKey: password
      remoteRef: {{key: database/postgres/main, property: password}}
    - secretKey: host
      remoteRef: {{key: database/postgres/main, property: host}}
    - secretKey: port
      remoteRef: {{key: database/postgres/main, property: port}}
    - secretKey: database
      remoteRef: {{key: database/postgres/main, property: database}}
"#,
        ns = world.name
    )
}

fn secret_value(password: &str) -> serde_json::Value {
    json!({"username": "app-user", "password": password, "host": "db.internal", "port": 5432, "database": "orders"})
}

fn expect(world: &World, password: &str) {
    let connection = format!("postgresql://app-user:{password}@db.internal:5432/orders");
    world.wait_data(
        "postgres-credentials",
        &[
            ("username", "app-user"),
            ("password", password),
            ("host", "db.internal"),
            ("port", "5432"),
            ("database", "orders"),
            ("connection-string", &connection),
        ],
    );
}

#[test]
fn a_jwt_store_syncs_rotates_and_repairs() {
    let world = world!("jwt-store");
    let mount = Mount::kv2(&world);
    let login = mount.jwt_login("vault-auth-sa");
    let (first, second) = ("MARKED-first-p4ssword/+", "MARKED-second-p4ssword/+");
    mount.put("database/postgres/main", secret_value(first));
    let operator = Operator::start(&world);
    // As the reference document writes it: v1beta1, and the ServiceAccount directly under `jwt`.
    world.apply(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: vault-auth-sa, namespace: {ns}}}\n---\n\
         apiVersion: external-secrets.io/v1beta1\nkind: SecretStore\nmetadata: {{name: vault-backend, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n  provider:\n    vault:\n      server: {server}\n      path: {path}\n      version: v2\n\
         \x20     auth:\n        jwt:\n          path: {login}\n          role: reader\n\
         \x20         serviceAccountRef: {{name: vault-auth-sa}}\n",
        ns = world.name,
        server = world.env.bao.address(),
        path = mount.path,
    ));
    world.apply(&database_credentials(&world, "vault-backend", "2s"));
    world.wait_ready("secretstore", "vault-backend");
    world.wait_ready("externalsecret", "database-credentials");
    expect(&world, first);

    let secret = world.get("secret", "postgres-credentials").unwrap();
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(secret["metadata"]["labels"]["reconcile.external-secrets.io/managed"], "true");
    let owner = &secret["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("ExternalSecret"), &json!("database-credentials")));
    let es = world.get("externalsecret", "database-credentials").unwrap();
    assert_eq!(es["status"]["conditions"][0]["reason"], "SecretSynced");
    assert_eq!(es["status"]["binding"]["name"], "postgres-credentials");

    mount.put("database/postgres/main", secret_value(second));
    expect(&world, second);

    world.kubectl(&[
        "-n",
        &world.name,
        "patch",
        "secret",
        "postgres-credentials",
        "--type=merge",
        "-p",
        r#"{"data":{"password":"dGFtcGVyZWQ=","host":null}}"#,
    ]);
    expect(&world, second);
    world.kubectl(&["-n", &world.name, "delete", "secret", "postgres-credentials"]);
    expect(&world, second);

    assert_no_value_left(&world, &operator, &[first, second]);
}

#[test]
fn an_app_role_store_over_private_tls_survives_an_outage() {
    let world = world!("outage");
    let dir = tempfile::tempdir().unwrap();
    let mut bao =
        Bao::start(&world.env.tools, dir.path(), BaoOptions { tls: true, ..BaoOptions::default() }).unwrap();
    let view = bao.view().clone();
    let ok = |method: &str, path: &str, body: serde_json::Value| {
        let (status, answer) = view.api(method, path, &body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    };
    view.mount_kv2("kv").unwrap();
    ok("PUT", "sys/policies/acl/read", json!({"policy": "path \"kv/data/*\" { capabilities = [\"read\"] }"}));
    ok("POST", "sys/auth/approle", json!({"type": "approle"}));
    ok("POST", "auth/approle/role/app", json!({"token_policies": ["read"], "token_ttl": "10m"}));
    let role = ok("GET", "auth/approle/role/app/role-id", json!(null))["data"]["role_id"].clone();
    let secret = ok("POST", "auth/approle/role/app/secret-id", json!({}))["data"]["secret_id"].clone();
    let (before, after) = ("MARKED-before-outage", "MARKED-after-outage");
    ok("POST", "kv/data/database/postgres/main", json!({"data": secret_value(before)}));

    let operator = Operator::start(&world);
    let ca = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(view.ca_pem().unwrap())
    };
    world.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: vault-approle, namespace: {ns}}}\nstringData: {{secret-id: {secret}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: vault, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n  refreshInterval: 2\n  provider:\n    vault:\n      server: {server}\n      path: kv\n\
         \x20     caBundle: {ca}\n      auth:\n        appRole:\n          path: approle\n          roleId: {role}\n\
         \x20         secretRef: {{name: vault-approle, key: secret-id}}\n",
        ns = world.name,
        server = view.address(),
    ));
    world.apply(&database_credentials(&world, "vault", "2s"));
    world.wait_ready("externalsecret", "database-credentials");
    expect(&world, before);
    let version = world.get("secret", "postgres-credentials").unwrap()["metadata"]["resourceVersion"].clone();

    bao.stop();
    world.wait("the outage to show", || match world.ready("externalsecret", "database-credentials") {
        Some((status, reason, _))
            if status == "False" && matches!(reason.as_str(), "ProviderUnavailable" | "StoreNotReady") =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
    let secret = world.get("secret", "postgres-credentials").unwrap();
    assert_eq!(secret["metadata"]["resourceVersion"], version, "the Secret stays as it was");
    expect(&world, before);

    bao.start_again().unwrap();
    ok("POST", "kv/data/database/postgres/main", json!({"data": secret_value(after)}));
    expect(&world, after);
    world.wait_ready("externalsecret", "database-credentials");
    assert_no_value_left(&world, &operator, &[before, after, secret_id(&secret)]);
}

/// Nothing of the first Secret's data may appear either.
fn secret_id(secret: &serde_json::Value) -> &str {
    secret["data"]["connection-string"].as_str().unwrap()
}
