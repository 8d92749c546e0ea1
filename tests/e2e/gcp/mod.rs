//! Google Secret Manager: the reference document's store, every way to log in, secrets and versions, searches,
//! faults.

mod ambient;
mod faults;
mod federation;
mod find;
mod key;
mod render;
mod secrets;
mod seed;
mod workload_identity;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::support::World;

/// A ServiceAccount that acts as that Google service account, if one is named.
fn service_account(world: &World, namespace: &str, name: &str, email: Option<&str>) {
    let annotations: Value = match email {
        Some(email) => json!({"iam.gke.io/gcp-service-account": email}),
        None => json!({}),
    };
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
    }));
}

/// A server of another system's tokens on loopback, and the heads of the requests it got.
fn token_server(answer: &Value) -> (String, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    let body = answer.to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = String::new();
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            for line in lines.by_ref().take_while(|line| !line.is_empty()) {
                head.push_str(&line);
                head.push('\n');
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            // The test may be over.
            if stream.write_all(answer.as_bytes()).is_err() || sender.send(head).is_err() {
                break;
            }
        }
    });
    (url, receiver)
}
