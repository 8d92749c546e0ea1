//! growth: memory and CPU of an operator at rest against how many objects it looks after: ExternalSecrets, stores, plugins.
//! The slope is that of the straight line which fits best.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{Progress, chameleon};

use crate::objects::{Population, wait_ready};
use crate::operator::Operator;
use crate::place::{PATIENCE, Place};
use crate::process::{self, Memory};
use crate::report::{Aim, Row, table};
use crate::{Product, vault};

const NAME: &str = "growth";

/// After a burst the allocator gives back what it can, and CPU is looked at for as long.
const REST: Duration = Duration::from_secs(20);

/// Stores in one namespace each.
const STORES: [usize; 3] = [10, 200, 1_000];

/// Where the operator's ServiceAccount is.
const NAMESPACE: &str = "claviger-system";

/// Plugin objects, each with a component of its own.
const PLUGINS: [usize; 3] = [0, 5, 20];

pub(crate) async fn run(progress: &Progress, product: &Product, sizes: &[usize]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for what in ["ExternalSecrets", "stores", "plugins"] {
        let place = Place::start(progress, product, NAME).await?;
        let measured = match what {
            "ExternalSecrets" => external_secrets(progress, &place, sizes).await,
            "stores" => stores(progress, &place).await,
            _ => plugins(progress, &place, product).await,
        };
        match measured {
            Ok(new) => rows.extend(new),
            Err(error) => {
                place.keep();
                // It took long enough.
                eprint!("{}", table(&rows));
                return Err(error);
            }
        }
    }
    Ok(rows)
}

async fn external_secrets(progress: &Progress, place: &Place<'_>, sizes: &[usize]) -> Result<Vec<Row>> {
    let login = vault::prepare(place.bao.view(), 50)?;
    let population = Population::usual("growth", "1h");
    population.stores(&place.client, place.bao.view().address(), &login, None).await?;
    let mut operator = place.operator(&[])?;
    operator.wait_ready()?;
    let (mut points, mut rows, mut there) = (Vec::new(), Vec::new(), 0);
    for &size in sizes {
        population.create(&place.client, there..size).await?;
        there = size;
        wait_ready(&place.client, &population, size).await?;
        rows.extend(point(progress, &operator, "ExternalSecrets", size, &mut points).await?);
    }
    // One size says nothing of it.
    if points.len() > 1 {
        let row = Row::plain(NAME, "each ExternalSecret", slope(&points), "KiB");
        rows.push(row.aimed(Aim::AtMost(4.0)).limited_by("each object is kept as it was read"));
    }
    Ok(rows)
}

async fn stores(progress: &Progress, place: &Place<'_>) -> Result<Vec<Row>> {
    let login = vault::prepare(place.bao.view(), 1)?;
    let mut operator = place.operator(&[])?;
    operator.wait_ready()?;
    let (mut points, mut rows, mut there) = (Vec::new(), Vec::new(), 0);
    for size in STORES {
        let namespaces: Vec<String> = (there..size).map(|number| format!("store{number}")).collect();
        there = size;
        let new = Population { namespaces, keys: 1, interval: "1h" };
        let count = new.namespaces.len();
        new.stores(&place.client, place.bao.view().address(), &login, None).await?;
        // One that uses each: a store that nobody uses is validated and forgotten.
        new.create(&place.client, 0..count).await?;
        wait_ready(&place.client, &new, count).await?;
        rows.extend(
            point(progress, &operator, "stores, each with an ExternalSecret", size, &mut points).await?,
        );
    }
    rows.push(Row::plain(NAME, "each store with its ExternalSecret", slope(&points), "KiB"));
    Ok(rows)
}

async fn plugins(progress: &Progress, place: &Place<'_>, product: &Product) -> Result<Vec<Row>> {
    let file = product.test_plugin_dir.join("chameleon.wasm");
    let component = std::fs::read(&file).with_context(|| file.display().to_string())?;
    // ConfigMaps of plugins are read there.
    let mut operator = place.operator(&["--operator-namespace", NAMESPACE])?;
    operator.wait_ready()?;
    let (mut points, mut rows, mut there) = (Vec::new(), Vec::new(), 0);
    let dir = tempfile::tempdir()?;
    for size in PLUGINS {
        for number in there..size {
            let bytes = chameleon(&component, &format!("1.0.{number} good"));
            let wasm = dir.path().join(format!("p{number}.wasm"));
            std::fs::write(&wasm, bytes)?;
            let output = std::process::Command::new(&product.claviger)
                .args(["plugin", "pack", "--namespace", NAMESPACE, "--name", &format!("p{number}")])
                .arg(&wasm)
                .output()?;
            if !output.status.success() {
                bail!("claviger plugin pack: {}", String::from_utf8_lossy(&output.stderr));
            }
            place.cluster.view().apply(&String::from_utf8(output.stdout)?)?;
        }
        there = size;
        let begin = Instant::now();
        loop {
            let output = place.cluster.view().kubectl(&["get", "plugins", "-o", "json"])?;
            let list: serde_json::Value = serde_json::from_slice(&output.stdout)?;
            let empty = Vec::new();
            let ready = list["items"].as_array().unwrap_or(&empty).iter().filter(|plugin| {
                let conditions = plugin["status"]["conditions"].as_array().unwrap_or(&empty);
                conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
            });
            let ready = ready.count();
            if ready >= size {
                break;
            }
            if begin.elapsed() > PATIENCE {
                bail!("{ready} of {size} plugins are Ready");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        rows.extend(point(progress, &operator, "plugins of 60 KiB", size, &mut points).await?);
    }
    rows.push(Row::plain(NAME, "each plugin", slope(&points), "KiB"));
    Ok(rows)
}

/// Lets it rest, and looks.
async fn point(
    progress: &Progress,
    operator: &Operator,
    what: &str,
    size: usize,
    points: &mut Vec<(f64, f64)>,
) -> Result<Vec<Row>> {
    tokio::time::sleep(REST).await;
    let before = process::cpu(operator.pid())?;
    tokio::time::sleep(REST).await;
    let cpu = process::cpu(operator.pid())?.saturating_sub(before);
    let Memory { rss, anonymous, .. } = process::memory(operator.pid())?;
    let kib = |kib: u64| f64::from(u32::try_from(kib).unwrap_or(u32::MAX));
    points.push((f64::from(u32::try_from(size).unwrap_or(u32::MAX)), kib(anonymous)));
    let idle = cpu.as_secs_f64() / REST.as_secs_f64();
    progress.say(format_args!(
        "{NAME}: {size} {what}: RSS {} MiB, {} of it anonymous, {idle:.3} cores",
        rss >> 10,
        anonymous >> 10
    ));
    Ok(vec![
        Row::plain(NAME, format!("{size} {what}: memory"), kib(rss) / 1024.0, "MiB"),
        Row::plain(NAME, format!("{size} {what}: at rest"), idle * 1000.0, "millicores"),
    ])
}

/// Of the straight line with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX));
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        (above + (point.0 - x) * (point.1 - y), below + (point.0 - x) * (point.0 - x))
    });
    above / below
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn a_straight_line_has_its_slope() {
        let points = [(0.0, 7.0), (10.0, 27.0), (30.0, 67.0)];
        assert!((slope(&points) - 2.0).abs() < 1e-9);
        // By hand: x 0,1,2 and y 0,2,1 give 1/2.
        assert!((slope(&[(0.0, 0.0), (1.0, 2.0), (2.0, 1.0)]) - 0.5).abs() < 1e-9);
    }
}
