//! A second address of a server: bytes go through as they are, TLS too. So an API server can be another cluster's, which an
//! operator does not know for its own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::error::Result;
use crate::listener::Listener;

/// A running relay; it takes no more connections when dropped.
#[derive(Debug)]
pub struct Relay {
    listener: Listener,
}

impl Relay {
    /// One to a server at `HOST:PORT`.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub fn start(server: &str) -> Result<Self> {
        let (what, server) = (format!("a relay to {server}"), server.to_owned());
        let listener = Listener::start(&what, move |client| {
            let server = TcpStream::connect(&server)?;
            let (from, to) = (client.try_clone()?, server.try_clone()?);
            std::thread::spawn(move || pass(from, to));
            pass(server, client);
            Ok(())
        })?;
        Ok(Self { listener })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.listener.address().to_string()
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
