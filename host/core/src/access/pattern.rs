//! One pattern of a rule's `keys`: read, checked, and compared with a key as it stands in a manifest.
//!
//! A pattern names a key whole, or how it begins. What a backend makes of a key is not known here, so nothing is
//! brought into a common form: only what is spelled as the pattern spells it is covered, and of what stands for the
//! `*` only what can hardly mean anything else.

/// What stands for the namespace that asks.
const NAMESPACE: &str = "{{namespace}}";

/// Names of namespaces that are a part of paths with some providers (Vault's KV: `secret/data/x` is `secret/x`, and
/// `secret/destroy/x` destroys it), so that a folder of that name is no folder of its own.
const PARTS_OF_PATHS: [&str; 7] = ["config", "data", "delete", "destroy", "metadata", "subkeys", "undelete"];

/// Whether a namespace is called like a part of a backend's paths: `{{namespace}}` stands for nothing there.
pub(super) fn is_part_of_paths(namespace: &str) -> bool {
    PARTS_OF_PATHS.contains(&namespace)
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing.
    #[error("it is empty: give a key, or how keys begin with a * behind it; \"*\" is every key")]
    Empty,
    /// A `*` anywhere else.
    #[error("a * stands at the end only")]
    Star,
    /// Another template.
    #[error("{{{{{0}}}}} is not known: only {{{{namespace}}}} stands for something")]
    Unknown(String),
    /// Half of one.
    #[error("{{{{ and }}}} go together")]
    Braces,
    /// Something that nobody sees.
    #[error("it has a line break or another control character in it")]
    Control,
    /// `team//*`, `a/../*`.
    #[error("it has an empty, . or .. part between slashes, which no key that it is compared with can have")]
    Segment,
    /// `{{namespace}}*`, `{{namespace}}-*`.
    #[error(
        "behind {{{{namespace}}}} stands a character that no name of a namespace has, such as / or _: \
         else one namespace's keys may begin like another's"
    )]
    Undelimited,
    /// `{{namespace}}/*` for whatever namespace.
    #[error(
        "{{{{namespace}}}} cannot be the first part in a rule that does not name its namespaces: one may be called like \
         a mount or a kind of the backend; let a fixed part stand before it, or name the namespaces"
    )]
    First,
}

/// Whether a key is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    Yes,
    No,
    /// It begins as it should, and goes on in a way that might mean another key.
    Odd,
}

/// A pattern that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Without the `*`.
    text: String,
    open: bool,
}

impl Pattern {
    /// `named`: whether the rule names its namespaces.
    pub(super) fn parse(text: &str, named: bool) -> Result<Self, PatternError> {
        let (text, open) = text.strip_suffix('*').map_or((text, false), |text| (text, true));
        if text.is_empty() && !open {
            return Err(PatternError::Empty);
        }
        if text.contains('*') {
            return Err(PatternError::Star);
        }
        if text.chars().any(char::is_control) {
            return Err(PatternError::Control);
        }
        let text = normalised(text)?;
        for (at, _) in text.match_indices(NAMESPACE) {
            let rest = &text[at + NAMESPACE.len()..];
            let delimited = match rest.chars().next() {
                None => !open,
                Some(next) => !(next.is_ascii_alphanumeric() || next == '-' || next == '{'),
            };
            if !delimited {
                return Err(PatternError::Undelimited);
            }
            let first = text[..at].trim_start_matches('/').is_empty();
            if first && !named && rest.starts_with(['/', ':']) {
                return Err(PatternError::First);
            }
        }
        // The last part goes on where the key does.
        let folder = text.rsplit_once('/').map_or("", |(folder, _)| folder);
        if open && !folder.is_empty() && !has_plain_segments(folder) {
            return Err(PatternError::Segment);
        }
        Ok(Self { text, open })
    }

    /// Whether it differs by namespace.
    pub(super) fn is_templated(&self) -> bool {
        self.text.contains(NAMESPACE)
    }

    /// What it means for a namespace; `None` for names that it cannot stand for.
    pub(super) fn of(&self, namespace: &str) -> Option<Filled> {
        if self.is_templated() && (!is_namespace(namespace) || is_part_of_paths(namespace)) {
            return None;
        }
        Some(Filled { text: self.text.replace(NAMESPACE, namespace), open: self.open })
    }
}

/// `{{ namespace }}` is `{{namespace}}`; nothing else stands between braces.
fn normalised(text: &str) -> Result<String, PatternError> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}").ok_or(PatternError::Braces)?;
        if before.contains("}}") {
            return Err(PatternError::Braces);
        }
        if name.trim() != "namespace" {
            return Err(PatternError::Unknown(name.to_owned()));
        }
        done.push_str(before);
        done.push_str(NAMESPACE);
        rest = behind;
    }
    if rest.contains("}}") {
        return Err(PatternError::Braces);
    }
    done.push_str(rest);
    Ok(done)
}

/// A pattern for one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filled {
    text: String,
    open: bool,
}

impl Filled {
    /// Compares with a key as it was written.
    pub(super) fn covers(&self, key: &str) -> Cover {
        match key.strip_prefix(self.text.as_str()) {
            Some("") if !self.open => Cover::Yes,
            Some(rest) if self.open && rest.chars().all(is_plain) && has_plain_segments(key) => Cover::Yes,
            Some(_) if self.open => Cover::Odd,
            _ => Cover::No,
        }
    }

    /// Whether below a folder, or among the keys that begin so, there may be one that it covers.
    pub(super) fn meets(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        if !path.is_empty() && !has_plain_segments(path) {
            return false;
        }
        match path.strip_prefix(self.text.as_str()) {
            Some(rest) => rest.is_empty() || (self.open && rest.chars().all(is_plain)),
            None => self.text.starts_with(path),
        }
    }
}

impl std::fmt::Display for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", format!("{}{}", self.text, if self.open { "*" } else { "" }))
    }
}

/// What a `*` may stand for. Letters of any script; of the rest what names have with the known backends. Nothing
/// that escapes (`%`, `\`), ends or begins another part of a request (`?`, `#`, `&`, quotes), or looks like a slash or
/// a dot and may be taken for one.
fn is_plain(c: char) -> bool {
    c.is_alphabetic() || c.is_ascii_digit() || "/_+=.@:- ".contains(c)
}

/// No part that leads elsewhere (`.`, `..`), or that a backend may leave out: an empty one, but before a first slash,
/// or a space at an end.
fn has_plain_segments(key: &str) -> bool {
    let (first, rest) = (key.strip_prefix('/'), key);
    first
        .unwrap_or(rest)
        .split('/')
        .all(|part| !matches!(part, "" | "." | "..") && !part.starts_with(' ') && !part.ends_with(' '))
}

/// A name that Kubernetes gives a namespace: files may say anything.
fn is_namespace(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len())
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_a_pattern() {
        use PatternError::{Braces, Control, Empty, First, Segment, Star, Undelimited, Unknown};
        for (text, named, expected) in [
            ("team/a/*", false, None),
            ("*", false, None),
            ("/*", false, None),
            ("/team/*", false, None),
            ("team-*", false, None),
            ("team/a", false, None),
            ("A title, \"whole\" & odd", false, None),
            ("team/{{namespace}}/*", false, None),
            ("team/{{ namespace }}/*", false, None),
            ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{{namespace}}/*", false, None),
            ("{{namespace}}_*", false, None),
            ("{{namespace}}.*", false, None),
            ("k8s-{{namespace}}", false, None),
            ("{{namespace}}", false, None),
            ("{{namespace}}/*", true, None),
            ("{{namespace}}/db", true, None),
            ("", false, Some(Empty)),
            ("team/*/db", false, Some(Star)),
            ("team/**", false, Some(Star)),
            ("team\n/*", false, Some(Control)),
            ("team/{{name}}/*", false, Some(Unknown("name".to_owned()))),
            ("{{ .namespace }}/*", true, Some(Unknown(" .namespace ".to_owned()))),
            ("team/{{namespace/*", false, Some(Braces)),
            ("team/namespace}}/*", false, Some(Braces)),
            ("a}}/{{namespace}}", false, Some(Braces)),
            ("team//*", false, Some(Segment)),
            ("//*", false, Some(Segment)),
            ("team/../*", false, Some(Segment)),
            ("./team*", false, Some(Segment)),
            ("team/{{namespace}}*", false, Some(Undelimited)),
            ("team/{{namespace}}-*", true, Some(Undelimited)),
            ("team/{{namespace}}-db", false, Some(Undelimited)),
            ("{{namespace}}X*", false, Some(Undelimited)),
            ("a/{{namespace}}{{namespace}}", false, Some(Undelimited)),
            ("{{namespace}}/*", false, Some(First)),
            ("/{{namespace}}/*", false, Some(First)),
            ("{{namespace}}:*", false, Some(First)),
            ("{{namespace}}/db", false, Some(First)),
        ] {
            assert_eq!(Pattern::parse(text, named).err(), expected, "{text:?} {named}");
        }
    }

    fn filled(text: &str, namespace: &str) -> Filled {
        Pattern::parse(text, true).unwrap().of(namespace).unwrap()
    }

    #[test]
    fn what_a_pattern_covers() {
        use Cover::{No, Odd, Yes};
        for (pattern, key, expected) in [
            ("team/{{namespace}}/*", "team/a/db", Yes),
            ("team/{{namespace}}/*", "team/a/deep/er/db", Yes),
            ("team/{{namespace}}/*", "team/a/Größe 2_+=.@:-x", Yes),
            ("team/{{namespace}}/*", "team/a/..b/c...", Yes),
            ("team/{{namespace}}/*", "team/b/db", No),
            ("team/{{namespace}}/*", "team/ab/db", No),
            ("team/{{namespace}}/*", "team/a", No),
            ("team/{{namespace}}/*", "Team/a/db", No),
            ("team/{{namespace}}/*", "/team/a/db", No),
            ("team/{{namespace}}/*", " team/a/db", No),
            ("team/{{namespace}}/*", "secret/data/team/a/db", No),
            // Nothing of it is left where a backend drops the slash: that is the key of the folder.
            ("team/{{namespace}}/*", "team/a/", Odd),
            ("team/{{namespace}}/*", "team/a/x/", Odd),
            ("team/{{namespace}}/*", "team/a//x", Odd),
            ("team/{{namespace}}/*", "team/a/../b/db", Odd),
            ("team/{{namespace}}/*", "team/a/x/../../b/db", Odd),
            ("team/{{namespace}}/*", "team/a/./db", Odd),
            ("team/{{namespace}}/*", "team/a/..", Odd),
            ("team/{{namespace}}/*", "team/a/%2e%2e/b", Odd),
            ("team/{{namespace}}/*", "team/a/..%2fb", Odd),
            ("team/{{namespace}}/*", "team/a/..\\b", Odd),
            ("team/{{namespace}}/*", "team/a/x?list=true", Odd),
            ("team/{{namespace}}/*", "team/a/x#y", Odd),
            ("team/{{namespace}}/*", "team/a/x&key=team/b", Odd),
            ("team/{{namespace}}/*", "team/a/x\",\"path\":\"team/b", Odd),
            ("team/{{namespace}}/*", "team/a/x\n", Odd),
            ("team/{{namespace}}/*", "team/a/x\0", Odd),
            ("team/{{namespace}}/*", "team/a/ ", Odd),
            ("team/{{namespace}}/*", "team/a/.. /b", Odd),
            ("team/{{namespace}}/*", "team/a/x ", Odd),
            ("team/{{namespace}}/*", "team/a/\u{ff0e}\u{ff0e}/b", Odd),
            ("team/{{namespace}}/*", "team/a/\u{2024}\u{2024}/b", Odd),
            ("team/{{namespace}}/*", "team/a\u{2215}b", No),
            ("team/{{namespace}}/*", "team/a/x\u{200b}", Odd),
            ("team/{{namespace}}/*", "team/a/\u{202e}x", Odd),
            ("team/a*", "team/a", Yes),
            ("team/a*", "team/ab", Yes),
            ("team/a*", "team/a/../b", Odd),
            ("team/.*", "team/./b", Odd),
            ("team/.*", "team/../b", Odd),
            ("team/a", "team/a", Yes),
            ("team/a", "team/a/", No),
            ("team/a", "team/a/../a", No),
            ("team/a", "team/ab", No),
            ("A title & more", "A title & more", Yes),
            ("*", "anything/at all", Yes),
            ("*", "/leading", Yes),
            ("*", "a/../b", Odd),
            ("*", "", Odd),
            ("*", "/", Odd),
            ("/team/*", "/team/x", Yes),
            ("/team/*", "team/x", No),
            ("/team/*", "//team/x", No),
        ] {
            assert_eq!(filled(pattern, "a").covers(key), expected, "{pattern:?} {key:?}");
        }
    }

    #[test]
    fn a_pattern_stands_for_namespaces_only() {
        let pattern = Pattern::parse("secret/{{namespace}}/*", false).unwrap();
        // Vault reads `secret/data/x` as `secret/x`; the rest no API server gives out.
        for odd in ["", "..", "a/b", "A", "a.b", "-a", "a-", &"a".repeat(64)] {
            assert_eq!(pattern.of(odd), None, "{odd:?}");
        }
        // What Vault's page of KV version 2 has between a mount and a key.
        for part in ["config", "data", "metadata", "subkeys", "delete", "undelete", "destroy"] {
            assert_eq!(pattern.of(part), None, "{part:?}");
        }
        assert!(pattern.of("database").is_some());
        assert!(Pattern::parse("fixed/*", false).unwrap().of("data").is_some());
    }

    #[test]
    fn where_to_search() {
        for (pattern, path, expected) in [
            ("team/a/*", "", true),
            ("team/a/*", "/", true),
            ("team/a/*", "team", true),
            ("team/a/*", "te", true),
            ("team/a/*", "team/a", true),
            ("team/a/*", "team/a/", true),
            ("team/a/*", "team/a/deep", true),
            ("team/a/*", "team/b", false),
            ("team/a/*", "team/ab", false),
            ("team/a/*", "team/a/../b", false),
            ("team/a/*", "team/../team", false),
            ("team/a/*", "team//a", false),
            ("team/a/*", "team/a/x%2f", false),
            ("title", "title", true),
            ("title", "title/x", false),
            ("*", "anywhere", true),
        ] {
            assert_eq!(filled(pattern, "a").meets(path), expected, "{pattern:?} {path:?}");
        }
    }

    /// What web servers and libraries do to a path before they look at it, in the worst case: decode it, twice, turn
    /// backslashes, drop what is behind `?`, `#` and `;`, drop empty parts and dots, and go up for two dots.
    fn as_read_at_worst(key: &str) -> String {
        let mut text = key.to_owned();
        for (from, to) in
            [("%25", "%"), ("%2e", "."), ("%2E", "."), ("%2f", "/"), ("%2F", "/"), ("%5c", "\\")]
        {
            text = text.replace(from, to);
        }
        let text = text.replace(['\\', '\u{ff0f}', '\u{2215}'], "/").replace(['\u{ff0e}', '\u{2024}'], ".");
        let text = text.split(['?', '#', ';', '\0', '\n']).next().unwrap_or_default();
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split('/') {
            match part.trim() {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    }

    const PIECES: [&str; 27] = [
        "/",
        "..",
        ".",
        "%2e",
        "%2f",
        "%252e",
        "\\",
        "?",
        "#",
        ";",
        "&",
        "=",
        "\"",
        "\n",
        "\0",
        " ",
        "a",
        "b",
        "ab",
        "team",
        "data",
        "{{namespace}}",
        "*",
        "\u{ff0e}",
        "\u{ff0f}",
        "\u{2024}",
        "@",
    ];

    fn spelled() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// However a key goes on, what is covered lies below the folder, whoever reads it.
        #[test]
        fn no_spelling_leaves_the_folder(rest in spelled()) {
            let pattern = filled("team/{{namespace}}/*", "a");
            for key in [format!("team/a/{rest}"), format!("team/a{rest}"), rest.clone()] {
                if pattern.covers(&key) == Cover::Yes {
                    prop_assert!(key.starts_with("team/a/"), "{key:?}");
                    prop_assert!(as_read_at_worst(&key).starts_with("team/a/"), "{key:?}");
                }
            }
        }

        /// What is not covered stays so, whatever stands behind it.
        #[test]
        fn a_denied_key_stays_denied(rest in spelled(), tail in spelled()) {
            let pattern = filled("team/{{namespace}}/*", "a");
            let key = format!("team/b/{rest}");
            prop_assert_eq!(pattern.covers(&key), Cover::No);
            prop_assert_eq!(pattern.covers(&format!("{key}{tail}")), Cover::No);
            let exact = filled("team/a", "a");
            prop_assert_eq!(exact.covers(&format!("team/a{rest}")) == Cover::Yes, rest.is_empty());
        }

        /// One pattern never gives one key to two namespaces.
        #[test]
        fn namespaces_do_not_meet(
            pattern in "(x/|k8s-|x_)?\\{\\{namespace\\}\\}(/|_|\\.|:|/d/)\\*",
            one in "[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?",
            other in "[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?",
            rest in "[-a-z0-9/_.:]{0,12}",
        ) {
            prop_assume!(one != other);
            let pattern = Pattern::parse(&pattern, true).unwrap();
            if let (Some(one), Some(other)) = (pattern.of(&one), pattern.of(&other)) {
                let key = format!("{}{rest}", one.text);
                prop_assert!(one.covers(&key) != Cover::Yes || other.covers(&key) == Cover::No, "{key:?}");
            }
        }
    }
}
