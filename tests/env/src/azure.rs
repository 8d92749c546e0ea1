//! Azure: Entra's token endpoint, Key Vault and the endpoints of managed identities, by `tests/servers/azure_server.py`.
//!
//! What the server verifies and what it does not is said there. Set-up goes by Key Vault's API itself as an
//! administrator ([`AzureView::admin`]), and by what tests alone may ask ([`AzureView::control`]).

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::python;
use crate::error::{Error, Result};
use crate::http;
use crate::jsonl::{self, Mark, text};
use crate::run::{Process, free_port, write_private};
use crate::tools::Tools;

/// Small, but Python on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Of the calls made here; what the product uses is its own affair.
const API_VERSION: &str = "7.6";

/// How to start one.
#[derive(Clone, Debug)]
pub struct AzureOptions {
    /// The keys of the cluster's ServiceAccount tokens.
    pub jwks: Value,
    /// Their issuer.
    pub issuer: String,
}

/// A running server; stopped when dropped.
pub struct Azure {
    view: AzureView,
    _process: Process,
}

/// How to reach it, for other processes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AzureView {
    port: u16,
    access_log: PathBuf,
}

/// An application's (or a managed identity's) service principal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AzureApp {
    /// What the access log calls it.
    pub name: String,
    /// `clientId` of a store.
    pub client_id: String,
    /// Whom policies name.
    pub object_id: String,
    /// Where it is registered.
    pub tenant_id: String,
}

/// A certificate credential with its key, in both ways that files have.
#[derive(Clone, Debug, Deserialize)]
pub struct AzureCertificate {
    /// Private key (PKCS#8) and certificate.
    pub pem: String,
    /// PKCS#12 without a password, Base64.
    pub pfx: String,
}

/// A request in the access log.
#[derive(Clone, Debug, Deserialize)]
pub struct AzureRequest {
    /// Counted from the start of the server.
    pub number: u64,
    /// `entra`, `vault`, `metadata`, or empty.
    pub service: String,
    /// `secret`, `certificate`, `federated` of a login; `imds`, `app-service`; the permission: `secrets/get` …
    pub action: String,
    /// The name of the application that asked; empty if that was not found out.
    pub principal: String,
    /// The vault's name.
    pub vault: String,
    /// The host that was asked for.
    pub host: String,
    /// HTTP method.
    pub method: String,
    /// Path, without its query.
    pub path: String,
    /// HTTP status; 0 if the connection was broken instead.
    pub status: u16,
    /// The secret, key or certificate, if one is named.
    pub names: Vec<String>,
}

impl Azure {
    /// Starts one in `dir`.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path, options: &AzureOptions) -> Result<Self> {
        let port = free_port()?;
        let (jwks, access_log) = (dir.join("azure-jwks.json"), dir.join("azure-access.jsonl"));
        write_private(&jwks, &options.jwks.to_string())?;
        let mut command = python(tools, dir, "azure_server.py");
        command.args(["--port", &port.to_string(), "--issuer", &options.issuer]);
        command.arg("--jwks").arg(&jwks).arg("--access-log").arg(&access_log);
        let mut process = Process::start("azure", &mut command, dir, dir)?;
        let view = AzureView { port, access_log };
        // Nobody's path and so refused, but by the server.
        process.wait_ready(DEADLINE, || http::call("GET", &view.login_url(), &[], None).is_ok())?;
        Ok(Self { view, _process: process })
    }

    /// How to reach it.
    pub fn view(&self) -> &AzureView {
        &self.view
    }
}

impl AzureView {
    /// Where everything is unless a test says otherwise.
    pub const TENANT: &str = "6f1d3c1e-2b0c-4f5a-9d5b-8f2f6f0c7a11";
    /// What tokens for [`AzureView::vault_url`] are for, and for the public cloud's vaults.
    pub const RESOURCE: &str = "https://vault.azure.net";
    /// The vault of [`AzureView::vault_url`].
    pub const VAULT: &str = "loopback";

    /// The port on 127.0.0.1 where every service is, plain HTTP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The login endpoint on loopback; a slash is not at its end.
    pub fn login_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The vault called [`AzureView::VAULT`], on loopback.
    pub fn vault_url(&self) -> String {
        self.login_url()
    }

    /// Any other vault on loopback. Under real names vaults are called as their host's first label.
    pub fn vault_url_of(&self, vault: &str) -> String {
        format!("{}/vaults/{vault}", self.login_url())
    }

    /// `IDENTITY_ENDPOINT` of a process in App Service; `IDENTITY_HEADER` comes from [`AzureView::identity`].
    pub fn identity_endpoint(&self) -> String {
        format!("{}/msi/token", self.login_url())
    }

    /// One of the functions of `azure_control.py`, by its name in the URL (`client-secret`).
    ///
    /// # Errors
    /// If it is refused.
    pub fn control(&self, function: &str, arguments: &Value) -> Result<Value> {
        let url = format!("{}/_test/{function}", self.login_url());
        expected(function, http::call("POST", &url, &[], Some(arguments))?)
    }

    /// An application of the usual tenant; the same again for the same name.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn app(&self, name: &str) -> Result<AzureApp> {
        self.app_in(Self::TENANT, name)
    }

    /// One of another tenant, which may be any text, so that a placeholder may be one.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn app_in(&self, tenant: &str, name: &str) -> Result<AzureApp> {
        read("app", self.control("app", &json!({"name": name, "tenant": tenant}))?)
    }

    /// A further client secret.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn client_secret(&self, app: &AzureApp) -> Result<String> {
        let made = self.control("client-secret", &json!({"client_id": app.client_id}))?;
        Ok(text(&made, "/value"))
    }

    /// A further certificate that the application may sign with.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn certificate(&self, app: &AzureApp) -> Result<AzureCertificate> {
        read("certificate", self.control("certificate", &json!({"client_id": app.client_id}))?)
    }

    /// Lets the cluster's tokens with that subject (`system:serviceaccount:NAMESPACE:NAME`) and audience stand for it.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn federate(&self, app: &AzureApp, subject: &str, audience: &str) -> Result<()> {
        let arguments = json!({"client_id": app.client_id, "subject": subject, "audience": audience});
        self.control("federate", &arguments).map(|_| ())
    }

    /// A managed identity of this machine (no name: the system-assigned one), and `IDENTITY_HEADER`.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn identity(&self, name: Option<&str>) -> Result<(AzureApp, String)> {
        let made = self.control("identity", &json!({"name": name.unwrap_or_default()}))?;
        let header = text(&made, "/header");
        Ok((read("identity", made)?, header))
    }

    /// Grants permissions (`secrets/get`, `*`) in a vault.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn allow(&self, principal: &AzureApp, vault: &str, permissions: &[&str]) -> Result<()> {
        let arguments = json!({"principal": principal.object_id, "vault": vault, "permissions": permissions});
        self.control("allow", &arguments).map(|_| ())
    }

    /// Takes them away.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn revoke(&self, principal: &AzureApp, vault: &str, permissions: &[&str]) -> Result<()> {
        let grant = json!({"principal": principal.object_id, "vault": vault, "permissions": permissions,
            "revoke": true});
        self.control("allow", &grant).map(|_| ())
    }

    /// Makes a vault one with role assignments, which may be for one object: then grants one, on `secrets/NAME`.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn allow_object(
        &self,
        principal: &AzureApp,
        vault: &str,
        object: &str,
        permissions: &[&str],
    ) -> Result<()> {
        self.control("vault", &json!({"name": vault, "rbac": true}))?;
        let grant = json!({"principal": principal.object_id, "vault": vault, "permissions": permissions,
            "object": object});
        self.control("allow", &grant).map(|_| ())
    }

    /// A call of a vault's API as the administrator: HTTP status and answer. `path` begins with `secrets` and so on,
    /// without a query.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub fn api(&self, vault: &str, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        // Anew each time: a test may have turned the clock or the vault's tenant.
        let token = text(&self.control("administrator", &json!({"vault": vault}))?, "/access_token");
        let url = format!("{}/{path}?api-version={API_VERSION}", self.vault_url_of(vault));
        let authorization = format!("Bearer {token}");
        http::call(method, &url, &[("authorization", &authorization)], (!body.is_null()).then_some(body))
    }

    /// [`AzureView::api`], for what must succeed.
    ///
    /// # Errors
    /// If it does not.
    pub fn admin(&self, vault: &str, method: &str, path: &str, body: &Value) -> Result<Value> {
        expected(&format!("{method} {path}"), self.api(vault, method, path, body)?)
    }

    /// A secret's new version, whose identifier it answers. `tags` is an object, or null.
    ///
    /// # Errors
    /// If it is refused.
    pub fn set_secret(&self, vault: &str, name: &str, value: &str, tags: &Value) -> Result<String> {
        let mut body = json!({"value": value});
        if !tags.is_null() {
            body["tags"] = tags.clone();
        }
        let made = self.admin(vault, "PUT", &format!("secrets/{name}"), &body)?;
        Ok(text(&made, "/id").rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// Whether the latest version of an object (`secrets/NAME`) can be read.
    ///
    /// # Errors
    /// If it is refused.
    pub fn enable(&self, vault: &str, object: &str, enabled: bool) -> Result<()> {
        let body = json!({"attributes": {"enabled": enabled}});
        self.admin(vault, "PATCH", object, &body).map(|_| ())
    }

    /// Deletes an object (`secrets/NAME`); it can be recovered.
    ///
    /// # Errors
    /// If it is refused.
    pub fn delete(&self, vault: &str, object: &str) -> Result<()> {
        self.admin(vault, "DELETE", object, &Value::Null).map(|_| ())
    }

    /// Recovers one.
    ///
    /// # Errors
    /// If it is refused.
    pub fn recover(&self, vault: &str, object: &str) -> Result<()> {
        self.admin(vault, "POST", &format!("deleted{object}/recover"), &Value::Null).map(|_| ())
    }

    /// Imports a certificate that is made for this, of an RSA key, as PEM or else as PFX; answers key and certificate
    /// in PEM.
    ///
    /// # Errors
    /// If it is refused.
    pub fn import_certificate(&self, vault: &str, name: &str, pem: bool) -> Result<String> {
        let made = self.control("import-certificate", &json!({"vault": vault, "name": name, "pem": pem}))?;
        Ok(text(&made, "/pem"))
    }

    /// A new key, `RSA` or `EC`, as the vault shows it (`{"key": {"kid": …}, "attributes": …}`).
    ///
    /// # Errors
    /// If it is refused.
    pub fn create_key(&self, vault: &str, name: &str, kty: &str) -> Result<Value> {
        self.admin(vault, "POST", &format!("keys/{name}/create"), &json!({"kty": kty}))
    }

    /// Makes requests go wrong: the fields are those of `azure_faults.Fault`, with `count`.
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

    /// Seconds that Azure's clock is ahead of the machine's, for everybody.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn shift_clock(&self, seconds: i64) -> Result<()> {
        self.control("clock", &json!({"shift": seconds})).map(|_| ())
    }

    /// Lets all access tokens that a principal has got expire now.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn expire_tokens(&self, principal: &AzureApp) -> Result<()> {
        self.control("end-tokens", &json!({"principal": principal.object_id})).map(|_| ())
    }

    /// The end of the access log as it is now. Set-up by the API is in it like all else, by `administrator`.
    pub fn mark(&self) -> Mark {
        jsonl::end(&self.access_log)
    }

    /// Requests since then; each is there before it is answered.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn requests(&self, since: Mark) -> Result<Vec<AzureRequest>> {
        let lines = jsonl::since(&self.access_log, since)?;
        lines.into_iter().map(|line| read("a line of Azure's access log", line)).collect()
    }
}

fn read<T: serde::de::DeserializeOwned>(what: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|source| Error::Json { what: what.to_owned(), source })
}

/// The answer, if its status says that it is one.
fn expected(what: &str, (status, answer): (u16, Value)) -> Result<Value> {
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    Err(Error::Answer { what: what.to_owned(), answer: format!("{status} {answer}") })
}
