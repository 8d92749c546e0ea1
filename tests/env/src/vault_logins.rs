//! Vault's logins that OpenBao does not have (aws, gcp, ldap), by `tests/servers/vault_logins.py` in front of
//! an OpenBao. What they verify and what they do not is said there.
//!
//! Nothing is enabled at the start: a test writes `sys/auth/PATH` and roles by [`VaultLoginsView::api`], as to
//! a Vault.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{AwsView, python};
use crate::bao::BaoView;
use crate::error::Result;
use crate::google::GoogleView;
use crate::http;
use crate::run::{Process, free_port, write_private};
use crate::tools::Tools;

/// Small, but Python on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running proxy; stopped when dropped. The OpenBao behind it is its owner's.
pub struct VaultLogins {
    view: VaultLoginsView,
    _process: Process,
}

/// How to reach it, for other processes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VaultLoginsView {
    address: String,
    token: String,
}

impl VaultLogins {
    /// Starts one in `dir`. `google_keys`: service accounts' e-mail addresses and public keys (PEM), which
    /// Vault would ask Google for.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(
        tools: &Tools,
        dir: &Path,
        bao: &BaoView,
        aws: &AwsView,
        google_keys: &BTreeMap<String, String>,
    ) -> Result<Self> {
        Self::launch(tools, dir, bao, aws, google_keys, None)
    }

    /// The same, asking Google's stand-in for public keys as Vault asks Google: what `signJwt` signs is verified.
    ///
    /// # Errors
    /// As [`VaultLogins::start`].
    pub fn start_asking(
        tools: &Tools,
        dir: &Path,
        bao: &BaoView,
        aws: &AwsView,
        google: &GoogleView,
    ) -> Result<Self> {
        Self::launch(tools, dir, bao, aws, &BTreeMap::new(), Some(google.address()))
    }

    fn launch(
        tools: &Tools,
        dir: &Path,
        bao: &BaoView,
        aws: &AwsView,
        google_keys: &BTreeMap<String, String>,
        google: Option<String>,
    ) -> Result<Self> {
        let port = free_port()?;
        let config = dir.join("vault-logins.json");
        let text = json!({
            "upstream": bao.admin(), "token": bao.token(), "sts": aws.address(), "google_keys": google_keys,
            "google": google,
        });
        write_private(&config, &text.to_string())?;
        let mut command = python(tools, dir, "vault_logins.py");
        command.args(["--port", &port.to_string(), "--config"]).arg(&config);
        let mut process = Process::start("vault-logins", &mut command, dir, dir)?;
        let view =
            VaultLoginsView { address: format!("http://127.0.0.1:{port}"), token: bao.token().to_owned() };
        process.wait_ready(DEADLINE, || {
            view.api("GET", "sys/health", &Value::Null).is_ok_and(|(status, _)| status == 200)
        })?;
        Ok(Self { view, _process: process })
    }

    /// How to reach it.
    pub fn view(&self) -> &VaultLoginsView {
        &self.view
    }
}

impl VaultLoginsView {
    /// Where a store finds it, plain HTTP.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The root token of the OpenBao behind it.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A call with the root token: HTTP status and answer.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let url = format!("{}/v1/{path}", self.address);
        http::call(method, &url, &[("x-vault-token", &self.token)], (!body.is_null()).then_some(body))
    }
}
