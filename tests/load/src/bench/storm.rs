//! storm: a thousand keys change in the provider at once, and everybody asks for a refresh: until the last Secret holds
//! what its key holds.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use claviger_testenv::Progress;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;

use crate::objects::{Population, external_secrets, name, wait_ready};
use crate::place::{PATIENCE, Place};
use crate::report::Row;
use crate::requests::{Asked, Requests, said};
use crate::{Product, process, vault};

const NAME: &str = "storm";

pub(crate) async fn run(progress: &Progress, product: &Product, size: usize) -> Result<Vec<Row>> {
    let place = Place::start(progress, product, NAME).await?;
    let measured = measure(progress, &place, size).await;
    if measured.is_err() {
        place.keep();
    }
    measured
}

async fn measure(progress: &Progress, place: &Place<'_>, size: usize) -> Result<Vec<Row>> {
    let bao = place.bao.view();
    progress.say(format_args!("{NAME}: {size} keys, and an ExternalSecret of each"));
    let login = vault::prepare(bao, size)?;
    let population = Population { keys: size, ..Population::usual("storm", "1h") };
    population.stores(&place.client, bao.address(), &login, None).await?;
    population.create(&place.client, 0..size).await?;
    let mut operator = place.operator(&[])?;
    operator.wait_ready()?;
    wait_ready(&place.client, &population, size).await?;
    for key in 0..size {
        vault::put(bao, key, 1)?;
    }
    let (mut requests, asked_from) = (Requests::of_operator(place.cluster.view()), bao.audit_mark());
    let (before, begin) = (process::cpu(operator.pid())?, Instant::now());
    let now = json!({"metadata": {"annotations": {"force-sync": "1"}}});
    let asked = (0..size).map(|number| {
        let namespace = population.namespace(number);
        let api = Api::<DynamicObject>::namespaced_with(place.client.clone(), namespace, &external_secrets());
        let now = now.clone();
        async move { api.patch(&name(number), &PatchParams::default(), &Patch::Merge(&now)).await.map(drop) }
    });
    futures::stream::iter(asked).buffer_unordered(32).try_collect::<Vec<_>>().await?;
    let told = begin.elapsed();
    loop {
        match population.wrong(&place.client, 0..size, |_| 1).await? {
            None => break,
            Some(wrong) if begin.elapsed() > PATIENCE => bail!("{wrong}"),
            Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    let took = begin.elapsed();
    let cpu = process::cpu(operator.pid())?.saturating_sub(before);
    requests.read()?;
    let reads = Asked::since(bao, asked_from)?.all_reads();
    progress.say(format_args!("{NAME}: it asked the API server: {}", said(&requests.by_verb())));
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let row = |what: &str, figure: f64, unit| Row::plain(NAME, format!("{size}: {what}"), figure, unit);
    Ok(vec![
        row("to ask for all", told.as_secs_f64(), "s"),
        row("until the last Secret is right", took.as_secs_f64(), "s"),
        row("operator's CPU for each", cpu.as_secs_f64() * 1e6 / count(size), "µs"),
        row("reads of OpenBao", count(reads), ""),
    ])
}
