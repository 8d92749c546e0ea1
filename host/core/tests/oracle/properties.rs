//! Properties that a push sets, compared with sjson, by which ESO's providers set them.

use claviger_core::push::{Way, set};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::go::about;
use crate::{compare, generated};

/// Objects with some structure: what a path leads to, and what is in its way.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["1", "\"x\"", "null", "true", "1e3", "\"a\\u00e9\""]);
    let names = prop::sample::select(vec!["a", "b", "0", "1", "a.b", "é", ""]);
    let value = leaf.prop_map(str::to_owned).prop_recursive(3, 12, 3, move |inner| {
        let object = prop::collection::vec((names.clone(), inner.clone()), 0..3).prop_map(|entries| {
            // A name twice is the first of them for one and the last for others.
            let entries: std::collections::BTreeMap<_, _> = entries.into_iter().collect();
            let text = entries.iter().map(|(name, value)| format!("{name:?}: {value}")).collect::<Vec<_>>();
            format!("{{{}}}", text.join(", "))
        });
        prop_oneof![
            object,
            prop::collection::vec(inner, 0..3).prop_map(|list| format!("[{}]", list.join(",")))
        ]
    });
    prop_oneof![1 => Just(String::new()), 9 => value.prop_filter("an object", |text| text.starts_with('{'))]
}

fn path() -> impl Strategy<Value = String> {
    let step = prop::sample::select(vec!["a", "b", "0", "1", "2", ":1", "a\\.b", "é", "x y"]);
    prop::collection::vec(step, 1..4).prop_map(|steps| steps.join("."))
}

/// As JSON: in how a text is escaped they may differ.
fn parsed(text: Option<Vec<u8>>) -> Option<Value> {
    text.map(|text| serde_json::from_slice(&text).unwrap())
}

#[test]
fn properties_are_set_as_sjson_does() {
    let inputs = generated((document(), path(), "[ -~é\\n]{0,6}"));
    compare(
        &inputs,
        |(document, path, value)| json!({"ask": "set", "how": path, "target": value, "value": about("", document.as_bytes(), "")["value"]}),
        |(document, path, value)| match set(Some(document.as_bytes()), path, Way::Path, value.as_bytes()) {
            Ok(Some(out)) => parsed(Some(out.expose().to_vec())),
            Ok(None) => parsed(Some(document.as_bytes().to_vec())),
            Err(_) => None,
        },
        |answer| parsed(answer.value()),
    );
}
