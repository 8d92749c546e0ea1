//! An HTTP API that a test makes up: a function from requests to answers, over plain HTTP on loopback, one request a
//! connection. It keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use claviger_testenv::Listener;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// By names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Status, header fields, body.
pub(crate) type Said = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// A running one; it takes no more connections when dropped.
pub(crate) struct Api {
    listener: Listener,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let kept = asked.clone();
        let serve = move |client: TcpStream| {
            // A connection without a request is somebody's who looks whether the port is open.
            if let Some(request) = read(&client) {
                kept.lock().unwrap().push(request.clone());
                write(client, &request, answer(&request));
            }
            Ok(())
        };
        Self { listener: Listener::start("a made-up API", serve).unwrap(), asked }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// All that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// JSON of a status.
pub(crate) fn json_of(status: u16, body: &serde_json::Value) -> Said {
    (status, vec![("content-type", "application/json".to_owned())], body.to_string().into_bytes())
}

fn read(client: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|how| how == "chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else {
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Asked { method, target, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn write(mut client: TcpStream, request: &Asked, (status, headers, body): Said) {
    let mut head =
        format!("HTTP/1.1 {status} said\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut whole = head.into_bytes();
    if request.method != "HEAD" {
        whole.extend(body);
    }
    // Whoever has gone needs no answer.
    drop(client.write_all(&whole));
}
