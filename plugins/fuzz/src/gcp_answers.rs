//! What Google answers: to logins, reads, searches and writes.
//!
//! Holds: one answer for each item; no server has it ask for ever, nor elsewhere than at Google's.

use std::time::{Duration, SystemTime};

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::Memo;
use claviger_plugin_sdk::testing::{self, bytes, input};
use gcp::client::Client;
use gcp::world::World;
use gcp::{answer, find, health, read, writer};
use google_credentials::{Failure, Reply, Request, World as Google};
use serde_json::json;

use crate::script::Script;

struct Scripted<'i> {
    script: Script<'i>,
    memo: testing::Memo,
}

impl Google for Scripted<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        for request in &requests {
            let host = request.url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
            let host = host.unwrap_or_default();
            assert!(
                host.ends_with(".googleapis.com") && !host.contains(['@', '?', '#']),
                "{} is elsewhere",
                request.url
            );
        }
        self.script.send(requests)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }
}

impl World for Scripted<'_> {
    fn memo(&self) -> &dyn Memo {
        &self.memo
    }
}

/// See the module.
pub fn run(data: &[u8]) {
    let script = Script::of(data);
    let mut config = json!({"projectID": "shop"});
    // Of the store's fields those that say nothing of who logs in, and where.
    for field in ["projectID", "location"] {
        if let Some(text) = script.fields[field].as_str() {
            config[field] = json!(text);
        }
    }
    let file = json!({"type": "authorized_user", "client_id": "id", "client_secret": "value-of-a-slot",
        "refresh_token": "value-of-a-slot"});
    let session = input(&config, &[("google-application-credentials", bytes(&file.to_string()))]);
    let world = Scripted { script, memo: testing::Memo::default() };
    let script = &world.script;
    let reply = script.reply();
    let body = &reply.body;
    let _ = (
        answer::payload(body, "w"),
        answer::metadata(body, "w"),
        answer::secrets(body, "w"),
        answer::newest(body, "w"),
    );
    let failure = Failure::read(reply.status, reply.retry_after_ms, body).without(&["value-of-a-slot"]);
    assert!(!failure.said().contains("value-of-a-slot"), "it says what was sent");
    let _ = failure.error("secretmanager.versions.access", "w");
    let Ok(client) = Client::new(&session, &world) else { return };
    script.ask(|items| read::get(&client, items), |query, cursor| find::find(&client, query, cursor));
    script.again();
    let _ = health::check(&client);
    script.change(
        b"value",
        |writes| writer::push(&client, writes),
        |removals| writer::delete(&client, removals),
        |keys| writer::exists(&client, keys),
    );
}
