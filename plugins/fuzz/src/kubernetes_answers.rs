//! What an API server answers.
//!
//! Holds: one answer for each item; no server has it ask for ever, nor elsewhere than where `connect` said.

use claviger_plugin_sdk::Provider as _;
use claviger_plugin_sdk::testing::{Bench, Host};
use kubernetes::Kubernetes;
use serde_json::json;

use crate::script::Script;

/// See the module.
pub fn run(data: &[u8]) {
    let script = Script::of(data);
    let config = json!({
        "server": {"url": "https://api.example:6443"}, "remoteNamespace": "team-b",
        "auth": {"token": {"bearerToken": {"name": "n", "key": "k"}}},
    });
    let host = Host::new(|_| script.reply());
    let bench = Bench::<Kubernetes>::new(&config, host).secret("n", "k", "the-token");
    let Ok(session) = bench.session() else { return };
    script.ask(
        |items| Kubernetes::get_all(&session, items),
        |query, cursor| Kubernetes::find(&session, query, cursor),
    );
    script.again();
    let _ = Kubernetes::validate(&session);
}
