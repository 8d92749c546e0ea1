//! Whether a config schema can be used without harm. Pure.
//!
//! A plugin writes its schema, and the host runs it on every store: a few lines can make a validator
//! recurse without end, branch a billion times or build gigabytes of automata. So its size is counted as
//! it is *used*, with every reference followed, and what refers to itself is refused.

use std::collections::HashMap;

use serde_json::Value;

/// Bytes of the text. The largest schema of ours has 12 KiB.
const MAX_BYTES: usize = 256 * 1024;

/// Values in it, references followed. The largest of ours has 1,500.
const MAX_SIZE: u64 = 20_000;

/// Levels of nesting, references followed: the validator's own recursion. Ours have 14.
const MAX_DEPTH: usize = 64;

/// Regular expressions, each of which becomes an automaton.
const MAX_PATTERNS: u64 = 100;

/// Keywords that resolve by rules of their own, which nothing here follows.
const UNFOLLOWED: [&str; 6] =
    ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor", "$id"];

/// Keywords whose value is data and no schema.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// Parses a schema and refuses what should not be compiled.
///
/// # Errors
/// Why not, in words for the plugin's author.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("config-schema has {} bytes, more than {MAX_BYTES}", text.len()));
    }
    let document: Value = serde_json::from_str(text).map_err(|_| "config-schema is not JSON".to_owned())?;
    if !document.is_object() {
        return Err("config-schema is not a JSON object".to_owned());
    }
    let mut walk = Walk { document: &document, known: HashMap::new(), open: Vec::new() };
    let sum = walk.measure(&document, 0, false)?;
    if sum.size > MAX_SIZE {
        return Err(format!(
            "config-schema has {} parts, references followed; more than {MAX_SIZE}",
            sum.size
        ));
    }
    if sum.patterns > MAX_PATTERNS {
        return Err(format!("config-schema has {} patterns, more than {MAX_PATTERNS}", sum.patterns));
    }
    Ok(document)
}

/// Of a part of the schema.
#[derive(Clone, Copy, Default)]
struct Sum {
    size: u64,
    patterns: u64,
    height: usize,
}

struct Walk<'a> {
    document: &'a Value,
    /// What a reference's target sums up to.
    known: HashMap<&'a str, Sum>,
    /// References that are being followed.
    open: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    /// `named`: the value is a map from names to schemas, so its keys are no keywords.
    fn measure(&mut self, node: &'a Value, depth: usize, named: bool) -> Result<Sum, String> {
        if depth > MAX_DEPTH {
            return Err(format!("config-schema is nested more than {MAX_DEPTH} levels deep"));
        }
        let mut sum = Sum { size: 1, patterns: 0, height: 0 };
        match node {
            Value::Array(items) => {
                for item in items {
                    sum.add(self.measure(item, depth + 1, false)?);
                }
            }
            Value::Object(entries) => {
                for (key, value) in entries {
                    sum.add(self.entry(key, value, depth + 1, named)?);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(sum)
    }

    fn entry(&mut self, key: &'a str, value: &'a Value, depth: usize, named: bool) -> Result<Sum, String> {
        if named {
            return self.measure(value, depth, false);
        }
        match (key, value) {
            _ if UNFOLLOWED.contains(&key) => {
                Err(format!("config-schema uses {key}, which is not supported"))
            }
            _ if DATA.contains(&key) => Ok(Sum { size: count(value), ..Sum::default() }),
            ("$ref", Value::String(reference)) => self.follow(reference, depth),
            ("$ref", _) => Err("config-schema has a $ref that is no text".to_owned()),
            ("pattern", _) => Ok(Sum { size: 1, patterns: 1, height: 0 }),
            ("properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas", _) => {
                let mut sum = self.measure(value, depth, true)?;
                if key == "patternProperties" {
                    sum.patterns += value.as_object().map_or(0, |entries| entries.len() as u64);
                }
                Ok(sum)
            }
            _ => self.measure(value, depth, false),
        }
    }

    fn follow(&mut self, reference: &'a str, depth: usize) -> Result<Sum, String> {
        let shown: String = reference.chars().filter(|c| !c.is_control()).take(100).collect();
        if self.open.contains(&reference) {
            return Err(format!("config-schema refers to itself at {shown}"));
        }
        let sum = match self.known.get(reference) {
            Some(sum) => *sum,
            None => {
                let target = reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer));
                let target = target.ok_or_else(|| {
                    format!("config-schema refers to {shown}, which is no place in it (#/$defs/…)")
                })?;
                // The whole refers to itself by any reference in it.
                if std::ptr::eq(target, self.document) {
                    return Err(format!("config-schema refers to itself at {shown}"));
                }
                self.open.push(reference);
                let sum = self.measure(target, depth, false)?;
                self.open.pop();
                self.known.insert(reference, sum);
                sum
            }
        };
        if depth + sum.height > MAX_DEPTH {
            return Err(format!("config-schema is nested more than {MAX_DEPTH} levels deep"));
        }
        Ok(sum)
    }
}

impl Sum {
    fn add(&mut self, part: Self) {
        self.size = self.size.saturating_add(part.size);
        self.patterns = self.patterns.saturating_add(part.patterns);
        self.height = self.height.max(part.height + 1);
    }
}

fn count(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(count).sum::<u64>() + 1,
        Value::Object(entries) => entries.values().map(count).sum::<u64>() + 1,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_would_cost_the_host_is_refused_by_name() {
        let chain: Vec<String> =
            (0..100).map(|n| format!(r##""s{n}":{{"not":{{"$ref":"#/$defs/s{}"}}}}"##, n + 1)).collect();
        let chain = format!(r##"{{"$ref":"#/$defs/s0","$defs":{{{},"s100":{{}}}}}}"##, chain.join(","));
        let double = |n| {
            let next = n + 1;
            format!(r##""s{n}":{{"allOf":[{{"$ref":"#/$defs/s{next}"}},{{"$ref":"#/$defs/s{next}"}}]}}"##)
        };
        let doubling: Vec<String> = (0..18).map(double).collect();
        let doubling = format!(r##"{{"$ref":"#/$defs/s0","$defs":{{{},"s18":{{}}}}}}"##, doubling.join(","));
        let patterns = format!(r#"{{"anyOf":[{}{{}}]}}"#, r#"{"pattern":"a"},"#.repeat(101));
        for (schema, expected) in [
            ("", "not JSON"),
            ("[]", "not a JSON object"),
            ("true", "not a JSON object"),
            (r##"{"$ref":"#"}"##, "refers to itself at #"),
            (r##"{"$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}}"##, "refers to itself at #/$defs/a"),
            (r##"{"properties":{"l":{"$ref":"#/properties/l"}}}"##, "refers to itself at #/properties/l"),
            (
                r##"{"$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"not":{"$ref":"#/$defs/a"}}}}"##,
                "refers to itself",
            ),
            (r#"{"$ref":"https://x.example/s.json"}"#, "refers to https://x.example/s.json"),
            (r#"{"$ref":"file:///etc/passwd"}"#, "refers to file:///etc/passwd"),
            (r##"{"$ref":"#/$defs/none"}"##, "no place in it"),
            (r#"{"$ref":7}"#, "no text"),
            (r##"{"$dynamicRef":"#me"}"##, "$dynamicRef"),
            (r#"{"properties":{"a":{"$id":"x"}}}"#, "$id"),
            (&format!("{}true{}", r#"{"not":"#.repeat(70), "}".repeat(70)), "64 levels"),
            (&chain, "64 levels"),
            (&doubling, "references followed"),
            (&format!(r#"{{"enum":[{}0]}}"#, "0,".repeat(30_000)), "references followed"),
            (&patterns, "101 patterns"),
            (&format!(r#"{{"title":"{}"}}"#, "x".repeat(MAX_BYTES)), "262144"),
        ] {
            let said = parse(schema).unwrap_err();
            assert!(said.contains(expected), "{expected:?} is not in {said:?}");
        }
    }

    #[test]
    fn names_are_no_keywords_and_data_is_no_schema() {
        for schema in [
            r#"{"properties":{"$ref":{"type":"string"},"pattern":{},"$id":{}}}"#,
            r#"{"const":{"$ref":"https://x.example"},"enum":[{"$id":"x"}]}"#,
            r##"{"properties":{"a":{"$ref":"#/$defs/r"},"b":{"$ref":"#/$defs/r"}},"$defs":{"r":{"type":"object"}}}"##,
        ] {
            parse(schema).unwrap();
        }
    }
}
