//! How credentials end: with their ExternalSecret, after a grace when they were replaced, by themselves; and what is said
//! where the right to end them is missing.

use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, world};

#[test]
fn deleting_the_external_secret_ends_its_credential() {
    let world = world!("leases-deleted");
    let corner = Corner::new(&world, &[("app", "1h", "2h")], LEASE_RIGHTS);
    let operator = Operator::start(&world);
    for name in ["gone", "kept"] {
        corner.external_secret(name, "app", "1h", "");
        world.wait_ready("externalsecret", name);
    }
    let (user, password) = corner.database.accepts_secret("gone").unwrap();
    let kept = corner.lease_of("kept");
    assert_eq!(corner.database.leases("app").len(), 2);
    world.kubectl(&["-n", &world.name, "delete", "externalsecret", "gone"]);
    world.wait("its Secret and its lease to be gone", || {
        let leases = corner.database.leases("app");
        match (world.get("secret", "gone"), leases == [kept.clone()]) {
            (None, true) => Ok(()),
            (secret, _) => Err(format!("{} {leases:?}\n{}", secret.is_some(), operator.log())),
        }
    });
    assert!(corner.database.accepts(&user, &password).is_err(), "the user is gone from the database");
    corner.database.accepts_secret("kept").unwrap();
    // Its token is gone with it: what is left are the store's and the other's.
    let mount = format!("auth/{}/login", corner.login);
    let accessors = corner.mount.api("LIST", "auth/token/accessors", serde_json::Value::Null);
    let of_login = accessors["data"]["keys"].as_array().unwrap().iter().filter(|accessor| {
        let about = serde_json::json!({"accessor": accessor});
        let found = world.env.bao.api("POST", "auth/token/lookup-accessor", &about).unwrap();
        found.0 == 200 && found.1["data"]["path"] == mount
    });
    assert_eq!(of_login.count(), 2);
}

#[test]
fn a_replaced_credential_ends_after_its_grace_and_not_before_its_successor_stands() {
    let world = world!("leases-grace");
    let corner = Corner::new(&world, &[("app", "1h", "2h"), ("left", "1h", "2h")], LEASE_RIGHTS);
    let _operator = Operator::start(&world);
    corner.external_secret("revoked", "app", "1h", "claviger.io/revoke-superseded-after: 4s");
    corner.external_secret("left", "left", "1h", "");
    for name in ["revoked", "left"] {
        world.wait_ready("externalsecret", name);
    }
    let (user, password) = corner.database.accepts_secret("revoked").unwrap();
    let first = corner.lease_of("revoked");
    for name in ["revoked", "left"] {
        world.sync_now(name);
    }
    world.wait("both to be replaced", || {
        let counts = (corner.database.leases("app").len(), corner.database.leases("left").len());
        if counts == (2, 2) { Ok(()) } else { Err(format!("{counts:?}")) }
    });
    world.wait("the record to name both", || {
        let record = corner.record("revoked");
        let retired = &record["retired"][0];
        if retired["lease"]["id"] == first.as_str() && retired["revoke"]["at"].is_string() {
            Ok(())
        } else {
            Err(record.to_string())
        }
    });
    // Within its grace the old one is good.
    corner.database.accepts(&user, &password).unwrap();
    world.wait("the old one to be revoked", || match corner.database.leases("app").as_slice() {
        [only] if *only == corner.lease_of("revoked") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(corner.database.accepts(&user, &password).is_err());
    corner.database.accepts_secret("revoked").unwrap();
    assert_eq!(corner.database.leases("left").len(), 2, "without the annotation it runs out");
}

#[test]
fn without_the_right_to_revoke_it_is_left_and_said() {
    let world = world!("leases-unrevoked");
    let corner = Corner::new(&world, &[("app", "1h", "2h")], "");
    let operator = Operator::start(&world);
    corner.external_secret("db", "app", "1h", "claviger.io/revoke-superseded-after: 0s");
    world.wait_ready("externalsecret", "db");
    world.sync_now("db");
    world.wait("an event that says so", || {
        let events = world.kubectl(&["-n", &world.name, "get", "events.events.k8s.io", "-o", "json"]);
        let said = events.contains("LeaseNotRevoked") && events.contains("left to run out");
        if said { Ok(()) } else { Err(format!("{events}\n{}", operator.log())) }
    });
    world.wait_ready("externalsecret", "db");
    assert_eq!(corner.database.leases("app").len(), 2);
    assert_eq!(Corner::counted(&operator, "revoke", "refused"), 1, "it is tried once");
}
