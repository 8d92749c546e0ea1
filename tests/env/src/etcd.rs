//! An etcd of a test's own, as a secret store: one node, plain HTTP, users on request. The control plane's
//! etcd is another one.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::http;
use crate::jsonl;
use crate::run::{Process, free_port};
use crate::tools::Tools;

/// It starts within a second; the rest is a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Name and password of etcd's administrator, whose name etcd prescribes.
const ROOT: &str = "root";

/// A running server; stopped when dropped.
pub struct Etcd {
    address: String,
    login_required: AtomicBool,
    _process: Process,
}

impl Etcd {
    /// Starts one in `dir`.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path) -> Result<Self> {
        let (client, peer) = (free_port()?, free_port()?);
        let address = format!("http://127.0.0.1:{client}");
        let peer = format!("http://127.0.0.1:{peer}");
        let mut command = Command::new(&tools.etcd);
        command.arg("--data-dir").arg(dir.join("store"));
        command.args(["--listen-client-urls", &address, "--advertise-client-urls", &address]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"]);
        command.args(["--log-level", "warn"]);
        let mut process = Process::start("etcd-store", &mut command, dir, dir)?;
        let health = format!("{address}/health");
        process.wait_ready(DEADLINE, || {
            http::call("GET", &health, &[], None).is_ok_and(|(status, _)| status == 200)
        })?;
        Ok(Self { address, login_required: AtomicBool::default(), _process: process })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Writes a key, as root once a login is required; the revision that it has then.
    ///
    /// # Errors
    /// If it is refused.
    pub fn put(&self, key: &str, value: impl AsRef<[u8]>) -> Result<String> {
        let token = match self.login_required.load(Ordering::Relaxed) {
            false => None,
            true => Some(self.root_token()?),
        };
        let body = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)});
        let answer = self.call("kv/put", &body, token.as_deref())?;
        Ok(jsonl::text(&answer, "/header/revision"))
    }

    /// A token of root's, once a login is required. It ends when it was not used for five minutes.
    ///
    /// # Errors
    /// If it is refused.
    pub fn root_token(&self) -> Result<String> {
        let answer = self.call("auth/authenticate", &json!({"name": ROOT, "password": ROOT}), None)?;
        Ok(jsonl::text(&answer, "/token"))
    }

    /// Makes a user that may read keys with a prefix, and from then on asks everybody for a login.
    ///
    /// # Errors
    /// If a step is refused.
    pub fn require_login(&self, user: &str, password: &str, prefix: &str) -> Result<()> {
        let mut end = prefix.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let readable =
            json!({"permType": "READ", "key": STANDARD.encode(prefix), "range_end": STANDARD.encode(end)});
        for (path, body) in [
            ("auth/role/add", json!({"name": ROOT})),
            ("auth/user/add", json!({"name": ROOT, "password": ROOT})),
            ("auth/user/grant", json!({"user": ROOT, "role": ROOT})),
            ("auth/role/add", json!({"name": "reader"})),
            ("auth/role/grant", json!({"name": "reader", "perm": readable})),
            ("auth/user/add", json!({"name": user, "password": password})),
            ("auth/user/grant", json!({"user": user, "role": "reader"})),
            ("auth/enable", json!({})),
        ] {
            self.call(path, &body, None)?;
        }
        self.login_required.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn call(&self, path: &str, body: &Value, token: Option<&str>) -> Result<Value> {
        let headers: Vec<_> = token.into_iter().map(|token| ("authorization", token)).collect();
        let url = format!("{}/v3/{path}", self.address);
        let (status, answer) = http::call("POST", &url, &headers, Some(body))?;
        if status == 200 {
            return Ok(answer);
        }
        Err(Error::Answer { what: format!("etcd: {path}"), answer: format!("{status} {answer}") })
    }
}
