//! The API server without TLS, by `kubectl proxy`: for looks that are too many for a process each, and for a proxy
//! between an operator and its API server that need not speak TLS itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::ClusterView;
use crate::error::Result;
use crate::http;
use crate::run::{Process, free_port};

/// It starts within a second; the rest is a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running one; stopped when dropped. It outlives its API server: while that is away it answers 502.
pub struct PlainApi {
    address: String,
    _process: Process,
}

impl PlainApi {
    /// Whoever asks by it is the cluster's admin. Logs go to `dir`.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn of_admin(cluster: &ClusterView, dir: &Path) -> Result<Self> {
        let kubeconfig = cluster.kubeconfig();
        let mut command = cluster.command(&[]);
        command.arg("--kubeconfig").arg(kubeconfig);
        Self::start(command, kubeconfig, dir)
    }

    /// Whoever asks by it is whose token he sends. Logs go to `dir`.
    ///
    /// # Errors
    /// As [`PlainApi::of_admin`].
    pub fn of_bearers(cluster: &ClusterView, dir: &Path) -> Result<Self> {
        let ca: PathBuf = cluster.ca_file();
        // kubectl asks for a password if it has nothing, and sends this only where there is nothing else.
        let mut command = cluster.command(&["--kubeconfig=/dev/null", "--token=nobody"]);
        command.args(["--server", cluster.issuer()]);
        command.arg("--certificate-authority").arg(&ca);
        Self::start(command, &ca, dir)
    }

    fn start(mut command: Command, marker: &Path, dir: &Path) -> Result<Self> {
        let port = free_port()?;
        command.args(["proxy", "--address=127.0.0.1", &format!("--port={port}")]);
        let mut process = Process::start(&format!("kubectl-proxy-{port}"), &mut command, dir, marker)?;
        let address = format!("http://127.0.0.1:{port}");
        let version = format!("{address}/version");
        process.wait_ready(DEADLINE, || {
            // 401 is the API server's answer to nobody.
            http::call("GET", &version, &[], None).is_ok_and(|(status, _)| matches!(status, 200 | 401))
        })?;
        Ok(Self { address, _process: process })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Reads `path`, which begins with a slash: HTTP status and answer.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub fn get(&self, path: &str) -> Result<(u16, Value)> {
        http::call("GET", &format!("{}{path}", self.address), &[], None)
    }

    /// Writes `body` to `path` by that method (`POST`, `PUT`).
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        http::call(method, &format!("{}{path}", self.address), &[], Some(body))
    }

    /// Merges `body` into the object at `path`.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub fn merge(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let kind = [("content-type", "application/merge-patch+json")];
        http::call("PATCH", &format!("{}{path}", self.address), &kind, Some(body))
    }
}
