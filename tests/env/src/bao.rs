//! OpenBao: the Vault-compatible server that tests read from, with an audit log that counts every request.
//!
//! Two listeners: one as a store reaches it (plain or TLS with a private CA), one plain for set-up. Raft
//! storage, so that it can be stopped and started again with its data.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::http;
use crate::jsonl::{self, Mark};
use crate::pki::{Authority, Usage};
use crate::run::{Process, free_port, poll, write_private};
use crate::tools::Tools;

/// A single raft node elects itself within 10 s; the rest is a busy machine.
const DEADLINE: Duration = Duration::from_secs(90);

/// How to start one.
#[derive(Clone, Copy, Debug, Default)]
pub struct BaoOptions {
    /// TLS with a certificate of a private CA.
    pub tls: bool,
    /// The certificate's only name; loopback and `localhost` if left out.
    pub name: Option<&'static str>,
    /// Every client must show a certificate of the same CA ([`Bao::authority`]).
    pub client_certificates: bool,
}

/// A running server; stopped when dropped.
pub struct Bao {
    view: BaoView,
    program: PathBuf,
    dir: PathBuf,
    unseal_key: String,
    authority: Option<Authority>,
    process: Option<Process>,
}

/// How to reach it, for other processes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BaoView {
    address: String,
    admin: String,
    token: String,
    audit_log: PathBuf,
    ca: Option<String>,
}

/// A line of the audit log.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// `request` or `response`.
    pub kind: String,
    /// `read`, `update`, `list` …
    pub operation: String,
    /// Path below `/v1/`.
    pub path: String,
    /// A hash of the token that was sent, known or not: who asked.
    pub token_hash: String,
    /// Header fields of the request that `sys/config/auditing/request-headers` names: an object of lists.
    pub headers: Value,
    /// The lease of what a response gave; empty if it has none.
    pub lease_id: String,
}

impl Bao {
    /// Starts one in `dir`, initialised and unsealed.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path, options: BaoOptions) -> Result<Self> {
        let (port, admin, cluster) = (free_port()?, free_port()?, free_port()?);
        let (data, audit_log) = (dir.join("bao-data"), dir.join("bao-audit.jsonl"));
        std::fs::create_dir_all(&data).map_err(Error::file("create", &data))?;
        let authority = options.tls.then(|| Authority::new("claviger-test-vault-ca")).transpose()?;
        let tls = match &authority {
            Some(authority) => tls(authority, options, dir)?,
            None => "tls_disable = true".to_owned(),
        };
        let config = format!(
            "storage \"raft\" {{ path = {:?} node_id = \"one\" }}\n\
             listener \"tcp\" {{\n address = \"127.0.0.1:{port}\"\n {tls}\n}}\n\
             listener \"tcp\" {{\n address = \"127.0.0.1:{admin}\"\n cluster_address = \"127.0.0.1:{cluster}\"\n tls_disable = true\n}}\n\
             api_addr = \"http://127.0.0.1:{admin}\"\ncluster_addr = \"http://127.0.0.1:{cluster}\"\n\
             unsafe_allow_api_audit_creation = true\nlog_level = \"warn\"\n",
            data.display()
        );
        write_private(&dir.join("bao.hcl"), &config)?;
        let scheme = if options.tls { "https" } else { "http" };
        let mut bao = Self {
            view: BaoView {
                address: format!("{scheme}://127.0.0.1:{port}"),
                admin: format!("http://127.0.0.1:{admin}"),
                token: String::new(),
                audit_log: audit_log.clone(),
                ca: authority.as_ref().map(|authority| authority.pem().to_owned()),
            },
            program: tools.bao.clone(),
            dir: dir.to_owned(),
            unseal_key: String::new(),
            authority,
            process: None,
        };
        bao.launch()?;
        let init = bao.view.must("PUT", "sys/init", &json!({"secret_shares": 1, "secret_threshold": 1}))?;
        bao.unseal_key = jsonl::text(&init, "/keys_base64/0");
        bao.view.token = jsonl::text(&init, "/root_token");
        bao.unseal()?;
        let audit = json!({"type": "file", "options": {"file_path": audit_log}});
        bao.view.must("PUT", "sys/audit/file", &audit)?;
        Ok(bao)
    }

    /// How to reach it.
    pub fn view(&self) -> &BaoView {
        &self.view
    }

    /// Who signed its certificate, if it speaks TLS.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// Ends it; its data stays.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again at the same address with its data.
    ///
    /// # Errors
    /// As [`Bao::start`].
    pub fn start_again(&mut self) -> Result<()> {
        self.launch()?;
        self.unseal()
    }

    fn launch(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.env("HOME", &self.dir).args(["server", "-config"]).arg(self.dir.join("bao.hcl"));
        let mut process = Process::start("bao", &mut command, &self.dir, &self.dir)?;
        // Any status is an answer: 501 before it is initialised, 503 while it is sealed.
        process.wait_ready(DEADLINE, || self.view.call("GET", "sys/health", &Value::Null).is_ok())?;
        self.process = Some(process);
        Ok(())
    }

    /// Unseals it, and waits until it takes requests.
    ///
    /// # Errors
    /// If it does not.
    pub fn unseal(&self) -> Result<()> {
        self.view.must("PUT", "sys/unseal", &json!({"key": self.unseal_key}))?;
        poll("OpenBao to be active", DEADLINE, || match self.view.call("GET", "sys/health", &Value::Null) {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
    }
}

impl BaoView {
    /// Where a store finds it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The CA of its certificate, if it speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    /// A call with the root token: HTTP status and answer.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.call(method, path, body)
    }

    /// Mounts KV version 2, and waits until it takes requests: for a moment it says that it is being upgraded.
    ///
    /// # Errors
    /// If there is something already, or it stays so.
    pub fn mount_kv2(&self, path: &str) -> Result<()> {
        let engine = json!({"type": "kv", "options": {"version": "2"}});
        self.must("POST", &format!("sys/mounts/{path}"), &engine)?;
        poll("KV version 2", DEADLINE, || match self.call("GET", &format!("{path}/config"), &Value::Null) {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
    }

    /// The end of the audit log as it is now.
    pub fn audit_mark(&self) -> Mark {
        jsonl::end(&self.audit_log)
    }

    /// Entries since then.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit_entries(&self, since: Mark) -> Result<Vec<AuditEntry>> {
        jsonl::since(&self.audit_log, since).map(entries)
    }

    /// Entries between two moments.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit_between(&self, since: Mark, until: Mark) -> Result<Vec<AuditEntry>> {
        jsonl::between(&self.audit_log, since, until).map(entries)
    }

    /// The plain listener for set-up.
    pub(crate) fn admin(&self) -> &str {
        &self.admin
    }

    /// The root token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let url = format!("{}/v1/{path}", self.admin);
        http::call(method, &url, &[("x-vault-token", &self.token)], (!body.is_null()).then_some(body))
    }

    fn must(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        match self.call(method, path, body)? {
            (200..=299, answer) => Ok(answer),
            (status, answer) => {
                Err(Error::Answer { what: format!("{method} {path}"), answer: format!("{status} {answer}") })
            }
        }
    }
}

/// The listener's TLS.
fn tls(authority: &Authority, options: BaoOptions, dir: &Path) -> Result<String> {
    let leaf = match options.name {
        Some(name) => authority.server(name)?,
        None => authority.leaf(Usage::Server, "bao", &[], &["localhost"])?,
    };
    let (cert, key) = leaf.write(dir, "bao")?;
    let mut tls = format!("tls_cert_file = {:?}\n tls_key_file = {:?}", cert.display(), key.display());
    if options.client_certificates {
        let ca = dir.join("bao-ca.crt");
        std::fs::write(&ca, authority.pem()).map_err(Error::file("write", &ca))?;
        let more = "tls_require_and_verify_client_cert = true\n tls_client_ca_file =";
        tls.push_str(&format!("\n {more} {:?}", ca.display()));
    }
    Ok(tls)
}

fn entries(lines: Vec<Value>) -> Vec<AuditEntry> {
    let entry = |line: Value| AuditEntry {
        kind: jsonl::text(&line, "/type"),
        operation: jsonl::text(&line, "/request/operation"),
        path: jsonl::text(&line, "/request/path"),
        token_hash: jsonl::text(&line, "/request/client_token"),
        headers: line.pointer("/request/headers").cloned().unwrap_or_default(),
        lease_id: jsonl::text(&line, "/response/secret/lease_id"),
    };
    lines.into_iter().map(entry).collect()
}
