//! A message on which a plugin founders: the others are heard all the same, and it is the queue's to give it up. The queue is
//! a server of the test's own, since none of the built-in plugins can be made to founder.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Operator, assert_no_value_left, component, digest, pack, world};

/// So often a message is handed out, as a queue's redrive policy has it.
const TRIES: usize = 5;

/// Messages that nobody acknowledged, and what was asked.
#[derive(Default)]
struct Queue {
    values: BTreeMap<String, String>,
    /// The key that each is about, which is its receipt too, and how often it was handed out.
    messages: VecDeque<(String, usize)>,
    /// How many were asked for, and what was handed out.
    polls: Vec<(usize, Vec<String>)>,
    given_up: Vec<String>,
}

impl Queue {
    /// Those in front; they go behind the others, and come again if they are not acknowledged.
    fn poll(&mut self, most: usize) -> Value {
        let taken: Vec<_> = (0..most).map_while(|_| self.messages.pop_front()).collect();
        let keys: Vec<String> = taken.iter().map(|(key, _)| key.clone()).collect();
        for (key, tries) in taken {
            match tries + 1 {
                TRIES => self.given_up.push(key),
                tries => self.messages.push_back((key, tries)),
            }
        }
        if !keys.is_empty() {
            self.polls.push((most, keys.clone()));
        }
        keys.iter().map(|key| json!({"keys": [key], "receipt": key})).collect()
    }

    fn answer(&mut self, line: &str, body: &[u8]) -> (u16, String) {
        let path = line.split(' ').nth(1).unwrap_or_default();
        if let Some(key) = path.strip_prefix("/keys/") {
            return self.values.get(key).map_or((404, String::new()), |value| (200, value.clone()));
        }
        if let Some(most) = path.strip_prefix("/news?most=") {
            return (200, self.poll(most.parse().unwrap()).to_string());
        }
        let heard: Vec<String> = serde_json::from_slice(body).unwrap();
        self.messages.retain(|(key, _)| !heard.contains(key));
        (200, String::new())
    }
}

fn serve(stream: TcpStream, queue: &Mutex<Queue>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut length, mut header) = (0, String::new());
    while reader.read_line(&mut header)? > 2 {
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        header.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, text) = queue.lock().unwrap().answer(&line, &body);
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
    (&stream).write_all(format!("{head}{text}").as_bytes())
}

/// Its address; it serves until the test ends.
fn start(queue: &Arc<Mutex<Queue>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let queue = queue.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = serve(stream, &queue);
        }
    });
    address
}

#[test]
fn a_message_that_a_plugin_cannot_bear_does_not_keep_the_others() {
    let world = world!("refresh-poison");
    let ns = &world.name;
    let queue = Arc::<Mutex<Queue>>::default();
    let values = ["MARKED-poison-old", "MARKED-poison-new"];
    let put = |value: &str| {
        let keys = ["one", "two"].map(|key| (key.to_owned(), value.to_owned()));
        queue.lock().unwrap().values.extend(keys);
    };
    put(values[0]);
    let address = start(&queue);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.yaml");
    std::fs::write(&config, "audit:\n  enabled: true\n  logSecretAccess: true\n").unwrap();
    let operator = Operator::start_flagged(&world, &["--config", config.to_str().unwrap()]);
    let bytes = component(&world, "herald");
    for mut object in pack(&world, &bytes, "herald", &[]) {
        if object["kind"] == "Plugin" {
            object["spec"]["grants"]["loopback"] = json!(true);
        }
        world.apply_json(&object);
    }
    world.wait_loaded("herald", &digest(&bytes));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "told", "namespace": ns},
        "spec": {"controller": ns, "provider": {"herald": {"url": address, "events": {}}}},
    }));
    for key in ["one", "two"] {
        world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": key, "namespace": ns},
            "spec": {"refreshInterval": "1h", "secretStoreRef": {"name": "told"},
                     "data": [{"secretKey": "k", "remoteRef": {"key": key}}]},
        }));
        world.wait_data(key, &[("k", values[0])]);
    }

    put(values[1]);
    let messages = ["poison", "one", "two"].map(|key| (key.to_owned(), 0));
    queue.lock().unwrap().messages.extend(messages);
    for key in ["one", "two"] {
        world.wait_data(key, &[("k", values[1])]);
    }
    world.wait("the queue to give up what nobody can bear", || match &*queue.lock().unwrap() {
        queue if queue.messages.is_empty() => Ok(()),
        queue => Err(format!("{:?} {:?}", queue.messages, queue.polls)),
    });
    let (polls, given_up) = {
        let queue = queue.lock().unwrap();
        (queue.polls.clone(), queue.given_up.clone())
    };
    assert_eq!(given_up, ["poison"], "{polls:?}");
    // All at first; then one by one, until one is heard.
    assert_eq!(polls[0], (10, ["poison", "one", "two"].map(str::to_owned).to_vec()));
    for (before, after) in polls.iter().zip(&polls[1..]) {
        let most = if before.1.iter().any(|key| key == "poison") { 1 } else { 10 };
        assert_eq!(after.0, most, "{polls:?}");
    }
    // Each hand-out of it was a failure. And what an auditor is told of all that.
    let failed = "claviger_change_notices_total{source=\"queue\",outcome=\"failed\"}";
    world.wait("the last of them to be counted", || match operator.metric(failed) {
        Some(5.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let lines = world.wait("the lines of all of them", || {
        let lines: Vec<Value> =
            operator.audit().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let trapped = lines.iter().filter(|line| line["operation"] == "poll" && line["result"] == "trapped");
        if trapped.count() == TRIES { Ok(lines) } else { Err(operator.audit()) }
    });
    let of = |operation: &str, result: &str| {
        let line = |line: &&Value| line["operation"] == operation && line["result"] == result;
        lines.iter().filter(line).collect::<Vec<_>>()
    };
    let (told, heard) = (of("poll", "ok"), of("acknowledge", "ok"));
    let counts = |lines: &[&Value]| lines.iter().map(|line| line["found"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((counts(&told), counts(&heard)), (2, 2), "{told:?} {heard:?}");
    assert_eq!(heard[0]["for"]["uid"], world.get("secretstore", "told").unwrap()["metadata"]["uid"]);
    assert!(heard[0]["plugin"].as_str().unwrap().starts_with("herald@"), "{}", heard[0]);
    world.kubectl(&["delete", "plugin", "herald"]);
    assert_no_value_left(&world, &operator, &values);
}
