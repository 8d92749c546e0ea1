//! What a template may ask its data for, by its text alone: so that a provider fetches no more than that.

use std::collections::BTreeSet;

use crate::language::lexer::{Kind, lex};
use crate::language::literal::unquote;

/// Every name that stands in a template as a field (`.a.b` has two) or as a constant string, which may be an argument of
/// `index` or `get`. A text that is no template has those before its first error.
pub fn mentions(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for token in lex(text, "", "") {
        match token.kind {
            Kind::Field => {
                names.insert(token.text.trim_start_matches('.').to_owned());
            }
            Kind::Str | Kind::RawString => {
                names.extend(unquote(&token.text).and_then(|bytes| String::from_utf8(bytes).ok()));
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_constants() {
        for (text, expected) in [
            ("plain", vec![]),
            ("{{ .auth.token }}", vec!["auth", "token"]),
            ("{{ index .auth \"api-key\" | b64enc }}{{ get .auth `raw` }}", vec!["api-key", "auth", "raw"]),
            (
                "{{ with .auth }}{{ printf \"%s:%s\" .user $.auth.pass }}{{ end }}",
                vec!["%s:%s", "auth", "pass", "user"],
            ),
            ("{{/* .not */}}", vec![]),
            ("{{ .a }}{{ \"open", vec!["a"]),
        ] {
            assert_eq!(mentions(text).iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
