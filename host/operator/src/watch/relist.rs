//! A watch that begins anew with a list when the version that it goes on from is too old.
//!
//! kube's does that for an event that says so (410 Gone), and not for an answer that does: then it would ask for the same
//! version until the process ends, and see nothing.

use std::fmt::Debug;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

type Events<K> = BoxStream<'static, Result<Event<K>, watcher::Error>>;

/// As [`watcher`], without its fault. Who reads from it pauses after an error.
pub(crate) fn watched<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    stream::unfold((None::<Events<K>>, api, config), |(events, api, config)| async move {
        let mut events =
            events.unwrap_or_else(|| watcher(Api::clone(&api), watcher::Config::clone(&config)).boxed());
        let event = events.next().await?;
        let kept = (!is_too_old(&event)).then_some(events);
        Some((event, (kept, api, config)))
    })
}

fn is_too_old<K>(event: &Result<Event<K>, watcher::Error>) -> bool {
    matches!(event, Err(watcher::Error::WatchStartFailed(kube::Error::Api(status))) if status.code == 410)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::pin::pin;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use http::{Request, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Client;
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    /// Its watches are answered with these codes, one after the other, and then never. Notes what it is asked.
    fn server(codes: &'static [u16]) -> (Client, Arc<Mutex<Vec<&'static str>>>) {
        let asked = Arc::<Mutex<Vec<&'static str>>>::default();
        let noted = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let mut noted = noted.lock().unwrap();
            let nth = noted.iter().filter(|what| **what == "watch").count();
            noted.push(if watch { "watch" } else { "list" });
            let code = if watch { codes.get(nth).copied() } else { Some(200) };
            async move {
                let Some(code) = code else { return std::future::pending().await };
                let answer = match code {
                    200 => {
                        json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": []})
                    }
                    code => {
                        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "", "message": ""})
                    }
                };
                let body = Body::from(serde_json::to_vec(&answer)?);
                Ok::<_, tower::BoxError>(Response::builder().status(code).body(body)?)
            }
        });
        (Client::new(service, "ns"), asked)
    }

    #[tokio::test]
    async fn a_version_that_is_too_old_is_not_asked_for_again() {
        for (codes, expected) in [
            (&[410][..], ["list", "watch", "list", "watch"]),
            // What else fails says nothing about the version.
            (&[500, 403], ["list", "watch", "watch", "watch"]),
        ] {
            let (client, asked) = server(codes);
            let mut events = pin!(watched(Api::<ConfigMap>::all(client), watcher::Config::default()));
            let read = async { while events.next().await.is_some() {} };
            let enough = async {
                while asked.lock().unwrap().len() < expected.len() {
                    tokio::task::yield_now().await;
                }
            };
            let end = async {
                tokio::select! { () = read => {}, () = enough => {} }
            };
            tokio::time::timeout(Duration::from_secs(10), end).await.unwrap();
            assert_eq!(*asked.lock().unwrap(), expected);
        }
    }
}
