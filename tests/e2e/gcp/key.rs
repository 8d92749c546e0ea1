//! A service account's key: how often it logs in, keys that are none any more, and where it may be sent.

use serde_json::{Value, json};

use crate::support::{Operator, Project, assert_no_value_left, one, world};

/// A line of a key that no log may have.
fn line(key: &Value) -> String {
    key["private_key"].as_str().unwrap().lines().nth(1).unwrap().to_owned()
}

#[test]
fn one_login_serves_all_that_the_store_reads() {
    let world = world!("gcp-key");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    for n in 0..20 {
        project.secret(&format!("value-{n}"), &format!("MARKED-value-{n}"));
    }
    let operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    let mark = project.google.mark();
    project.store("store", json!({"auth": Project::key_auth("key")}));
    world.wait_ready("secretstore", "store");
    for n in 0..20 {
        project.external_secret(&format!("es{n}"), "store", one(&format!("value-{n}")));
    }
    for n in 0..20 {
        world.wait_data(&format!("es{n}"), &[("v", &format!("MARKED-value-{n}"))]);
    }
    assert_eq!(project.count(mark, "jwt-bearer"), 1);
    assert_eq!(project.count(mark, "AccessSecretVersion"), 20);

    // Keys that Google knows no more, each with Google's reason.
    let project_id = &project.id;
    let another = project.google.control("service-account-key", &json!({"email": account.email})).unwrap();
    let kid = json!({"email": account.email, "kid": another["private_key_id"]});
    project.google.control("delete-service-account-key", &kid).unwrap();
    project.key_secret("deleted", &another);
    project.refused(
        "deleted",
        json!({"auth": Project::key_auth("deleted")}),
        "AuthenticationFailed",
        &["the service account's key", "Invalid JWT Signature"],
    );
    let gone = project.google.service_account(project_id, "gone").unwrap();
    project.google.control("delete-service-account", &json!({"email": gone.email})).unwrap();
    project.key_secret("gone", &gone.key);
    project.refused(
        "gone",
        json!({"auth": Project::key_auth("gone")}),
        "AuthenticationFailed",
        &["account not found"],
    );
    project.key_secret("none", &json!("MARKED-no-key"));
    let place = "/auth/secretRef/secretAccessKeySecretRef";
    project.refused("none", json!({"auth": Project::key_auth("none")}), "InvalidProviderConfig", &[place]);
    // One that may not list is Ready all the same; one that may not read says which right is missing.
    let blind = project.google.service_account(project_id, "blind").unwrap();
    project.key_secret("blind", &blind.key);
    project.store("blind", json!({"auth": Project::key_auth("blind")}));
    world.wait_ready("secretstore", "blind");
    project.external_secret("blind", "blind", one("value-1"));
    let message = world.wait_reason("externalsecret", "blind", "AccessDenied");
    assert!(message.contains("secretmanager.versions.access"), "{message}");
    let secrets = [line(&account.key), line(&another), line(&gone.key), "MARKED-value-1".to_owned()];
    assert_no_value_left(&world, &operator, &secrets.each_ref().map(String::as_str));
}

#[test]
fn a_key_goes_to_google_or_where_it_is_granted() {
    let world = world!("gcp-token-uri");
    let Some(project) = Project::new(&world) else { return };
    let mut account = project.reader("reader");
    project.secret("value", "MARKED-elsewhere");
    let operator = Operator::start(&world);
    // It answers there, under a name that is not Google's.
    let elsewhere = project.google.address();
    account.key["token_uri"] = json!(format!("{elsewhere}/token"));
    project.key_secret("key", &account.key);
    let mark = project.google.mark();
    project.refused(
        "store",
        json!({"auth": Project::key_auth("key")}),
        "PluginFault",
        &[&elsewhere, "grants.origins"],
    );
    assert_eq!(project.count(mark, "jwt-bearer"), 0, "nothing was sent there");

    let grants = json!({"origins": [elsewhere], "loopback": true});
    let turn = project.turn();
    project.plugin(&grants, &json!({}), &turn);
    world.wait_ready("secretstore", "store");
    project.external_secret("es", "store", one("value"));
    world.wait_data("es", &[("v", "MARKED-elsewhere")]);
    let hosts: Vec<String> = project
        .requests(mark)
        .iter()
        .filter(|request| request.action == "jwt-bearer")
        .map(|request| request.host.clone())
        .collect();
    assert_eq!(hosts, [elsewhere.trim_start_matches("http://")]);
    assert_no_value_left(&world, &operator, &["MARKED-elsewhere", &line(&account.key)]);
    world.kubectl(&["delete", "plugin", "gcpsm"]);
}
