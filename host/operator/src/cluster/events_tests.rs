//! Which events are written, in which order, how fast, and which are counted on others.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::Value;
use tower::service_fn;

use super::*;

fn about(name: &str) -> ObjectReference {
    ObjectReference {
        kind: Some("ExternalSecret".to_owned()),
        namespace: Some("ns".to_owned()),
        name: Some(name.to_owned()),
        ..ObjectReference::default()
    }
}

/// Requests in short: method, last part of the path, and what of the body tells them apart.
type Heard = Arc<Mutex<Vec<String>>>;

/// An API server that takes events, and has forgotten those of `gone`.
fn server(gone: bool) -> (Client, Heard) {
    let heard = Heard::default();
    let all = heard.clone();
    let service = service_fn(move |request: Request<Body>| {
        let all = all.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body: Value = serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap();
            let patched = parts.method == Method::PATCH;
            let line = match patched {
                true => format!("PATCH {}", body["series"]["count"]),
                false => {
                    format!("POST {} {}", body["reason"].as_str().unwrap(), body["note"].as_str().unwrap())
                }
            };
            all.lock().unwrap().push(line);
            if patched && gone {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound", "message": "", "metadata": {}});
                let answer =
                    Response::builder().status(404).body(Body::from(serde_json::to_vec(&status).unwrap()));
                return Ok::<_, std::convert::Infallible>(answer.unwrap());
            }
            Ok(Response::new(Body::from(serde_json::to_vec(&body).unwrap())))
        }
    });
    (Client::new(service, "default"), heard)
}

/// What is written of what `tell` tells before the writer has begun.
async fn written(gone: bool, tell: impl FnOnce(&Events)) -> Vec<String> {
    let (client, heard) = server(gone);
    let events = Events::default();
    tell(&events);
    let stop = CancellationToken::new();
    // At its end it writes what there is.
    stop.cancel();
    EventWriter::new(client, events, None).run(stop).await;
    let heard = heard.lock().unwrap();
    heard.clone()
}

#[tokio::test]
async fn warnings_go_first_and_the_same_again_is_counted() {
    let lines = written(false, |events| {
        events.normal(&about("a"), "Created", "secret created");
        events.normal(&about("a"), "Created", "secret created");
        events.normal(&about("b"), "Created", "secret created");
        events.warning(&about("a"), "UpdateFailed", "no key x");
        events.warning(&about("a"), "UpdateFailed", "no key y");
    });
    let expected = [
        "POST UpdateFailed no key x",
        // Another message is other news.
        "POST UpdateFailed no key y",
        "POST Created secret created",
        "PATCH 2",
        "POST Created secret created",
    ];
    assert_eq!(lines.await, expected);
}

#[tokio::test]
async fn one_that_has_run_out_is_written_anew() {
    let lines = written(true, |events| {
        events.normal(&about("a"), "Created", "secret created");
        events.normal(&about("a"), "Created", "secret created");
    });
    assert_eq!(lines.await, ["POST Created secret created", "PATCH 2", "POST Created secret created"]);
}

#[test]
fn more_than_can_wait_are_dropped_and_counted() {
    let events = Events::default();
    for _ in 0..MAX_WAITING + 3 {
        events.normal(&about("a"), "Created", "secret created");
    }
    events.warning(&about("a"), "UpdateFailed", &"ü".repeat(MAX_NOTE));
    assert_eq!((events.dropped(), events.dropped()), (3, 0));
    let first = events.next().unwrap();
    // Cut between two characters.
    assert_eq!((first.type_, first.note.len()), ("Warning", MAX_NOTE));
}
