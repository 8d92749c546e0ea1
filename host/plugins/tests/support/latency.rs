//! A well-behaved plugin beside the others: every one of its calls has to work, and how long they take is
//! printed. Never asserted: a machine that does something else would fail the test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_plugins::{Grants, Plugin, PluginHost, Session};
use serde_json::json;
use tokio::task::JoinSet;

use super::{component, connect, get};

/// Between two calls: as often as somebody has something to read.
const PAUSE: Duration = Duration::from_millis(2);

/// The calls before it begins.
const BEFORE: usize = 200;

/// The neighbour.
pub(crate) struct Neighbour {
    session: Arc<Session>,
}

impl Neighbour {
    /// Loads it on the same host.
    pub(crate) async fn on(host: &PluginHost) -> Option<Self> {
        let plugin: Arc<Plugin> =
            host.load("neighbour", component("chameleon")?, Grants::default()).await.unwrap();
        Some(Self { session: connect(&plugin, json!({})).await.unwrap() })
    }

    async fn call(&self) -> Duration {
        let start = Instant::now();
        assert_eq!(get(&self.session).await.unwrap(), b"1.0.0 the-key", "the neighbour goes on");
        let took = start.elapsed();
        tokio::time::sleep(PAUSE).await;
        took
    }

    /// Runs `hostile` on the runtime's threads and calls all the while, then says what that did to the calls.
    pub(crate) async fn beside<T: Send + 'static>(
        &self,
        what: &str,
        hostile: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let mut before = Vec::new();
        while before.len() < BEFORE {
            before.push(self.call().await);
        }
        let (mut during, mut task) = (Vec::new(), JoinSet::new());
        task.spawn(hostile);
        let answer = loop {
            during.push(self.call().await);
            if let Some(ended) = task.try_join_next() {
                break ended.unwrap();
            }
        };
        println!("others beside {what}: before {}, during {}", Percentiles(before), Percentiles(during));
        answer
    }
}

struct Percentiles(Vec<Duration>);

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = |part: usize| sorted[(sorted.len() * part / 100).min(sorted.len() - 1)];
        write!(f, "p50 {:.1?} p99 {:.1?} ({} calls)", at(50), at(99), sorted.len())
    }
}
