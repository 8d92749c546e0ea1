//! Places in a target that is no Secret: the path in the first line, the value in the second, the object behind them.
//!
//! Holds: no path leads to what names an object or says whose it is; what was put somewhere is there; and a path asks for
//! no more memory than a place is worth.

use claviger_core::generic::path::{Step, parse, put};
use serde_json::Value;

use crate::input::{lines, text};

/// Values of an object that a path may make on its way: lists are filled up to their index.
const MADE: usize = 64 * 10_001;

/// See the module.
pub fn run(data: &[u8]) {
    let ([path, value], object) = lines(data);
    let Ok(steps) = parse(path) else { return };
    let kept = ["apiVersion", "kind", "metadata", "status"];
    assert!(matches!(&steps[0], Step::Key(first) if !kept.contains(&first.as_str())), "{path:?} is kept");
    let made: usize = steps.iter().map(|step| if let Step::Index(at) = step { at + 1 } else { 1 }).sum();
    assert!(made <= MADE, "{path:?} makes {made} values");
    let value: Value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    let mut object: Value = serde_json::from_str(text(object)).unwrap_or_default();
    if put(&mut object, &steps, value.clone(), false).is_err() {
        return;
    }
    let mut place = &object;
    for step in &steps {
        place = match step {
            Step::Key(key) => &place[key.as_str()],
            Step::Index(at) => &place[*at],
        };
    }
    assert_eq!(*place, value, "something else is there");
}
