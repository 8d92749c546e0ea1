//! What a Connect server of 1Password's answers.
//!
//! Holds: one answer for each item; no server has it ask for ever, nor elsewhere than where `connect` said.

use claviger_plugin_sdk::Provider as _;
use claviger_plugin_sdk::testing::{Bench, Host};
use onepassword::OnePassword;
use serde_json::json;

use crate::script::Script;

/// See the module.
pub fn run(data: &[u8]) {
    let script = Script::of(data);
    let config = json!({
        "connectHost": "https://connect.example", "vaults": {"second": 2, "first": 1},
        "auth": {"secretRef": {"connectTokenSecretRef": {"name": "n", "key": "k"}}},
    });
    let host = Host::new(|_| script.reply());
    let bench = Bench::<OnePassword>::new(&config, host).secret("n", "k", "the-token");
    let Ok(session) = bench.session() else { return };
    script.ask(
        |items| OnePassword::get_all(&session, items),
        |query, cursor| OnePassword::find(&session, query, cursor),
    );
    script.again();
    let _ = OnePassword::validate(&session);
}
