//! What a registry asks for before it answers: `WWW-Authenticate` (RFC 9110, section 11.6.1), and the token service of
//! the distribution specification. Pure.

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With name and password at each request.
    Basic,
    /// With a token that `realm` gives out.
    Bearer {
        /// A URL.
        realm: String,
        /// To be told there.
        service: Option<String>,
    },
}

/// The challenge to answer among those of all header fields: a token's rather than the password's own.
pub(super) fn choose<'a>(fields: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let all: Vec<Challenge> = fields.into_iter().flat_map(parse).collect();
    let bearer = all.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(all.first()).cloned()
}

/// The challenges in one field that we know how to answer.
fn parse(field: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let (mut scheme, mut realm, mut service) = (String::new(), None, None);
    let mut keep = |scheme: &str, realm: Option<String>, service: Option<String>| {
        if scheme.eq_ignore_ascii_case("basic") {
            found.push(Challenge::Basic);
        } else if let (true, Some(realm)) = (scheme.eq_ignore_ascii_case("bearer"), realm) {
            found.push(Challenge::Bearer { realm, service });
        }
    };
    for part in parts(field) {
        let (word, rest) = part.split_once([' ', '\t']).unwrap_or((part, ""));
        // A parameter, or a scheme with its first parameter behind it.
        let parameter = if word.contains('=') {
            part
        } else {
            keep(&scheme, realm.take(), service.take());
            word.clone_into(&mut scheme);
            rest
        };
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let value = unquoted(value.trim());
        match name.trim().to_ascii_lowercase().as_str() {
            "realm" => realm = Some(value),
            "service" => service = Some(value),
            _ => {}
        }
    }
    keep(&scheme, realm, service);
    found
}

/// Cut at the commas that stand outside of quotes.
fn parts(field: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in field.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(field[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(field[begin..].trim());
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_preferred_and_odd_fields_are_none() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(ToOwned::to_owned) })
        };
        for (fields, expected) in [
            (vec![r#"Basic realm="Registry""#], Some(Challenge::Basic)),
            (vec!["basic"], Some(Challenge::Basic)),
            (
                vec![
                    r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                ],
                bearer("https://auth.docker.io/token", Some("registry.docker.io")),
            ),
            (
                vec![r#"Basic realm="a, b", Bearer service=s , realm="https://t""#],
                bearer("https://t", Some("s")),
            ),
            (vec![r#"Basic realm="x""#, r#"Bearer realm="https://t""#], bearer("https://t", None)),
            (vec![r#"Bearer realm="https://t\"x""#], bearer("https://t\"x", None)),
            (vec!["Bearer"], None),
            (vec![r#"Negotiate abc="#], None),
            (vec![r#"Bearer error="invalid_token""#], None),
            (vec!["", ",,,", "=", "\"", "\\"], None),
            (vec![], None),
        ] {
            assert_eq!(choose(fields.clone()), expected, "{fields:?}");
        }
    }
}
