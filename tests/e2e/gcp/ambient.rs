//! Application Default Credentials: the operator's own, from the metadata server and from the file that
//! `GOOGLE_APPLICATION_CREDENTIALS` names, each by a grant and not without.

use serde_json::json;

use crate::support::{ACCESSOR, Operator, Project, assert_no_value_left, member, one, world};

/// Makes the machine one of that project, with that account attached (none if empty), in a GKE cluster or not.
/// There is one metadata server, of one machine: whose turn with the Plugin it is has it too.
pub(super) fn metadata(project: &Project<'_>, email: &str, gke: bool) {
    let mut says = json!({"project": project.id, "email": email});
    if gke {
        says["cluster_name"] = "main".into();
        says["cluster_location"] = "europe-west3-a".into();
    }
    project.google.control("metadata", &says).unwrap();
}

#[test]
fn the_attached_account_by_grant() {
    let world = world!("gcp-ambient");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("attached");
    project.secret("value", "MARKED-attached");
    let turn = project.turn();
    metadata(&project, &account.email, false);
    let operator = Operator::start(&world);
    let mark = project.google.mark();
    let asked = || {
        let requests = project.google.requests(mark).unwrap();
        requests.iter().filter(|request| request.service == "metadata").count()
    };
    project.refused(
        "store",
        json!({"auth": {}}),
        "InvalidProviderConfig",
        &["grants.ambient", "access-token"],
    );
    assert_eq!(asked(), 0, "nobody asked the metadata server");

    // The project's id too, where the store names none.
    let grants = json!([
        {"kind": "gcpMetadata", "name": "access-token"}, {"kind": "gcpMetadata", "name": "project-id"},
    ]);
    project.plugin(&json!({"ambient": grants}), &json!({}), &turn);
    project.granted_now(&grants);
    world.wait_ready("secretstore", "store");
    project.store("project", json!({"projectID": null}));
    world.wait_ready("secretstore", "project");
    for store in ["store", "project"] {
        for n in 0..5 {
            project.external_secret(&format!("{store}{n}"), store, one("value"));
        }
        for n in 0..5 {
            world.wait_data(&format!("{store}{n}"), &[("v", "MARKED-attached")]);
        }
    }
    let requests = project.google.requests(mark).unwrap();
    let of =
        |name: &str| requests.iter().filter(|it| it.names.iter().any(|found| found.ends_with(name))).count();
    assert_eq!(
        (of("default/token"), of("project/project-id")),
        (1, 1),
        "kept by the operator for all stores"
    );
    assert_no_value_left(&world, &operator, &["MARKED-attached"]);

    // Taken away, it is gone.
    world.kubectl(&["delete", "plugin", "gcpsm"]);
    world.wait("the store to lose what it had", || match world.ready("secretstore", "store") {
        Some((_, reason, message)) if reason == "InvalidProviderConfig" => Ok(message),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn the_file_of_the_operator_s_environment_by_grant() {
    let world = world!("gcp-file");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("of-the-file");
    project.secret("value", "MARKED-of-the-file");
    let user = "user:ada@example.com";
    project.grant(user, ACCESSOR);
    let consent = project.google.control("authorized-user", &json!({"member": user})).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials.json");
    std::fs::write(&file, account.key.to_string()).unwrap();
    let variable = "GOOGLE_APPLICATION_CREDENTIALS";
    let turn = project.turn();
    let operator = Operator::start_in(&world, &[(variable, file.to_str().unwrap())]);
    project.refused("store", json!({}), "InvalidProviderConfig", &["grants.ambient", variable]);
    let grants = json!([{"kind": "fileByEnv", "name": variable}]);
    project.plugin(&json!({"ambient": grants}), &json!({}), &turn);
    project.granted_now(&grants);
    world.wait_ready("secretstore", "store");
    let reads_as = |name: &str, who: &str| {
        let mark = project.google.mark();
        project.external_secret(name, "store", one("value"));
        world.wait_data(name, &[("v", "MARKED-of-the-file")]);
        let requests = project.requests(mark);
        let read = requests.iter().find(|request| request.action == "AccessSecretVersion").unwrap();
        assert_eq!(read.principal, who);
    };
    reads_as("account", &member(&account));

    // Somebody who logged in by gcloud, once the file says so.
    std::fs::write(&file, consent.to_string()).unwrap();
    let mark = project.google.mark();
    world.wait("the changed file to be used", || {
        world.sync_now("account");
        let requests = project.google.requests(mark).unwrap();
        let used = requests.iter().any(|it| it.action == "refresh_token" && it.principal == user);
        if used { Ok(()) } else { Err(format!("{} requests", requests.len())) }
    });
    let secrets = [
        account.key["private_key"].as_str().unwrap().lines().nth(1).unwrap(),
        consent["refresh_token"].as_str().unwrap(),
        consent["client_secret"].as_str().unwrap(),
        "MARKED-of-the-file",
    ];
    assert_no_value_left(&world, &operator, &secrets);
    world.kubectl(&["delete", "plugin", "gcpsm"]);
}
