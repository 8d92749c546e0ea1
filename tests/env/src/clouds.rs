//! The clouds under their real host names, inside the tests' own network only: there those names mean one
//! address, where `tests/servers/front.py` passes connections on to the servers that stand for them.
//!
//! Who runs inside trusts one more authority, [`CloudsView::ca_file`], and needs no setting, flag or address of
//! a test's. What the servers behind are is not known here.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::aws::python;
use crate::error::{Error, Result};
use crate::jsonl::{self, Mark};
use crate::pki::{Authority, Usage};
use crate::run::{Process, write_private};
use crate::tools::Tools;

/// Small, but Python on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a name of a cloud belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    AzureLogin,
    AzureVaults,
    AzureRegistries,
    Google,
}

/// Every name that means the front. Any other is not to be found inside.
const NAMES: &[(&str, Behind)] = &[
    ("login.microsoftonline.com", Behind::AzureLogin),
    ("login.microsoftonline.us", Behind::AzureLogin),
    ("login.chinacloudapi.cn", Behind::AzureLogin),
    // The reference document's, and some for tests.
    ("my-keyvault.vault.azure.net", Behind::AzureVaults),
    ("other-vault.vault.azure.net", Behind::AzureVaults),
    ("env-vault.vault.azure.net", Behind::AzureVaults),
    ("find-vault.vault.azure.net", Behind::AzureVaults),
    ("login-vault.vault.azure.net", Behind::AzureVaults),
    ("identity-vault.vault.azure.net", Behind::AzureVaults),
    ("faulty-vault.vault.azure.net", Behind::AzureVaults),
    ("tenancy-vault.vault.azure.net", Behind::AzureVaults),
    ("us-vault.vault.usgovcloudapi.net", Behind::AzureVaults),
    ("cn-vault.vault.azure.cn", Behind::AzureVaults),
    ("registry.azurecr.io", Behind::AzureRegistries),
    ("judged.azurecr.io", Behind::AzureRegistries),
    ("secretmanager.googleapis.com", Behind::Google),
    ("secretmanager.europe-west3.rep.googleapis.com", Behind::Google),
    ("oauth2.googleapis.com", Behind::Google),
    ("sts.googleapis.com", Behind::Google),
    ("iamcredentials.googleapis.com", Behind::Google),
    ("securetoken.googleapis.com", Behind::Google),
    ("www.googleapis.com", Behind::Google),
    ("accounts.google.com", Behind::Google),
];

/// How to start one. A cloud without a port is known and answers nobody.
#[derive(Clone, Debug)]
pub struct CloudsOptions {
    /// Where TLS is spoken under the names of [`hosts_file`].
    pub tls: SocketAddr,
    /// Where all clouds' metadata servers are.
    pub metadata: SocketAddr,
    /// Loopback port of Microsoft Entra.
    pub azure_login: Option<u16>,
    /// Loopback port of the key vaults.
    pub azure_vaults: Option<u16>,
    /// Loopback port of Google's APIs.
    pub google: Option<u16>,
    /// Beginnings of the metadata server's paths, and the loopback ports behind them.
    pub metadata_paths: Vec<(&'static str, u16)>,
}

/// A running front; stopped when dropped.
pub struct Clouds {
    view: CloudsView,
    _process: Process,
}

/// How to use it, for other processes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CloudsView {
    ca_file: PathBuf,
    log: PathBuf,
}

/// A connection in the front's log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CloudConnection {
    /// `tls` or `http`.
    pub kind: String,
    /// The host name, or the metadata server's path.
    pub asked: String,
    /// Where it went; none: it was refused.
    pub port: Option<u16>,
}

/// What `/etc/hosts` says inside, for a front at `front` and a metadata server at `metadata`; behind it comes
/// what the machine's own says.
pub fn hosts_file(front: &str, metadata: &str, machines: &str) -> String {
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    format!(
        "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{front} {}\n\
         {metadata} metadata.google.internal\n{machines}",
        names.join(" ")
    )
}

impl Clouds {
    /// Starts one in `dir`. Only in a network of the tests' own: the addresses are somebody's elsewhere.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path, options: &CloudsOptions) -> Result<Self> {
        let authority = Authority::new("claviger-test-clouds-ca")?;
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        let leaf = authority.leaf(Usage::Server, "claviger-test-clouds", &[], &names)?;
        let (certificate, key) = leaf.write(dir, "clouds")?;
        let ca_file = dir.join("clouds-ca.crt");
        std::fs::write(&ca_file, authority.pem()).map_err(Error::file("write", &ca_file))?;
        let route = |behind: &Behind| match behind {
            Behind::AzureLogin => options.azure_login,
            Behind::AzureVaults | Behind::AzureRegistries => options.azure_vaults,
            Behind::Google => options.google,
        };
        let routes: Map<String, Value> =
            NAMES.iter().map(|(name, behind)| ((*name).to_owned(), json!(route(behind)))).collect();
        let paths: Map<String, Value> =
            options.metadata_paths.iter().map(|(path, port)| ((*path).to_owned(), json!(port))).collect();
        let (config, log) = (dir.join("clouds.json"), dir.join("clouds.jsonl"));
        let text = json!({
            "listen_tls": options.tls.to_string(), "certificate": certificate, "key": key, "names": routes,
            "listen_http": options.metadata.to_string(), "metadata": paths,
        });
        write_private(&config, &text.to_string())?;
        let mut command = python(tools, dir, "front.py");
        command.arg("--config").arg(&config).arg("--log").arg(&log);
        let mut process = Process::start("clouds", &mut command, dir, dir)?;
        let open = |address: SocketAddr| TcpStream::connect(address).is_ok();
        process.wait_ready(DEADLINE, || open(options.metadata) && open(options.tls))?;
        Ok(Self { view: CloudsView { ca_file, log }, _process: process })
    }

    /// How to use it.
    pub fn view(&self) -> &CloudsView {
        &self.view
    }
}

impl CloudsView {
    /// The authority of the clouds' certificates: `SSL_CERT_FILE` of whoever is to trust them.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The end of the log of connections as it is now.
    pub fn mark(&self) -> Mark {
        jsonl::end(&self.log)
    }

    /// Connections since then; each is there before anything is passed on.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn connections(&self, since: Mark) -> Result<Vec<CloudConnection>> {
        let read = |line| {
            serde_json::from_value(line)
                .map_err(|source| Error::Json { what: "a line of the clouds' log".to_owned(), source })
        };
        jsonl::since(&self.log, since)?.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_names_come_last() {
        let text = hosts_file("192.0.2.1", "169.254.169.254", "169.254.169.254 oauth2.googleapis.com\n");
        let first = |name: &str| {
            let line = text.lines().find(|line| line.split(' ').skip(1).any(|word| word == name));
            line.and_then(|line| line.split(' ').next())
        };
        for (name, address) in [
            ("localhost", Some("127.0.0.1")),
            ("my-keyvault.vault.azure.net", Some("192.0.2.1")),
            ("oauth2.googleapis.com", Some("192.0.2.1")),
            ("metadata.google.internal", Some("169.254.169.254")),
            ("management.azure.com", None),
        ] {
            assert_eq!(first(name), address, "{name}");
        }
    }
}
