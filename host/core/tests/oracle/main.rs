//! Shaping compared with Go: properties, rewriting, decoding, conversion, JSON and hashes, over generated inputs and
//! those that are known to be hard. What Go says comes from a Go program that uses ESO's own libraries.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod go;
mod inputs;
mod paths;
mod properties;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::LazyLock;

use claviger_core::hash::{eso_data_hash, synced_resource_version};
use claviger_core::secret::SecretBytes;
use claviger_core::shape::{self, Values};
use claviger_crds::external_secret::{
    ConversionStrategy, DecodingStrategy, NullBytePolicy, RewriteMerge, RewriteRegexp,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::go::{Answer, about, ask};

/// Generated inputs of a kind.
const MANY: usize = 4000;

/// Another one each time; printed, and `CLAVIGER_TEST_SEED` repeats it.
fn seed() -> u64 {
    static SEED: LazyLock<u64> = LazyLock::new(|| {
        let given = std::env::var("CLAVIGER_TEST_SEED").ok();
        given.map_or_else(rand::random, |seed| seed.parse().expect("CLAVIGER_TEST_SEED is a number"))
    });
    println!("CLAVIGER_TEST_SEED={}", *SEED);
    *SEED
}

fn generated<T: Debug>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    (0..MANY).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Asks Go about each input and reports all that differ.
fn compare<T: Debug, R: PartialEq + Debug>(
    inputs: &[T],
    question: impl Fn(&T) -> Value,
    ours: impl Fn(&T) -> R,
    theirs: impl Fn(&Answer) -> R,
) {
    let questions: Vec<Value> = inputs.iter().map(question).collect();
    let Some(answers) = ask(&questions) else { return };
    let differing: Vec<String> = inputs
        .iter()
        .zip(&answers)
        .filter_map(|(input, answer)| {
            let (ours, theirs) = (ours(input), theirs(answer));
            (ours != theirs).then(|| format!("{input:?}\n  ours {ours:?}\n  Go's {theirs:?}"))
        })
        .collect();
    let first = differing.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(differing.is_empty(), "{} of {} differ:\n{first}", differing.len(), inputs.len());
}

fn readable(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| bytes.escape_ascii().to_string())
}

fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::copied_from(bytes)
}

fn exposed(values: &Values) -> BTreeMap<String, Vec<u8>> {
    values.iter().map(|(key, value)| (key.clone(), value.expose().to_vec())).collect()
}

#[test]
fn regular_expressions_replace_as_go_does() {
    let mut inputs = inputs::hard_expressions();
    inputs.extend(generated((inputs::expression(), inputs::replacement(), "[a-c/._\\-0-9é]{0,8}")));
    // A name for two groups is refused here.
    inputs.retain(|(source, ..)| source.matches("(?P<n>").count() < 2);
    compare(
        &inputs,
        |(source, target, key)| json!({"target": target, "ask": "replace", "how": source, "value": about("", key.as_bytes(), "")["value"]}),
        |(source, target, key)| {
            let rewrite = RewriteRegexp { source: source.clone(), target: target.clone() };
            let renamed = shape::apply_regexp(
                Values::from([(key.clone(), secret(b"v"))]),
                &rewrite,
                &mut Default::default(),
            )
            .ok();
            renamed.and_then(|values| values.into_keys().next())
        },
        |answer| answer.value().map(|key| String::from_utf8(key).unwrap()),
    );
}

#[test]
fn decoding_is_gos() {
    let strategies = prop::sample::select(vec!["None", "Base64", "Base64URL", "Auto"]);
    let mut inputs = inputs::hard_encodings();
    inputs.extend(generated((inputs::encoded(), strategies.prop_map(str::to_owned))));
    compare(
        &inputs,
        |(value, strategy)| about("decode", value, strategy),
        |(value, strategy)| {
            let strategy: DecodingStrategy = serde_json::from_value(json!(strategy)).unwrap();
            let decoded = shape::decode(secret(value), strategy, NullBytePolicy::Ignore).ok();
            readable(decoded.map(|value| value.expose().to_vec()))
        },
        |answer| readable(answer.value()),
    );
}

/// But for letters and digits that Kubernetes does not take: there ESO makes a Secret that is refused.
#[test]
fn keys_are_converted_as_go_does() {
    let strategies = prop::sample::select(vec!["Default", "Unicode"]);
    let inputs = generated(("[a-zA-Z0-9._/:$ €😀\\t\\\\-]{0,12}", strategies.prop_map(str::to_owned)));
    compare(
        &inputs,
        |(key, strategy)| about("convert", key.as_bytes(), strategy),
        |(key, strategy)| {
            let strategy: ConversionStrategy = serde_json::from_value(json!(strategy)).unwrap();
            let converted = shape::convert(Values::from([(key.clone(), secret(b"v"))]), strategy).unwrap();
            converted.into_keys().next().unwrap()
        },
        |answer| String::from_utf8(answer.value().unwrap()).unwrap(),
    );
}

fn printed(values: Option<BTreeMap<String, Vec<u8>>>) -> Option<Vec<(String, String)>> {
    values.map(|values| {
        values.into_iter().map(|(key, value)| (key, value.escape_ascii().to_string())).collect()
    })
}

fn answered(answer: &Answer) -> Option<Vec<(String, String)>> {
    printed((!answer.error).then(|| answer.data()))
}

#[test]
fn objects_are_taken_apart_as_go_does() {
    let mut inputs = inputs::hard_objects();
    inputs.extend(generated(inputs::object()));
    compare(
        &inputs,
        |text| about("object", text, ""),
        |text| printed(shape::entries(&secret(text)).ok().map(|values| exposed(&values))),
        answered,
    );
}

#[test]
fn merged_values_are_written_as_go_does() {
    let mut inputs = inputs::hard_objects();
    inputs.extend(generated(inputs::object()));
    let merge: RewriteMerge = serde_json::from_str("{}").unwrap();
    compare(
        &inputs,
        |text| about("merge", text, ""),
        |text| {
            let merged = shape::apply_merge(Values::from([("k".to_owned(), secret(text))]), &merge);
            printed(merged.ok().map(|values| exposed(&values)))
        },
        answered,
    );
}

#[test]
fn hashes_are_gos() {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    let inputs = generated(prop::collection::btree_map("[a-zA-Z0-9._-]{1,5}", bytes(), 0..6));
    let encoded = |data: &BTreeMap<String, Vec<u8>>| -> Value {
        data.iter()
            .map(|(key, value)| (key.clone(), about("", value, "")["value"].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    compare(
        &inputs,
        |data| json!({"ask": "hash", "data": encoded(data)}),
        |data| eso_data_hash(data.iter().map(|(key, value)| (key.as_str(), value.as_slice()))),
        |answer| String::from_utf8(answer.value().unwrap()).unwrap(),
    );
    let texts = || prop::collection::btree_map("[a-z./-]{1,8}", "[ -~é]{0,8}", 0..4);
    let inputs = generated((0i64..100, texts(), texts()));
    compare(
        &inputs,
        |(generation, labels, notes)| json!({"ask": "version", "how": generation.to_string(), "labels": labels, "notes": notes}),
        |(generation, labels, notes)| synced_resource_version(*generation, labels, notes),
        |answer| String::from_utf8(answer.value().unwrap()).unwrap(),
    );
}
