//! What Entra and Key Vault answer: to logins, reads, searches and writes.
//!
//! Holds: one answer for each item; no server has it ask for ever, nor elsewhere than at its vault and its login.

use std::time::{Duration, SystemTime};

use azure::client::Client;
use azure::needs::CLIENT_SECRET;
use azure::object::Kind;
use azure::world::World;
use azure::{answer, find, health, login, read, refusal, writer};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::Memo;
use claviger_plugin_sdk::request::{Reply, Request};
use claviger_plugin_sdk::testing::{self, bytes, input};
use serde_json::json;

use crate::script::Script;

struct Scripted<'i> {
    script: Script<'i>,
    memo: testing::Memo,
}

impl World for Scripted<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        let known = ["https://my.vault.azure.net/", "https://login.microsoftonline.com/"];
        for request in &requests {
            assert!(
                known.iter().any(|origin| request.url.starts_with(origin)),
                "{} is elsewhere",
                request.url
            );
        }
        self.script.send(requests)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }

    fn memo(&self) -> &dyn Memo {
        &self.memo
    }
}

/// See the module.
pub fn run(data: &[u8]) {
    let script = Script::of(data);
    // What is laid over it may be tags and the like, and not where it goes.
    let config = json!({
        "vaultUrl": "https://my.vault.azure.net/", "tenantId": "contoso.example",
        "clientId": "11111111-2222-3333-4444-555555555555", "authSecretRef": {"clientSecret": {"name": "s", "key": "k"}},
    });
    let session = input(&config, &[(CLIENT_SECRET, bytes("the~client.secret"))]);
    let world = Scripted { script, memo: testing::Memo::default() };
    let script = &world.script;
    let body = script.reply().body;
    for kind in [Kind::Secret, Kind::Key, Kind::Certificate] {
        let _ = (answer::value(&body, kind), answer::pushable(&body, kind), answer::metadata(&body, kind));
    }
    let _ =
        (answer::deleted_tags(&body), answer::listing(&body), login::token(&body), refusal::forbidden(&body));
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
