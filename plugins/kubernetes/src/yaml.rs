//! YAML, as much of it as a kubeconfig has: mappings, lists and texts, one document. Unquoted `true`, `false` and nulls are
//! that; everything else stays a text, numbers too. JSON is YAML. Anchors, merges and tags are not for kubeconfigs.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Deeper than any kubeconfig.
const MAX_DEPTH: usize = 32;
/// A thousand clusters; a Secret holds no more than 1 MiB.
const MAX_NODES: usize = 50_000;

/// The document; none if it is no such YAML.
pub fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { parser: Parser::new_from_str(text), nodes: 0 };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => return None,
            event => return reader.node(event, 0),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Event<'a>> {
        Some(self.parser.next()?.ok()?.0)
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Option<Value> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return None;
        }
        match event {
            Event::Scalar(text, style, 0, None) => Some(match (style, text.as_ref()) {
                (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
                (ScalarStyle::Plain, "true") => Value::Bool(true),
                (ScalarStyle::Plain, "false") => Value::Bool(false),
                (_, text) => Value::String(text.to_owned()),
            }),
            Event::SequenceStart(_, 0, None) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Some(Value::Array(items)),
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(_, 0, None) => {
                let mut entries = Map::new();
                loop {
                    let key = match self.next()? {
                        Event::MappingEnd => return Some(Value::Object(entries)),
                        Event::Scalar(text, ..) => text.into_owned(),
                        _ => return None,
                    };
                    let event = self.next()?;
                    let value = self.node(event, depth + 1)?;
                    entries.insert(key, value);
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_kubeconfig_is_made_of() {
        for (text, expected) in [
            (
                "a: b\nc: [x, 'true', true, 1, null]\n",
                Some(json!({"a": "b", "c": ["x", "true", true, "1", null]})),
            ),
            ("--- # made by hand\na:\n- {b: \"c\"}\n", Some(json!({"a": [{"b": "c"}]}))),
            (r#"{"a": {"b": false}, "c": ""}"#, Some(json!({"a": {"b": false}, "c": ""}))),
            ("a: >-\n  YWJj\n  ZGVm\n", Some(json!({"a": "YWJj ZGVm"}))),
            ("", None),
            ("a: &x 1\nb: *x\n", None),
            ("a: !!binary YQ==\n", None),
            ("a: [", None),
            ("? [a]\n: b\n", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(parse(&"[".repeat(10_000)), None);
        assert_eq!(parse(&format!("{}{}", "[".repeat(40), "]".repeat(40))), None);
    }
}
