//! What becomes of what was made for a Secret that could not be written, with a backend that makes another each time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use claviger_core::lease::{Pins, Record};
use claviger_crds::external_secret::ExternalSecretSpec;
use serde_json::json;

use super::*;
use crate::sync::heard::Heard;
use crate::sync::vaulted::{Token, Vaulted};
use crate::sync::{Answer, Desired, Makes};

/// One ExternalSecret, and what is known of it from one look to the next.
struct Bench<'a> {
    vault: &'a Vaulted,
    world: Heard,
    uid: &'static str,
    pins: Pins,
    held: Option<Record>,
}

impl<'a> Bench<'a> {
    fn new(vault: &'a Vaulted, uid: &'static str) -> Self {
        let world = Heard::connecting(vault.store(), Arc::new(Token::default()));
        Self { vault, world, uid, pins: Pins::default(), held: None }
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
            uid: self.uid,
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
        self.vault.pipeline.written(self.uid);
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

/// Both with one plugin, which takes seconds to compile.
#[tokio::test]
async fn what_was_made_and_not_written() {
    let vault = Vaulted::start().await;
    is_not_handed_out_again_when_it_was_lost(Bench::new(&vault, "first")).await;
    is_lost_when_the_secret_stays_as_it_is(Bench::new(&vault, "second")).await;
}

/// It may be revoked by then.
async fn is_not_handed_out_again_when_it_was_lost(mut bench: Bench<'_>) {
    let none: [&str; 0] = [];
    for _ in 0..2 {
        let answer = bench.look("a", "1").await;
        assert_eq!(
            (user(&answer).as_str(), names(&answer.lost)),
            ("a-1", none.to_vec()),
            "it is not written"
        );
    }
    let other = bench.look("b", "2").await;
    assert_eq!((user(&other).as_str(), names(&other.lost)), ("b-2", vec!["a-1"]));
    let again = bench.look("a", "3").await;
    assert_eq!(user(&again), "a-3");
    assert_eq!(names(&again.lost), ["a-1", "b-2"], "the first could not be taken back yet");
    bench.vault.pipeline.taken_back(bench.uid, &again.lost);
    bench.written(&again);
    let next = bench.look("b", "4").await;
    assert_eq!((user(&next).as_str(), names(&next.lost)), ("b-4", none.to_vec()));
}

async fn is_lost_when_the_secret_stays_as_it_is(mut bench: Bench<'_>) {
    let first = bench.look("a", "1").await;
    bench.written(&first);
    let changed = bench.look("a", "2").await;
    assert_eq!((user(&changed).as_str(), changed.lost.len()), ("a-6", 0));
    let back = bench.look("a", "1").await;
    assert_eq!((user(&back).as_str(), names(&back.lost)), ("kept", vec!["a-6"]));
    // As after a look that went well.
    bench.vault.pipeline.written(bench.uid);
    assert_eq!(names(&bench.look("a", "1").await.lost), ["a-6"]);
    let changed = bench.look("a", "2").await;
    assert_eq!(user(&changed), "a-7", "it may be revoked");
}

/// The target is of another kind now: a generator's credential would have come into it, and nobody would know.
#[tokio::test]
async fn what_cannot_be_recorded_is_lost_whatever_else_fails() {
    let host = claviger_plugins::PluginHost::new(claviger_plugins::HostConfig::default()).unwrap();
    let registry = Arc::new(crate::plugins::Registry::new(host, "/nowhere"));
    let pipeline = Pipeline::new(registry, crate::sync::Delimiters::default());
    let (pins, labels) = (Pins::default(), BTreeMap::new());
    let spec =
        json!({"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "g"}}}]});
    let spec: ExternalSecretSpec = serde_json::from_value(spec).unwrap();
    let lose = async |makes| {
        let made = Generated { values: BTreeMap::new(), lease: None, state: None };
        let source = Source::generator("VaultDynamicSecret", "g");
        let held = Held { source, issued: Timestamp::now(), lease: None, state: Some("left".to_owned()) };
        let made = Made::Generated(("g".to_owned(), 1), Arc::new(made));
        pipeline.unwritten.keep("u", Unwritten { held, made });
        let asker = Asker {
            namespace: "ns",
            name: "es",
            uid: "u",
            version: "1",
            pins: &pins,
            held: None,
            keeps_unleased: false,
            makes,
            options: Default::default(),
            left: None,
            labels: &labels,
            annotations: &labels,
            spec: &spec,
        };
        let answer = pipeline.desired(&asker, &Heard::default(), Instant::now()).await;
        answer.err().unwrap().lost.len()
    };
    assert_eq!(lose(Makes::Anything).await, 0);
    assert_eq!(lose(Makes::Values).await, 1);
}
