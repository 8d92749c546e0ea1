//! Requests through the host's client. Which origins can be reached, with which TLS, is what `connect`
//! named; the host enforces it and ends a call that tries another.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use wstd::http::{Body, Client, Method};

use crate::Error;
use crate::request::{Reply, Request};

/// To the first byte of an answer. Below the host's own limits, so that the plugin still says something.
const FIRST_BYTE: Duration = Duration::from_secs(15);

/// Sends a request and reads the whole answer.
///
/// # Errors
/// [`Error::Unavailable`] for everything that is not an answer.
pub fn send(method: &str, url: &str, headers: &[(String, String)], body: Vec<u8>) -> Result<Reply, Error> {
    wstd::runtime::block_on(exchange(method, url, headers, body, FIRST_BYTE))
}

/// Sends requests, `at_once` of them at a time, and reads the whole answers: one for each, in order, with
/// errors as of [`send`]. The memo is no place to wait in meanwhile, since waiting stops all of them; so it is
/// asked before and after.
pub fn send_all(requests: Vec<Request>, at_once: usize) -> Vec<Result<Reply, Error>> {
    send_all_within(requests, at_once, None)
}

/// As [`send_all`], with another time to the first byte of an answer than 15 s.
pub fn send_all_within(
    requests: Vec<Request>,
    at_once: usize,
    first_byte: Option<Duration>,
) -> Vec<Result<Reply, Error>> {
    let first_byte = first_byte.unwrap_or(FIRST_BYTE);
    wstd::runtime::block_on(
        stream::iter(requests)
            .map(|Request { method, url, headers, body }| async move {
                exchange(method, &url, &headers, body, first_byte).await
            })
            .buffered(at_once.max(1))
            .collect(),
    )
}

async fn exchange(
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: Vec<u8>,
    first_byte: Duration,
) -> Result<Reply, Error> {
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| Error::Other("no such method".to_owned()))?;
    let mut request = wstd::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request =
        request.body(Body::from(body)).map_err(|_| Error::Other("the request cannot be built".to_owned()))?;
    let mut client = Client::new();
    client.set_first_byte_timeout(first_byte);
    let response = client.send(request).await.map_err(|_| Error::Unavailable("no answer".to_owned()))?;
    let fields: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let body = body.contents().await.map_err(|_| Error::Unavailable("the answer broke off".to_owned()))?;
    let reply = Reply::new(status, body.to_vec());
    Ok(fields.into_iter().fold(reply, |reply, (name, value)| reply.with(&name, value)))
}
