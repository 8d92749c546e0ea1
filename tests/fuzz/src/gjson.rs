//! Paths and JSON texts: the path in the first line, the text behind it.
//!
//! Holds: what is JSON to us is JSON to serde_json and the other way round; a plain path leads to a part of the text, and
//! to the one that serde_json's tree has there; what was found, looked up as a whole, is itself; no answer is larger than
//! the work that a look-up may take.

use std::collections::BTreeSet;

use claviger_core::gjson::{self, WORK};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::input::lines;

/// Bytes of an answer: each costs four of the work.
const LONGEST: u64 = WORK / 4;

/// See the module.
pub fn run(data: &[u8]) {
    let ([path], json) = lines(data);
    let valid = gjson::is_json(json);
    assert_eq!(valid, serde_json::from_slice::<IgnoredAny>(json).is_ok(), "is it JSON?");
    let Ok(found) = gjson::get(json, path) else { return };
    let plain = !path.is_empty() && path.split('.').all(is_plain);
    if plain && valid {
        compare(json, path, found.as_ref().map(|found| found.json_text().expose().to_vec()));
    }
    let Some(found) = found else { return };
    let raw = found.json_text();
    assert!(raw.len() as u64 <= LONGEST && found.text().len() as u64 <= LONGEST, "{} bytes", raw.len());
    if plain {
        assert!(memchr::memmem::find(json, raw.expose()).is_some(), "a plain path makes nothing");
    }
    if gjson::is_json(raw.expose())
        && let Ok(again) = gjson::get(raw.expose(), "@this")
    {
        let again = again.expect("a value is there").json_text();
        assert!(again.same(&raw), "looked up as a whole it is another");
    }
}

fn is_plain(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What serde_json's tree has there. Where a name stands twice the first counts for one and the last for the other.
fn compare(json: &[u8], path: &str, found: Option<Vec<u8>>) {
    let Ok(tree) = serde_json::from_slice::<Value>(json) else { return };
    if serde_json::from_slice::<Once>(json).is_err() {
        return;
    }
    let mut place = Some(&tree);
    for step in path.split('.') {
        place = match place {
            Some(Value::Object(entries)) => entries.get(step),
            // As gjson, which reads digits and not `+1`; one that no list has is none.
            Some(Value::Array(items)) => {
                let digits = step.bytes().all(|byte| byte.is_ascii_digit());
                step.parse::<usize>().ok().filter(|_| digits).and_then(|at| items.get(at))
            }
            _ => None,
        };
    }
    let found = found.map(|raw| serde_json::from_slice::<Value>(&raw).expect("a part of JSON is JSON"));
    assert_eq!(found.as_ref(), place, "at {path}");
}

/// JSON in which no object has a name twice.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Look)
    }
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Once;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_str<E>(self, _: &str) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_unit<E>(self) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Once, A::Error> {
        while list.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a name stands twice"));
            }
            map.next_value::<Once>()?;
        }
        Ok(Once)
    }
}
