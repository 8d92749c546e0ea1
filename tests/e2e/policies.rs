//! Creation, deletion and ownership, with the fake provider: no backend of its own is needed to see what
//! happens to the Secret.

use serde_json::json;

use crate::support::{Operator, World, world};

fn setup(world: &World, data: &str) {
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{data}]}}}}}}\n",
        ns = world.name
    ));
}

fn external_secret(world: &World, name: &str, spec: &str) {
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 1h\n  secretStoreRef: {{name: fake}}\n{spec}\n",
        ns = world.name
    ));
}

const ONE: &str = "{key: one, value: 'value-one'}";
const TWO: &str = "{key: two, value: 'value-two'}";

fn entries(keys: &[&str]) -> String {
    let list: Vec<_> =
        keys.iter().map(|key| format!("{{secretKey: {key}, remoteRef: {{key: {key}}}}}")).collect();
    format!("  data: [{}]", list.join(", "))
}

#[test]
fn keys_that_are_wanted_no_more_go_and_others_keys_stay() {
    let world = world!("pruning");
    setup(&world, &format!("{ONE}, {TWO}"));
    let _operator = Operator::start(&world);
    external_secret(&world, "es", &entries(&["one", "two"]));
    world.wait_data("es", &[("one", "value-one"), ("two", "value-two")]);
    world.kubectl(&[
        "-n",
        &world.name,
        "patch",
        "secret",
        "es",
        "--type=merge",
        "-p",
        r#"{"data":{"theirs":"dGhlaXJz"}}"#,
    ]);
    external_secret(&world, "es", &entries(&["one"]));
    world.wait_data("es", &[("one", "value-one"), ("theirs", "theirs")]);
    // A renamed target takes the old one away.
    external_secret(&world, "es", &format!("{}\n  target: {{name: renamed}}", entries(&["one"])));
    world.wait_data("renamed", &[("one", "value-one")]);
    world.wait("the old target to go", || {
        world.get("secret", "es").map_or(Ok(()), |_| Err("still there".to_owned()))
    });
    // And with its owner the Secret goes.
    world.kubectl(&["-n", &world.name, "delete", "externalsecret", "es"]);
    world.wait("the Secret to go with its owner", || {
        world.get("secret", "renamed").map_or(Ok(()), |_| Err("still there".to_owned()))
    });
}

#[test]
fn merge_waits_for_its_secret_and_two_of_them_share_it() {
    let world = world!("merging");
    setup(&world, &format!("{ONE}, {TWO}"));
    let _operator = Operator::start(&world);
    let merge =
        |keys: &[&str]| format!("{}\n  target: {{name: shared, creationPolicy: Merge}}", entries(keys));
    external_secret(&world, "first", &merge(&["one"]));
    external_secret(&world, "second", &merge(&["two"]));
    for name in ["first", "second"] {
        world.wait("SecretMissing", || match world.ready("externalsecret", name) {
            Some((status, reason, _)) if status == "True" && reason == "SecretMissing" => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    world.kubectl(&["-n", &world.name, "create", "secret", "generic", "shared", "--from-literal=theirs=x"]);
    world.wait_data("shared", &[("one", "value-one"), ("theirs", "x"), ("two", "value-two")]);
    // Several pairs begin at the same moment, which is when one decides on what the other has just changed.
    for pair in 0..6 {
        let target = |keys: &[&str]| {
            format!("{}\n  target: {{name: pair-{pair}, creationPolicy: Merge}}", entries(keys))
        };
        external_secret(&world, &format!("left-{pair}"), &target(&["one"]));
        external_secret(&world, &format!("right-{pair}"), &target(&["two"]));
    }
    for pair in 0..6 {
        let name = format!("pair-{pair}");
        world.kubectl(&["-n", &world.name, "create", "secret", "generic", &name, "--from-literal=theirs=x"]);
    }
    for pair in 0..6 {
        let both = [("one", "value-one"), ("theirs", "x"), ("two", "value-two")];
        world.wait_data(&format!("pair-{pair}"), &both);
    }
    // One of them gives up its key: the others' stay.
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: second, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 1h\n  secretStoreRef: {{name: fake}}\n  data: [{{secretKey: renamed, remoteRef: {{key: two}}}}]\n\
         \x20 target: {{name: shared, creationPolicy: Merge}}\n",
        ns = world.name
    ));
    world.wait_data("shared", &[("one", "value-one"), ("renamed", "value-two"), ("theirs", "x")]);
}

#[test]
fn a_secret_of_another_owner_is_left_alone() {
    let world = world!("ownership");
    setup(&world, ONE);
    let _operator = Operator::start(&world);
    external_secret(&world, "owner", &format!("{}\n  target: {{name: taken}}", entries(&["one"])));
    world.wait_data("taken", &[("one", "value-one")]);
    external_secret(&world, "thief", &format!("{}\n  target: {{name: taken}}", entries(&["one"])));
    let message = world.wait_reason("externalsecret", "thief", "TargetOwned");
    assert!(
        message.contains("target is owned by another ExternalSecret") && message.contains("owner"),
        "{message}"
    );
    let secret = world.get("secret", "taken").unwrap();
    assert_eq!(secret["metadata"]["ownerReferences"][0]["name"], json!("owner"));
}

#[test]
fn what_is_gone_in_the_provider_goes_or_stays_as_the_policy_says() {
    let world = world!("deletion");
    setup(&world, &format!("{ONE}, {TWO}"));
    let _operator = Operator::start(&world);
    for policy in ["Retain", "Delete", "Merge"] {
        let name = policy.to_lowercase();
        external_secret(
            &world,
            &name,
            &format!("{}\n  target: {{deletionPolicy: {policy}}}", entries(&["one"])),
        );
        world.wait_data(&name, &[("one", "value-one")]);
    }
    setup(&world, TWO);
    let poke = |name: &str| {
        world.kubectl(&[
            "-n",
            &world.name,
            "annotate",
            "externalsecret",
            name,
            "force-sync=1",
            "--overwrite",
        ]);
    };
    for name in ["retain", "delete", "merge"] {
        poke(name);
    }
    world.wait_reason("externalsecret", "retain", "RemoteKeyNotFound");
    world.wait_data("retain", &[("one", "value-one")]);
    world.wait("the Secret to be deleted", || {
        world.get("secret", "delete").map_or(Ok(()), |_| Err("there".to_owned()))
    });
    world.wait("SecretDeleted", || match world.ready("externalsecret", "delete") {
        Some((status, reason, _)) if status == "True" && reason == "SecretDeleted" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.wait_data("merge", &[]);
}

#[test]
fn told_to_stop_it_stops_in_order() {
    let world = world!("stopping");
    setup(&world, ONE);
    let mut operator = Operator::start(&world);
    external_secret(&world, "es", &entries(&["one"]));
    world.wait_data("es", &[("one", "value-one")]);
    assert_eq!(operator.stop(), Some(0), "{}", operator.log());
}
