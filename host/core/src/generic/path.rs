//! Places in a target that is no Secret: `spec.rules[0].from[1].name`, as `templateFrom.target` names them.

use serde_json::{Map, Value};

/// Lists are not made longer than that for a path: an index is not a way to ask for memory.
const MAX_INDEX: usize = 10_000;

/// Steps of a path: each is a level of the object, and whatever reads and drops it goes down there.
const MAX_STEPS: usize = 64;

/// Values that the paths of one template may make on their way into lists: each is some 30 bytes.
pub(crate) const MAX_MADE: usize = 100_000;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a map.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// Why a text names no place, or the place cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not a path.
    #[error("it is no path: give keys with dots between them, and [n] for the elements of lists")]
    Form,
    /// An index that is too large.
    #[error("its index is over {MAX_INDEX}")]
    Index,
    /// Too many steps.
    #[error("it has more than {MAX_STEPS} steps")]
    Deep,
    /// A place that the operator itself decides about.
    #[error("{0} is not for templates: data, labels, annotations and paths below other fields are")]
    Kept(String),
    /// Something else stands on the way.
    #[error("at {0:?} there is no {1}")]
    Way(String, &'static str),
}

/// Reads a path.
///
/// # Errors
/// That it is none, or leads to what names the object or says whose it is.
pub fn parse(text: &str) -> Result<Vec<Step>, PathError> {
    let mut steps = Vec::new();
    for segment in text.split('.') {
        let (name, mut rest) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
        if segment.is_empty() {
            return Err(PathError::Form);
        }
        if !name.is_empty() {
            steps.push(Step::Key(name.to_owned()));
        }
        while !rest.is_empty() {
            let (index, after) =
                rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or(PathError::Form)?;
            let index: usize = index.parse().map_err(|_| PathError::Form)?;
            if index > MAX_INDEX {
                return Err(PathError::Index);
            }
            steps.push(Step::Index(index));
            rest = after;
        }
        if steps.len() > MAX_STEPS {
            return Err(PathError::Deep);
        }
    }
    match steps.first() {
        Some(Step::Key(first)) if matches!(first.as_str(), "apiVersion" | "kind" | "metadata" | "status") => {
            Err(PathError::Kept(first.clone()))
        }
        Some(Step::Key(_)) => Ok(steps),
        Some(Step::Index(_)) | None => Err(PathError::Form),
    }
}

/// Values that a path may make on its way: lists are filled up to their index.
pub(crate) fn made(steps: &[Step]) -> usize {
    steps.iter().map(|step| if let Step::Index(index) = step { index + 1 } else { 0 }).sum()
}

/// Puts a value at a place, making maps and lists on the way. A map is laid over one that is there, if `merged`.
///
/// # Errors
/// If something else than a map or list stands on the way.
pub fn put(into: &mut Value, steps: &[Step], value: Value, merged: bool) -> Result<(), PathError> {
    let mut place = into;
    for step in steps {
        place = match step {
            Step::Key(key) => {
                if place.is_null() {
                    *place = Value::Object(Map::new());
                }
                let map = place.as_object_mut().ok_or_else(|| PathError::Way(key.clone(), "map"))?;
                map.entry(key.clone()).or_insert(Value::Null)
            }
            Step::Index(index) => {
                if place.is_null() {
                    *place = Value::Array(Vec::new());
                }
                let list =
                    place.as_array_mut().ok_or_else(|| PathError::Way(format!("[{index}]"), "list"))?;
                if list.len() <= *index {
                    list.resize(index + 1, Value::Null);
                }
                &mut list[*index]
            }
        };
    }
    match (place, value) {
        (Value::Object(there), Value::Object(new)) if merged => there.extend(new),
        (place, value) => *place = value,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_keys_and_indexes() {
        let (key, index) = (|key: &str| Step::Key(key.to_owned()), Step::Index);
        assert_eq!(
            parse("spec.rules[0].from[12][3].notIpBlocks"),
            Ok(vec![
                key("spec"),
                key("rules"),
                index(0),
                key("from"),
                index(12),
                index(3),
                key("notIpBlocks")
            ])
        );
        assert_eq!(parse("spec"), Ok(vec![key("spec")]));
        for text in
            ["", ".", "spec.", ".spec", "spec..a", "spec[", "spec[x]", "spec[-1]", "spec[0]a", "[0].a"]
        {
            assert_eq!(parse(text), Err(PathError::Form), "{text:?}");
        }
        assert_eq!(parse("spec.a[10001]"), Err(PathError::Index));
        // As deep as that an object could not be dropped any more: a manifest has room for half a million steps.
        let deep = |steps: usize| "a.".repeat(steps - 1) + "a";
        assert_eq!(parse(&deep(MAX_STEPS)).map(|steps| steps.len()), Ok(MAX_STEPS));
        assert_eq!(parse(&deep(MAX_STEPS + 1)), Err(PathError::Deep));
        assert_eq!(parse(&format!("a{}", "[0]".repeat(500_000))), Err(PathError::Deep));
        for text in ["metadata.ownerReferences", "kind", "status.ready", "apiVersion"] {
            assert!(matches!(parse(text), Err(PathError::Kept(_))), "{text}");
        }
    }

    #[test]
    fn values_are_put_where_the_path_leads() {
        let mut object = json!({"spec": {"rules": [{"x": 1}], "text": "t", "map": {"a": 1, "b": 1}}});
        let mut put = |path: &str, value: Value, merged: bool| {
            super::put(&mut object, &parse(path).unwrap(), value, merged).map(|()| object.clone())
        };
        put("spec.rules[0].y", json!("z"), false).unwrap();
        put("spec.rules[2].x", json!(3), false).unwrap();
        put("spec.new.deep[0]", json!(true), false).unwrap();
        let object = put("spec.map", json!({"b": 2, "c": 2}), true).unwrap();
        assert_eq!(
            object,
            json!({"spec": {
                "rules": [{"x": 1, "y": "z"}, null, {"x": 3}], "text": "t", "map": {"a": 1, "b": 2, "c": 2},
                "new": {"deep": [true]}
            }})
        );
        assert_eq!(put("spec.text.a", json!(1), false), Err(PathError::Way("a".to_owned(), "map")));
        assert_eq!(put("spec.map[0]", json!(1), false), Err(PathError::Way("[0]".to_owned(), "list")));
        assert_eq!(put("spec.map", json!(1), true).unwrap()["spec"]["map"], json!(1));
    }
}
