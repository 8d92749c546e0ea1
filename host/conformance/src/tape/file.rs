//! A recording as it lies in a folder: `recording.yaml`, and a file for each case that reached a backend. Read and
//! written by people too, so bodies stay texts and fields stay in the order of their names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RecordingError;
use crate::case::Case;

/// Of the files' layout; another one is refused.
const FORMAT: u32 = 1;
const INDEX: &str = "recording.yaml";

/// What a recording says of itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    format: u32,
    /// Name and version of the plugin that was recorded.
    pub(crate) plugin: String,
    /// Names of the bench's servers.
    pub(crate) servers: Vec<String>,
}

/// A case's exchanges, in the order in which the requests came.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseFile {
    pub(super) exchanges: Vec<Recorded>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    pub(super) server: String,
    pub(super) method: String,
    pub(super) path: String,
    /// So many that are alike, one after the other.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub(super) times: usize,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, Fields>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) body: String,
    pub(super) answer: RecordedAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedAnswer {
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, Fields>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) body: String,
}

/// The values of a header field: nearly always one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Fields {
    One(String),
    Many(Vec<String>),
}

impl Fields {
    pub(super) fn each(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    pub(super) fn add(fields: &mut BTreeMap<String, Self>, name: &str, value: String) {
        match fields.remove(name) {
            None => fields.insert(name.to_owned(), Self::One(value)),
            Some(before) => {
                let values = before.each().iter().cloned().chain([value]).collect();
                fields.insert(name.to_owned(), Self::Many(values))
            }
        };
    }
}

fn once() -> usize {
    1
}

fn is_once(times: &usize) -> bool {
    *times == 1
}

impl Index {
    pub(super) fn new(plugin: String, servers: Vec<String>) -> Self {
        Self { format: FORMAT, plugin, servers }
    }

    /// Of the recording in a folder.
    pub(crate) fn load(folder: &Path) -> Result<Self, RecordingError> {
        let path = folder.join(INDEX);
        let index: Self = parse(&path, &read(&path)?)?;
        if index.format != FORMAT {
            let why = format!("format {}, and this program reads {FORMAT}: record it again", index.format);
            return Err(malformed(&path, why));
        }
        Ok(index)
    }
}

/// A case's file; nothing, if it reached no backend.
pub(super) fn load(folder: &Path, case: Case) -> Result<CaseFile, RecordingError> {
    let path = path(folder, case);
    if path.exists() { parse(&path, &read(&path)?) } else { Ok(CaseFile::default()) }
}

pub(super) fn path(folder: &Path, case: Case) -> PathBuf {
    folder.join(format!("{case}.yaml"))
}

/// The text of a file.
pub(super) fn written(value: &impl Serialize) -> Result<String, String> {
    // A body is one line: folded or cut it is nothing that somebody can look for.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| error.to_string())
}

/// Writes the recording: the files of these cases anew, others stay.
pub(super) fn save(folder: &Path, index: &Index, cases: &[(Case, CaseFile)]) -> Result<(), RecordingError> {
    let failed = |path: &Path, source| RecordingError::Folder { path: path.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    let write = |path: PathBuf, text: Result<String, String>| {
        let text = text.map_err(|why| malformed(&path, why))?;
        std::fs::write(&path, text).map_err(|source| failed(&path, source))
    };
    for (case, file) in cases {
        let path = path(folder, *case);
        if !file.exchanges.is_empty() {
            write(path, written(file))?;
        } else if path.exists() {
            std::fs::remove_file(&path).map_err(|source| failed(&path, source))?;
        }
    }
    write(folder.join(INDEX), written(index))
}

fn read(path: &Path) -> Result<String, RecordingError> {
    let failed = |source| RecordingError::Folder { path: path.display().to_string(), source };
    std::fs::read_to_string(path).map_err(failed)
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<T, RecordingError> {
    // What follows the first line quotes the file.
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    serde_saphyr::from_str(text).map_err(|error| malformed(path, first(error.to_string())))
}

pub(super) fn malformed(path: &Path, why: String) -> RecordingError {
    RecordingError::Malformed { path: path.display().to_string(), why }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Bodies have everything that YAML gives a meaning to.
    #[test]
    fn a_file_returns_as_it_was() {
        let mut headers = BTreeMap::new();
        Fields::add(&mut headers, "set-cookie", "a=⟦issued-1:20⟧; Path=/".to_owned());
        Fields::add(&mut headers, "set-cookie", "b: c".to_owned());
        let bodies = [
            "",
            " ",
            "\n",
            "- a",
            "a: b #c",
            "{\"a\":\"b\"}",
            "'\"\\",
            "null",
            "1e3",
            "yes",
            "line\nline\n\n  end ",
            "\ttab",
            "%x",
            "@x",
            "---",
            "...",
            "é ⟦hex:00⟧ 🗝",
            "|",
            ">-",
            "&a *a !t",
        ];
        let recorded = |body: &str| Recorded {
            server: "API".to_owned(),
            method: "POST".to_owned(),
            path: "/v1?a=b#c".to_owned(),
            times: 2,
            headers: headers.clone(),
            body: body.to_owned(),
            answer: RecordedAnswer { status: 200, headers: BTreeMap::new(), body: body.to_owned() },
        };
        let file = CaseFile { exchanges: bodies.iter().map(|body| recorded(body)).collect() };
        let dir = tempfile::tempdir().unwrap();
        let index = Index::new("etcd 0.1.0".to_owned(), vec!["API".to_owned()]);
        save(dir.path(), &index, &[(Case::Value, file)]).unwrap();
        let read = load(dir.path(), Case::Value).unwrap();
        for (body, read) in bodies.iter().zip(&read.exchanges) {
            assert_eq!(*read, recorded(body), "{body:?}");
        }
        assert_eq!(read.exchanges.len(), bodies.len());
        assert_eq!(Index::load(dir.path()).unwrap(), index);
        assert_eq!(load(dir.path(), Case::Push).unwrap(), CaseFile::default());
        save(dir.path(), &index, &[(Case::Value, CaseFile::default())]).unwrap();
        assert!(!path(dir.path(), Case::Value).exists(), "a case that reaches nobody any more has no file");
    }
}
