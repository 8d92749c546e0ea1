//! A second address of a server: bytes go through as they are, TLS too. So an API server can be another cluster's, which an
//! operator does not know for its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// A running relay; it takes no more connections when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Relay {
    /// One to a server at `HOST:PORT`.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub fn start(server: &str) -> Result<Self> {
        let failed = |error: std::io::Error| Error::Answer {
            what: format!("a relay to {server}"),
            answer: error.to_string(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stopped = Arc::new(AtomicBool::default());
        let (server, over) = (server.to_owned(), stopped.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                // A connection that breaks is its two ends' business.
                if let Ok(server) = TcpStream::connect(&server)
                    && let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone())
                {
                    std::thread::spawn(move || pass(from, to));
                    std::thread::spawn(move || pass(server, client));
                }
            }
        });
        Ok(Self { address, stopped })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // It looks only when somebody comes.
        drop(TcpStream::connect(self.address));
    }
}

/// Until one end closes.
pub(crate) fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
