//! A port on loopback for what a test puts there: a proxy, an API that it makes up. What becomes of a connection is its
//! owner's business.

use std::io::{Error as IoError, Result as IoResult};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Takes connections until it is dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Listener {
    /// For `what`; each connection is `serve`'s, in a thread of its own.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub fn start(
        what: &str,
        serve: impl Fn(TcpStream) -> IoResult<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let failed = |error: IoError| Error::Answer { what: what.to_owned(), answer: error.to_string() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stopped, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let over = stopped.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let serve = serve.clone();
                // A connection that breaks is its two ends' business.
                std::thread::spawn(move || serve(client));
            }
        });
        Ok(Self { address, stopped })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections; those that there are go on.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        // It looks only when somebody comes.
        drop(TcpStream::connect(self.address));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}
