//! `values.yaml` as a table for people: one row for each value, with the comment above it.
//!
//! Read as text, since what is wanted is what YAML parsers drop. So it has to be written plainly: a key a line, lists
//! and empty objects on the line of their key. Anything else is an error.

use anyhow::{Result, bail};
use serde::Deserialize;

const VALUES: [&str; 2] = ["<!-- values: made by `cargo xtask chart` -->", "<!-- end of values -->"];
const WITHHELD: [&str; 2] =
    ["<!-- without effect: made by `cargo xtask chart` -->", "<!-- end of without effect -->"];

/// A value of ESO's chart that is accepted and does nothing.
#[derive(Debug, Deserialize)]
pub(super) struct Withheld {
    /// Its path, with dots.
    pub value: String,
    /// What is so instead.
    pub why: String,
}

/// A value, or an object of values that has a comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// With dots.
    pub path: String,
    /// As it is written; none for an object.
    pub default: Option<String>,
    /// The comment above it.
    pub description: String,
}

/// The rows, in the order of the file.
///
/// # Errors
/// If a line is none of comment, key and nothing.
pub(super) fn rows(yaml: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut above: Vec<(usize, &str)> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for (at, line) in yaml.lines().enumerate() {
        let text = line.trim();
        if let Some(words) = text.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        }
        if text.is_empty() {
            comment.clear();
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let Some((key, rest)) = text.split_once(':').filter(|(key, rest)| is_key(key) && is_whole(rest))
        else {
            bail!("values.yaml, line {}: {text:?} is not `key:` or `key: value`", at + 1);
        };
        above.retain(|(outer, _)| *outer < indent);
        let path = above.iter().map(|(_, key)| *key).chain([key]).collect::<Vec<_>>().join(".");
        let default = Some(rest.trim()).filter(|rest| !rest.is_empty()).map(str::to_owned);
        if default.is_none() {
            above.push((indent, key));
        }
        let description = std::mem::take(&mut comment).join(" ");
        if default.is_some() || !description.is_empty() {
            rows.push(Row { path, default, description });
        }
    }
    Ok(rows)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

/// Nothing, or a value that ends on its line.
fn is_whole(rest: &str) -> bool {
    let value = rest.trim();
    let closed = |open, close| !value.starts_with(open) || value.ends_with(close);
    !value.contains(" #") && !value.starts_with(['|', '>']) && closed('[', ']') && closed('{', '}')
}

/// The README with its tables made anew.
///
/// # Errors
/// If `values.yaml` is written in another way, or a mark is missing.
pub(super) fn readme(now: &str, yaml: &str, withheld: &[Withheld]) -> Result<String> {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut table = "| value | default | |\n|---|---|---|\n".to_owned();
    for Row { path, default, description } in rows(yaml)? {
        let default = default.map(|default| format!("`{}`", cell(&default))).unwrap_or_default();
        table.push_str(&format!("| `{path}` | {default} | {} |\n", cell(&description)));
    }
    let mut without = "| value | why |\n|---|---|\n".to_owned();
    for one in withheld {
        without.push_str(&format!("| `{}` | {} |\n", one.value, cell(&one.why)));
    }
    between(&between(now, VALUES, &table)?, WITHHELD, &without)
}

/// What stands between two marks, replaced.
fn between(text: &str, [begin, end]: [&str; 2], new: &str) -> Result<String> {
    let parts = text.split_once(begin).and_then(|(head, rest)| Some((head, rest.split_once(end)?.1)));
    let Some((head, tail)) = parts else {
        bail!("the README of the chart has not both marks, {begin} and {end}");
    };
    Ok(format!("{head}{begin}\n\n{new}\n{end}{tail}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn row(path: &str, default: Option<&str>, description: &str) -> Row {
        Row {
            path: path.to_owned(),
            default: default.map(str::to_owned),
            description: description.to_owned(),
        }
    }

    #[test]
    fn comments_belong_to_what_is_right_below() {
        let yaml = "# About the file.\n\nname: \"\"\n# Two lines,\n# one row\nimage:\n  # Where: a registry\n  \
                    repository: a/b:c\n  pull:\n    policy: Always\n\n# Nobody's\n\nlast: [a, b]\n";
        let expected = [
            row("name", Some("\"\""), ""),
            row("image", None, "Two lines, one row"),
            row("image.repository", Some("a/b:c"), "Where: a registry"),
            row("image.pull.policy", Some("Always"), ""),
            row("last", Some("[a, b]"), ""),
        ];
        assert_eq!(rows(yaml).unwrap(), expected);
    }

    #[test]
    fn what_would_be_read_wrongly_is_refused_with_its_line() {
        for line in ["- item", "list: [a,", "map: {a: b,", "text: |", "x: 1 # beside", "a b: c"] {
            let error = rows(&format!("fine: 1\n{line}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{line}: {error}");
        }
    }

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let old = format!(
            "# Head\n{}\nold\n{}\nmiddle\n{}{}\ntail\n",
            VALUES[0], VALUES[1], WITHHELD[0], WITHHELD[1]
        );
        let withheld = [Withheld { value: "vault".to_owned(), why: "always".to_owned() }];
        let new = readme(&old, "# a|b\nkey: 1\n", &withheld).unwrap();
        assert!(
            new.starts_with("# Head\n") && new.ends_with("\ntail\n") && new.contains("\nmiddle\n"),
            "{new}"
        );
        assert!(new.contains("| `key` | `1` | a\\|b |\n") && new.contains("| `vault` | always |\n"), "{new}");
        assert!(!new.contains("old"));
        assert_eq!(readme(&new, "# a|b\nkey: 1\n", &withheld).unwrap(), new);
        assert!(readme("", "", &[]).unwrap_err().to_string().contains("marks"));
    }
}
