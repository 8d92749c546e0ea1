//! What Vault answers: to logins, reads, searches, writes, and to the renewal and revocation of leases.
//!
//! Holds: one answer for each item; no server has it ask for ever; a path stays below the mount that the store names.

use std::time::{Duration, SystemTime};

use aws_credentials::{Access, Credentials};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::Memo;
use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::provider::interface::Lease;
use claviger_plugin_sdk::request::{Reply, Request};
use claviger_plugin_sdk::testing::{self, bytes, input};
use serde_json::json;
use vault::client::Client;
use vault::world::World;
use vault::{answer, find, generator, leases, mount, path, read, refusal, writer};

use crate::script::Script;

struct Scripted<'i> {
    script: Script<'i>,
    memo: testing::Memo,
}

impl World for Scripted<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        for request in &requests {
            let rest = request.url.strip_prefix("http://vault.example/v1/").expect("it leaves the server");
            let path = rest.split('?').next().unwrap_or_default();
            assert!(!path.split('/').any(|part| matches!(part, "." | "..")), "{rest} leads elsewhere");
        }
        self.script.send(requests)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }

    fn memo(&self) -> &dyn Memo {
        &self.memo
    }

    fn aws(&self, _: &Access, _: &Session, _: &str) -> Result<(Credentials, bool), Error> {
        Err(Error::Unsupported("no AWS here".to_owned()))
    }

    fn evict_aws(&self, _: Credentials) {}
}

/// See the module.
pub fn run(data: &[u8]) {
    let script = Script::of(data);
    let mut config = script.over(json!({
        "path": "secret", "version": "v2",
        "auth": {"tokenSecretRef": {"name": "n", "key": "k"}},
    }));
    // Where it goes is not the input's to say, or there is nothing to hold it to; and Google's logins go to Google.
    config["server"] = json!("http://vault.example");
    if config["auth"].get("gcp").is_some() {
        return;
    }
    let slots =
        ["token", "secret-id", "role-id", "jwt", "password"].map(|slot| (slot, bytes("value-of-the-slot")));
    let session = input(&config, &slots);
    let world = Scripted { script, memo: testing::Memo::default() };
    let script = &world.script;
    pure(&script.reply().body, script.key);
    let Ok(client) = Client::new(&session, &world) else { return };
    script.ask(|items| read::get(&client, items), |query, cursor| find::find(&client, query, cursor));
    let lease = Lease { id: script.key.to_owned(), duration_ms: 60_000, renewable: true, holder: None };
    script.again();
    let _ = leases::renew(&client, lease.clone(), 60_000);
    script.again();
    let _ = leases::revoke(&client, lease);
    script.change(
        b"{\"a\":\"b\"}",
        |writes| writer::push(&client, writes),
        |removals| writer::delete(&client, removals),
        |keys| writer::exists(&client, keys),
    );
    script.again();
    let _ = generator::generate(&session, &world, &script.fields.to_string());
}

/// What needs no client.
fn pure(body: &[u8], key: &str) {
    for kv in [path::Kv::V1, path::Kv::V2] {
        let _ = answer::secret(body, kv);
        let _ = mount::check(body, "secret", kv);
        let (root, folder) = path::Root::split(Some("secret"), kv, key);
        let _ = (root.list(&folder), root.name(&folder), root.value(&folder));
    }
    let _ = answer::metadata(body);
    let _ = answer::keys(body);
    let _ = mount::engine(body);
    let _ = (refusal::hint(body), refusal::is_vaults(body));
}
