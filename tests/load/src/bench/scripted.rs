//! A server that answers at once what it was told beforehand, so that what remains of a call is the caller's own work; and
//! that remembers the last request in each place, to be made again by somebody else.
//!
//! HTTP/1.1 with connections that stay open, bodies by length: as much as the callers here speak.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Answers, by what the request's target contains.
type Script = Vec<(&'static str, String)>;

/// The server. Its threads end with the process: they only ever wait for this process's own clients.
pub(crate) struct Scripted {
    pub(crate) origin: String,
    heard: Arc<Mutex<BTreeMap<String, Heard>>>,
}

impl Scripted {
    /// Starts one on a port of its own.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn start(script: Script) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let origin = format!("http://{}", listener.local_addr()?);
        let (script, heard) = (Arc::new(script), Arc::<Mutex<BTreeMap<String, Heard>>>::default());
        let all = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, heard) = (script.clone(), all.clone());
                std::thread::spawn(move || serve(stream, &script, &heard));
            }
        });
        Ok(Self { origin, heard })
    }

    /// The requests that one call made, each place once; what came before is forgotten.
    pub(crate) fn take(&self) -> Vec<Heard> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        heard.into_values().collect()
    }
}

fn serve(stream: TcpStream, script: &Script, heard: &Mutex<BTreeMap<String, Heard>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = next(&mut reader)? {
        let answer = script.iter().find(|(part, _)| request.target.contains(part));
        let (status, body) = answer.map_or(("404 Not Found", "{}"), |(_, body)| ("200 OK", body.as_str()));
        heard.lock().unwrap_or_else(PoisonError::into_inner).insert(request.target.clone(), request);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        writer.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    }
    Ok(())
}

fn next(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Heard>> {
    let mut heard = Heard::default();
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    heard.method = words.next().unwrap_or_default().to_owned();
    heard.target = words.next().unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().unwrap_or(0);
        }
        heard.headers.push((name, value));
    }
    heard.body.resize(length, 0);
    reader.read_exact(&mut heard.body)?;
    Ok(Some(heard))
}
