//! What becomes of what was made for a Secret that could not be written, with a backend that makes another each time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use claviger_core::lease::Pins;
use claviger_crds::external_secret::ExternalSecretSpec;
use serde_json::json;

use super::*;
use crate::sync::heard::Heard;
use crate::sync::vaulted::{Token, Vaulted};
use crate::sync::{Answer, Desired, Makes};

/// One ExternalSecret, and what is known of it from one look to the next.
struct Bench {
    vault: Vaulted,
    world: Heard,
    pins: Pins,
    held: Option<Record>,
}

impl Bench {
    async fn start() -> Self {
        let vault = Vaulted::start().await;
        let world = Heard::connecting(vault.store(), Arc::new(Token::default()));
        Self { vault, world, pins: Pins::default(), held: None }
    }

    /// With what of these roles as its manifest names, as it looks then.
    async fn look(&mut self, role: &str, version: &str) -> Answer {
        let labels = BTreeMap::new();
        let spec: ExternalSecretSpec = serde_json::from_value(json!({
            "secretStoreRef": {"name": "s"},
            "data": [{"secretKey": "user", "remoteRef": {"key": format!("database/creds/{role}"), "property": "username"}}],
        }))
        .unwrap();
        let asker = Asker {
            namespace: "ns",
            name: "es",
            uid: "u",
            version,
            pins: &self.pins,
            held: self.held.as_ref(),
            keeps_unleased: false,
            makes: Makes::Anything,
            options: Default::default(),
            left: None,
            labels: &labels,
            annotations: &labels,
            spec: &spec,
        };
        let answer = self.vault.pipeline.desired(&asker, &self.world, Instant::now()).await;
        let answer = answer.unwrap_or_else(|failed| panic!("{}", failed.failure.message(&failed.redactor)));
        self.pins = answer.pins.clone();
        answer
    }

    /// The Secret was written with it.
    fn written(&mut self, answer: &Answer) {
        let issued = answer.issued.as_ref().unwrap();
        self.vault.pipeline.written("u");
        self.held = Some(Record {
            salt: issued.salt.clone(),
            inputs: issued.inputs.clone(),
            held: issued.held.clone(),
            keys: BTreeSet::from(["user".to_owned()]),
            retired: Vec::new(),
        });
    }
}

/// What the Secret should hold.
fn user(answer: &Answer) -> String {
    match &answer.desired {
        Desired::Secret(rendered) => String::from_utf8(rendered.data["user"].expose().to_vec()).unwrap(),
        Desired::Kept => "kept".to_owned(),
        Desired::Nothing => "nothing".to_owned(),
    }
}

fn names(held: &[Held]) -> Vec<&str> {
    let ids = held.iter().filter_map(|held| held.lease.as_ref());
    ids.map(|lease| lease.id.rsplit('/').next().unwrap()).collect()
}

/// It may be revoked by then.
#[tokio::test]
async fn what_was_lost_is_not_handed_out_again() {
    let mut bench = Bench::start().await;
    let none: [&str; 0] = [];
    for _ in 0..2 {
        let answer = bench.look("a", "1").await;
        assert_eq!((user(&answer).as_str(), names(&answer.lost)), ("a-1", none.to_vec()), "it is not written");
    }
    let other = bench.look("b", "2").await;
    assert_eq!((user(&other).as_str(), names(&other.lost)), ("b-2", vec!["a-1"]));
    let again = bench.look("a", "3").await;
    assert_eq!(user(&again), "a-3");
    assert_eq!(names(&again.lost), ["a-1", "b-2"], "the first could not be taken back yet");
    bench.vault.pipeline.taken_back("u", &again.lost);
    bench.written(&again);
    let next = bench.look("b", "4").await;
    assert_eq!((user(&next).as_str(), names(&next.lost)), ("b-4", none.to_vec()));
}
