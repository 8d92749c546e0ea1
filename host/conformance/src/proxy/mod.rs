//! The proxy between plugin and backend: plain HTTP/1.1 on loopback, one listener for each server of the
//! bench. It counts logins and data requests, and makes the network or the backend fail as it is told. What reaches the
//! backend passes a tape: recorded, or answered from a recording.
//!
//! Without a fault, method, path, query, header fields (`Host` too: a signature may cover it) and bodies
//! pass as they are; only what is between two hops (`Connection`, `Transfer-Encoding`) is its own.

mod fault;
mod forward;
mod matcher;
mod upstream;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub(crate) use fault::Fault;
pub(crate) use forward::{reach, send};
pub(crate) use matcher::{Kind, Matcher, Rules};
pub(crate) use upstream::Upstream;

use crate::tape::{Asked, Passage, Tape};

/// Bodies of answers: those of the backend, and those that break off.
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What reached the proxy since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) logins: usize,
    pub(crate) data: usize,
    /// Neither.
    pub(crate) other: usize,
    /// Requests that met the fault.
    pub(crate) faults: usize,
}

/// A fault, whom it meets, and whether the next login ends it.
struct Active {
    on: Kind,
    fault: Fault,
    until_login: bool,
}

#[derive(Default)]
struct State {
    active: Vec<Active>,
    counts: Counts,
    tape: Tape,
}

/// What all listeners share.
struct Wire {
    rules: Rules,
    state: Mutex<State>,
}

impl Wire {
    /// Counts a request; the fault that it meets.
    fn arrived(&self, kind: Kind) -> Option<Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            Kind::Login => state.counts.logins += 1,
            Kind::Data => state.counts.data += 1,
            Kind::Other => state.counts.other += 1,
        }
        let fault = state.active.iter().find(|active| active.on == kind).map(|active| active.fault.clone());
        if fault.is_some() {
            state.counts.faults += 1;
        } else if kind == Kind::Login {
            state.active.retain(|active| !active.until_login);
        }
        fault
    }

    fn tape<T>(&self, act: impl FnOnce(&mut Tape) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).tape)
    }
}

/// The listeners; gone when dropped.
pub(crate) struct Proxy {
    wire: Arc<Wire>,
    origins: BTreeMap<String, String>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// One listener on a free port of 127.0.0.1 for each server; one without an address is what a recording answers for.
    pub(crate) async fn start(
        servers: &BTreeMap<String, Option<Upstream>>,
        rules: Rules,
    ) -> io::Result<Self> {
        let wire = Arc::new(Wire { rules, state: Mutex::default() });
        let (mut origins, mut tasks) = (BTreeMap::new(), JoinSet::new());
        for (name, upstream) in servers {
            let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
            origins.insert(name.clone(), origin(listener.local_addr()?));
            let server =
                Arc::new(Server { name: name.clone(), upstream: upstream.clone(), wire: wire.clone() });
            tasks.spawn(server.serve(listener));
        }
        Ok(Self { wire, origins, _tasks: tasks })
    }

    /// `http://127.0.0.1:PORT` by the name of each server.
    pub(crate) fn origins(&self) -> &BTreeMap<String, String> {
        &self.origins
    }

    /// What passes is recorded, or answered, from now on.
    pub(crate) fn load(&self, tape: Tape) {
        self.tape(|loaded| *loaded = tape);
    }

    /// Something with the tape.
    pub(crate) fn tape<T>(&self, act: impl FnOnce(&mut Tape) -> T) -> T {
        self.wire.tape(act)
    }

    /// From now on requests of that kind meet the fault, until [`Proxy::heal`].
    pub(crate) fn fail(&self, on: Kind, fault: Fault) {
        self.set(Active { on, fault, until_login: false });
    }

    /// The same, until a login comes through.
    pub(crate) fn fail_until_login(&self, on: Kind, fault: Fault) {
        self.set(Active { on, fault, until_login: true });
    }

    fn set(&self, active: Active) {
        self.wire.state.lock().unwrap_or_else(PoisonError::into_inner).active.push(active);
    }

    /// No more faults.
    pub(crate) fn heal(&self) {
        self.wire.state.lock().unwrap_or_else(PoisonError::into_inner).active.clear();
    }

    /// What came since the last time.
    pub(crate) fn counts(&self) -> Counts {
        std::mem::take(&mut self.wire.state.lock().unwrap_or_else(PoisonError::into_inner).counts)
    }
}

/// Addresses like the proxy's at which nobody listens.
pub(crate) async fn closed(servers: impl Iterator<Item = &String>) -> io::Result<BTreeMap<String, String>> {
    let mut origins = BTreeMap::new();
    for name in servers {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        origins.insert(name.clone(), origin(listener.local_addr()?));
    }
    Ok(origins)
}

fn origin(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// One listener's side.
struct Server {
    name: String,
    upstream: Option<Upstream>,
    wire: Arc<Wire>,
}

impl Server {
    async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let server = self.clone();
            connections.spawn(async move {
                let service = service_fn(|request| {
                    let server = server.clone();
                    async move { server.answer(request).await }
                });
                let mut http = http1::Builder::new();
                // Ends with the other side, or with a fault that breaks it off: nobody is told.
                let _ = http.preserve_header_case(true).serve_connection(TokioIo::new(stream), service).await;
            });
            while connections.try_join_next().is_some() {}
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let kind = self.wire.rules.kind(&self.name, &parts, &body);
        match self.wire.arrived(kind) {
            None => Ok(self.backend(kind, parts, body).await?.map(fault::whole)),
            Some(fault) => fault.answer(async || self.backend(kind, parts, body).await).await,
        }
    }

    /// The backend's answer, or the recording's.
    async fn backend(&self, kind: Kind, parts: Parts, body: Bytes) -> io::Result<Response<Bytes>> {
        let asked = Asked::new(&self.name, kind, &parts, body.clone());
        let number = match self.wire.tape(|tape| tape.asked(asked)) {
            Passage::Answered(answer) => return Ok(answer),
            Passage::Nowhere => return Err(io::ErrorKind::NotFound.into()),
            Passage::Through(number) => number,
        };
        let upstream = self.upstream.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let answer = forward::send(upstream, parts, body).await?;
        if let Some(number) = number {
            self.wire.tape(|tape| tape.answered(number, &answer));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;
