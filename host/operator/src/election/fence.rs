//! The last look before a write: a client that sends nothing but reads while this process has no right to act.
//!
//! In one place for everything, so that no code has to remember it. Reconciles end earlier and by themselves
//! ([`super::Term::during`]); this is for what runs beside them.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use http::{Method, Request};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

use super::leadership::Leadership;
use crate::client;

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("not sent: another replica leads")]
struct NotLeading;

/// A client for effects.
///
/// # Errors
/// If `config` is not good for a client.
pub(crate) fn fence(config: Config, leadership: Leadership) -> Result<Client, kube::Error> {
    Ok(client::way(config)?.with_layer(&Fence(leadership)).build())
}

struct Fence(Leadership);

impl<S> Layer<S> for Fence {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced { inner, leadership: self.0.clone() }
    }
}

struct Fenced<S> {
    inner: S,
    leadership: Leadership,
}

impl<S, B> Service<Request<B>> for Fenced<S>
where
    S: Service<Request<B>, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<S::Future, Ready<Result<S::Response, BoxError>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if reads || self.leadership.holds() {
            Either::Left(self.inner.call(request))
        } else {
            Either::Right(ready(Err(NotLeading.into())))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn only_reads_pass_without_the_right() {
        let leadership = Leadership::by_election();
        let answers = tower::service_fn(|request: Request<()>| async move {
            Ok::<_, BoxError>(request.method().to_string())
        });
        let mut service = Fence(leadership.clone()).layer(answers);
        let mut sent = async |method: Method| {
            service.call(Request::builder().method(method).body(()).unwrap()).await.ok()
        };
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(sent(method).await, None);
        }
        assert_eq!(sent(Method::GET).await.as_deref(), Some("GET"));
        leadership.extend(super::super::clock::Moment::NEVER);
        assert_eq!(sent(Method::PATCH).await.as_deref(), Some("PATCH"));
    }
}
