//! start: from the start of the process to the first Secret, with a fifth of a core (the reference document's
//! `resources.limits`): what is compiled lies in the cache, and nothing does.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use claviger_testenv::{Cgroup, Progress};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::DeleteParams;

use crate::objects::{Population, name};
use crate::operator::Launch;
use crate::place::{PATIENCE, Place};
use crate::report::{Aim, Row, percentile};
use crate::{Product, process, vault};

const NAME: &str = "start";

/// `resources.limits` of the reference document.
const MEMORY: u64 = 256 * 1024 * 1024;
const MILLICORES: u64 = 200;

/// Starts with what is compiled at hand.
const WARM: usize = 7;

pub(crate) async fn run(progress: &Progress, product: &Product) -> Result<Vec<Row>> {
    let place = Place::start(progress, product, NAME).await?;
    let measured = measure(progress, &place, product).await;
    if measured.is_err() {
        place.keep();
    }
    measured
}

async fn measure(progress: &Progress, place: &Place<'_>, product: &Product) -> Result<Vec<Row>> {
    let login = vault::prepare(place.bao.view(), 1)?;
    let population = Population { namespaces: vec!["start".to_owned()], keys: 1, interval: "1h" };
    population.stores(&place.client, place.bao.view().address(), &login, None).await?;
    population.create(&place.client, 0..1).await?;
    // Whoever was first here compiled for everybody.
    once(place, &product.cache_dir, None).await?;
    let group = Cgroup::new("claviger-bench-start", MEMORY, MILLICORES).map_err(anyhow::Error::msg)?;
    progress.say(format_args!("{NAME}: {WARM} starts with compiled plugins, at {MILLICORES}m"));
    let (mut times, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..WARM {
        let (took, spent) = once(place, &product.cache_dir, Some(&group)).await?;
        times.push(took);
        cpu.push(spent);
    }
    progress.say(format_args!("{NAME}: one start with nothing compiled, at {MILLICORES}m"));
    let empty = tempfile::tempdir()?;
    let (cold, cold_cpu) = once(place, empty.path(), Some(&group)).await?;
    let unlimited = once(place, &product.cache_dir, None).await?.0;
    let row = |what: &str, time: Duration| Row::plain(NAME, what, time.as_secs_f64(), "s");
    Ok(vec![
        row("first Secret, compiled, 200m, median", percentile(&mut times, 50)).aimed(Aim::AtMost(1.0)),
        row("CPU of that, median", percentile(&mut cpu, 50)),
        row("first Secret, compiled, no limit", unlimited),
        row("first Secret, nothing compiled, 200m", cold),
        row("CPU of that", cold_cpu),
    ])
}

/// One start, till the Secret is there; the process's own time on a core by then.
async fn once(
    place: &Place<'_>,
    cache_dir: &std::path::Path,
    group: Option<&Cgroup>,
) -> Result<(Duration, Duration)> {
    let secrets = Api::<Secret>::namespaced(place.client.clone(), "start");
    let found = secrets.get_opt(&name(0)).await?.is_some();
    if found {
        secrets.delete(&name(0), &DeleteParams::default()).await?;
    }
    // It comes in before its first instruction.
    let doors = group.map(Cgroup::doors).unwrap_or_default();
    let enter = doors.iter().map(|door| format!("echo 0 > {} && ", door.display())).collect::<String>();
    let script = format!("{enter}exec \"$@\"");
    let prefix = ["sh", "-c", script.as_str(), "sh"];
    let mut operator = place.launch(&Launch { flags: &[], cache_dir, prefix: &prefix })?;
    let begin = operator.started;
    let took = loop {
        if secrets.get_metadata_opt(&name(0)).await?.is_some() {
            break begin.elapsed();
        }
        if begin.elapsed() > PATIENCE {
            bail!("no Secret after {:?}", begin.elapsed());
        }
        tokio::time::sleep_until((Instant::now() + Duration::from_millis(5)).into()).await;
    };
    let spent = process::cpu(operator.pid())?;
    operator.kill()?;
    Ok((took, spent))
}
