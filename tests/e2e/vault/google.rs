//! The `gcp` login without a key: a ServiceAccount acts as a Google service account, for which Google signs the
//! JWT, and Vault asks Google for the key that verifies it.

use claviger_testenv::VaultLogins;
use serde_json::{Value, json};

use super::{Server, VALUE, service_account};
use crate::support::{Operator, Project, WORKLOAD, assert_no_value_left, member, world};

const SIGNER: &str = "roles/iam.serviceAccountTokenCreator";

#[test]
fn google_signs_for_a_service_account() {
    let world = world!("vault-gcp-gke");
    let Some(project) = Project::new(&world) else { return };
    let dir = tempfile::tempdir().unwrap();
    let env = &world.env;
    let logins = VaultLogins::start_asking(&env.tools, dir.path(), &env.bao, &env.aws, &env.google).unwrap();
    let vault = Server::with_logins(&world, &logins);
    let path = world.name.as_str();
    vault.mount("", path);
    let gcp = format!("gcp-{path}");
    vault.call("POST", &format!("sys/auth/{gcp}"), json!({"type": "gcp"}));
    let cluster = json!({"project": project.id, "location": "europe-west3-a", "name": "main"});
    project.google.control("cluster", &cluster).unwrap();
    let pool = format!("{}.svc.id.goog", project.id);
    // All may be acted as; the last may not sign.
    for name in ["reader", "others", "mute"] {
        let account = project.google.service_account(&project.id, name).unwrap();
        let itself = format!("projects/-/serviceAccounts/{}", account.email);
        let bound = format!("serviceAccount:{pool}[{}/{name}]", world.name);
        project.google.grant(&bound, &itself, WORKLOAD).unwrap();
        if name != "mute" {
            project.google.grant(&member(&account), &itself, SIGNER).unwrap();
        }
        service_account(&world, name, json!({"iam.gke.io/gcp-service-account": account.email}));
        if name == "reader" {
            let role = json!({
                "type": "iam", "bound_service_accounts": [account.email], "token_policies": [path],
            });
            vault.call("POST", &format!("auth/{gcp}/role/reader"), role);
        }
    }
    service_account(&world, "unnamed", json!({}));
    let operator = Operator::start(&world);
    let by = |name: &str| {
        let workload = json!({
            "clusterProjectID": project.id, "clusterLocation": "europe-west3-a", "clusterName": "main",
            "serviceAccountRef": {"name": name},
        });
        json!({"path": path, "auth": {"gcp": {"path": gcp, "role": "reader", "workloadIdentity": workload}}})
    };
    let mark = project.google.mark();
    vault.works("reader", by("reader"));
    let steps: Vec<String> = project
        .requests(mark)
        .into_iter()
        .map(|request| request.action)
        .filter(|action| action != "publicKeys")
        .collect();
    assert_eq!(steps, ["token-exchange", "generateAccessToken", "signJwt"], "one login");
    let failed = "AuthenticationFailed";
    vault.refused("others", by("others"), failed, &["is not bound to role reader"]);
    vault.refused("mute", by("mute"), failed, &["signing a JWT as mute@", "iam.serviceAccounts.signJwt"]);
    let place = "/auth/gcp/workloadIdentity/serviceAccountRef";
    vault.refused(
        "unnamed",
        by("unnamed"),
        "InvalidProviderConfig",
        &[place, "iam.gke.io/gcp-service-account"],
    );
    let nowhere: Value = by("absent");
    vault.refused("absent", nowhere, "ReferenceNotFound", &["ServiceAccount vault-gcp-gke/absent"]);
    assert_no_value_left(&world, &operator, &[VALUE]);
}
