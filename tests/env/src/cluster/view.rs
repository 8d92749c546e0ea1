//! A control plane as tests see it, of this process and of others: kubectl, tokens and certificates, and what the API server
//! was asked.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AUTHORITY;
use crate::error::{Error, Result};
use crate::jsonl::{self, Mark};
use crate::pki::{Authority, Leaf, Usage, sign_jwt};
use crate::run::write_private;

/// How to reach it, for other processes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterView {
    pub(super) dir: PathBuf,
    pub(super) kubectl: PathBuf,
    pub(super) server: String,
    pub(super) kubeconfig: PathBuf,
    pub(super) audit_log: PathBuf,
    pub(super) token_key: String,
    pub(super) ca: String,
}

/// A request in the API server's audit log.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// Who.
    pub user: String,
    /// `get`, `patch` …
    pub verb: String,
    /// What, with its query.
    pub uri: String,
    /// The answer's HTTP status; 504 also if whoever asked went away before there was one.
    pub status: u64,
    /// When its head arrived, RFC 3339 with microseconds; the log has it when it was answered.
    pub received: String,
}

impl ClusterView {
    /// The admin's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs kubectl as admin.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn kubectl(&self, args: &[&str]) -> Result<Output> {
        self.command(args)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::Spawn { program: self.kubectl.display().to_string(), source })
    }

    /// kubectl with arguments, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        // Its own home, so that no configuration or cache of a person's is read or written.
        command.env("KUBECONFIG", &self.kubeconfig).env("HOME", &self.dir).args(args);
        command
    }

    /// What kubectl prints, if it succeeds.
    fn must(&self, args: &[&str]) -> Result<String> {
        printed(|| format!("kubectl {}", args.join(" ")), &self.kubectl(args)?)
    }

    /// Applies manifests.
    ///
    /// # Errors
    /// If they are refused.
    pub fn apply(&self, yaml: &str) -> Result<()> {
        use std::io::Write as _;
        let failed = |source| Error::Spawn { program: self.kubectl.display().to_string(), source };
        let mut child = self
            .command(&["apply", "--server-side", "--force-conflicts", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(yaml.as_bytes()).map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        printed(|| "kubectl apply".to_owned(), &output).map(drop)
    }

    /// A kubeconfig with a token of a ServiceAccount.
    ///
    /// # Errors
    /// If the API server gives no token.
    pub fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let token = self.must(&["-n", namespace, "create", "token", name, "--duration=2h"])?;
        let path = self.dir.join(format!("{namespace}-{name}.kubeconfig"));
        let user = format!("{{token: {:?}}}", token.trim());
        write_private(&path, &kubeconfig(&self.server, &self.ca_file(), &user))?;
        Ok(path)
    }

    /// The authority of the API server's certificate, in a file.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// The authority of the API server's certificate, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// A client certificate for a user of that name.
    ///
    /// # Errors
    /// If the authority's key cannot be read.
    pub fn client_certificate(&self, user: &str) -> Result<Leaf> {
        let path = self.dir.join("ca.key");
        let key = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        Authority::again(AUTHORITY, &key, &self.ca)?.leaf(Usage::Client, user, &[], &[])
    }

    /// The public key that ServiceAccount tokens verify with, PEM.
    pub fn token_key_pem(&self) -> &str {
        &self.token_key
    }

    /// The issuer of ServiceAccount tokens; it is also the API server's address.
    pub fn issuer(&self) -> &str {
        &self.server
    }

    /// The public keys that ServiceAccount tokens verify with, as the API server publishes them.
    ///
    /// # Errors
    /// If the API server does not give them.
    pub fn jwks(&self) -> Result<Value> {
        let text = self.must(&["get", "--raw", "/openid/v1/jwks"])?;
        serde_json::from_str(&text)
            .map_err(|source| Error::Json { what: "the API server's keys".to_owned(), source })
    }

    /// A token of a ServiceAccount for one audience, valid for ten minutes, the shortest that there is.
    ///
    /// # Errors
    /// If the API server gives no token.
    pub fn service_account_token(&self, namespace: &str, name: &str, audience: &str) -> Result<String> {
        let token =
            self.must(&["-n", namespace, "create", "token", name, "--audience", audience, "--duration=10m"])?;
        Ok(token.trim().to_owned())
    }

    /// A token of any claims by the key of the cluster's own tokens: one that is over, say.
    ///
    /// # Errors
    /// If the key cannot be read.
    pub fn forged_token(&self, claims: &Value) -> Result<String> {
        let path = self.dir.join("sa.key");
        let key = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        sign_jwt(&key, &jsonl::text(&self.jwks()?, "/keys/0/kid"), claims)
    }

    /// The end of the audit log as it is now.
    pub fn audit_mark(&self) -> Mark {
        jsonl::end(&self.audit_log)
    }

    /// Requests since then.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit_requests(&self, since: Mark) -> Result<Vec<ApiRequest>> {
        Ok(jsonl::since(&self.audit_log, since)?.into_iter().map(request).collect())
    }

    /// Requests since then, and the place from which to read on.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit_next(&self, since: Mark) -> Result<(Vec<ApiRequest>, Mark)> {
        let (events, mark) = jsonl::next(&self.audit_log, since)?;
        Ok((events.into_iter().map(request).collect(), mark))
    }
}

/// What a program printed, if it succeeded.
fn printed(what: impl FnOnce() -> String, output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Failed {
        what: what(),
        status: output.status.to_string(),
        detail: format!("\n{}", String::from_utf8_lossy(&output.stderr)),
    })
}

/// A line of the audit log.
fn request(event: Value) -> ApiRequest {
    ApiRequest {
        user: jsonl::text(&event, "/user/username"),
        verb: jsonl::text(&event, "/verb"),
        uri: jsonl::text(&event, "/requestURI"),
        status: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
        received: jsonl::text(&event, "/requestReceivedTimestamp"),
    }
}

pub(super) fn kubeconfig(server: &str, ca: &Path, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\n\
         clusters: [{{name: c, cluster: {{server: {server:?}, certificate-authority: {:?}}}}}]\n\
         users: [{{name: u, user: {user}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n",
        ca.display()
    )
}
