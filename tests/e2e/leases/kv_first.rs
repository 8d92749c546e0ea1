//! A key is stored or made, and stays what it was when it was first read.

use serde_json::json;

use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, world};

/// Nothing is made for an ExternalSecret that is not written: neither key has been read before, and the first is not
/// there.
#[test]
fn nothing_is_made_beside_a_key_that_is_not_there() {
    let world = world!("leases-beside");
    let corner = Corner::new(&world, &[("never", "1h", "2h")], LEASE_RIGHTS);
    let _operator = Operator::start(&world);
    world.wait_ready("secretstore", "vault");
    let mark = world.env.bao.audit_mark();
    let dynamic = format!("{}/creds/never", corner.database.mount);
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: short, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 1s\n  secretStoreRef: {{name: vault}}\n  data:\n\
         \x20 - {{secretKey: a, remoteRef: {{key: absent, property: x}}}}\n\
         \x20 - {{secretKey: b, remoteRef: {{key: {dynamic}, property: password}}}}\n",
        ns = world.name
    ));
    world.wait("both keys to be named", || {
        let status = world.get("externalsecret", "short").map(|es| es["status"]["failures"].clone());
        let named = status.as_ref().and_then(|failures| failures.as_array()).map(|failures| {
            failures.iter().map(|one| (one["key"].clone(), one["reason"].clone())).collect::<Vec<_>>()
        });
        let reason = json!("RemoteKeyNotFound");
        let expected = vec![(json!("absent"), reason.clone()), (json!(dynamic), reason)];
        if named.as_ref() == Some(&expected) { Ok(()) } else { Err(format!("{named:?}")) }
    });
    assert_eq!(corner.made(mark, "never"), 0);
    // When it is there, both are.
    corner.mount.put("absent", json!({"x": "1"}));
    world.sync_now("short");
    world.wait_ready("externalsecret", "short");
    assert_eq!(corner.made(mark, "never"), 1);
}

#[test]
fn a_stored_secret_that_is_deleted_does_not_become_a_credential() {
    let world = world!("leases-pins");
    let corner = Corner::new(&world, &[("app", "1h", "2h"), ("both", "1h", "2h")], LEASE_RIGHTS);
    let key = format!("{}/creds/both", corner.database.mount);
    corner.mount.put(&key, json!({"username": "stored-user", "password": "MARKED-stored-password"}));
    let _operator = Operator::start(&world);
    let mark = world.env.bao.audit_mark();
    corner.external_secret("stored", "both", "1s", "");
    corner.external_secret("made", "app", "1s", "");
    for name in ["stored", "made"] {
        world.wait_ready("externalsecret", name);
    }
    world.wait_data("stored", &[("username", "stored-user"), ("password", "MARKED-stored-password")]);
    let natures = |name: &str| world.get("externalsecret", name).unwrap()["status"]["sources"].clone();
    assert_eq!(natures("stored"), json!([{"store": "SecretStore/vault", "key": key, "nature": "Stored"}]));
    let made = format!("{}/creds/app", corner.database.mount);
    assert_eq!(natures("made"), json!([{"store": "SecretStore/vault", "key": made, "nature": "Dynamic"}]));

    // The stored one goes: it is missing, as every stored key. The made one stays made when one of its name is stored.
    corner.mount.remove(&key);
    corner.mount.put(&made, json!({"username": "late", "password": "late"}));
    world.wait_reason("externalsecret", "stored", "RemoteKeyNotFound");
    world.wait_data("stored", &[("username", "stored-user"), ("password", "MARKED-stored-password")]);
    world.sync_now("made");
    world.wait("another credential", || match corner.made(mark, "app") {
        2 => Ok(()),
        count => Err(format!("{count}")),
    });
    corner.database.accepts_secret("made").unwrap();
    assert_eq!(corner.made(mark, "both"), 0, "nobody asked for one");

    // Who comes now finds nothing stored, and so what is made.
    corner.external_secret("late", "both", "1h", "");
    world.wait_ready("externalsecret", "late");
    corner.database.accepts_secret("late").unwrap();
    assert_eq!(corner.made(mark, "both"), 1);
    // Each has one of its own.
    corner.external_secret("second", "app", "1h", "");
    world.wait("one that was not there before", || match natures("second").as_array().map(Vec::len) {
        Some(1) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // "app" is stored by now.
    assert_eq!(natures("second")[0]["nature"], "Stored");
}
