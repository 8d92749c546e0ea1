//! The reference document's ClusterSecretStore as it stands, with its ServiceAccount in the operator's namespace,
//! and its alternative with a key.

use claviger_testenv::GoogleAccount;
use serde_json::json;

use super::service_account;
use crate::support::{ACCESSOR, Operator, Project, WORKLOAD, World, assert_no_value_left, member, world};

const STORE: &str = "google-secret-manager";
const FALLBACK: (&str, &str) = ("CLUSTER_STORES_OPERATOR_NAMESPACE_FALLBACK", "true");

fn external_secret(tenant: &World, name: &str, key: &str) {
    tenant.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1beta1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": tenant.name},
        "spec": {
            "refreshInterval": "1h", "secretStoreRef": {"kind": "ClusterSecretStore", "name": STORE},
            "data": [{"secretKey": "password", "remoteRef": {"key": key, "property": "password"}}],
        },
    }));
}

fn message(world: &World, kind: &str, name: &str) -> String {
    world.wait_ready(kind, name);
    world.ready(kind, name).unwrap().2
}

#[test]
fn the_documents_store_and_its_alternative() {
    // The document's namespace of the operator.
    let world = world!("external-secrets-system");
    let Some(project) = Project::new(&world) else { return };
    let project = Project::named(&world, "my-gcp-project", project.google);
    let tenant = World { env: world.env.clone(), name: "gcp-seed".to_owned() };
    tenant.apply_json(&json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant.name},
    }));
    let account: GoogleAccount = project.google.service_account(&project.id, "external-secrets").unwrap();
    assert_eq!(account.email, "external-secrets@my-gcp-project.iam.gserviceaccount.com");
    project.grant(&member(&account), ACCESSOR);
    let cluster = json!({"project": project.id, "location": "us-central1-a", "name": "production-cluster"});
    project.google.control("cluster", &cluster).unwrap();
    let bound = "serviceAccount:my-gcp-project.svc.id.goog[external-secrets-system/external-secrets-gcp-sa]";
    project.google.grant(bound, &format!("projects/-/serviceAccounts/{}", account.email), WORKLOAD).unwrap();
    project.secret("database", r#"{"password": "MARKED-google-password"}"#);
    service_account(&world, &world.name, "external-secrets-gcp-sa", Some(&account.email));

    // Off: the reference means the asker's namespace, which has no such account, and the condition says so.
    let mut operator = Operator::start(&world);
    world.apply_json(&world.seed(STORE));
    external_secret(&tenant, "es", "database");
    let refused = tenant.wait_reason("externalsecret", "es", "ReferenceNotFound");
    assert!(refused.contains("ServiceAccount gcp-seed/external-secrets-gcp-sa"), "{refused}");
    assert_no_value_left(&tenant, &operator, &["MARKED-google-password"]);
    operator.stop();
    drop(operator);

    let mark = project.google.mark();
    let operator = Operator::start_in(&world, &[FALLBACK]);
    let identity =
        "as ServiceAccount external-secrets-system/external-secrets-gcp-sa (--operator-namespace-fallback)";
    // What the one before said of it stands till then.
    let as_that = |identity: &str| {
        world.wait("the store to say whose credential it is", || {
            let said = message(&world, "clustersecretstore", STORE);
            if said.contains(identity) { Ok(()) } else { Err(said) }
        });
    };
    as_that(identity);
    tenant.wait_data("es", &[("password", "MARKED-google-password")]);
    let said = message(&tenant, "externalsecret", "es");
    assert!(said.contains(identity), "{said}");
    let (bindings, tokens) =
        (project.count(mark, "token-exchange"), project.count(mark, "generateAccessToken"));
    // Requesters of such a store share no login, whoever stands in for them: that may be another the next time.
    assert_eq!((bindings, tokens), (2, 2), "one login for the store and one for the namespace");
    assert_eq!(project.count(mark, "AccessSecretVersion"), 1);

    // The document's other way, with a key in the same namespace.
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gcp-secret", "namespace": world.name},
        "stringData": {"secret-access-credentials": account.key.to_string()},
    }));
    let mark = project.google.mark();
    world.apply_json(&world.seed("google-service-account-key"));
    project.version("database", r#"{"password": "MARKED-by-key"}"#);
    let identity = "as Secret external-secrets-system/gcp-secret (--operator-namespace-fallback)";
    as_that(identity);
    tenant.sync_now("es");
    tenant.wait_data("es", &[("password", "MARKED-by-key")]);
    assert_eq!(project.count(mark, "jwt-bearer"), 2);
    let key = account.key["private_key"].as_str().unwrap().lines().nth(1).unwrap().to_owned();
    assert_no_value_left(&tenant, &operator, &["MARKED-google-password", "MARKED-by-key", &key]);
    world.kubectl(&["delete", "clustersecretstore", STORE]);
}
