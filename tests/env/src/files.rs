//! Python's own web server over a folder: a backend that is nobody's secret system. It asks for no credential.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::error::Result;
use crate::http;
use crate::run::{Process, free_port};
use crate::tools::Tools;

const DEADLINE: Duration = Duration::from_secs(60);

/// A running server; stopped when dropped.
pub struct Files {
    address: String,
    _process: Process,
}

impl Files {
    /// Serves `folder`; its log is in `dir`.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path, folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(&tools.python);
        command
            .args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1", "--directory"])
            .arg(folder);
        let mut process = Process::start("files", &mut command, dir, folder)?;
        let address = format!("http://127.0.0.1:{port}");
        process.wait_ready(DEADLINE, || http::call("GET", &address, &[], None).is_ok())?;
        Ok(Self { address, _process: process })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}
