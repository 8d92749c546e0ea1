//! The conformance suite of provider plugins: what any of them must do, checked against a real backend.
//!
//! A *bench* says what lies prepared in the backend ([`Bench`]); the suite knows cases ([`Case`]) and no
//! provider. Between plugin and backend stands a proxy that can make the network and the backend fail, and can write
//! down what passes, to be the backend later.
//! It changes nothing in a backend and prepares nothing there; it knows no Kubernetes.

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
