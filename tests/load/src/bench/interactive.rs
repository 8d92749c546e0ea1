//! interactive: how long somebody waits who makes an ExternalSecret, changes one, or asks for a refresh, while all others
//! are refreshed. From the answer of the API server to the watch's word of the Secret.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use claviger_testenv::Progress;
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::watcher::{self, Event};
use serde_json::json;

use crate::objects::{Population, external_secrets, name};
use crate::place::Place;
use crate::report::{Aim, Row, millis, percentile};
use crate::vault;

const NAME: &str = "interactive";

/// Of each kind.
const TRIES: usize = 100;

/// Between two tries: they are to meet others' refreshes at any moment, and not each other.
const PAUSE: Duration = Duration::from_millis(150);

/// One that has not come by then is lost.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) async fn run(
    progress: &Progress,
    place: &Place<'_>,
    population: &Population,
    size: usize,
) -> Result<Vec<Row>> {
    progress.say(format_args!("{NAME}: {TRIES} new, {TRIES} changed, {TRIES} asked for a refresh"));
    let namespace = population.namespace(0).to_owned();
    let secrets = Api::<Secret>::namespaced(place.client.clone(), &namespace);
    let events = watcher::watcher(secrets, watcher::Config::default());
    let mut events = std::pin::pin!(events);
    while !matches!(events.next().await.context("the watch ended")??, Event::InitDone) {}
    let own = Population { namespaces: vec![namespace.clone()], ..population.clone() };
    let (mut new, mut changed, mut forced) = (Vec::new(), Vec::new(), Vec::new());
    let api = Api::<DynamicObject>::namespaced_with(place.client.clone(), &namespace, &external_secrets());
    for try_ in 0..TRIES {
        let number = size + try_;
        own.create(&place.client, number..number + 1).await?;
        new.push(until(&mut events, &name(number), |_| true).await?);
        tokio::time::sleep(PAUSE).await;
        let more = json!({"spec": {"data": [{"secretKey": "other", "remoteRef": {"key": vault::name(own.key(number)), "property": "p2"}}]}});
        api.patch(&name(number), &PatchParams::default(), &Patch::Merge(&more)).await?;
        changed.push(until(&mut events, &name(number), |secret| holds(secret, "other", None)).await?);
        tokio::time::sleep(PAUSE).await;
        let key = own.key(number);
        vault::put(place.bao.view(), key, 1)?;
        let now = json!({"metadata": {"annotations": {"force-sync": try_.to_string()}}});
        api.patch(&name(number), &PatchParams::default(), &Patch::Merge(&now)).await?;
        let wanted = vault::value(key, 2, 1);
        let wait = if try_ < own.keys {
            until(&mut events, &name(number), |secret| holds(secret, "other", Some(&wanted))).await?
        } else {
            continue;
        };
        forced.push(wait);
        tokio::time::sleep(PAUSE).await;
    }
    let mut rows = Vec::new();
    for (what, mut times) in [("new", new), ("changed", changed), ("force-sync", forced)] {
        for percent in [50, 99] {
            let row = Row::plain(
                NAME,
                format!("{what}, p{percent} of {}", times.len()),
                millis(percentile(&mut times, percent)),
                "ms",
            );
            rows.push(if percent == 99 { row.aimed(Aim::AtMost(1000.0)) } else { row });
        }
    }
    Ok(rows)
}

/// How long until the Secret is as wanted.
async fn until(
    events: &mut (impl Stream<Item = watcher::Result<Event<Secret>>> + Unpin),
    name: &str,
    wanted: impl Fn(&Secret) -> bool,
) -> Result<Duration> {
    let begin = Instant::now();
    let found = async {
        loop {
            if let Event::Apply(secret) = events.next().await.context("the watch ended")??
                && secret.metadata.name.as_deref() == Some(name)
                && wanted(&secret)
            {
                return anyhow::Ok(begin.elapsed());
            }
        }
    };
    tokio::time::timeout(DEADLINE, found).await.with_context(|| format!("Secret {name}"))?
}

fn holds(secret: &Secret, key: &str, value: Option<&str>) -> bool {
    let held = secret.data.as_ref().and_then(|data| data.get(key));
    held.is_some_and(|held| value.is_none_or(|value| held.0 == value.as_bytes()))
}
