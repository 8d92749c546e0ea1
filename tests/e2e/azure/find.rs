//! Finding secrets by name and by tags, over several pages.

use serde_json::json;

use crate::support::{Operator, Vault, assert_no_value_left, world};

/// More than two pages of Key Vault's, which have 25 at most.
const SECRETS: usize = 60;

#[test]
fn by_name_and_tags_over_pages() {
    let world = world!("azure-find");
    let Some(vault) = Vault::new(&world, "find-vault") else { return };
    vault.login(&["secrets/get", "secrets/list"]);
    for n in 0..SECRETS {
        let tags = json!({"team": if n % 20 == 0 { "pay" } else { "shop" }, "stage": "test"});
        vault
            .azure
            .set_secret(vault.name, &format!("find-{n}"), &format!("MARKED-found-value-{n}"), &tags)
            .unwrap();
    }
    vault.azure.enable(vault.name, "secrets/find-20", false).unwrap();
    let operator = Operator::start(&world);
    vault.store_every("store", 3_600, json!({"authSecretRef": Vault::auth()}));
    world.wait_ready("secretstore", "store");
    let mark = vault.azure.mark();
    let find = |find| json!({"dataFrom": [{"find": find}]});
    vault.external_secret("by-name", "store", "1h", find(json!({"name": {"regexp": "^find-(7|59)$"}})));
    world.wait_data("by-name", &[("find-7", "MARKED-found-value-7"), ("find-59", "MARKED-found-value-59")]);
    // 25, 25, 10; and one read for each that matches.
    assert_eq!(vault.count(mark, "secrets/list", 200), 3);
    assert_eq!(vault.count(mark, "secrets/get", 200), 2);
    vault.external_secret("by-tags", "store", "1h", find(json!({"tags": {"team": "pay", "stage": "test"}})));
    // The disabled one is left out.
    world.wait_data("by-tags", &[("find-0", "MARKED-found-value-0"), ("find-40", "MARKED-found-value-40")]);
    vault.external_secret("by-path", "store", "1h", find(json!({"path": "find"})));
    world.wait("the search by path to be refused", || match world.ready("externalsecret", "by-path") {
        Some((status, _, message)) if status == "False" && message.contains("find.path") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_no_value_left(&world, &operator, &["MARKED-found-value-7", "MARKED-found-value-40"]);
}

#[test]
fn without_the_right_to_list_it_says_which_is_missing() {
    let world = world!("azure-find-denied");
    let Some(vault) = Vault::new(&world, "find-vault") else { return };
    vault.login(&["secrets/get"]);
    let operator = Operator::start(&world);
    vault.store("store", json!({"authSecretRef": Vault::auth()}));
    vault.external_secret("es", "store", "1h", json!({"dataFrom": [{"find": {"name": {"regexp": ".*"}}}]}));
    let message = world.wait_reason("externalsecret", "es", "AccessDenied");
    assert!(message.contains("list"), "{message}");
    assert!(operator.runs());
}
