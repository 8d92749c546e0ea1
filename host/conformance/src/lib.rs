//! The conformance suite of provider plugins: what any of them must do, checked against a real backend.
//!
//! A *bench* says what lies prepared in the backend ([`Bench`]); the suite knows cases ([`Case`]) and no
//! provider. Between plugin and backend stands a proxy that can make the network and the backend fail, and can write
//! down what passes, to be the backend later.
//! It changes nothing in a backend and prepares nothing there; it knows no Kubernetes.
//!
//! A bench for a provider whose data stand in its store, and three of the cases:
//!
//! ```
//! use std::path::PathBuf;
//!
//! use claviger_conformance::{Bench, Case, Recording, run};
//! use claviger_plugins::package::unpack;
//! use claviger_plugins::{HostConfig, PluginHost};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bench = Bench::parse(
//!     r#"
//! plugin: fake
//! store: {data: [{key: greeting, value: hello}]}
//! cases:
//!   value: {key: greeting, expect: hello}
//!   missingKey: {key: absent}
//!   validate: {}
//! "#,
//!     PathBuf::new(), // where files that it names would lie
//! )?;
//! let component = unpack(std::fs::read("../plugins/tests/v1/fake.wasm.zst")?)?;
//! let host = PluginHost::new(HostConfig::default())?;
//!
//! let cases = [Case::Value, Case::MissingKey, Case::Validate];
//! let report = run(&host, component, None, &bench, &cases, Recording::None, |row| println!("{row}")).await?;
//! assert_eq!(report.summary(), "3 passed, 0 failed, 0 not supported");
//! # Ok(())
//! # }
//! ```

mod bench;
mod case;
mod proxy;
mod report;
mod run;
mod tape;

pub use bench::{Bench, BenchError};
pub use case::Case;
pub use report::{CaseReport, Outcome, Report};
pub use run::{SuiteError, run};
pub use tape::{Recording, RecordingError};
