//! An operator process: started with the product's defaults under its own ServiceAccount, watched, ended.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::poll;

use crate::Product;

/// Until it says where it serves, and until it is ready: a cold start compiles all built-ins on a small share of a core.
const DEADLINE: Duration = Duration::from_secs(600);

/// Of a process's log: where it says its address, and far more.
const BEGINNING: u64 = 256 * 1024;

/// Until it answers: one that stands still takes connections all the same.
const ANSWER: Duration = Duration::from_secs(10);

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

    /// Whether it says that it works: the one there is, or the leader. None: it does not answer, or not yet.
    pub(crate) fn leads(&self) -> Option<bool> {
        let page = page(&self.logged()?, "/metrics").ok()?;
        let line = page.lines().find_map(|line| line.strip_prefix("claviger_leader "))?;
        Some(line.trim() == "1")
    }

    /// How it ended, if nobody here ended it.
    ///
    /// # Errors
    /// If that cannot be told.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Its log, of all its processes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
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
        let found = poll("the operator's address", DEADLINE, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Ok(Err(format!("the operator ended ({status})")));
            }
            self.logged().map(Ok).ok_or_else(|| self.log.display().to_string())
        })?;
        found.map_err(|why| anyhow::anyhow!("{why}; its log: {}", self.log.display()))
    }

    /// The same, if it says so by now.
    fn logged(&self) -> Option<String> {
        let mut file = File::open(&self.log).ok()?;
        file.seek(SeekFrom::Start(self.begin)).ok()?;
        // It is among the first lines.
        let mut ours = Vec::new();
        file.take(BEGINNING).read_to_end(&mut ours).ok()?;
        let text = String::from_utf8_lossy(&ours);
        let line = text.lines().find(|line| line.contains("serving metrics"))?;
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line["address"].as_str()?.to_owned())
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
    stream.set_read_timeout(Some(ANSWER))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
