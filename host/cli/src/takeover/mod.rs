//! `claviger takeover plan | apply | back`: from ESO to Claviger, and back.
//!
//! `plan` looks and prints; `apply` looks, writes what is missing, and looks again until nothing is, so it may be repeated
//! after any failure; `back` undoes what can be undone. Nothing here touches a Secret that ESO wrote: the operator takes
//! those as they are.

mod back;
mod crds;
mod differs;
mod dying;
mod finalizers;
mod forms;
mod helm;
mod live;
mod look;
mod manifest;
mod release;
mod secrets;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use kube::Client;
use serde_json::Value;

use self::live::{Step, carry_out_each};
use self::look::{FINALIZERS, Look, STRANGERS, Then, kind_of, look};
use crate::args::{PlanArgs, TakeoverArgs, TakeoverCommand};
use crate::class::{Store, is_looked_after, of_another_class};
use crate::cluster;
use crate::objects::{Kind, list};
use crate::running::Running;
use crate::text::line;

/// What plan says when something could not be looked at.
pub(crate) const NOT_PLANNED: u8 = 2;
/// Looks until nothing is left to do: one keeps the definitions, one lets finalizers go, one sees that it is written; the
/// rest is for others who write too, and for an API server that has not yet seen its own change.
const ROUNDS: usize = 8;
/// Before looking again for what could not be listed.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// What stands in the way.
pub(crate) async fn takeover(command: &TakeoverCommand) -> anyhow::Result<ExitCode> {
    match command {
        TakeoverCommand::Plan(args) => plan(args).await,
        TakeoverCommand::Apply(args) => apply(args).await,
        TakeoverCommand::Back(args) => back::back(args).await,
    }
}

/// Says who runs and how to end it.
fn refuse(product: &str, running: &[Running]) -> anyhow::Result<()> {
    if running.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = running.iter().map(|running| running.what.as_str()).collect();
    let commands: Vec<&str> = running.iter().filter_map(|running| running.command.as_deref()).collect();
    let remedy = match commands.as_slice() {
        [] => "wait until it has ended".to_owned(),
        commands => format!("end it first:\n  {}", commands.join("\n  ")),
    };
    anyhow::bail!("{product} still runs ({}); {remedy}", names.join("; "))
}

async fn apply(args: &TakeoverArgs) -> anyhow::Result<ExitCode> {
    let config = cluster::config(args.kubeconfig.as_deref()).await?;
    let client = cluster::client(config)?;
    let (mut written, mut blind, mut given_up) = (0, None, BTreeMap::new());
    for _ in 0..ROUNDS {
        let mut found = look(&client, args).await?;
        found.give_up(&given_up);
        refuse("ESO", &found.running)?;
        dying::refuse(args.finish_deletions, &found.crds)?;
        blind.clone_from(&found.blind);
        let stages = match found.then() {
            Then::Finish => return finished(&found, written),
            Then::LookAgain => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Then::Write(stages) => stages,
        };
        for (title, steps) in stages {
            let failed = carry_out_each(&client, title, steps).await;
            written += steps.len() - failed.len();
            if *title == STRANGERS {
                given_up.extend(failed);
            } else if !failed.is_empty() {
                anyhow::bail!(
                    "not done, and to be repeated: {} of {} {title} could not be written: {}",
                    failed.len(),
                    steps.len(),
                    failed.into_values().collect::<Vec<_>>().join("; ")
                );
            }
        }
    }
    if let Some(why) = blind {
        anyhow::bail!("not done, and to be repeated: {why}");
    }
    anyhow::bail!("not done: others write the same objects again and again; end what does, and repeat this")
}

/// Nothing is left to write; whether all is well is another question.
fn finished(found: &Look, written: usize) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for named in &found.named {
        writeln!(out, "note: {}", line(named))?;
    }
    for other in &found.others {
        writeln!(out, "note: {} runs for other namespaces", other.what)?;
    }
    if !found.unsafe_.is_empty() {
        for why in &found.unsafe_ {
            writeln!(out, "NOT SAFE: {}", line(why))?;
        }
        out.flush()?;
        anyhow::bail!(
            "not done: as it is, ESO's definitions would be deleted, and with them every ExternalSecret and its Secret"
        );
    }
    let of_helm = |crd: &Value| crds::owner(crd).is_some() || crds::owner_before(crd).is_some();
    if found.crds.iter().any(of_helm) {
        writeln!(
            out,
            "note: a release that Helm keeps in SQL (HELM_DRIVER=sql) cannot be seen, and is not marked; look into \
             helm get manifest before helm uninstall"
        )?;
    }
    writeln!(out, "taken over: {written} objects written; {} definitions are kept", found.crds.len())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn plan(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let config = cluster::config(args.takeover.kubeconfig.as_deref()).await?;
    let client = cluster::client(config.clone())?;
    let found = look(&client, &args.takeover).await?;
    let mut out = std::io::stdout().lock();
    for running in found.running.iter().chain(&found.others) {
        let remedy = running.command.as_deref().map_or(String::new(), |command| format!(": {command}"));
        let (first, what) = (found.running.contains(running), &running.what);
        let said = if first { "runs, and is to be ended first" } else { "runs for others" };
        writeln!(out, "{what} {said}{}", if first { remedy } else { String::new() })?;
    }
    for step in steps_said(&found.stages) {
        writeln!(out, "to do: {}", line(&step))?;
    }
    // Not before the rest is done.
    let owned = found.crds.iter().filter(|crd| crds::deleted_by(crd).is_some()).count();
    if owned > 0 {
        writeln!(out, "to do, at last: {owned} definitions leave the release that they came from")?;
    }
    for why in &found.unsafe_ {
        writeln!(out, "NOT SAFE: {}", line(why))?;
    }
    for named in &found.named {
        writeln!(out, "note: {}", line(named))?;
    }
    let external_secrets = of_kind(&client, &found, "ExternalSecret", &args.takeover.namespaces).await;
    let external_secrets = match (external_secrets, &found.blind) {
        (Ok(external_secrets), None) => external_secrets,
        (Err(error), _) => return not_planned(out, &format!("{error:#}")),
        (_, Some(why)) => return not_planned(out, why),
    };
    let (differences, left_out) = differences(&client, &found, args, &external_secrets).await?;
    for difference in &differences {
        writeln!(out, "note: {}", line(difference))?;
    }
    let external_secrets: Vec<Value> =
        external_secrets.into_iter().filter(|es| is_looked_after(es, &left_out)).collect();
    let mut clean = found.is_done() && found.running.is_empty() && found.unsafe_.is_empty();
    let mut unread = 0;
    if !args.skip_secrets {
        let (changes, problems) = secrets::compare_all(args, &config, &client, &external_secrets).await?;
        let (changed, unchanged): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.differs());
        for change in &changed {
            write!(out, "{change}")?;
        }
        for problem in &problems {
            writeln!(out, "{}", line(problem))?;
        }
        writeln!(
            out,
            "Secrets: {} unchanged, {} would change, {} cannot be read",
            unchanged.len(),
            changed.len(),
            problems.len()
        )?;
        clean &= changed.is_empty();
        unread = problems.len();
    }
    out.flush()?;
    Ok(match (unread, clean) {
        (0, true) => ExitCode::SUCCESS,
        (0, false) => ExitCode::FAILURE,
        _ => ExitCode::from(NOT_PLANNED),
    })
}

/// What stands above is all that can be said.
fn not_planned(mut out: impl Write, why: &str) -> anyhow::Result<ExitCode> {
    writeln!(out, "not looked at: {why}; apply writes the definitions first, which may mend it")?;
    out.flush()?;
    Ok(ExitCode::from(NOT_PLANNED))
}

/// Many of one kind are one line.
fn steps_said(stages: &[(&'static str, Vec<Step>)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (title, steps) in stages {
        if *title != FINALIZERS {
            lines.extend(steps.iter().map(Step::says));
            continue;
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for step in steps {
            let what = step.what();
            let kind = what.split(' ').next().unwrap_or_default();
            let rest = step.says();
            let done = rest.strip_prefix(&what).unwrap_or_default();
            *counts.entry(format!("{kind}:{done}")).or_default() += 1;
        }
        lines.extend(counts.into_iter().map(|(what, count)| format!("{count} of kind {what}")));
    }
    lines
}

async fn of_kind(
    client: &Client,
    found: &Look,
    kind: &str,
    namespaces: &[String],
) -> anyhow::Result<Vec<Value>> {
    match kind_of(&found.crds, kind) {
        Some(kind) => list(client, &kind, namespaces).await,
        None => Ok(Vec::new()),
    }
}

/// What Claviger leaves alone of what ESO looks after, and the stores among it that are of another class.
async fn differences(
    client: &Client,
    found: &Look,
    args: &PlanArgs,
    external_secrets: &[Value],
) -> anyhow::Result<(Vec<String>, BTreeSet<Store>)> {
    let namespaces = &args.takeover.namespaces;
    let served: BTreeSet<String> = claviger_crds::generate::definitions()
        .into_iter()
        .map(|definition| definition.spec.names.kind)
        .collect();
    let mut unserved = BTreeMap::new();
    let kinds = found.crds.iter().filter_map(Kind::of);
    // GeneratorStates are ESO's own book-keeping.
    for kind in kinds.filter(|kind| kind.resource.kind != "GeneratorState") {
        if !served.contains(&kind.resource.kind) {
            let count = list(client, &kind, namespaces).await?.len();
            unserved.insert(kind.resource.kind, count);
        }
    }
    let mut stores = of_kind(client, found, "SecretStore", namespaces).await?;
    stores.extend(of_kind(client, found, "ClusterSecretStore", namespaces).await?);
    // Before Claviger's own definitions are installed there are none.
    let plugins = Kind::new("claviger.io", "v1alpha1", "Plugin", "plugins", false);
    let plugins = list(client, &plugins, &[]).await.unwrap_or_default();
    let lines = differs::lines(&differs::Seen {
        stores: &stores,
        external_secrets,
        unserved: &unserved,
        served: &served,
        plugins: &secrets::plugin_names(&plugins),
        class: &args.controller_class,
    });
    Ok((lines, of_another_class(&stores, &args.controller_class)))
}
