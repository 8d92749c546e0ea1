//! A container registry: Docker's own (distribution), as Debian packages it, with a login and, if it is asked for, TLS.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cache::workspace_root;
use crate::error::{Error, Result};
use crate::pki::{Authority, Usage};
use crate::run::{Process, free_port, write_private};
use crate::tools::Tools;

/// It starts within a second; the rest is a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Who may pull and push.
const USER: &str = "puller";
const PASSWORD: &str = "MARKED-registry-password";
/// The password's hash, by bcrypt (Python's, cost 4): what `htpasswd -B` writes.
const HASH: &str = "$2b$04$5UJnQdxiq5WjhPl7lxTqbeo9kcujgr9DFPgwC7BmjbxfXI/74oTgu";

/// A running registry; stopped when dropped.
pub struct Registry {
    host: String,
    scheme: &'static str,
    ca_file: Option<PathBuf>,
    python: PathBuf,
    dir: PathBuf,
    _process: Process,
}

impl Registry {
    /// Starts one in `dir`, empty; with a certificate of an authority of its own where `tls` says so.
    ///
    /// # Errors
    /// [`Error::Missing`] without the program; otherwise why it did not start.
    pub fn start(tools: &Tools, dir: &Path, tls: bool) -> Result<Self> {
        let program = tools.registry()?;
        let host = format!("127.0.0.1:{}", free_port()?);
        let at = |name: &str| dir.join(name);
        write_private(&at("htpasswd"), &format!("{USER}:{HASH}\n"))?;
        let mut text = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: false}}, level: warn}}\n\
             storage: {{filesystem: {{rootdirectory: {dir}/store}}}}\n\
             auth: {{htpasswd: {{realm: tests, path: {dir}/htpasswd}}}}\nhttp:\n  addr: {host}\n",
            dir = dir.display()
        );
        let mut ca_file = None;
        if tls {
            let authority = Authority::new("registry")?;
            // Another name than the authority's: what names itself as its issuer is taken for self-signed.
            let leaf = authority.leaf(Usage::Server, "registry server", &[], &[])?;
            for (name, pem) in
                [("ca.pem", authority.pem()), ("cert.pem", &leaf.cert_pem), ("key.pem", &leaf.key_pem)]
            {
                write_private(&at(name), pem)?;
            }
            text.push_str(&format!(
                "  tls: {{certificate: {dir}/cert.pem, key: {dir}/key.pem}}\n",
                dir = dir.display()
            ));
            ca_file = Some(at("ca.pem"));
        }
        let config = at("registry.yaml");
        std::fs::write(&config, text).map_err(Error::file("write", &config))?;
        let mut command = Command::new(program);
        command.arg("serve").arg(&config).env_clear();
        let mut process = Process::start("registry", &mut command, dir, dir)?;
        process.wait_ready(DEADLINE, || std::net::TcpStream::connect(&host).is_ok())?;
        let scheme = if tls { "https" } else { "http" };
        Ok(Self {
            host,
            scheme,
            ca_file,
            python: tools.python.clone(),
            dir: dir.to_owned(),
            _process: process,
        })
    }

    /// `127.0.0.1:PORT`: what references begin with.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `USER` and `PASSWORD`.
    pub fn login(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// The authority of its certificate, PEM; none without TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// What it logged so far: its requests.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("registry.log")).unwrap_or_default()
    }

    /// Makes a key pair of cosign's by that name; the public key, PEM.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn cosign_key(&self, name: &str) -> Result<String> {
        let folder = self.dir.join(name);
        self.cosign(&["key".as_ref(), folder.as_os_str()])?;
        let file = folder.join("cosign.pub");
        std::fs::read_to_string(&file).map_err(Error::file("read", &file))
    }

    /// Signs the manifest with that digest by such a key.
    ///
    /// # Errors
    /// If the registry does not take the signature.
    pub fn cosign_sign(&self, repository: &str, digest: &str, name: &str) -> Result<()> {
        let url = format!("{}://{}", self.scheme, self.host);
        let folder = self.dir.join(name);
        let arguments = ["sign", &url, repository, digest].map(AsRef::as_ref);
        self.cosign(&[&arguments[..], &[folder.as_os_str()]].concat())
    }

    fn cosign(&self, arguments: &[&std::ffi::OsStr]) -> Result<()> {
        let script = workspace_root().join("tests/servers/cosign.py");
        let mut command = Command::new(&self.python);
        command.arg(script).args(arguments).env("REGISTRY_LOGIN", format!("{USER}:{PASSWORD}"));
        if let Some(ca) = &self.ca_file {
            command.env("SSL_CERT_FILE", ca);
        }
        let output =
            command.output().map_err(|source| Error::Spawn { program: "python3".to_owned(), source })?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Failed {
            what: "cosign.py".to_owned(),
            status: output.status.to_string(),
            detail: format!(":\n{}", String::from_utf8_lossy(&output.stderr)),
        })
    }
}
