//! AWS: Secrets Manager, Parameter Store, STS, IAM and the metadata endpoints, by `tests/servers/aws.py`.
//!
//! What the server verifies and what it does not is said there. Set-up and looking are done by boto3, the
//! vendor's own client, which that process runs against itself over loopback: [`AwsView::call`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cache::workspace_root;
use crate::error::{Error, Result};
use crate::http;
use crate::jsonl::{self, Mark};
use crate::run::{Process, free_port, write_private};
use crate::tools::Tools;

/// Python reads some hundred modules first, on a machine that compiles at the same time.
const DEADLINE: Duration = Duration::from_secs(60);

/// How to start one.
#[derive(Clone, Debug)]
pub struct AwsOptions {
    /// The keys of the cluster's ServiceAccount tokens.
    pub jwks: Value,
    /// Their issuer.
    pub issuer: String,
    /// Where the metadata endpoints listen: IMDSv2 and EKS Pod Identity alike at each. First the one that the clouds'
    /// metadata server passes on to.
    pub metadata: Vec<SocketAddr>,
}

/// A running server; stopped when dropped.
pub struct Aws {
    view: AwsView,
    _process: Process,
}

/// How to reach it, for other processes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AwsView {
    address: String,
    access_log: PathBuf,
    provider: String,
    metadata: Vec<SocketAddr>,
    region: String,
    account: String,
}

/// Credentials that a call is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsIdentity {
    /// `AKIA…` of a user, `ASIA…` of a session.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// Only of a session.
    pub session_token: Option<String>,
}

/// What AWS said instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AwsError {
    /// `ResourceNotFoundException` …
    pub code: String,
    /// In words.
    pub message: String,
    /// HTTP status.
    pub status: u16,
}

/// A request in the access log.
#[derive(Clone, Debug, Deserialize)]
pub struct AwsRequest {
    /// Counted from the start of the server.
    pub number: u64,
    /// `secretsmanager`, `ssm`, `sts`, `iam`.
    pub service: String,
    /// `GetSecretValue` …
    pub action: String,
    /// The region that the signature names.
    pub region: String,
    /// Who signed; empty if nobody did.
    pub access_key_id: String,
    /// HTTP status.
    pub status: u16,
    /// The secrets, parameters or roles that it names.
    pub names: Vec<String>,
}

impl Aws {
    /// Starts one in `dir`.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path, options: &AwsOptions) -> Result<Self> {
        let port = free_port()?;
        let (jwks, access_log) = (dir.join("aws-jwks.json"), dir.join("aws-access.jsonl"));
        write_private(&jwks, &options.jwks.to_string())?;
        let mut command = python(tools, dir, "aws.py");
        command.args(["--port", &port.to_string(), "--issuer", &options.issuer]);
        command.arg("--jwks").arg(&jwks).arg("--access-log").arg(&access_log);
        for address in &options.metadata {
            command.args(["--metadata", &address.to_string()]);
        }
        let mut process = Process::start("aws", &mut command, dir, dir)?;
        let issuer = options.issuer.split_once("://").map_or(options.issuer.as_str(), |(_, rest)| rest);
        let view = AwsView {
            address: format!("http://127.0.0.1:{port}"),
            access_log,
            provider: format!("oidc-provider/{issuer}"),
            metadata: options.metadata.clone(),
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
        };
        // Unsigned and so refused, but by the server.
        process.wait_ready(DEADLINE, || http::call("GET", &view.address, &[], None).is_ok())?;
        Ok(Self { view, _process: process })
    }

    /// How to reach it.
    pub fn view(&self) -> &AwsView {
        &self.view
    }
}

impl AwsView {
    /// The role that IMDSv2 gives credentials of; no policy lets it do anything yet.
    pub const INSTANCE_ROLE: &str = "claviger-instance";
    /// The role that every ServiceAccount is associated with by EKS Pod Identity; no policy either.
    pub const POD_ROLE: &str = "claviger-pod-identity";

    /// The endpoint of every service.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the metadata endpoints listen.
    pub fn metadata(&self) -> &[SocketAddr] {
        &self.metadata
    }

    /// The region that calls are made in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The same server, for calls in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self.clone() }
    }

    /// The same server, for the administrator of another account (twelve digits).
    #[must_use]
    pub fn in_account(&self, account: &str) -> Self {
        Self { account: account.to_owned(), ..self.clone() }
    }

    /// The ARN of something that IAM has in this account: `role/NAME`, `user/NAME`.
    pub fn iam_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:{name}", self.account)
    }

    /// The cluster as an identity provider: what a role's trust policy names as its Federated principal.
    /// It stands in the first account from the start, with the client ID `sts.amazonaws.com`.
    pub fn oidc_provider_arn(&self) -> String {
        self.iam_arn(&self.provider)
    }

    /// The provider as conditions name it: `ISSUER:sub` is `format!("{}:sub", view.oidc_provider())`.
    pub fn oidc_provider(&self) -> &str {
        self.provider.trim_start_matches("oidc-provider/")
    }

    /// One operation by boto3, as the account's administrator or as somebody else: `("secretsmanager",
    /// "CreateSecret", {"Name": …})`. Bytes are `{"$bytes": BASE64}`, times ISO 8601.
    ///
    /// # Errors
    /// If the server does not answer at all, or boto3 does not know such a call. AWS's errors are answers.
    pub fn call(
        &self,
        identity: Option<&AwsIdentity>,
        service: &str,
        operation: &str,
        arguments: &Value,
    ) -> Result<std::result::Result<Value, AwsError>> {
        let asked = json!({
            "service": service, "operation": operation, "arguments": arguments,
            "region": self.region, "account": self.account, "as": identity,
        });
        let what = || format!("{service} {operation}");
        let (status, mut answer) =
            http::call("POST", &format!("{}/_test/call", self.address), &[], Some(&asked))?;
        if let Some(found) = answer.get_mut("ok") {
            return Ok(Ok(found.take()));
        }
        let error = answer
            .get_mut("error")
            .map(Value::take)
            .ok_or_else(|| Error::Answer { what: what(), answer: format!("{status} {answer}") })?;
        serde_json::from_value(error).map(Err).map_err(|source| Error::Json { what: what(), source })
    }

    /// [`AwsView::call`] as the administrator, for what must succeed.
    ///
    /// # Errors
    /// If it does not.
    pub fn admin_call(&self, service: &str, operation: &str, arguments: &Value) -> Result<Value> {
        self.call(None, service, operation, arguments)?.map_err(|error| Error::Answer {
            what: format!("{service} {operation}"),
            answer: format!("{} {}: {}", error.status, error.code, error.message),
        })
    }

    /// The code that an MFA device of the account shows now.
    ///
    /// # Errors
    /// If the server does not answer, or there is no such device.
    pub fn mfa_code(&self, serial: &str) -> Result<String> {
        let (_, answer) = http::call(
            "POST",
            &format!("{}/_test/mfa-code", self.address),
            &[],
            Some(&json!({"serial": serial})),
        )?;
        let missing = || Error::Answer { what: format!("the code of {serial}"), answer: answer.to_string() };
        answer["code"].as_str().map(ToOwned::to_owned).ok_or_else(missing)
    }

    /// Lets all temporary credentials that were given out expire now.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn expire_sessions(&self) -> Result<()> {
        http::call("POST", &format!("{}/_test/expire-sessions", self.address), &[], None).map(|_| ())
    }

    /// The end of the access log as it is now. boto3's requests are in it like all others.
    pub fn mark(&self) -> Mark {
        jsonl::end(&self.access_log)
    }

    /// Requests since then; each is there before it is answered.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn requests(&self, since: Mark) -> Result<Vec<AwsRequest>> {
        let read = |line| {
            serde_json::from_value(line)
                .map_err(|source| Error::Json { what: "a line of AWS's access log".to_owned(), source })
        };
        jsonl::since(&self.access_log, since)?.into_iter().map(read).collect()
    }
}

/// A program of `tests/servers`, with nothing of the caller's environment: no proxy, no cloud's credentials.
pub(crate) fn python(tools: &Tools, dir: &Path, program: &str) -> Command {
    let mut command = Command::new(&tools.python);
    // No `__pycache__` in the source tree.
    command.env_clear().env("HOME", dir).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(dir);
    command.arg(workspace_root().join("tests/servers").join(program));
    command
}
