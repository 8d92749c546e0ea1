//! A property of a JSON value, set and removed, as a push does it: `path` or `literal`, the property and the value in
//! lines, and the JSON behind them (nothing: there is none yet).
//!
//! Holds: what was set is there and JSON, setting it again changes nothing, and after it was removed it is not there.

use claviger_core::gjson;
use claviger_core::push::{Removed, Way, holds, remove, set};

use crate::input::lines;

/// See the module.
pub fn run(data: &[u8]) {
    let ([way, property, value], json) = lines(data);
    let way = if way == "literal" { Way::Literal } else { Way::Path };
    let there = (!json.is_empty()).then_some(json);
    let before = there.map(|json| holds(json, property, way));
    let Ok(new) = set(there, property, way, value.as_bytes()) else { return };
    let new = match &new {
        Some(new) => new.expose(),
        None => {
            assert!(matches!(before, Some(Ok(Some(_)))), "it was as it should be, and not there");
            json
        }
    };
    assert!(gjson::is_json(new), "what was set is no JSON");
    let found = holds(new, property, way).expect("it could be set").expect("it was set");
    assert_eq!(serde_json::from_str::<String>(&found).ok().as_deref(), Some(value), "another value was set");
    let again = set(Some(new), property, way, value.as_bytes()).expect("it could be set");
    assert!(again.is_none(), "setting it again would change something");
    match remove(new, property, way).expect("it could be set") {
        Removed::Nothing => panic!("it is there and could not be removed"),
        Removed::Empty => {}
        Removed::Left(left) => {
            assert!(gjson::is_json(left.expose()), "what is left is no JSON");
            // In a list a null takes its place; of a name that stands twice the other is left.
            let rest = holds(left.expose(), property, way).expect("it could be set");
            let twice = memchr::memmem::find_iter(new, b":").count() > 1;
            assert!(
                rest.is_none() || rest.as_deref().is_some_and(|rest| rest == "null") || twice,
                "it is there still"
            );
        }
    }
}
