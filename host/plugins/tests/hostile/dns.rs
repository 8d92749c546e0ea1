//! A name that leads elsewhere when it is looked up again, with a DNS server of the test's own in its own
//! network namespace.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_plugins::Grants;
use claviger_testenv::isolated;
use serde_json::json;

use crate::network::wary;
use crate::support::{Reply, Server, read, read_text, refusal};

const GOOD: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

#[tokio::test]
async fn a_name_that_turns_to_loopback_is_refused_when_it_does() {
    if !isolated("dns::a_name_that_turns_to_loopback_is_refused_when_it_does") {
        return;
    }
    let Some(plugin) = wary(Grants::default()).await else { return };
    let loopback = Server::at("127.0.0.1:8200", |_| Reply::Body("never".to_owned())).await;
    let metadata = Server::at("169.254.169.254:8200", |_| Reply::Body("never".to_owned())).await;
    // It ends each connection, so that the next request looks the name up again.
    let good = Server::at("10.9.9.9:8200", |_| Reply::LastBody("good".to_owned())).await;
    let names = Names::start(&[
        ("turns.example", &[&[GOOD], &[Ipv4Addr::LOCALHOST]]),
        ("turns-up.example", &[&[GOOD], &[METADATA]]),
        ("both.example", &[&[GOOD, Ipv4Addr::LOCALHOST]]),
        ("straight.example", &[&[Ipv4Addr::LOCALHOST]]),
        ("steady.example", &[&[GOOD]]),
    ]);
    let twice = |name: &str| json!({"mode": "twice", "server": format!("http://{name}:8200")});
    assert_eq!(read_text(&plugin, twice("steady.example")).await, "good good");
    assert_eq!((good.requests(), names.asked("steady.example")), (2, 2));

    for (name, reached, expected) in [
        ("turns.example", 1, "loopback address"),
        ("turns-up.example", 1, "link-local or metadata address"),
        ("both.example", 0, "loopback address"),
        ("straight.example", 0, "loopback address"),
    ] {
        let before = good.requests();
        let said = refusal(&plugin, read(&plugin, twice(name)).await);
        assert!(said.contains("misbehaving@0.1.0") && said.contains(expected), "{name}: {said}");
        assert!(said.contains(&format!("http://{name}:8200")), "{name}: {said}");
        assert_eq!(good.requests() - before, reached, "{name}");
    }
    assert_eq!((loopback.requests(), metadata.requests()), (0, 0));
    assert_eq!((loopback.most_open(), metadata.most_open()), (0, 0));
}

#[tokio::test]
async fn a_connection_that_stays_stays_where_it_was_checked() {
    if !isolated("dns::a_connection_that_stays_stays_where_it_was_checked") {
        return;
    }
    let Some(plugin) = wary(Grants::default()).await else { return };
    let loopback = Server::at("127.0.0.1:8200", |_| Reply::Body("never".to_owned())).await;
    let good = Server::at("10.9.9.9:8200", |_| Reply::Body("good".to_owned())).await;
    let names = Names::start(&[("turns.example", &[&[GOOD], &[Ipv4Addr::LOCALHOST]])]);
    let config = json!({"mode": "twice", "server": "http://turns.example:8200"});
    assert_eq!(read_text(&plugin, config.clone()).await, "good good");
    // Another call, the same connection.
    assert_eq!(read_text(&plugin, config).await, "good good");
    assert_eq!((good.requests(), good.most_open(), names.asked("turns.example")), (4, 1, 1));
    assert_eq!(loopback.most_open(), 0);
}

/// Answers A questions from a list, one entry per question and the last for good; AAAA with nothing.
struct Names {
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

type Answers = (&'static str, &'static [&'static [Ipv4Addr]]);

impl Names {
    fn start(names: &[Answers]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let (counts, names) = (asked.clone(), names.to_vec());
        // Ends with the process, which runs this one test.
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut packet) {
                let answer = answer(&packet[..length], |name| {
                    let (_, answers) = names.iter().find(|(known, _)| *known == name)?;
                    let mut counts = counts.lock().unwrap();
                    let asked = counts.entry(name.to_owned()).or_default();
                    *asked += 1;
                    answers.get(*asked - 1).or(answers.last()).copied()
                });
                let _ = socket.send_to(&answer, peer);
            }
        });
        Self { asked }
    }

    /// A questions for that name.
    fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

/// The answer to one question, TTL 0 (RFC 1035).
fn answer(question: &[u8], addresses: impl FnOnce(&str) -> Option<&'static [Ipv4Addr]>) -> Vec<u8> {
    const HEADER: usize = 12;
    let (mut name, mut at) = (String::new(), HEADER);
    while question[at] != 0 {
        let length = usize::from(question[at]);
        let label = String::from_utf8_lossy(&question[at + 1..=at + length]);
        name = if name.is_empty() { label.into_owned() } else { format!("{name}.{label}") };
        at += length + 1;
    }
    let end = at + 5;
    let is_a = question[at + 1..at + 3] == [0, 1];
    let found = if is_a { addresses(&name) } else { None };
    let found = found.unwrap_or_default();
    let mut answer = question[..2].to_vec();
    // A response, recursion available, no error; one question, so many answers.
    answer.extend_from_slice(&[0x81, 0x80, 0, 1, 0, u8::try_from(found.len()).unwrap(), 0, 0, 0, 0]);
    answer.extend_from_slice(&question[HEADER..end]);
    for address in found {
        // The name at offset 12, type A, class IN, TTL 0, four bytes.
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend_from_slice(&address.octets());
    }
    answer
}
