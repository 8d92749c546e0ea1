//! A 1Password Connect server, by `tests/servers/onepassword.py`. What it verifies and what it does not is said there.
//!
//! It is empty at the start: a test gives it vaults, items and tokens by [`Connect::fill`].

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::aws::python;
use crate::error::{Error, Result};
use crate::http;
use crate::run::{Process, free_port};
use crate::tools::Tools;

/// Small, but Python on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running server; stopped when dropped.
pub struct Connect {
    address: String,
    _process: Process,
}

impl Connect {
    /// Starts one in `dir`.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = python(tools, dir, "onepassword.py");
        command.args(["--port", &port.to_string()]);
        let mut process = Process::start("onepassword", &mut command, dir, dir)?;
        let address = format!("http://127.0.0.1:{port}");
        let url = format!("{address}/v1/vaults");
        process.wait_ready(DEADLINE, || {
            http::call("GET", &url, &[], None).is_ok_and(|(status, _)| status == 401)
        })?;
        Ok(Self { address, _process: process })
    }

    /// Where a store finds it, plain HTTP.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Gives it tokens, vaults and items, in place of those before; their ids.
    ///
    /// # Errors
    /// If it does not take them.
    pub fn fill(&self, state: &Value) -> Result<Value> {
        let url = format!("{}/_test/state", self.address);
        match http::call("PUT", &url, &[], Some(state))? {
            (200, ids) => Ok(ids),
            (status, answer) => Err(Error::Answer { what: url, answer: format!("{status} {answer}") }),
        }
    }
}
