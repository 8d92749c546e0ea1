//! What does not make anything anew, and what does beside a refresh.

use serde_json::json;

use super::{data, es, from, generator, record, refreshes, store, text, wait_other, writes};
use crate::support::{Operator, world};

#[test]
fn what_is_made_stays_until_a_refresh_makes_another() {
    let world = world!("generators-stay");
    let ns = &world.name;
    store(&world);
    generator(&world, "Password", "pw", &json!({}));
    es(&world, "kept", &[from("Password", "pw")], &json!({}));
    let mut operator = Operator::start(&world);
    world.wait_ready("externalsecret", "kept");
    let made = text(&data(&world, "kept"), "password");
    assert_eq!(made.len(), 24);
    let same = |what: &str| assert_eq!(text(&data(&world, "kept"), "password"), made, "{what}");

    // A restart, and a status that was lost.
    let mark = world.env.cluster.audit_mark();
    operator.stop();
    let forget = ["-n", ns, "patch", "externalsecret", "kept", "--subresource=status", "--type=merge", "-p"];
    world.kubectl(&[&forget[..], &["{\"status\": null}"]].concat());
    operator.restart();
    world.wait("the status to be there again", || {
        let status = world.get("externalsecret", "kept").unwrap_or_default()["status"].clone();
        if status["refreshTime"].is_string() { Ok(()) } else { Err(status.to_string()) }
    });
    same("a lost status");
    assert_eq!(writes(&world, mark), Vec::<String>::new(), "neither writes a Secret");

    // The label by which it is watched.
    let label = "reconcile.external-secrets.io/managed";
    for drift in [format!("{label}-"), format!("{label}=false")] {
        world.kubectl(&["-n", ns, "label", "secret", "kept", "--overwrite", &drift]);
        world.wait("the label to be back", || {
            let labels = world.get("secret", "kept").unwrap_or_default()["metadata"]["labels"].clone();
            if labels[label] == "true" { Ok(()) } else { Err(labels.to_string()) }
        });
        same(&drift);
    }

    // What does make another: a force-sync, a change of the manifest, data that somebody changed, a Secret that is gone.
    world.sync_now("kept");
    let synced = wait_other(&world, "kept", "password", &made);
    generator(&world, "Password", "pw", &json!({"length": 30}));
    world.kubectl(&[
        "-n",
        ns,
        "patch",
        "externalsecret",
        "kept",
        "--type=merge",
        "-p",
        "{\"spec\":{\"refreshInterval\":\"2h\"}}",
    ]);
    let changed = wait_other(&world, "kept", "password", &synced);
    assert_eq!(changed.len(), 30, "a changed generator counts from the next refresh on");
    world.kubectl(&[
        "-n",
        ns,
        "patch",
        "secret",
        "kept",
        "--type=merge",
        "-p",
        "{\"stringData\":{\"password\":\"mine\"}}",
    ]);
    let repaired =
        world.wait("a password instead of somebody's", || match text(&data(&world, "kept"), "password") {
            mine if mine == "mine" => Err(mine),
            made => Ok(made),
        });
    assert_ne!(repaired, changed);
    world.kubectl(&["-n", ns, "delete", "secret", "kept"]);
    wait_other(&world, "kept", "password", &repaired);
}

#[test]
fn a_mark_that_is_gone_is_no_reason_and_a_key_that_is_gone_is_one() {
    let world = world!("generators-marks");
    let ns = &world.name;
    store(&world);
    generator(&world, "Password", "pw", &json!({}));
    generator(&world, "Fake", "values", &json!({"controller": ns, "data": {"a": "1"}}));
    let password = || vec![from("Password", "pw")];
    let there = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "there", "namespace": ns},
        "stringData": {"base": "1"}});
    world.apply(&there.to_string());
    es(&world, "once", &password(), &json!({"refreshPolicy": "CreatedOnce"}));
    let merge = |target: &str| json!({"name": target, "creationPolicy": "Merge"});
    es(&world, "merged", &password(), &json!({"refreshInterval": "0", "target": merge("there")}));
    es(&world, "shared", &password(), &json!({"refreshInterval": "1s"}));
    es(&world, "values", &[from("Fake", "values")], &json!({}));
    for (name, interval) in [("shared", "30d"), ("values", "1s")] {
        let annotation = format!("external-secrets.io/rotation-interval={interval}");
        world.kubectl(&["-n", ns, "annotate", "externalsecret", name, &annotation]);
    }
    let operator = Operator::start(&world);
    for name in ["once", "merged", "shared", "values"] {
        world.wait_ready("externalsecret", name);
    }
    es(
        &world,
        "beside",
        &[],
        &json!({"target": merge("shared"),
        "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]}),
    );
    world.wait_ready("externalsecret", "beside");

    // Only the label by which it is watched is put back; what is made once is not made again though the manifest differs.
    world.kubectl(&["-n", ns, "label", "externalsecret", "once", "team=blue"]);
    let label = "reconcile.external-secrets.io/managed";
    for secret in ["once", "there"] {
        let made = text(&data(&world, secret), "password");
        world.kubectl(&["-n", ns, "label", "secret", secret, &format!("{label}-")]);
        world.wait("the label to be back", || {
            let labels = world.get("secret", secret).unwrap_or_default()["metadata"]["labels"].clone();
            if labels[label] == "true" { Ok(()) } else { Err(labels.to_string()) }
        });
        assert_eq!(text(&data(&world, secret), "password"), made, "{secret}");
    }

    // A Secret of several has no hash: whose keys are gone is seen at the refresh.
    let made = text(&data(&world, "shared"), "password");
    let gone = "[{\"op\": \"remove\", \"path\": \"/data/password\"}]";
    world.kubectl(&["-n", ns, "patch", "secret", "shared", "--type=json", "-p", gone]);
    wait_other(&world, "shared", "password", &made);
    assert_eq!(text(&data(&world, "shared"), "k"), "stored");

    // Values that are the same again were made when they were made: else they would be due at once.
    let (before, since) = (refreshes(&world, &operator, "values"), std::time::Instant::now());
    for _ in 0..2 {
        let last = record(&world, "values");
        world.wait("them to be made again", || match record(&world, "values") {
            same if same == last => Err(same),
            _ => Ok(()),
        });
    }
    let (made, most) = (refreshes(&world, &operator, "values") - before, since.elapsed().as_secs_f64() + 3.0);
    assert!(made <= most, "{made} refreshes, and once a second is asked for: {most}");
}
