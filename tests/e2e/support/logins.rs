//! Logging in to PostgreSQL again and again, in one psql process: a process for each would be most of what a long test
//! costs. Passwords go in by standard input.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use claviger_testenv::PostgresView;

/// Who logs in.
pub(crate) struct Logins {
    psql: PathBuf,
    server: PostgresView,
    session: Option<Session>,
}

struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Logins {
    /// At that server.
    pub(crate) fn new(psql: PathBuf, server: PostgresView) -> Self {
        Self { psql, server, session: None }
    }

    /// Whether the server takes that user and password.
    pub(crate) fn accepts(&mut self, user: &str, password: &str) -> Result<(), String> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.begin(),
        };
        let asked = format!(
            "\\connect 'host=127.0.0.1 port={} dbname=postgres user={user} password={password}'\nselect current_user;\n",
            self.server.port
        );
        let sent = session.stdin.as_mut().is_some_and(|stdin| stdin.write_all(asked.as_bytes()).is_ok());
        let line = session.lines.next().transpose().map_err(|error| error.to_string())?;
        if sent && line.as_deref() == Some(user) {
            self.session = Some(session);
            return Ok(());
        }
        // A refusal is its end.
        session.stdin = None;
        let mut said = String::new();
        let _ = session.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        let _ = session.child.wait();
        Err(format!("{line:?} {}", said.trim()))
    }

    fn begin(&self) -> Session {
        // Connects first as nobody whom a test is about: the superuser needs no password.
        let mut child = Command::new(&self.psql)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.server.port.to_string(),
                "-U",
                &self.server.superuser,
                "-d",
                "postgres",
            ])
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password"])
            .env("PGCONNECT_TIMEOUT", "5")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        Session { child, stdin, lines: BufReader::new(stdout).lines() }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
