//! An ExternalSecret that is deleted and made anew under its name, with another spec, while its provider is slow: what is
//! found out about the first says nothing of the second.

use std::time::Duration;

use claviger_testenv::{Fault, FaultProxy};
use serde_json::json;

use super::asked;
use super::provider::Vault;
use crate::support::{Operator, world};

#[test]
fn what_takes_the_place_of_an_object_under_way_is_read() {
    let world = world!("faults-successor");
    let proxy = FaultProxy::start(world.env.bao.address()).unwrap();
    let vault = Vault::new(&world, &proxy.address());
    for name in ["first", "second"] {
        vault.mount.put(name, json!({"v": name}));
    }
    let operator = Operator::start(&world);
    world.wait_ready("secretstore", "vault");
    // The Secret outlives it, so that nothing but the status says whether it was read.
    let object = |key: &str| {
        let mut object = vault.external_secret("one", "1h");
        object["spec"]["target"] = json!({"creationPolicy": "Orphan"});
        object["spec"]["data"][0]["remoteRef"]["key"] = json!(key);
        object
    };
    proxy.fail("GET", &["/data/first"], 1, Fault::Late(Duration::from_secs(5)));
    proxy.seen();
    world.apply_json(&object("first"));
    let mut seen = Vec::new();
    world.wait("the first to be asked for", || {
        seen.extend(proxy.seen());
        if asked(&seen, "GET", "/data/first").is_empty() { Err("not yet".to_owned()) } else { Ok(()) }
    });
    world.kubectl(&["-n", &world.name, "delete", "externalsecret", "one"]);
    world.apply_json(&object("second"));
    world.wait_data("one", &[("v", "second")]);
    world.wait_ready("externalsecret", "one");
    assert!(operator.runs());
}
