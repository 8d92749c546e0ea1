//! The settings file of `claviger run`: YAML.
//!
//! Holds: what is set is a key that there is; no message says a value of the file, which may be a proxy's password; and
//! not more is said than fits on a screen.

use serde_json::Value;

use crate::input::{is_telling, text};

// A binary has no library to call, so its modules are compiled in here.
#[allow(dead_code, reason = "no file is read here")]
#[path = "../../../host/cli/src/config/file.rs"]
mod file;
#[allow(dead_code, reason = "the command line's own are not needed")]
#[path = "../../../host/cli/src/config/keys.rs"]
mod keys;

/// See the module.
pub fn run(data: &[u8]) {
    let text = text(data);
    let document = match crate::yaml::document(text) {
        Ok(document) => document,
        Err(place) => {
            let plain = |c: char| c.is_ascii_digit() || " (),linecoum".contains(c);
            assert!(place.chars().all(plain), "{place:?} says more than a place");
            return;
        }
    };
    match file::settings(&document) {
        Ok(settings) => assert!(settings.iter().all(|(key, _)| keys::find(key.path).is_some())),
        Err(problems) => {
            assert!(!problems.is_empty() && problems.len() <= 20);
            let (mut values, mut names) = (Vec::new(), Vec::new());
            collect(&document, &mut values, &mut names);
            // What is a name too is said as one, as far as it looks like one.
            values.retain(|value| !names.iter().any(|name| name.contains(value)));
            for problem in &problems {
                let quoted = values.iter().find(|value| problem.contains(**value));
                assert!(quoted.is_none(), "{quoted:?} is in {problem:?}");
                assert!(problem.len() <= 1024, "{} bytes", problem.len());
            }
        }
    }
}

/// Texts that are values, and those that are names.
fn collect<'v>(value: &'v Value, values: &mut Vec<&'v str>, names: &mut Vec<&'v str>) {
    match value {
        Value::String(text) if is_telling(text) => values.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, values, names)),
        Value::Object(entries) => {
            for (name, entry) in entries {
                names.push(name);
                collect(entry, values, names);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
