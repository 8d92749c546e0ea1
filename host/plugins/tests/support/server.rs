//! The tests' own servers: HTTP/1.1 as far as they need it, and every way in which a server can be bad.
//! They count what reaches them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a server does with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status 200, and the connection stays.
    Body(String),
    /// The same, and the connection ends.
    LastBody(String),
    /// Status 302.
    Redirect(String),
    /// So late.
    Late(Duration, String),
    /// Status 200 and a body that never ends.
    Endless,
    /// Header fields that never end.
    EndlessHeader,
    /// A byte now and then.
    Drip,
    /// Nothing, until the other side gives up.
    Silence,
}

/// A server that runs as long as this lives.
pub(crate) struct Server {
    /// `http://address:port`.
    pub(crate) origin: String,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl Server {
    /// On a free port of 127.0.0.1.
    pub(crate) async fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", reply).await
    }

    /// There. `reply` gets the first line of each request.
    pub(crate) async fn at(address: &str, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let (counted, reply, mut tasks) = (counts.clone(), Arc::new(reply), JoinSet::new());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let (counts, reply) = (counted.clone(), reply.clone());
                connections.spawn(async move {
                    let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
                    counts.most_open.fetch_max(open, Ordering::SeqCst);
                    serve(stream, &counts, &*reply).await;
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { origin: format!("http://{address}"), address, counts, _tasks: tasks }
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Most connections at once so far.
    pub(crate) fn most_open(&self) -> usize {
        self.counts.most_open.load(Ordering::SeqCst)
    }

    /// Waits until no connection is left.
    pub(crate) async fn is_left_alone(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.counts.open.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < deadline, "connections stay open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn serve(mut stream: TcpStream, counts: &Counts, reply: &(dyn Fn(&str) -> Reply + Send + Sync)) {
    let mut pending = Vec::new();
    while let Some(head) = head(&mut stream, &mut pending).await {
        counts.requests.fetch_add(1, Ordering::SeqCst);
        let ok = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let first = head.lines().next().unwrap_or_default();
        let reply = reply(first);
        let last = matches!(reply, Reply::LastBody(_));
        let text = match reply {
            Reply::Body(body) | Reply::LastBody(body) => ok(&body),
            Reply::Late(after, body) => {
                tokio::time::sleep(after).await;
                ok(&body)
            }
            Reply::Redirect(to) => {
                format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
            }
            Reply::Endless => {
                return endless(&mut stream, "HTTP/1.1 200 OK\r\n\r\n", &"x".repeat(64 * 1024)).await;
            }
            Reply::EndlessHeader => {
                return endless(&mut stream, "HTTP/1.1 200 OK\r\n", "x-more: x\r\n").await;
            }
            Reply::Drip => return drip(&mut stream).await,
            Reply::Silence => {
                while matches!(stream.read_buf(&mut pending).await, Ok(read) if read > 0) {}
                return;
            }
        };
        if stream.write_all(text.as_bytes()).await.is_err() || last {
            return;
        }
    }
}

/// The next request's head; its body is taken in and dropped.
async fn head(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<String> {
    let end = loop {
        if let Some(end) = pending.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(pending).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&pending[..end]).into_owned();
    let field = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
    let body: usize = head.lines().find_map(field).unwrap_or(0);
    while pending.len() < end + body {
        if stream.read_buf(pending).await.ok()? == 0 {
            return None;
        }
    }
    pending.drain(..end + body);
    Some(head)
}

async fn endless(stream: &mut TcpStream, start: &str, piece: &str) {
    let mut alive = stream.write_all(start.as_bytes()).await.is_ok();
    while alive {
        alive = stream.write_all(piece.as_bytes()).await.is_ok();
    }
}

async fn drip(stream: &mut TcpStream) {
    let mut alive = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await.is_ok();
    while alive {
        tokio::time::sleep(Duration::from_millis(20)).await;
        alive = stream.write_all(b"x").await.is_ok();
    }
}
