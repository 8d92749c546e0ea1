//! Searches by name, path and labels over many pages.

use serde_json::json;

use crate::support::{Operator, Project, VIEWER, member, world};

/// Secrets of the test: more than three pages.
const COUNT: usize = 65;
/// Secrets of a page, however many are asked for.
const PAGE: usize = 20;

#[test]
fn finds_over_pages_by_name_path_and_labels() {
    let world = world!("gcp-find");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.grant(&member(&account), VIEWER);
    for n in 0..COUNT {
        let team = if n % 3 == 0 { "red" } else { "blue" };
        let labels = json!({"labels": {"team": team, "other": "red"}});
        let (name, value) = (format!("app-{n:02}"), format!("value-{n}"));
        project.google.secret(&project.parent, &name, value.as_bytes(), &labels).unwrap();
    }
    project.secret("else", "elsewhere");
    // Everybody's pages are as short: nothing depends on how many are on one.
    project.google.control("longest-page", &json!({"size": PAGE})).unwrap();
    let blind = project.reader("blind");
    let operator = Operator::start(&world);
    for (name, account) in [("store", &account), ("blind", &blind)] {
        project.key_secret(name, &account.key);
        project.store(name, json!({"auth": Project::key_auth(name)}));
        world.wait_ready("secretstore", name);
    }
    let queries = [
        ("path", json!({"path": "app-"}), (0..COUNT).collect::<Vec<usize>>(), 4),
        ("tags", json!({"path": "app-", "tags": {"team": "red"}}), (0..COUNT).step_by(3).collect(), 2),
        ("name", json!({"name": {"regexp": "^app-1[0-4]$"}}), (10..15).collect(), 4),
        ("both", json!({"path": "app-", "name": {"regexp": "[05]$"}}), (0..COUNT).step_by(5).collect(), 4),
    ];
    for (name, query, expected, pages) in queries {
        let mark = project.google.mark();
        let rewrite = json!([{"regexp": {"source": "app-(.*)", "target": "k$1"}}]);
        project.external_secret(name, "store", json!({"dataFrom": [{"find": query, "rewrite": rewrite}]}));
        let expected: Vec<_> = expected.iter().map(|n| (format!("k{n:02}"), format!("value-{n}"))).collect();
        let expected: Vec<_> = expected.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        world.wait_data(name, &expected);
        // The store's own checks list too, one secret each, as whoever may.
        let lists = project.requests(mark).into_iter().filter(|it| it.action == "ListSecrets");
        let lists = lists.filter(|it| it.principal == member(&account)).count();
        assert!(lists >= pages, "{name}: {lists} lists are not {pages} pages");
    }
    project.external_secret("blind", "blind", json!({"dataFrom": [{"find": {"name": {"regexp": "x"}}}]}));
    let message = world.wait_reason("externalsecret", "blind", "AccessDenied");
    assert!(message.contains("secretmanager.secrets.list"), "{message}");
    assert!(operator.runs());
}
