//! The file of settings: YAML, read into what the flags of its keys would be given.
//!
//! A message names the file and the key, and never quotes a value: the URL of a proxy may hold a password. All that is
//! wrong in a file is named at once. Which of flag, variable and file goes before the others is not decided here.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::keys::{self, Key};
use crate::yaml;

/// As much as a ConfigMap holds.
const MAX_BYTES: u64 = 1024 * 1024;
/// Of what is wrong in one file, named at once.
const MAX_PROBLEMS: usize = 20;

/// A key with its value as the flag takes it.
pub(super) type Setting = (&'static Key, String);

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// Missing, a folder, without the right to read it.
    #[error("configuration file {} cannot be read: {why}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// More than [`MAX_BYTES`].
    #[error("configuration file {} is larger than 1 MiB", .0.display())]
    TooLarge(PathBuf),
    /// No YAML, or several documents.
    #[error("configuration file {} is not one YAML document{place}", .path.display())]
    NotYaml {
        /// Which.
        path: PathBuf,
        /// Where, in words.
        place: String,
    },
    /// YAML that says something else.
    #[error("configuration file {}: {}", .path.display(), Listed(.problems))]
    Wrong {
        /// Which.
        path: PathBuf,
        /// At least one.
        problems: Vec<String>,
    },
}

struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => f.write_str(one),
            several => several.iter().try_for_each(|problem| write!(f, "\n  {problem}")),
        }
    }
}

/// Reads one.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(path: &Path) -> Result<Vec<Setting>, FileError> {
    let unreadable =
        |error: std::io::Error| FileError::Unreadable { path: path.to_owned(), why: error.to_string() };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    let not_yaml = |place: String| FileError::NotYaml { path: path.to_owned(), place };
    let text = String::from_utf8(bytes).map_err(|_| not_yaml(": it is not UTF-8".to_owned()))?;
    let document = yaml::document(&text).map_err(not_yaml)?;
    settings(&document).map_err(|problems| FileError::Wrong { path: path.to_owned(), problems })
}

/// What a document sets.
///
/// # Errors
/// Everything in it that cannot be meant.
pub(super) fn settings(document: &Value) -> Result<Vec<Setting>, Vec<String>> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    match document {
        Value::Null => {}
        Value::Object(_) => walk("", document, &mut found, &mut problems),
        _ => problems.push("expected a map of settings".to_owned()),
    }
    let given = |path: &str| found.iter().any(|(key, _): &Setting| key.path == path);
    for own in ["webhook.secretName", "webhook.serviceName", "webhook.configurationName"] {
        if given("webhook.certDir") && given(own) {
            problems.push(format!("{own}: has no meaning beside webhook.certDir: remove one of them"));
        }
    }
    problems.truncate(MAX_PROBLEMS);
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// A key without a value is not set, and neither is what would stand below it.
fn walk(path: &str, value: &Value, found: &mut Vec<Setting>, problems: &mut Vec<String>) {
    if !path.is_empty() && !keys::is_section(path) {
        match (keys::find(path), value) {
            (None, _) => problems.push(unknown(path)),
            (Some(_), Value::Null) => {}
            (Some(key), value) => match key.kind.text(value) {
                Some(text) => found.push((key, text)),
                None => problems.push(format!("{path}: expected {}", key.kind.expected())),
            },
        }
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(entries) => {
            for (name, inner) in entries {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(&below, inner, found, problems);
            }
        }
        _ => problems.push(format!("{path}: expected a map of settings")),
    }
}

fn unknown(path: &str) -> String {
    // The names are the file's own, and may be anything: also a proxy's URL that slipped to the wrong side of the colon.
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut shown: String = path.chars().take_while(plain).take(100).collect();
    if shown.len() < path.len() {
        shown.push('…');
    }
    match keys::nearest(path) {
        Some(known) => format!("{shown}: unknown; did you mean {known}?"),
        None => format!("{shown}: unknown"),
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
