//! Workload identity of GKE: a ServiceAccount's token for the cluster's identity pool, with and without a Google
//! service account to act as, and the cluster's data from the metadata server.

use serde_json::{Value, json};

use super::service_account;
use crate::support::{ACCESSOR, Operator, Project, WORKLOAD, assert_no_value_left, one, world};

/// `auth`, naming the cluster.
fn auth(account: &str, cluster: &str) -> Value {
    json!({"auth": {"workloadIdentity": {
        "clusterLocation": "europe-west3-a", "clusterName": cluster, "serviceAccountRef": {"name": account},
    }}})
}

#[test]
fn by_itself_or_as_a_google_service_account() {
    let world = world!("gcp-gke");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.secret("value", "MARKED-gke-value");
    project.google.control("cluster", &cluster(&project)).unwrap();
    let pool = format!("serviceAccount:{}.svc.id.goog[{}/", project.id, world.name);
    project.grant(&format!("{pool}direct]"), ACCESSOR);
    let act_as = format!("projects/-/serviceAccounts/{}", account.email);
    project.google.grant(&format!("{pool}acting]"), &act_as, WORKLOAD).unwrap();
    let operator = Operator::start(&world);
    service_account(&world, &world.name, "direct", None);
    service_account(&world, &world.name, "acting", Some(&account.email));
    service_account(&world, &world.name, "unbound", Some(&account.email));
    service_account(&world, &world.name, "odd", Some("reader@elsewhere.example"));

    for (name, acted) in [("direct", 0), ("acting", 1)] {
        let mark = project.google.mark();
        project.store(name, auth(name, "main"));
        world.wait_ready("secretstore", name);
        for n in 0..5 {
            project.external_secret(&format!("{name}{n}"), name, one("value"));
        }
        for n in 0..5 {
            world.wait_data(&format!("{name}{n}"), &[("v", "MARKED-gke-value")]);
        }
        let logins = (project.count(mark, "token-exchange"), project.count(mark, "generateAccessToken"));
        assert_eq!(logins, (1, acted), "{name}");
        let who =
            if acted == 1 { format!("serviceAccount:{}", account.email) } else { format!("{pool}direct]") };
        let requests = project.requests(mark);
        let reads: Vec<_> = requests.iter().filter(|it| it.action == "AccessSecretVersion").collect();
        assert!(!reads.is_empty() && reads.iter().all(|it| it.principal == who), "{reads:?}");
    }
    let failed = "AuthenticationFailed";
    let words = [&account.email as &str, "iam.serviceAccounts.getAccessToken"];
    project.refused("unbound", auth("unbound", "main"), failed, &words);
    project.refused("cluster", auth("direct", "another"), failed, &["invalid_target", "clusters/another"]);
    let annotation = "iam.gke.io/gcp-service-account";
    project.refused("odd", auth("odd", "main"), "InvalidProviderConfig", &[annotation]);
    let absent = format!("ServiceAccount {}/absent", world.name);
    project.refused("absent", auth("absent", "main"), "ReferenceNotFound", &[&absent]);
    // An audience that is nobody's is asked for beside the pool's: the token is good for both.
    let mut more = auth("direct", "main");
    more["auth"]["workloadIdentity"]["serviceAccountRef"]["audiences"] = json!(["https://more.example"]);
    project.store("more", more);
    world.wait_ready("secretstore", "more");
    assert_no_value_left(&world, &operator, &["MARKED-gke-value"]);
}

#[test]
fn the_cluster_s_data_comes_from_the_metadata_server_by_grant() {
    let world = world!("gcp-gke-metadata");
    let Some(project) = Project::new(&world) else { return };
    project.secret("value", "MARKED-gke-metadata");
    project.google.control("cluster", &cluster(&project)).unwrap();
    let bound = format!("serviceAccount:{}.svc.id.goog[{}/direct]", project.id, world.name);
    project.grant(&bound, ACCESSOR);
    let turn = project.turn();
    super::ambient::metadata(&project, "", true);
    let _operator = Operator::start(&world);
    service_account(&world, &world.name, "direct", None);
    let by_metadata = json!({"projectID": null, "auth": {"workloadIdentity": {
        "serviceAccountRef": {"name": "direct"},
    }}});
    let mark = project.google.mark();
    let words = ["grants.ambient", "gcpMetadata"];
    project.refused("store", by_metadata, "InvalidProviderConfig", &words);
    assert_eq!(
        project.google.requests(mark).unwrap().iter().filter(|it| it.service == "metadata").count(),
        0
    );
    let grants: Vec<Value> = ["project-id", "cluster-name", "cluster-location"]
        .map(|name| json!({"kind": "gcpMetadata", "name": name}))
        .to_vec();
    project.plugin(&json!({"ambient": grants}), &json!({}), &turn);
    project.granted_now(&json!(grants));
    world.wait_ready("secretstore", "store");
    project.external_secret("es", "store", one("value"));
    world.wait_data("es", &[("v", "MARKED-gke-metadata")]);
    world.kubectl(&["delete", "plugin", "gcpsm"]);
}

fn cluster(project: &Project<'_>) -> Value {
    json!({"project": project.id, "location": "europe-west3-a", "name": "main"})
}
