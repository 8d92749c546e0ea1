//! Loading components, and running the suite over a bench that a test wrote down.

use std::path::PathBuf;
use std::sync::Arc;

use claviger_conformance::{Bench, BenchError, Case, Outcome, Recording, Report, SuiteError, run};
use claviger_plugins::{HostConfig, PluginHost};
use serde_json::Value;

/// A component that `cargo xtask test` built, on a host of its own.
pub(crate) struct Subject {
    host: Arc<PluginHost>,
    bytes: Vec<u8>,
    _cache: tempfile::TempDir,
}

impl Subject {
    /// It, or a loud skip. Compiled once for all that a test runs over it.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let dir = std::env::var_os("CLAVIGER_PLUGIN_DIR").map(PathBuf::from);
        let bytes = dir.and_then(|dir| std::fs::read(dir.join(format!("{name}.wasm"))).ok());
        let Some(bytes) = bytes else {
            let message = format!("SKIPPED: {name}.wasm is not built; run `cargo xtask test`");
            assert!(std::env::var_os("CLAVIGER_REQUIRE_PLUGINS").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        };
        let cache = tempfile::tempdir().unwrap();
        let cache_dir = Some(cache.path().join("compiled"));
        let host = PluginHost::new(HostConfig { cache_dir, ..HostConfig::default() }).unwrap();
        Some(Self { host, bytes, _cache: cache })
    }

    /// The suite's report.
    pub(crate) async fn report(&self, bench: &Value, only: &[Case]) -> Report {
        self.taped(bench, only, Recording::None).await.unwrap()
    }

    /// The same with a recording.
    pub(crate) async fn taped(
        &self,
        bench: &Value,
        only: &[Case],
        recording: Recording<'_>,
    ) -> Result<Report, SuiteError> {
        let bench = Bench::parse(&bench.to_string(), PathBuf::new()).unwrap();
        run(&self.host, self.bytes.clone(), None, &bench, only, recording, |_| {}).await
    }

    /// Why no case could run.
    pub(crate) async fn refused(&self, bench: &Value) -> SuiteError {
        self.taped(bench, &[], Recording::None).await.err().unwrap()
    }

    /// How the case ended.
    pub(crate) async fn outcome(&self, bench: &Value, case: &str) -> Outcome {
        let report = self.report(bench, &[Case::named(case).unwrap()]).await;
        report.cases.into_iter().next().unwrap().outcome
    }
}

/// The bench with the value at `pointer` replaced, or added to its object.
pub(crate) fn changed(bench: &Value, pointer: &str, value: Value) -> Value {
    let mut bench = bench.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match bench.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(entries) => {
            entries.insert(key.to_owned(), value);
        }
        other => other[key.parse::<usize>().unwrap()] = value,
    }
    bench
}

/// The rows as a person sees them.
pub(crate) fn shown(report: &Report) -> String {
    report.cases.iter().map(|row| format!("{row}\n")).collect()
}

/// That a bench is refused before anything runs.
pub(crate) fn refusal(bench: &Value) -> BenchError {
    Bench::parse(&bench.to_string(), PathBuf::new()).err().unwrap()
}
