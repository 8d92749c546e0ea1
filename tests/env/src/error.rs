//! The one error type of this crate, and [`Missing`]: a prerequisite that the machine lacks.
//!
//! `Missing` is an error of its own because callers treat it differently: a developer's run skips the
//! part and says so loudly, a CI run fails. Everything else is simply a failure. Nothing here decides
//! which; the caller does.

use std::path::PathBuf;

/// A program or package that must be on the machine and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What is missing, as a person would name it: "Go 1.26", "PostgreSQL server".
    pub what: String,
    /// What cannot be done without it.
    pub why: String,
    /// How to get it.
    pub how_to_get: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is missing, so {}; {}", self.what, self.why, self.how_to_get)
    }
}

/// What can go wrong while servers are built, started, asked or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks a prerequisite.
    #[error("{0}")]
    Missing(Missing),
    /// A file operation failed.
    #[error("{doing} {path}: {source}")]
    File {
        /// What was being done, as a verb: "read", "create".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A program could not be started at all.
    #[error("start {program}: {source}")]
    Spawn {
        /// The program's path.
        program: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("{what} failed ({status}){detail}")]
    Failed {
        /// What the program was to do.
        what: String,
        /// Its exit status.
        status: String,
        /// The end of its output, on lines of its own, or nothing.
        detail: String,
    },
    /// A condition did not come true in time.
    #[error("{what}: not so after {seconds} s{detail}")]
    Deadline {
        /// The condition.
        what: String,
        /// How long was waited.
        seconds: u64,
        /// The last answer or the end of a log, on lines of its own, or nothing.
        detail: String,
    },
    /// A server ended by itself while it was waited for.
    #[error("{name} ended by itself ({status}){detail}")]
    Died {
        /// The server.
        name: String,
        /// Its exit status.
        status: String,
        /// The end of its log, on lines of its own.
        detail: String,
    },
    /// A server answered something else than was needed.
    #[error("{what}: unexpected answer: {answer}")]
    Answer {
        /// What was asked.
        what: String,
        /// What came.
        answer: String,
    },
    /// A request got no HTTP answer.
    #[error("{what}: {source}")]
    Http {
        /// What was asked.
        what: String,
        /// Why there is no answer.
        source: Box<ureq::Error>,
    },
    /// A certificate could not be made.
    #[error("make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// JSON could not be read.
    #[error("{what}: {source}")]
    Json {
        /// What was being read.
        what: String,
        /// The parser's answer.
        source: serde_json::Error,
    },
}

/// Shorthand for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps an I/O error with what was being done to which path; for `map_err`.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::File { doing, path, source }
    }

    /// The missing prerequisite, if that is what this error is.
    pub fn missing(&self) -> Option<&Missing> {
        match self {
            Error::Missing(missing) => Some(missing),
            _ => None,
        }
    }
}
