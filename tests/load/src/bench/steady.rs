//! steady: ten thousand that nothing happens to, each refreshed once a minute; and, meanwhile, what somebody waits for who
//! makes or changes one (`interactive`).

use std::time::{Duration, Instant};

use anyhow::Result;
use claviger_testenv::Progress;

use super::interactive;
use crate::objects::{Population, wait_ready};
use crate::place::Place;
use crate::report::{Aim, Row};
use crate::requests::{Asked, Requests, said};
use crate::{Product, process, vault};

const NAME: &str = "steady";

pub(crate) async fn run(
    progress: &Progress,
    product: &Product,
    size: usize,
    minutes: u64,
) -> Result<Vec<Row>> {
    let place = Place::start(progress, product, NAME).await?;
    let measured = measure(progress, &place, size, minutes).await;
    if measured.is_err() {
        place.keep();
    }
    measured
}

async fn measure(progress: &Progress, place: &Place<'_>, size: usize, minutes: u64) -> Result<Vec<Row>> {
    let bao = place.bao.view();
    let login = vault::prepare(bao, 50)?;
    let population = Population::usual("steady", "60s");
    population.stores(&place.client, bao.address(), &login, None).await?;
    progress.say(format_args!("{NAME}: {size} ExternalSecrets, refreshed every 60 s"));
    population.create(&place.client, 0..size).await?;
    let mut operator = place.operator(&[])?;
    operator.wait_ready()?;
    wait_ready(&place.client, &population, size).await?;
    // The first round is none of many: all are new at once.
    tokio::time::sleep(Duration::from_secs(60)).await;

    let mut requests = Requests::of_operator(place.cluster.view());
    let (asked_from, begin, before) = (bao.audit_mark(), Instant::now(), process::cpu(operator.pid())?);
    let servers = place.servers().cpu();
    let mut most = 0;
    for minute in 1..=minutes {
        tokio::time::sleep_until((begin + Duration::from_secs(60 * minute)).into()).await;
        let memory = process::memory(operator.pid())?;
        most = most.max(memory.rss);
        requests.read()?;
        let cpu = process::cpu(operator.pid())?.saturating_sub(before);
        progress.say(format_args!(
            "{NAME}: minute {minute} of {minutes}: {:.2} cores, RSS {} MiB, {} of it anonymous; {}",
            cpu.as_secs_f64() / begin.elapsed().as_secs_f64(),
            memory.rss >> 10,
            memory.anonymous >> 10,
            said(&requests.by_verb()),
        ));
    }
    let cores =
        process::cpu(operator.pid())?.saturating_sub(before).as_secs_f64() / begin.elapsed().as_secs_f64();
    progress.say(format_args!("{NAME}: servers: {}", process::between(&servers, &place.servers().cpu())));
    let asked = Asked::since(bao, asked_from)?;
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let rounds = f64::from(u32::try_from(minutes.max(1)).unwrap_or(u32::MAX));
    let row = |what: &str, figure: f64, unit| Row::plain(NAME, format!("{size}: {what}"), figure, unit);
    // Whoever was at the edge of the time that was looked at may have had one round more.
    let most_reads = (rounds + 1.0) / rounds;
    let mut rows = vec![
        row("reads of OpenBao by key and round", count(asked.all_reads()) / 50.0 / rounds, "")
            .aimed(Aim::AtMost(most_reads)),
        row("logins (a token lives for an hour)", count(asked.logins), "").aimed(Aim::AtMost(0.0)),
        row("other requests to OpenBao", count(asked.others.values().sum()), ""),
        row("cores", cores, "").aimed(Aim::AtMost(0.2)),
        row("most memory", f64::from(u32::try_from(most).unwrap_or(u32::MAX)) / 1024.0, "MiB")
            .aimed(Aim::AtMost(128.0)),
    ];
    for (what, number) in requests.by_verb() {
        rows.push(row(&format!("{what}, a minute"), count(number) / rounds, ""));
    }
    rows.extend(interactive::run(progress, place, &population, size).await?);
    Ok(rows)
}
