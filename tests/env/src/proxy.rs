//! A proxy that kills its client at a request that a test names: before the server hears of it, or after the server
//! has answered and before the client hears of that. For what a program leaves behind when it ends at a known step.
//! Or it holds the request until the test lets it go, for what changes at that moment.
//!
//! HTTP/1.1 without TLS, one request a connection ([`crate::request`]): an answer is whatever comes until it is closed, and
//! a stream of events passes as it comes. Nothing is kept, nothing is changed but that one header.

use std::io::{Error as IoError, Read as _, Result as IoResult, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::Result;
use crate::listener::Listener;
use crate::request::{Request, end_with};

/// When the client is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It has asked, and the server does not hear of it.
    Asked,
    /// The server has answered, and the client does not hear of it.
    Answered,
}

/// A request at which a client is killed, once.
#[derive(Clone, Debug)]
pub struct Trap {
    /// `GET`, `PATCH` …
    pub method: &'static str,
    /// What the path, with its query, contains.
    pub path: String,
    /// The first of its kind (1), the second …
    pub nth: usize,
    /// When exactly.
    pub moment: Moment,
    /// The client's process.
    pub pid: u32,
}

/// A running proxy; it takes no more connections when dropped.
#[derive(Debug)]
pub struct Proxy {
    listener: Listener,
    shared: Arc<Shared>,
}

/// Requests that are held.
#[derive(Debug)]
struct Hold {
    method: &'static str,
    path: String,
    /// One has come.
    holds: bool,
}

#[derive(Debug)]
struct Shared {
    server: String,
    trap: Mutex<Option<Trap>>,
    hold: Mutex<Option<Hold>>,
    let_go: Condvar,
}

impl Proxy {
    /// One in front of `server`, as `http://HOST:PORT`.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub fn start(server: &str) -> Result<Self> {
        let shared = Arc::new(Shared {
            server: server.trim_start_matches("http://").to_owned(),
            trap: Mutex::default(),
            hold: Mutex::default(),
            let_go: Condvar::new(),
        });
        let serving = shared.clone();
        let what = format!("a proxy in front of {server}");
        Ok(Self { listener: Listener::start(&what, move |client| serving.pass(client))?, shared })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// Sets a trap, in place of one that was set before.
    pub fn set(&self, trap: Trap) {
        *self.shared.trap() = Some(trap);
    }

    /// Holds requests of that method whose path contains that, from now on.
    pub fn hold(&self, method: &'static str, path: &str) {
        *self.shared.hold() = Some(Hold { method, path: path.to_owned(), holds: false });
    }

    /// Whether one is held.
    pub fn holds(&self) -> bool {
        self.shared.hold().as_ref().is_some_and(|hold| hold.holds)
    }

    /// Lets go what is held, and holds nothing more.
    pub fn let_go(&self) {
        *self.shared.hold() = None;
        self.shared.let_go.notify_all();
    }

    /// Whether there is no trap set: it has sprung.
    pub fn sprung(&self) -> bool {
        self.shared.trap().is_none()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.stop();
        self.let_go();
    }
}

impl Shared {
    fn trap(&self) -> MutexGuard<'_, Option<Trap>> {
        self.trap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self) -> MutexGuard<'_, Option<Hold>> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as such requests are held.
    fn wait(&self, request: &Request) {
        let mut hold = self.hold();
        while let Some(held) =
            hold.as_mut().filter(|hold| hold.method == request.method && request.path.contains(&hold.path))
        {
            held.holds = true;
            hold = self.let_go.wait(hold).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The trap that this request springs.
    fn sprung_by(&self, request: &Request) -> Option<Trap> {
        let mut trap = self.trap();
        trap.take_if(|trap| {
            let meant = trap.method == request.method && request.path.contains(&trap.path);
            trap.nth = trap.nth.saturating_sub(usize::from(meant));
            trap.nth == 0
        })
    }

    fn pass(&self, mut client: TcpStream) -> IoResult<()> {
        let request = Request::read(&mut client)?;
        self.wait(&request);
        let trap = self.sprung_by(&request);
        if let Some(trap) = trap.as_ref().filter(|trap| trap.moment == Moment::Asked) {
            return end(trap.pid);
        }
        let mut server = TcpStream::connect(&self.server)?;
        server.write_all(&request.bytes)?;
        if let Some(trap) = trap {
            let answered = server.read_to_end(&mut Vec::new());
            return answered.and(end(trap.pid));
        }
        end_with(&client, &server)?;
        let passed = std::io::copy(&mut server, &mut client);
        client.shutdown(Shutdown::Both).and(passed.map(drop))
    }
}

fn end(pid: u32) -> IoResult<()> {
    kill(Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX)), Signal::SIGKILL).map_err(IoError::from)
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
