//! How long credentials live: renewed, and replaced when they cannot be made to live longer, at an interval, or at each
//! refresh. At every moment the database takes what the Secret holds.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, world};

/// A lease of ten seconds that may become 24: renewed at six and at twelve, and then it is seen that it ends. What is left
/// of it then is for a machine that runs a hundred tests at once.
#[test]
fn a_lease_is_renewed_until_its_maximum_shows_and_then_replaced() {
    let world = world!("leases-lives");
    let corner = Corner::new(&world, &[("short", "10s", "24s")], LEASE_RIGHTS);
    let mark = world.env.bao.audit_mark();
    let operator = Operator::start(&world);
    corner.external_secret("db", "short", "1h", "");
    world.wait_ready("externalsecret", "db");
    let mut users = BTreeSet::new();
    let mut looks = 0;
    world.wait_for(Duration::from_secs(150), "three credentials, one after the other", || {
        looks += 1;
        let (user, _) = corner.database.accepts_secret("db").unwrap_or_else(|refused| {
            panic!(
                "at look {looks} the database refuses what the Secret holds: {refused}\n{}",
                operator.log()
            )
        });
        users.insert(user);
        if users.len() >= 3 { Ok(()) } else { Err(format!("{}", users.len())) }
    });
    let made = corner.made(mark, "short");
    let renewed = Corner::counted(&operator, "renew", "done");
    assert_eq!(made, users.len(), "each that was made was seen in the Secret");
    assert!(renewed >= made - 1, "{renewed} renewals of {made}: each lived longer than it was made for");
    assert_eq!(
        corner.asked(mark, &format!("auth/{}/login", corner.login)),
        made + 1,
        "a login for each, and the store's"
    );
    let (status, ..) = world.ready("externalsecret", "db").unwrap();
    assert_eq!(status, "True");
}

/// Without the right to renew it is replaced in time all the same, and said so.
#[test]
fn without_the_right_to_renew_it_is_replaced_in_time() {
    let world = world!("leases-refused");
    let corner = Corner::new(&world, &[("short", "15s", "1h")], "");
    // The policy `default` lets every token renew what it knows the id of.
    let role = serde_json::json!({"token_policies": [corner.mount.path], "token_no_default_policy": true});
    corner.mount.api("POST", &format!("auth/{}/role/reader", corner.login), role);
    let _operator = Operator::start(&world);
    let mark = world.env.bao.audit_mark();
    corner.external_secret("db", "short", "1h", "");
    world.wait_ready("externalsecret", "db");
    let mut users = BTreeSet::new();
    world.wait("two credentials", || {
        let (user, _) = corner.database.accepts_secret("db").unwrap_or_else(|refused| panic!("{refused}"));
        users.insert(user);
        if users.len() >= 2 { Ok(()) } else { Err(format!("{}", users.len())) }
    });
    assert_eq!(corner.made(mark, "short"), 2);
    world.wait("an event that says so", || {
        let events = world.kubectl(&["-n", &world.name, "get", "events.events.k8s.io", "-o", "json"]);
        let said = events.contains("LeaseNotRenewed") && events.contains("sys/leases/renew");
        if said { Ok(()) } else { Err(events) }
    });
}

/// By an interval of its own, and at each refresh; a refresh alone, a restart and a look at it make nothing.
#[test]
fn it_is_replaced_when_the_annotations_say_and_not_otherwise() {
    let world = world!("leases-policy");
    let corner = Corner::new(
        &world,
        &[("kept", "1h", "2h"), ("timed", "1h", "2h"), ("always", "1h", "2h")],
        LEASE_RIGHTS,
    );
    let mut operator = Operator::start(&world);
    let mark = world.env.bao.audit_mark();
    corner.external_secret("kept", "kept", "1s", "external-secrets.io/rotation-policy: automatic");
    corner.external_secret("timed", "timed", "1h", "external-secrets.io/rotation-interval: 3s");
    corner.external_secret("always", "always", "2s", "external-secrets.io/rotation-policy: every-refresh");
    for name in ["kept", "timed", "always"] {
        world.wait_ready("externalsecret", name);
    }
    let refreshed = |operator: &Operator, name: &str| {
        let labels =
            format!("externalsecret_sync_calls_total{{name=\"{name}\",namespace=\"{}\"}}", world.name);
        operator.metric(&labels).unwrap_or_default()
    };
    world.wait("rotations, and refreshes without", || {
        let (kept, timed, always) =
            (refreshed(&operator, "kept"), corner.made(mark, "timed"), corner.made(mark, "always"));
        if kept >= 4.0 && timed >= 3 && always >= 3 {
            Ok(())
        } else {
            Err(format!("{kept} {timed} {always}"))
        }
    });
    let lease = corner.lease_of("kept");
    operator.stop();
    let operator = Operator::start(&world);
    world.wait("more refreshes after a restart", || {
        let kept = refreshed(&operator, "kept");
        if kept >= 2.0 { Ok(()) } else { Err(format!("{kept}")) }
    });
    assert_eq!(corner.made(mark, "kept"), 1, "nothing asked for another");
    assert_eq!(corner.lease_of("kept"), lease);
    // What asks for another: force-sync, somebody's edit, a changed manifest.
    world.sync_now("kept");
    let second = changed(&corner, "kept", &lease);
    world.kubectl(&[
        "-n",
        &world.name,
        "patch",
        "secret",
        "kept",
        "-p",
        "{\"data\":{\"password\":\"eA==\"}}",
    ]);
    let third = changed(&corner, "kept", &second);
    corner.database.accepts_secret("kept").unwrap();
    world.kubectl(&["-n", &world.name, "delete", "secret", "kept"]);
    let fourth = changed(&corner, "kept", &third);
    assert_eq!(corner.made(mark, "kept"), 4);
    assert!([second, third].iter().all(|id| *id != fourth));
}

/// Waits until a Secret holds another lease than that.
fn changed(corner: &Corner<'_>, secret: &str, before: &str) -> String {
    corner.world.wait("another lease", || {
        let record = corner.record(secret);
        let id = record["held"][0]["lease"]["id"].as_str().unwrap_or_default().to_owned();
        if !id.is_empty() && id != before { Ok(id) } else { Err(record.to_string()) }
    })
}

/// A template that takes stored and made values together: another stored value is another credential, since the old
/// one's values stand nowhere but in the Secret.
#[test]
fn what_is_rendered_with_it_is_rendered_with_another() {
    let world = world!("leases-template");
    let corner = Corner::new(&world, &[("app", "1h", "2h")], LEASE_RIGHTS);
    corner.mount.put("settings", serde_json::json!({"host": "db-one"}));
    let _operator = Operator::start(&world);
    let mark = world.env.bao.audit_mark();
    let key = format!("{}/creds/app", corner.database.mount);
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: db, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 1s\n  secretStoreRef: {{name: vault}}\n  target:\n    template:\n      data:\n\
         \x20       url: '{{{{ .username }}}}:{{{{ .password }}}}@{{{{ .host }}}} {{{{ .lease_duration }}}} {{{{ .renewable }}}}'\n\
         \x20 dataFrom:\n    - extract: {{key: {key}}}\n    - extract: {{key: settings}}\n",
        ns = world.name,
    ));
    world.wait_ready("externalsecret", "db");
    let url = |host: &str| {
        world.wait("the value", || {
            let data = world.data("db").unwrap_or_default();
            let url = String::from_utf8(data.get("url").cloned().unwrap_or_default()).unwrap();
            let parts = url.split_once('@').filter(|(_, rest)| *rest == format!("{host} 3600 true"));
            let (user, password) =
                parts.and_then(|(login, _)| login.split_once(':')).ok_or_else(|| url.clone())?;
            corner.database.accepts(user, password).map(|()| url.clone())
        })
    };
    let first = url("db-one");
    let reads = corner.asked(mark, &format!("{}/data/settings", corner.mount.path));
    world.wait_for(Duration::from_secs(30), "refreshes that change nothing", || {
        let now = corner.asked(mark, &format!("{}/data/settings", corner.mount.path));
        if now >= reads + 3 { Ok(()) } else { Err(format!("{now}")) }
    });
    assert_eq!((url("db-one"), corner.made(mark, "app")), (first, 1));
    corner.mount.put("settings", serde_json::json!({"host": "db-two"}));
    url("db-two");
    assert_eq!(corner.made(mark, "app"), 2);
}

/// Another process does not know of renewals, which are not recorded: it asks, and does not take a credential for ended
/// whose first life is over. And a status that could not be written makes nothing.
#[test]
fn a_restart_asks_for_what_was_renewed_before() {
    let world = world!("leases-restart");
    let corner = Corner::new(&world, &[("app", "15s", "1h")], LEASE_RIGHTS);
    let mut operator = Operator::start(&world);
    let mark = world.env.bao.audit_mark();
    corner.external_secret("db", "app", "1s", "");
    world.wait_ready("externalsecret", "db");
    let lease = corner.lease_of("db");
    let renewed_twice = |operator: &Operator| {
        world.wait("renewals", || match Corner::counted(operator, "renew", "done") {
            count if count >= 2 => Ok(()),
            count => Err(format!("{count}")),
        });
    };
    renewed_twice(&operator);
    operator.stop();
    // As if it had ended before it wrote what it knew.
    let lost = r#"{"status": {"sources": null, "syncedResourceVersion": null, "refreshTime": null}}"#;
    world.kubectl(&[
        "-n",
        &world.name,
        "patch",
        "externalsecret",
        "db",
        "--subresource=status",
        "--type=merge",
        "-p",
        lost,
    ]);
    let operator = Operator::start(&world);
    renewed_twice(&operator);
    assert_eq!((corner.made(mark, "app"), corner.lease_of("db")), (1, lease));
    corner.database.accepts_secret("db").unwrap();
    let sources = world.get("externalsecret", "db").unwrap()["status"]["sources"].clone();
    assert_eq!(sources[0]["nature"], "Dynamic");
}

/// A static role's password has no lease and is read at each refresh, like what is stored; beside it a leased credential
/// is kept, until the password is another.
#[test]
fn what_has_no_lease_is_read_at_each_refresh() {
    let world = world!("leases-static");
    let corner = Corner::new(&world, &[("app", "1h", "2h")], LEASE_RIGHTS);
    let db = &corner.database.mount;
    corner.database.run("CREATE ROLE \"static-user\" LOGIN PASSWORD 'none'");
    let role = serde_json::json!({"db_name": "main", "username": "static-user", "rotation_period": "24h"});
    corner.mount.api("POST", &format!("{db}/static-roles/fixed"), role);
    let kv = format!("path \"{p}/data/*\" {{ capabilities = [\"read\"] }}\n", p = corner.mount.path);
    let rights =
        format!("{kv}{LEASE_RIGHTS}path \"{db}/static-creds/fixed\" {{ capabilities = [\"read\"] }}\n");
    corner.database.policy(&corner.mount.path, &["app"], &rights);
    let _operator = Operator::start(&world);
    let mark = world.env.bao.audit_mark();
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: db, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 1s\n  secretStoreRef: {{name: vault}}\n  data:\n\
         \x20   - {{secretKey: username, remoteRef: {{key: {db}/static-creds/fixed, property: username}}}}\n\
         \x20   - {{secretKey: password, remoteRef: {{key: {db}/static-creds/fixed, property: password}}}}\n\
         \x20   - {{secretKey: leased, remoteRef: {{key: {db}/creds/app, property: username}}}}\n",
        ns = world.name,
    ));
    world.wait_ready("externalsecret", "db");
    let (user, first) = corner.database.accepts_secret("db").unwrap();
    assert_eq!(user, "static-user");
    let leased = || world.data("db").unwrap()["leased"].clone();
    let kept = leased();
    world.wait("refreshes that read it", || match corner.asked(mark, &format!("{db}/static-creds/fixed")) {
        count if count >= 4 => Ok(()),
        count => Err(format!("{count}")),
    });
    assert_eq!((corner.made(mark, "app"), leased()), (1, kept));
    corner.mount.api("POST", &format!("{db}/rotate-role/fixed"), serde_json::json!({}));
    world.wait("the new password", || match corner.database.accepts_secret("db") {
        Ok((_, password)) if password != first => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.wait("what is rendered with it", || match corner.made(mark, "app") {
        2 => Ok(()),
        count => Err(format!("{count}")),
    });
}
