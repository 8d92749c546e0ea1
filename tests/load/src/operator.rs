//! An operator process: started with the product's defaults under its own ServiceAccount, watched, ended.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::poll;

use crate::Product;

/// Until it says where it serves, and until it is ready: a cold start compiles all built-ins on a small share of a core.
const DEADLINE: Duration = Duration::from_secs(600);

/// How one is started.
pub(crate) struct Launch<'a> {
    pub(crate) flags: &'a [&'a str],
    pub(crate) cache_dir: &'a Path,
    /// A program and its arguments that start it in turn.
    pub(crate) prefix: &'a [&'a str],
}

/// A running operator; it is ended when dropped.
pub(crate) struct Operator {
    command: Command,
    child: Child,
    log: PathBuf,
    /// Where the present process's part of the log begins.
    begin: u64,
    /// When it was started.
    pub(crate) started: Instant,
}

impl Operator {
    pub(crate) fn start(
        product: &Product,
        kubeconfig: &Path,
        dir: &Path,
        launch: &Launch<'_>,
    ) -> Result<Self> {
        let log = dir.join("operator.log");
        let mut command = match launch.prefix {
            [] => Command::new(&product.claviger),
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(&product.claviger);
                command
            }
        };
        for proxy in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
            command.env_remove(proxy);
        }
        command
            .args(["--log-format", "json", "run", "--listen", "127.0.0.1:0", "--allow-loopback"])
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--plugin-dir")
            .arg(&product.plugin_dir)
            .arg("--cache-dir")
            .arg(launch.cache_dir)
            .args(launch.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let begin = std::fs::metadata(&log).map_or(0, |log| log.len());
        let started = Instant::now();
        let child = spawn(&mut command, &log)?;
        Ok(Self { command, child, log, begin, started })
    }

    /// Starts it again, when it has ended.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.begin = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        self.started = Instant::now();
        self.child = spawn(&mut self.command, &self.log)?;
        Ok(())
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// If it ends, or does not become ready.
    pub(crate) fn wait_ready(&mut self) -> Result<()> {
        let address = self.address()?;
        poll("the operator to be ready", DEADLINE, || match page(&address, "/readyz") {
            Ok(page) if page.contains("200 OK") => Ok(()),
            other => Err(format!("{other:?}")),
        })?;
        Ok(())
    }

    /// A page of its server, head included.
    ///
    /// # Errors
    /// If it does not answer.
    pub(crate) fn page(&mut self, path: &str) -> Result<String> {
        let address = self.address()?;
        page(&address, path).with_context(|| format!("{path} of the operator"))
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by SIGKILL.
    ///
    /// # Errors
    /// If it has ended by itself.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the operator had ended ({status}): {}", self.log.display());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Where it serves: the log of this process says so.
    fn address(&mut self) -> Result<String> {
        let (log, begin, child) = (&self.log, self.begin, &mut self.child);
        let found = poll("the operator's address", DEADLINE, || {
            if let Ok(Some(status)) = child.try_wait() {
                return Ok(Err(format!("the operator ended ({status})")));
            }
            let text = std::fs::read(log).unwrap_or_default();
            let ours = String::from_utf8_lossy(&text[usize::try_from(begin).unwrap_or(0).min(text.len())..])
                .into_owned();
            let line = ours.lines().find(|line| line.contains("serving metrics"));
            let line = line.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            line.and_then(|line| Some(Ok(line["address"].as_str()?.to_owned()))).ok_or_else(|| ours.clone())
        })?;
        found.map_err(|why| anyhow::anyhow!("{why}; its log: {}", self.log.display()))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let file =
        File::options().append(true).create(true).open(log).with_context(|| log.display().to_string())?;
    command.stderr(file).spawn().with_context(|| command.get_program().to_string_lossy().into_owned())
}

fn page(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
