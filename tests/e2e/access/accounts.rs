//! The reference document's ServiceAccount, whose annotation holds it to some of the rules; and the manifests of
//! docs/access-policy.md.

use claviger_testenv::workspace_root;
use serde_json::{Value, json};

use super::{cleared, external_secret};
use crate::support::{Mount, Operator, World, assert_no_value_left, world};

const ACCOUNT: &str = "external-secrets-app-sa";
const ANNOTATION: &str = "external-secrets.io/secret-store-access";

/// The manifests of the page, for this test's namespace, class and server.
fn documented(world: &World, mount: &Mount<'_>, login: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(workspace_root().join("docs/access-policy.md")).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let objects = blocks.map(|block| {
        let block = block.replace("production", &world.name);
        let mut object: Value = serde_saphyr::from_str(&block).unwrap();
        if object["kind"] == "ClusterSecretStore" {
            object["metadata"]["name"] = json!(world.name);
            object["spec"]["controller"] = json!(world.name);
            // Each validation reads the account anew.
            object["spec"]["refreshInterval"] = json!(2);
            let vault = &mut object["spec"]["provider"]["vault"];
            let account = vault["auth"]["kubernetes"]["serviceAccountRef"].clone();
            let token = json!({"serviceAccountRef": account, "audiences": ["vault"]});
            *vault = json!({
                "server": world.env.bao.address(), "path": mount.path,
                "auth": {"jwt": {"path": login, "role": "reader", "kubernetesServiceAccountToken": token}},
            });
        }
        object
    });
    objects.collect()
}

fn annotate(world: &World, value: &str) {
    world.kubectl(&["-n", &world.name, "annotate", "serviceaccount", ACCOUNT, value, "--overwrite"]);
}

#[test]
fn an_account_is_held_to_the_rules_that_it_names() {
    let world = world!("access-accounts");
    let mount = Mount::kv2(&world);
    let login = mount.jwt_login(ACCOUNT);
    let own = format!("teams/{}/db", world.name);
    for key in [own.as_str(), "app/api", "common/ca"] {
        mount.put(key, json!({"v": format!("MARKED-{key}")}));
    }
    let objects = documented(&world, &mount, &login);
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ClusterSecretStore", "ServiceAccount"]);
    assert_eq!(objects[1]["metadata"]["annotations"], json!({ANNOTATION: "app-secrets-only"}));
    objects.iter().for_each(|object| world.apply_json(object));
    let operator = Operator::start(&world);
    let one = |key: &str| json!({"refreshInterval": "2s", "data": [{"secretKey": "v", "remoteRef": {"key": key, "property": "v"}}]});
    external_secret(&world, &world.name, "app", &one("app/api"));
    external_secret(&world, &world.name, "own", &one(&own));
    external_secret(&world, &world.name, "ca", &one("common/ca"));
    world.wait_data("app", &[("v", "MARKED-app/api")]);
    for name in ["own", "ca"] {
        let message = world.wait_reason("externalsecret", name, "KeyForbidden");
        assert!(message.contains("allows \"app/*\", \"database/*\":"), "{message}");
    }
    // It names none that it could be held to: others' rules, or none that there is. What it had been given stays.
    for value in ["platform", "nothing-of-the-kind", ""] {
        annotate(&world, &format!("{ANNOTATION}={value}"));
        for name in ["app", "own"] {
            world.wait(&format!("{name} under {value:?}"), || match world.ready("externalsecret", name) {
                Some((status, reason, message))
                    if status == "False"
                        && reason == "KeyForbidden"
                        && message
                            .contains(&format!("{ANNOTATION} of ServiceAccount {ACCOUNT} names no rule")) =>
                {
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            });
        }
        world.wait_data("app", &[("v", "MARKED-app/api")]);
    }
    // Two of them, and whatever a store of another's may have.
    annotate(&world, &format!("{ANNOTATION}=common, own-folder,of-another-store"));
    world.wait_data("own", &[("v", &format!("MARKED-{own}"))]);
    world.wait_data("ca", &[("v", "MARKED-common/ca")]);
    let allowed = format!("allows \"teams/{}/*\", \"common/ca\"", world.name);
    world.wait("what the two allow to be said", || match world.ready("externalsecret", "app") {
        Some((_, reason, message)) if reason == "KeyForbidden" && message.contains(&allowed) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // Without it, what is the namespace's: no more than its rules give it.
    annotate(&world, &format!("{ANNOTATION}-"));
    world.wait_ready("externalsecret", "app");
    world.wait_ready("externalsecret", "own");
    external_secret(&world, &world.name, "other", &one("teams/somebody/db"));
    world.wait_reason("externalsecret", "other", "KeyForbidden");
    let values = ["MARKED-app/api", "MARKED-common/ca"];
    assert_no_value_left(&world, &operator, &values);
    cleared(&world);
}
