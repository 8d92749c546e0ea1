//! Google Cloud: Secret Manager, the token endpoint, STS, securetoken, IAM credentials and the metadata server, by
//! `tests/servers/google_server.py`.
//!
//! What the server verifies and what it does not is said there. Set-up goes by the API itself with an
//! administrator's token ([`GoogleView::admin`]), and by what tests alone may ask ([`GoogleView::control`]).

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::python;
use crate::error::{Error, Result};
use crate::http;
use crate::jsonl::{self, Mark};
use crate::run::{Process, free_port, write_private};
use crate::tools::Tools;

/// Small, but Python on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Whom every policy lets do everything.
const ADMIN: &str = "user:admin@claviger.example";

/// How to start one.
#[derive(Clone, Debug)]
pub struct GoogleOptions {
    /// The keys of the cluster's ServiceAccount tokens.
    pub jwks: Value,
    /// Their issuer.
    pub issuer: String,
}

/// A running server; stopped when dropped.
pub struct Google {
    view: GoogleView,
    _process: Process,
}

/// How to reach it, for other processes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoogleView {
    port: u16,
    access_log: PathBuf,
    token: String,
}

/// A service account with its first key.
#[derive(Clone, Debug, Deserialize)]
pub struct GoogleAccount {
    /// `NAME@PROJECT.iam.gserviceaccount.com`.
    pub email: String,
    /// The file of a key, as it is downloaded; its `token_uri` is Google's own.
    pub key: Value,
}

/// A request in the access log.
#[derive(Clone, Debug, Deserialize)]
pub struct GoogleRequest {
    /// Counted from the start of the server.
    pub number: u64,
    /// `secretmanager`, `oauth2`, `sts`, `securetoken`, `iamcredentials`, `keys`, `metadata`, or empty.
    pub service: String,
    /// `AccessSecretVersion`, `jwt-bearer`, `token-exchange`, `generateAccessToken` …
    pub action: String,
    /// Who asked, as policies name it; empty if that was not found out.
    pub principal: String,
    /// The name that was asked for.
    pub host: String,
    /// HTTP method.
    pub method: String,
    /// Path, without its query.
    pub path: String,
    /// HTTP status; 0 if the connection was broken instead.
    pub status: u16,
    /// The resources, accounts or audiences that it names.
    pub names: Vec<String>,
}

impl Google {
    /// Starts one in `dir`.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path, options: &GoogleOptions) -> Result<Self> {
        let port = free_port()?;
        let (jwks, access_log) = (dir.join("google-jwks.json"), dir.join("google-access.jsonl"));
        write_private(&jwks, &options.jwks.to_string())?;
        let mut command = python(tools, dir, "google_server.py");
        command.args(["--port", &port.to_string(), "--issuer", &options.issuer]);
        command.arg("--jwks").arg(&jwks).arg("--access-log").arg(&access_log);
        let mut process = Process::start("google", &mut command, dir, dir)?;
        let mut view = GoogleView { port, access_log, token: String::new() };
        process.wait_ready(DEADLINE, || http::call("GET", &view.address(), &[], None).is_ok())?;
        view.token = view.token_of(ADMIN)?;
        Ok(Self { view, _process: process })
    }

    /// How to reach it.
    pub fn view(&self) -> &GoogleView {
        &self.view
    }
}

impl GoogleView {
    /// The port on 127.0.0.1 where every service and the metadata server are, plain HTTP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The base URL of every service; a slash is not at its end.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A call of the API as the administrator: HTTP status and answer. `path` is that below `/v1/`.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.api_as(&self.token, method, path, body)
    }

    /// The same with another access token.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub fn api_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let url = format!("{}/v1/{path}", self.address());
        let authorization = format!("Bearer {token}");
        http::call(method, &url, &[("authorization", &authorization)], (!body.is_null()).then_some(body))
    }

    /// [`GoogleView::api`], for what must succeed.
    ///
    /// # Errors
    /// If it does not.
    pub fn admin(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        expected(&format!("{method} {path}"), self.api(method, path, body)?)
    }

    /// One of the functions of `google_control.py`, by its name in the URL (`service-account`).
    ///
    /// # Errors
    /// If it is refused.
    pub fn control(&self, function: &str, arguments: &Value) -> Result<Value> {
        let url = format!("{}/_test/{function}", self.address());
        expected(function, http::call("POST", &url, &[], Some(arguments))?)
    }

    /// A project, made if it does not exist; its number.
    ///
    /// # Errors
    /// If it is refused.
    pub fn project(&self, id: &str) -> Result<String> {
        Ok(jsonl::text(&self.control("project", &json!({"id": id}))?, "/number"))
    }

    /// A new service account, and its project if that does not exist.
    ///
    /// # Errors
    /// If it is refused.
    pub fn service_account(&self, project: &str, name: &str) -> Result<GoogleAccount> {
        let made = self.control("service-account", &json!({"project": project, "name": name}))?;
        serde_json::from_value(made)
            .map_err(|source| Error::Json { what: "a service account".to_owned(), source })
    }

    /// Gives a role on a resource (`projects/P`, `projects/P/secrets/S`, `projects/-/serviceAccounts/EMAIL`; one
    /// that ends in `*` is a prefix) to a member, named as policies name it.
    ///
    /// # Errors
    /// If there is no such role or account.
    pub fn grant(&self, member: &str, resource: &str, role: &str) -> Result<()> {
        let arguments = json!({"member": member, "resource": resource, "role": role});
        self.control("grant", &arguments).map(|_| ())
    }

    /// A new secret below `parent` (`projects/P`, or `projects/P/locations/L` for a regional one) with one version.
    /// `more` has further fields of the secret (labels, annotations).
    ///
    /// # Errors
    /// If it is refused.
    pub fn secret(&self, parent: &str, name: &str, value: &[u8], more: &Value) -> Result<()> {
        let mut fields = more.as_object().cloned().unwrap_or_default();
        if !parent.contains("/locations/") {
            fields.insert("replication".to_owned(), json!({"automatic": {}}));
        }
        self.admin("POST", &format!("{parent}/secrets?secretId={name}"), &Value::Object(fields))?;
        self.version(&format!("{parent}/secrets/{name}"), value)
    }

    /// A further version of a secret, by its name.
    ///
    /// # Errors
    /// If it is refused.
    pub fn version(&self, secret: &str, value: &[u8]) -> Result<()> {
        let payload = json!({"payload": {"data": STANDARD.encode(value)}});
        self.admin("POST", &format!("{secret}:addVersion"), &payload).map(|_| ())
    }

    /// Whether versions can be read: `enable`, `disable`, `destroy`.
    ///
    /// # Errors
    /// If it is refused.
    pub fn turn(&self, version: &str, how: &str) -> Result<()> {
        self.admin("POST", &format!("{version}:{how}"), &json!({})).map(|_| ())
    }

    /// An access token of any member, as if it had logged in.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn token_of(&self, member: &str) -> Result<String> {
        Ok(jsonl::text(&self.control("token", &json!({"member": member}))?, "/access_token"))
    }

    /// Makes requests go wrong: the fields are those of `google_faults.Fault`, with `count`.
    ///
    /// # Errors
    /// If there is no such fault.
    pub fn fault(&self, fault: &Value) -> Result<()> {
        self.control("fault", fault).map(|_| ())
    }

    /// Takes back the faults with this pattern.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn clear_faults(&self, pattern: &str) -> Result<()> {
        self.control("clear-faults", &json!({"match": pattern})).map(|_| ())
    }

    /// The end of the access log as it is now. Set-up by the API is in it like all else.
    pub fn mark(&self) -> Mark {
        jsonl::end(&self.access_log)
    }

    /// Requests since then; each is there before it is answered.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn requests(&self, since: Mark) -> Result<Vec<GoogleRequest>> {
        let read = |line| {
            serde_json::from_value(line)
                .map_err(|source| Error::Json { what: "a line of Google's access log".to_owned(), source })
        };
        jsonl::since(&self.access_log, since)?.into_iter().map(read).collect()
    }
}

/// The answer, if its status says that it is one.
fn expected(what: &str, (status, answer): (u16, Value)) -> Result<Value> {
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    Err(Error::Answer { what: what.to_owned(), answer: format!("{status} {answer}") })
}
