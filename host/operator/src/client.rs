//! Clients of the API server that do not wait for ever.
//!
//! kube's own have no limit for an answer, since watches last: a connection that was taken and is never answered on would
//! hold a reconcile, or the list that a watch begins with, until the process ends.

use std::time::Duration;

use http::{Request, Response};
use kube::Config;
use kube::client::{Body, ClientBuilder, DynBody};
use tower::BoxError;
use tower::timeout::{Timeout, TimeoutLayer};
use tower::util::BoxService;

/// The way to the API server, for a client to be made of.
pub(crate) type Way = ClientBuilder<Timeout<BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>>>;

/// How long is waited.
struct Patience {
    /// Until the head of an answer is there, with what is tried again meanwhile (429, 503, 504).
    answer: Duration,
    /// Between two pieces of an answer.
    silence: Duration,
}

const USUAL: Patience = Patience {
    // API servers end a request themselves after 60 s: who waits for longer waits for nobody.
    answer: Duration::from_secs(65),
    // A watch may be silent for as long as it lasts, which is 290 s; kube gives it 30 more.
    silence: Duration::from_secs(330),
};

/// The way to the API server that `config` names. A request that is not answered in time fails; whether it was carried
/// out nobody knows then, as with a connection that breaks.
///
/// # Errors
/// If `config` is not good for a client.
pub(crate) fn way(config: Config) -> Result<Way, kube::Error> {
    way_with(config, &USUAL)
}

fn way_with(mut config: Config, patience: &Patience) -> Result<Way, kube::Error> {
    config.read_timeout = Some(patience.silence);
    // Not from when the connection was last used.
    config.reset_reader_on_write = true;
    Ok(ClientBuilder::try_from(config)?.with_layer(&TimeoutLayer::new(patience.answer)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Instant;

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// What comes of a read from a server that says so much and then nothing more.
    async fn read(said: &'static [u8]) -> (String, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let silent = tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let _ = connection.read(&mut [0; 1024]).await;
                connection.write_all(said).await.unwrap();
                taken.push(connection);
            }
        });
        let patience = Patience { answer: Duration::from_millis(300), silence: Duration::from_millis(600) };
        let client = way_with(Config::new(url), &patience).unwrap().build();
        let began = Instant::now();
        let outcome = Api::<ConfigMap>::namespaced(client, "ns").get("name").await;
        silent.abort();
        (outcome.unwrap_err().to_string(), began.elapsed())
    }

    #[tokio::test]
    async fn who_is_not_answered_gives_up() {
        let (why, took) = read(b"").await;
        assert!(why.contains("timed out"), "{why}");
        assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(5), "{took:?}");
        // The head is there, and half of the body.
        let (why, took) =
            read(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{").await;
        assert!(took >= Duration::from_millis(600) && took < Duration::from_secs(5), "{took:?}: {why}");
    }
}
