//! Searches everything that leaves the operator for values that must not.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::{Operator, World};

/// Fails if one of `values` stands in the operator's log, its audit log, its metrics, its status page, or any status or event of the
/// test's namespace: plain, in base64 (any alignment) or in hex (either case).
pub(crate) fn assert_no_value_left(world: &World, operator: &Operator, values: &[&str]) {
    let objects = "externalsecrets,pushsecrets,clusterpushsecrets,secretstores,clustersecretstores,plugins,events,events.events.k8s.io";
    let places = [
        ("the log", operator.log()),
        ("the metrics", operator.page("/metrics")),
        // Where it is off, this is that it is.
        ("the status page", operator.page("/status")),
        ("statuses and events", statuses(&world.kubectl(&["get", objects, "-A", "-o", "json"]))),
        ("kubectl describe", world.kubectl(&["-n", &world.name, "describe", "externalsecrets,pushsecrets"])),
    ];
    // Empty where nobody asked for one.
    let audit = Some(("the audit log", operator.audit())).filter(|(_, text)| !text.is_empty());
    for (place, text) in places.into_iter().chain(audit) {
        assert!(!text.is_empty(), "{place} is empty: nothing was searched");
        for value in values {
            assert!(value.len() >= 12, "{value:?} is too short to be told from an accident");
            for form in forms(value) {
                assert!(!text.contains(&form), "{value:?} stands in {place} as {form:?}");
            }
        }
    }
}

/// Specs are the user's own (a fake provider's values stand in one), so only what we write is searched.
fn statuses(list: &str) -> String {
    let list: serde_json::Value = serde_json::from_str(list).unwrap();
    let items = list["items"].as_array().unwrap();
    let written = items.iter().map(|item| {
        let mut item = item.clone();
        if let Some(object) = item.as_object_mut() {
            object.remove("spec");
            object.remove("metadata");
        }
        item.to_string()
    });
    written.collect::<Vec<_>>().join("\n")
}

fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![value.to_owned(), hex.clone(), hex.to_uppercase()];
    forms.extend([STANDARD.encode(bytes), STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]);
    // Inside a longer text the value may start at any of three alignments; the groups that hold only
    // its own bytes are the same whatever stands around it.
    for skip in 1..3 {
        let inner = &bytes[skip..];
        forms.push(STANDARD.encode(&inner[..inner.len() - inner.len() % 3]));
    }
    forms
}
