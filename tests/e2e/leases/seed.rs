//! The reference document's two ExternalSecrets of dynamic credentials, as it writes them.

use claviger_testenv::{Bao, BaoOptions, RunDir};
use serde_json::json;

use crate::leases::LEASE_RIGHTS;
use crate::support::{Database, Operator, assert_no_value_left, world};

#[test]
fn the_documents_credentials_are_made_once_and_log_in() {
    let world = world!("leases-seed");
    // The document's mounts and namespace are its own, so it has an OpenBao and an operator of its own.
    let dir = RunDir::create("leases-seed").unwrap();
    let bao = Bao::start(&world.env.tools, dir.path(), BaoOptions::default()).unwrap();
    let bao = bao.view();
    bao.mount_kv2("secret").unwrap();
    let database = Database::start(&world, bao, "database");
    database.role("readonly", "1h", "24h");
    database.role("app-user", "1h", "24h");
    let kv = "path \"secret/data/*\" { capabilities = [\"read\"] }\n";
    database.policy("document", &["readonly", "app-user"], &format!("{kv}{LEASE_RIGHTS}"));
    database.api("POST", "sys/auth/userpass", json!({"type": "userpass"}));
    database.api(
        "POST",
        "auth/userpass/users/document",
        json!({"password": "not-a-secret", "token_policies": ["document"], "token_ttl": "2h"}),
    );
    let operator = Operator::start(&world);
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: {ns}}}\nstringData: {{password: not-a-secret}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: vault-backend, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n  provider:\n    vault:\n      server: {server}\n      path: secret\n      version: v2\n      \
         auth: {{userPass: {{username: document, secretRef: {{name: login, key: password}}}}}}\n",
        server = bao.address(),
    ));
    let mark = bao.audit_mark();
    for name in ["dynamic-db-credentials", "rotating-database-password"] {
        world.apply_json(&world.seed(name));
    }
    for name in ["dynamic-db-credentials", "rotating-database-password"] {
        world.wait_ready("externalsecret", name);
    }
    // User and password are of one credential, which a real server takes.
    for (secret, role) in [("dynamic-postgres-creds", "readonly"), ("rotating-db-credentials", "app-user")] {
        let (user, _) = database.accepts_secret(secret).unwrap();
        assert!(user.contains(role), "{user}");
        assert_eq!(database.leases(role).len(), 1, "one read for all its entries");
    }
    assert!(database.accepts("postgres-nobody", "x").is_err(), "the server asks for a password");
    let lease =
        String::from_utf8(world.data("rotating-db-credentials").unwrap()["lease_id"].clone()).unwrap();
    assert_eq!(vec![lease.clone()], database.leases("app-user"));
    // Whole, and neither annotation of the document is copied to the Secret.
    world.wait_seed("dynamic-db-credentials", &["username", "password"]);
    world.wait_seed("rotating-database-password", &["username", "password", "lease_id"]);

    let made = bao.audit_entries(mark).unwrap();
    let made =
        made.iter().filter(|entry| entry.kind == "request" && entry.path.starts_with("database/creds/"));
    assert_eq!(made.count(), 2, "one credential each");
    let passwords: Vec<String> = ["dynamic-postgres-creds", "rotating-db-credentials"]
        .map(|secret| database.accepts_secret(secret).unwrap().1)
        .into();
    let values: Vec<&str> = passwords.iter().map(String::as_str).chain([lease.as_str()]).collect();
    assert_no_value_left(&world, &operator, &values);
}
