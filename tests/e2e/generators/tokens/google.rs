//! GCRAccessToken: what it makes is used as an access token of Google's.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::super::{data, es, from, generator, store, text, wait_other};
use crate::support::{Operator, Project, VIEWER, assert_no_value_left, member, world};

#[test]
fn a_login_to_gcr() {
    let world = world!("tokens-gcr");
    let Some(project) = Project::new(&world) else { return };
    let ns = &world.name;
    store(&world);
    project.secret("of-the-project", "x");
    let account = project.google.service_account(&project.id, "puller").unwrap();
    project.grant(&member(&account), VIEWER);
    project.key_secret("login", &account.key);
    let mut gone = account.key.clone();
    gone["client_email"] = json!("gone@nowhere.iam.gserviceaccount.com");
    project.key_secret("login-gone", &gone);
    let spec = |secret: &str| json!({"auth": Project::key_auth(secret), "projectID": project.id});
    generator(&world, "GCRAccessToken", "key", &spec("login"));
    generator(&world, "GCRAccessToken", "gone", &spec("login-gone"));
    world.apply_json(&json!({
        "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "ClusterGenerator", "metadata": {"name": ns},
        "spec": {"kind": "GCRAccessToken", "generator": {"gcrAccessTokenSpec": spec("login")}},
    }));
    es(&world, "key", &[from("GCRAccessToken", "key")], &json!({"refreshInterval": "2s"}));
    es(&world, "gone", &[from("GCRAccessToken", "gone")], &json!({}));
    es(&world, "cluster", &[from("ClusterGenerator", ns)], &json!({}));
    let operator = Operator::start(&world);
    for name in ["key", "cluster"] {
        world.wait_ready("externalsecret", name);
        let found = data(&world, name);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["expiry", "password", "username"], "{name}");
        assert_eq!(text(&found, "username"), "oauth2accesstoken");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let lives = text(&found, "expiry").parse::<u64>().unwrap() - now;
        assert!((3300..=3600).contains(&lives), "{name}: {lives}");
        let path = format!("{}/secrets", project.parent);
        let (status, answer) =
            project.google.api_as(&text(&found, "password"), "GET", &path, &Value::Null).unwrap();
        assert_eq!((status, answer["totalSize"].as_u64()), (200, Some(1)), "{name}: {answer}");
    }
    wait_other(&world, "key", "password", &text(&data(&world, "key"), "password"));
    let message = world.wait_reason("externalsecret", "gone", "AuthenticationFailed");
    assert!(message.contains("the service account's key"), "{message}");
    let token = text(&data(&world, "cluster"), "password");
    let line = account.key["private_key"].as_str().unwrap().lines().nth(1).unwrap();
    assert_no_value_left(&world, &operator, &[&token, line]);
}
