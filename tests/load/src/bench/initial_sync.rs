//! initial-sync: everything is new. From the operator's start until every Secret and every status is written, against
//! `bare`.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use claviger_testenv::Progress;

use super::bare;
use crate::objects::{Population, ready};
use crate::place::{PATIENCE, Place};
use crate::process;
use crate::report::{Aim, Row};
use crate::requests::{Asked, Requests, said};
use crate::{Product, vault};

const NAME: &str = "initial-sync";

pub(crate) async fn run(progress: &Progress, product: &Product, sizes: &[usize]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &size in sizes {
        let place = Place::start(progress, product, NAME).await?;
        let measured = measure(progress, &place, size).await;
        if measured.is_err() {
            place.keep();
        }
        rows.extend(measured?);
    }
    Ok(rows)
}

async fn measure(progress: &Progress, place: &Place<'_>, size: usize) -> Result<Vec<Row>> {
    let login = vault::prepare(place.bao.view(), 50)?;
    let server = place.bao.view().address().to_owned();
    // The stores of the first are another class's, so that the operator leaves all of it alone.
    let (theirs, ours) = (Population::usual("bare", "1h"), Population::usual("ours", "1h"));
    theirs.stores(&place.client, &server, &login, Some("nobody")).await?;
    ours.stores(&place.client, &server, &login, None).await?;
    progress
        .say(format_args!("{NAME}: {size} ExternalSecrets for the bare client, and {size} for the operator"));
    theirs.create(&place.client, 0..size).await?;
    ours.create(&place.client, 0..size).await?;

    let uids = bare::uids(&place.client, &theirs, size).await?;
    let before = place.servers().cpu();
    let bare = bare::run(&place.client, &theirs, &uids).await?;
    let bare_cpu = process::between(&before, &place.servers().cpu());
    progress.say(format_args!("{NAME}: the bare client took {:.1} s ({bare_cpu})", bare.as_secs_f64()));

    let view = place.cluster.view();
    let (mut requests, asked_from) = (Requests::of_operator(view), place.bao.view().audit_mark());
    let before = place.servers().cpu();
    let mut operator = place.operator(&[])?;
    let begin = Instant::now();
    let took = loop {
        // Reading the log takes from the cores that are measured.
        tokio::time::sleep(Duration::from_millis(250)).await;
        requests.read()?;
        if requests.statuses.iter().filter(|path| path.contains("/ours")).count() >= size {
            break begin.elapsed();
        }
        if begin.elapsed() > PATIENCE {
            bail!("{} of {size} statuses after {:?}", requests.statuses.len(), begin.elapsed());
        }
    };
    let (cpu, memory) = (process::cpu(operator.pid())?, process::memory(operator.pid())?);
    let servers = process::between(&before, &place.servers().cpu());
    let (ready, all) = ready(&place.client, &ours.namespaces).await?;
    let wrong = ours.wrong(&place.client, 0..size, |_| 0).await?;
    if ready != size || wrong.is_some() {
        bail!("{ready} of {all} are Ready; {}", wrong.unwrap_or_default());
    }
    let asked = Asked::since(place.bao.view(), asked_from)?;
    operator.kill()?;
    progress.say(format_args!(
        "{NAME}: the operator took {:.1} s, {:.1} s of CPU, RSS {} MiB ({servers}); it asked the API server: {}",
        took.as_secs_f64(),
        cpu.as_secs_f64(),
        memory.peak >> 10,
        said(&requests.by_verb()),
    ));
    let row = |what: &str, figure: f64, unit| Row::plain(NAME, format!("{size}: {what}"), figure, unit);
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    Ok(vec![
        row("bare client", bare.as_secs_f64(), "s"),
        row("operator, from its start", took.as_secs_f64(), "s"),
        row("bare client's time by the operator's", bare.as_secs_f64() / took.as_secs_f64(), "")
            .aimed(Aim::AtLeast(0.8))
            .limited_by("the API server and etcd, on the same cores"),
        row("operator's CPU for each", cpu.as_secs_f64() * 1e6 / count(size), "µs"),
        row("requests to the API server for each", count(requests.seen.len()) / count(size), ""),
        row("reads of OpenBao", count(asked.all_reads()), "").aimed(Aim::AtMost(50.0)),
        row("logins", count(asked.logins), "").aimed(Aim::AtMost(10.0)),
        row("most memory", f64::from(u32::try_from(memory.peak).unwrap_or(u32::MAX)) / 1024.0, "MiB"),
    ])
}
