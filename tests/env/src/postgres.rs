//! A PostgreSQL server, for what Vault's database engine talks to.
//!
//! Trusts the superuser, and asks everybody else for their password; on loopback only, without a Unix socket. Its data lies
//! in the system's temporary folder and not in the run's, because a root caller runs it as another user,
//! who cannot enter root's cache.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::run::{Process, free_port, tail};
use crate::tools::{Tools, server_user};

/// initdb included, this takes two seconds on a quiet machine.
const READY: Duration = Duration::from_secs(60);

/// How to reach a [`Postgres`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PostgresView {
    /// The loopback port.
    pub port: u16,
    /// The superuser, who needs no password.
    pub superuser: String,
}

/// A running PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    view: PostgresView,
    process: Process,
    data: PathBuf,
}

impl Postgres {
    /// Starts a fresh server and waits until it accepts connections. Logs go to `dir`.
    ///
    /// # Errors
    /// [`Error::Missing`] without PostgreSQL; otherwise why it did not start.
    pub fn start(tools: &Tools, dir: &Path) -> Result<Self> {
        let bin = tools.postgres()?;
        let user = server_user()?;
        let port = free_port()?;
        let data = make_data_dir(port, user)?;
        let log = dir.join("initdb.log");
        let out = std::fs::File::create(&log).map_err(Error::file("create", &log))?;
        let err = out.try_clone().map_err(Error::file("create", &log))?;
        let mut initdb = as_user(user, &bin.join("initdb"));
        initdb
            .args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .current_dir("/")
            .stdin(std::process::Stdio::null())
            .stdout(out)
            .stderr(err);
        let status =
            initdb.status().map_err(|source| Error::Spawn { program: "initdb".to_owned(), source })?;
        if !status.success() {
            return Err(Error::Failed {
                what: "initdb".to_owned(),
                status: status.to_string(),
                detail: format!(":\n{}", tail(&log, 20)),
            });
        }
        let hba = data.join("pg_hba.conf");
        let rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(&hba, rules).map_err(Error::file("write", &hba))?;
        let mut server = as_user(user, &bin.join("postgres"));
        server.current_dir("/").arg("-D").arg(&data).args(["-p", &port.to_string()]).args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]);
        let process = Process::start("postgres", &mut server, dir, &data)?;
        let view = PostgresView { port, superuser: "postgres".to_owned() };
        let mut postgres = Self { view, process, data };
        let pid_file = postgres.data.join("postmaster.pid");
        // The server writes "ready" into the eighth line of this file once it accepts connections; the
        // file is what pg_ctl -w looks at.
        postgres.process.wait_ready(READY, || {
            std::fs::read_to_string(&pid_file)
                .is_ok_and(|text| text.lines().nth(7).is_some_and(|state| state.trim() == "ready"))
        })?;
        Ok(postgres)
    }

    /// How to reach it.
    pub fn view(&self) -> &PostgresView {
        &self.view
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.stop();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.process.stop();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// An empty folder that `user` owns.
fn make_data_dir(port: u16, user: Option<&str>) -> Result<PathBuf> {
    let data = std::env::temp_dir().join(format!("claviger-postgres-{}-{port}", std::process::id()));
    std::fs::create_dir(&data).map_err(Error::file("create", &data))?;
    if let Some(user) = user {
        let status = Command::new("chown")
            .arg(user)
            .arg(&data)
            .status()
            .map_err(|source| Error::Spawn { program: "chown".to_owned(), source })?;
        if !status.success() {
            return Err(Error::Failed {
                what: format!("chown {user} {}", data.display()),
                status: status.to_string(),
                detail: String::new(),
            });
        }
    }
    Ok(data)
}

/// `program` as another user. setpriv replaces itself by the program, so the pid is the server's.
fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--init-groups", "--reset-env"]).arg(program);
    command
}
