//! A proxy that makes a server fail, or lie, for the requests that a test names, and keeps what it was asked.
//!
//! HTTP/1.1 without TLS, one request a connection, as [`crate::Proxy`]. In front of an API server it stands before
//! [`crate::PlainApi`]. It knows nothing of what it passes but where an answer's head ends, and where an event of a stream.

use std::io::{
    BufRead as _, BufReader, Error as IoError, ErrorKind, Read as _, Result as IoResult, Write as _,
};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::error::Result;
use crate::listener::Listener;
use crate::request::{Request, end_with};

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This is the answer, head and all, and the server hears nothing of the request.
    Answer(Vec<u8>),
    /// The connection is closed without an answer, and the server hears nothing of the request.
    Reset,
    /// Nothing is answered for as long as the client waits, and the server hears nothing of the request.
    Silence,
    /// The server hears of it after that time.
    Late(Duration),
    /// The server carries it out, and the client does not hear of that.
    Lost,
    /// The first half of the answer's body, under the head of the whole.
    Half,
    /// The answer's body, a tenth of it after each such time.
    Trickle(Duration),
    /// A body that never ends: blanks, so many bytes after each such time.
    Endless(usize, Duration),
    /// A stream of events that ends after the first; in turn as if it were over, and as if the connection broke.
    Cut,
}

impl Fault {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::answer(status, &[("Content-Type", "application/json")], &body.to_string())
    }

    /// An answer of that status, with these header fields and this body.
    pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} fault\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n"
        );
        Self::Answer([head.as_bytes(), body.as_bytes()].concat())
    }

    /// What an API server answers when it refuses: a Status with that code and reason; `wait` in seconds.
    pub fn refused(code: u16, reason: &str, wait: Option<u32>) -> Self {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": format!("{reason}, says the proxy"), "reason": reason, "code": code,
        });
        let wait = wait.map(|seconds| seconds.to_string());
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(wait.as_deref().map(|wait| ("Retry-After", wait)));
        Self::answer(code, &headers, &body.to_string())
    }

    /// A watch that begins, and whose first event says that its version is too old.
    pub fn gone_in_stream() -> Self {
        let event = json!({"type": "ERROR", "object": {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "too old resource version: 1 (2)", "reason": "Expired", "code": 410,
        }});
        Self::answer(200, &[("Content-Type", "application/json")], &format!("{event}\n"))
    }
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`, `PATCH` …
    pub method: String,
    /// With its query.
    pub path: String,
    /// Whether a fault was its lot.
    pub met: bool,
    /// When it was there.
    pub at: Instant,
}

#[derive(Debug)]
struct Rule {
    method: &'static str,
    path: Vec<String>,
    times: usize,
    fault: Fault,
}

/// Answers under way.
#[derive(Debug, Default)]
struct Streams {
    /// Both ends of each.
    ends: Vec<[TcpStream; 2]>,
    /// How often all were broken off.
    broken: usize,
}

#[derive(Debug)]
struct Shared {
    server: String,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    streams: Mutex<Streams>,
    cuts: AtomicUsize,
}

/// A running proxy; it takes no more connections when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    listener: Listener,
    shared: Arc<Shared>,
}

impl FaultProxy {
    /// One in front of `server`, as `http://HOST:PORT`.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub fn start(server: &str) -> Result<Self> {
        let shared = Arc::new(Shared {
            server: server.trim_start_matches("http://").to_owned(),
            rules: Mutex::default(),
            seen: Mutex::default(),
            streams: Mutex::default(),
            cuts: AtomicUsize::default(),
        });
        let serving = shared.clone();
        let what = format!("a proxy in front of {server}");
        Ok(Self { listener: Listener::start(&what, move |client| serving.serve(client))?, shared })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// The next `times` requests of that method whose path contains each of these meet the fault. Of several that fit the
    /// one that was given first counts, until it has been met so often.
    pub fn fail(&self, method: &'static str, path: &[&str], times: usize, fault: Fault) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        lock(&self.shared.rules).push(Rule { method, path, times, fault });
    }

    /// From now on all is well again. What is under way ends as it would have.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Breaks every answer off that is passed on, event by event: watches, that is. Of every request that was seen before, also
    /// where the answer has not begun. What meets a fault that holds it ends by itself.
    pub fn cut(&self) {
        let mut streams = lock(&self.shared.streams);
        streams.broken += 1;
        for end in streams.ends.drain(..).flatten() {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// What came since the last look.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *lock(&self.shared.seen))
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listener.stop();
        self.cut();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn fault(&self, request: &Request) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        let meant = |rule: &Rule| {
            rule.method == request.method && rule.path.iter().all(|part| request.path.contains(part.as_str()))
        };
        let at = rules.iter().position(meant)?;
        rules[at].times = rules[at].times.saturating_sub(1);
        let fault = rules[at].fault.clone();
        rules.retain(|rule| rule.times > 0);
        Some(fault)
    }

    fn serve(&self, mut client: TcpStream) -> IoResult<()> {
        let request = Request::read(&mut client)?;
        let fault = self.fault(&request);
        let broken = lock(&self.streams).broken;
        lock(&self.seen).push(Seen {
            method: request.method.clone(),
            path: request.path.clone(),
            met: fault.is_some(),
            at: Instant::now(),
        });
        match fault {
            Some(Fault::Answer(answer)) => client.write_all(&answer),
            Some(Fault::Reset) => Ok(()),
            Some(Fault::Silence) => client.read_to_end(&mut Vec::new()).map(drop),
            Some(Fault::Endless(bytes, pause)) => endless(&mut client, bytes, pause),
            Some(Fault::Late(wait)) => {
                std::thread::sleep(wait);
                self.pass(&request, client, broken, false)
            }
            Some(Fault::Cut) => self.pass(&request, client, broken, true),
            None => self.pass(&request, client, broken, false),
            Some(Fault::Lost) => self.whole(&request).map(drop),
            Some(Fault::Half) => {
                let (head, body) = self.whole(&request)?;
                client.write_all(&head).and_then(|()| client.write_all(&body[..body.len() / 2]))
            }
            Some(Fault::Trickle(pause)) => {
                let (head, body) = self.whole(&request)?;
                client.write_all(&head)?;
                for piece in body.chunks(body.len().div_ceil(10).max(1)) {
                    std::thread::sleep(pause);
                    client.write_all(piece)?;
                }
                Ok(())
            }
        }
    }

    fn send(&self, request: &Request) -> IoResult<TcpStream> {
        let mut server = TcpStream::connect(&self.server)?;
        server.write_all(&request.bytes)?;
        Ok(server)
    }

    /// The server's answer: its head and its body.
    fn whole(&self, request: &Request) -> IoResult<(Vec<u8>, Vec<u8>)> {
        let mut answer = Vec::new();
        self.send(request)?.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = answer.split_off(end.ok_or_else(|| IoError::from(ErrorKind::InvalidData))? + 4);
        Ok((answer, body))
    }

    /// Passes the answer on, or its first event; if nobody broke all off since the request came.
    fn pass(&self, request: &Request, mut client: TcpStream, broken: usize, cut: bool) -> IoResult<()> {
        let mut server = self.send(request)?;
        {
            let mut streams = lock(&self.streams);
            if streams.broken != broken {
                return Ok(());
            }
            streams.ends.push([client.try_clone()?, server.try_clone()?]);
        }
        end_with(&client, &server)?;
        let passed = match cut {
            true => self.first_event(server, &mut client),
            false => std::io::copy(&mut server, &mut client).map(drop),
        };
        let _ = client.shutdown(Shutdown::Both);
        let mut streams = lock(&self.streams);
        let gone = client.peer_addr().ok();
        streams.ends.retain(|[client, _]| client.peer_addr().ok().is_some_and(|peer| Some(peer) != gone));
        passed
    }

    /// Passes the head and one line of the body.
    fn first_event(&self, server: TcpStream, client: &mut TcpStream) -> IoResult<()> {
        let mut server = BufReader::new(server);
        let (mut head, mut event) = (Vec::new(), Vec::new());
        while !head.ends_with(b"\r\n\r\n") {
            if server.read_until(b'\n', &mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        client.write_all(&head)?;
        let chunked =
            String::from_utf8_lossy(&head).to_ascii_lowercase().contains("transfer-encoding: chunked");
        if !chunked {
            server.read_until(b'\n', &mut event)?;
            return client.write_all(&event);
        }
        while !event.contains(&b'\n') {
            let mut size = String::new();
            server.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(IoError::other)?;
            let from = event.len();
            event.resize(from + size + 2, 0);
            server.read_exact(&mut event[from..])?;
            event.truncate(from + size);
            if size == 0 {
                break;
            }
        }
        let end = event.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if end > 0 {
            write!(client, "{end:x}\r\n")?;
            client.write_all(&event[..end])?;
            client.write_all(b"\r\n")?;
        }
        match self.cuts.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => client.write_all(b"0\r\n\r\n"),
            _ => Ok(()),
        }
    }
}

fn endless(client: &mut TcpStream, bytes: usize, pause: Duration) -> IoResult<()> {
    client.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    let piece = format!("{bytes:x}\r\n{}\r\n", " ".repeat(bytes));
    loop {
        client.write_all(piece.as_bytes())?;
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
#[path = "faults_tests.rs"]
mod tests;
