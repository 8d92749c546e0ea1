//! A request as the proxies of tests pass it on: read whole, and with both sides asked to close after it, so that an answer
//! is whatever comes until then.
//!
//! HTTP/1.1 without TLS. Nothing else of it is changed.

use std::io::{Error as IoError, ErrorKind, Read as _, Result as IoResult};
use std::net::{Shutdown, TcpStream};

/// A request line with its header: above any that a client here sends.
const MAX_HEAD: usize = 64 * 1024;

/// Ends the way to the server when the client listens no more: a stream of events may be silent for long.
pub(crate) fn end_with(client: &TcpStream, server: &TcpStream) -> IoResult<()> {
    let (mut client, server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut client, &mut std::io::sink());
        let _ = server.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// A request, whole.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// As it is passed on.
    pub(crate) bytes: Vec<u8>,
}

impl Request {
    pub(crate) fn read(client: &mut TcpStream) -> IoResult<Self> {
        let broken = || IoError::from(ErrorKind::InvalidData);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MAX_HEAD {
                return Err(broken());
            }
            head.push(byte(client)?);
        }
        let head = String::from_utf8(head).map_err(|_| broken())?;
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default();
        let (method, path) = line
            .split_once(' ')
            .and_then(|(method, rest)| Some((method, rest.split_once(' ')?.0)))
            .ok_or_else(broken)?;
        let mut bytes = format!("{line}\r\nConnection: close\r\n");
        let (mut length, mut chunked) = (0, false);
        for header in lines {
            let (name, value) = header.split_once(':').ok_or_else(broken)?;
            match name.to_ascii_lowercase().as_str() {
                "connection" => continue,
                "content-length" => length = value.trim().parse().map_err(|_| broken())?,
                "transfer-encoding" => chunked = true,
                _ => {}
            }
            bytes.push_str(header);
            bytes.push_str("\r\n");
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        more(client, &mut bytes, length)?;
        while chunked {
            let from = bytes.len();
            while !bytes[from..].ends_with(b"\r\n") {
                bytes.push(byte(client)?);
            }
            let size = String::from_utf8_lossy(&bytes[from..]).trim().to_owned();
            let size = usize::from_str_radix(&size, 16).map_err(|_| broken())?;
            more(client, &mut bytes, size + 2)?;
            chunked = size > 0;
        }
        Ok(Self { method: method.to_owned(), path: path.to_owned(), bytes })
    }
}

fn byte(from: &mut TcpStream) -> IoResult<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte).map(|()| byte[0])
}

fn more(from: &mut TcpStream, bytes: &mut Vec<u8>, length: usize) -> IoResult<()> {
    let begin = bytes.len();
    bytes.resize(begin + length, 0);
    from.read_exact(&mut bytes[begin..])
}
