//! A forward proxy, as companies have them between a cluster and the internet: tunnels by CONNECT, and passes plain
//! requests on. It knows the names that a test gives it, and resolves no other: nothing leaves the machine.
//!
//! HTTP/1.1, one plain request a connection. What it was asked for can be looked at.

use std::collections::BTreeMap;
use std::io::{Error as IoError, ErrorKind, Result as IoResult, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Result;
use crate::listener::Listener;
use crate::relay::pass;
use crate::request::Request;

/// A running proxy; it takes no more connections when dropped.
#[derive(Debug)]
pub struct ForwardProxy {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Addresses by `HOST:PORT`.
    names: BTreeMap<String, String>,
    /// What `Proxy-Authorization` has to be.
    authorization: Option<String>,
    asked: Mutex<Vec<String>>,
}

impl ForwardProxy {
    /// One that knows these (`HOST:PORT`, address) and, if `login` (`USER:PASSWORD`) is given, serves nobody else.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub fn start(names: &[(&str, &str)], login: Option<&str>) -> Result<Self> {
        let shared = Arc::new(Shared {
            names: names.iter().map(|(name, address)| ((*name).to_owned(), (*address).to_owned())).collect(),
            authorization: login.map(|login| format!("Basic {}", STANDARD.encode(login))),
            asked: Mutex::default(),
        });
        let serving = shared.clone();
        let listener = Listener::start("a forward proxy", move |client| serving.serve(client))?;
        Ok(Self { listener, shared })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.listener.address().to_string()
    }

    /// What it was asked for since the last look: `CONNECT HOST:PORT`, `GET http://HOST:PORT/…`. With `refused ` before
    /// it where it did not do that.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> IoResult<()> {
        let request = Request::read(&mut client)?;
        let (asked, target) = (format!("{} {}", request.method, request.path), target(&request.path));
        let known = self.names.get(&target);
        let refusal = match (self.is_allowed(&request), known) {
            (false, _) => Some("407 Proxy Authentication Required"),
            (true, None) => Some("502 Bad Gateway"),
            (true, Some(_)) => None,
        };
        {
            let mut list = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            list.push(if refusal.is_some() { format!("refused {asked}") } else { asked });
        }
        if let Some(status) = refusal {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return client.write_all(answer.as_bytes());
        }
        let mut server = TcpStream::connect(known.ok_or_else(|| IoError::from(ErrorKind::NotFound))?)?;
        if request.method == "CONNECT" {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        } else {
            server.write_all(&request.bytes)?;
        }
        let (from, to) = (client.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || pass(from, to));
        pass(server, client);
        Ok(())
    }

    fn is_allowed(&self, request: &Request) -> bool {
        let Some(wanted) = &self.authorization else { return true };
        let head = String::from_utf8_lossy(&request.bytes);
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .any(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == wanted)
    }
}

/// `HOST:PORT` of what a request line names.
fn target(path: &str) -> String {
    let authority = path.strip_prefix("http://").map_or(path, |rest| rest.split('/').next().unwrap_or(rest));
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { authority.to_owned() } else { format!("{authority}:80") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read as _;

    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    fn ask(proxy: &ForwardProxy, text: &str) -> String {
        let mut stream = TcpStream::connect(proxy.listener.address()).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn it_tunnels_and_passes_on_to_names_that_it_was_given() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = server.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for mut client in server.incoming().flatten() {
                let request = Request::read(&mut client).unwrap();
                let answer = format!("HTTP/1.1 200 OK\r\n\r\n{} {}", request.method, request.path);
                client.write_all(answer.as_bytes()).unwrap();
            }
        });
        let proxy = ForwardProxy::start(&[("a.example:80", &address)], Some("user:pass")).unwrap();
        // base64 of user:pass
        let login = "Proxy-Authorization: Basic dXNlcjpwYXNz";
        let answer = ask(&proxy, &format!("GET http://a.example/x HTTP/1.1\r\n{login}\r\n\r\n"));
        assert!(answer.ends_with("GET http://a.example/x"), "{answer}");
        let tunnelled = format!("CONNECT a.example:80 HTTP/1.1\r\n{login}\r\n\r\nGET /y HTTP/1.1\r\n\r\n");
        let answer = ask(&proxy, &tunnelled);
        assert!(answer.starts_with("HTTP/1.1 200 Connection") && answer.ends_with("GET /y"), "{answer}");
        assert!(ask(&proxy, "CONNECT a.example:80 HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 407"));
        let unknown = ask(&proxy, &format!("CONNECT b.example:80 HTTP/1.1\r\n{login}\r\n\r\n"));
        assert!(unknown.starts_with("HTTP/1.1 502"), "{unknown}");
        assert_eq!(
            proxy.asked(),
            [
                "GET http://a.example/x",
                "CONNECT a.example:80",
                "refused CONNECT a.example:80",
                "refused CONNECT b.example:80"
            ]
        );
        assert!(proxy.asked().is_empty());
    }
}
