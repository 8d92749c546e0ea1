//! What a plugin answers across the boundary: a text that must not leave the host in the first line, and an answer as
//! JSON behind it (`Said`).
//!
//! Holds: what was made for one is not shared; names, versions, ids, pointers and lines are short and plain; the value
//! goes through byte for byte; no error says what the plugin was handed.

use claviger_core::provider::{Facet, ProviderError};
use claviger_core::redact::Redactor;
use claviger_core::secret::SecretBytes;
use claviger_plugins::answers::{self, SaidHolder, SaidLease, SaidValue};
use serde::Deserialize;

use crate::input::lines;

/// Bytes of a name that a guest makes up.
const LONGEST: usize = 4096;

/// An answer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Said {
    data: String,
    entries: Option<Vec<(String, String)>>,
    version: Option<String>,
    metadata: Option<String>,
    lease: Option<Lease>,
    shareable: bool,
    dynamic: bool,
    path: String,
    detail: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Lease {
    id: String,
    duration_ms: u64,
    renewable: bool,
    accessor: Option<String>,
    ttl_ms: Option<u64>,
}

/// See the module.
pub fn run(data: &[u8]) {
    let ([secret], rest) = lines(data);
    let secret = secret.trim_ascii();
    let Ok(said) = serde_json::from_slice::<Said>(rest) else { return };
    let mut redactor = Redactor::default();
    redactor.seed(&SecretBytes::copied_from(secret.as_bytes()));
    let quoted = format!("{} {secret}", said.detail);
    let error = answers::invalid_config(said.path.clone(), quoted, &redactor);
    let ProviderError::InvalidConfig { path, detail } = error else { panic!("{error:?}") };
    let detail = Redactor::default().clean(&detail);
    if secret.len() >= 6 {
        let leaks = |text: &str| text.split("[redacted]").any(|part| part.contains(secret));
        assert!(!leaks(&path) && !leaks(&detail), "{path:?} {detail:?}");
    }
    let marked = |c: char| c.is_ascii_alphanumeric() || "/~-_.[]".contains(c);
    assert!(path.len() <= LONGEST && path.chars().all(marked), "{path:?}");
    assert!(
        answers::label(said.detail.clone()).is_none_or(|label| label == said.detail && label.len() <= 64)
    );
    let line = answers::line(&said.detail);
    assert!(line.chars().count() <= 200 && !line.chars().any(char::is_control));
    for facet in [Facet::Value, Facet::Metadata] {
        judge(&said, facet);
    }
}

fn judge(said: &Said, facet: Facet) {
    let lease = said.lease.as_ref().map(|lease| SaidLease {
        id: lease.id.clone(),
        duration_ms: lease.duration_ms,
        renewable: lease.renewable,
        holder: lease.ttl_ms.map(|ttl_ms| SaidHolder {
            accessor: lease.accessor.clone(),
            ttl_ms,
            renewable: false,
        }),
    });
    let bytes = |(key, value): &(String, String)| (key.clone(), value.clone().into_bytes());
    let answer = SaidValue {
        data: said.data.clone().into_bytes(),
        entries: said.entries.as_ref().map(|entries| entries.iter().map(bytes).collect()),
        version: said.version.clone(),
        metadata: said.metadata.clone(),
        lease,
        shareable: said.shareable,
        dynamic: said.dynamic,
    };
    let value = answers::value(answer, facet);
    let made = said.dynamic || said.lease.is_some();
    assert!(!made || (value.dynamic && !value.shareable), "what was made for one is shared");
    assert!(value.version.as_ref().is_none_or(|version| version.len() <= LONGEST));
    if !said.data.is_empty() {
        assert_eq!(value.data.expose(), said.data.as_bytes());
    }
    for (key, text) in said.entries.iter().flatten() {
        let last = said.entries.iter().flatten().rfind(|(other, _)| other == key).map(|(_, text)| text);
        let kept = value.entries.as_ref().and_then(|entries| entries.get(key)).expect("it was answered");
        assert!(last != Some(text) || kept.expose() == text.as_bytes(), "entry {key:?} is another");
    }
    if let Some(lease) = &value.lease {
        let accessor = lease.holder.as_ref().and_then(|holder| holder.accessor.as_ref());
        assert!(lease.id.len() <= LONGEST && accessor.is_none_or(|accessor| accessor.len() <= LONGEST));
    }
}
