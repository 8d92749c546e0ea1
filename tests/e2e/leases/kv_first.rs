//! A key is stored or made, and stays what it was when it was first read.

use serde_json::json;

use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, world};

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
