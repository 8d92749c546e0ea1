//! What an HTTP API answers, and the templates that ask it: the store's fields are the input's, but for where it is.
//!
//! Holds: one answer for each item; requests go to the server that stands in the manifest, whatever a template or a key
//! makes of the URL behind it; what was sent is in no error.

use claviger_plugin_sdk::Provider as _;
use claviger_plugin_sdk::testing::{Bench, Host};
use serde_json::json;
use webhook::{Webhook, answer, place};

use crate::script::Script;

const TOKEN: &str = "marked-token";

/// See the module.
pub fn run(data: &[u8]) {
    let script = Script::of(data);
    let mut config = script.over(json!({"headers": {"X-Token": "{{ .auth.token }}"}}));
    let path = config["url"].as_str().unwrap_or("/{{ .remoteRef.key }}").to_owned();
    config["url"] = json!(format!("https://api.example/{}", path.trim_start_matches('/')));
    config["secrets"] = json!([{"name": "auth", "secretRef": {"name": "s", "key": "token"}}]);
    let body = script.reply().body;
    let json_path = config["result"]["jsonPath"].as_str().unwrap_or_default();
    let _ = (answer::value(body.clone(), json_path), answer::values(&body, json_path));
    if let Ok(sent) = place::sent(&body, "https://api.example") {
        assert!(
            sent.starts_with("https://api.example/") || sent.starts_with("https://api.example?"),
            "{sent}"
        );
        assert!(sent.bytes().all(|byte| byte.is_ascii_graphic()), "{sent}");
    }
    // A manifest that asks for other objects, or for surroundings, is not this bench's.
    let known = ["url", "headers", "body", "method", "result", "secrets", "timeout"];
    let fits =
        config.as_object().is_some_and(|config| config.keys().all(|key| known.contains(&key.as_str())));
    if !fits || config["secrets"].as_array().map(Vec::len) != Some(1) {
        return;
    }
    let host = Host::new(|request| {
        let rest = request.url.strip_prefix("https://api.example").expect("it is at another server");
        assert!(rest.starts_with(['/', '?']), "{}", request.url);
        script.reply()
    });
    let bench = Bench::<Webhook>::new(&config, host).secret("s", "token", TOKEN);
    let Ok(session) = bench.session() else { return };
    script.again();
    let items = script.items();
    if let Ok(answers) = Webhook::get_all(&session, &items) {
        assert_eq!(answers.len(), items.len(), "not one answer for each");
    }
    script.again();
    let _ = Webhook::validate(&session);
}
