//! `claviger doctor`: looks at a cluster, and says what stands in the way of the operator there and what to do.
//!
//! It never writes (asking who may do what is a request that leaves nothing behind), and it prints names and typed
//! reasons, never a value. Each check ends in findings, whatever happens: one that cannot be made keeps no other from it.

mod definitions;
mod finding;
mod lease;
mod objects;
mod rights;
mod server;
mod tokens;
mod webhook;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use claviger_operator::config::OperatorConfig;
use kube::{Client, Config};

use self::finding::{Finding, Level};
use crate::args::{DoctorArgs, DoctorOutput};
use crate::cluster;
use crate::running::{Product, who_runs};

/// There are problems, or it could not run.
pub(crate) const PROBLEMS: u8 = 2;

/// An API server that does not answer is said so after that.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs the command.
///
/// # Errors
/// If there is no kubeconfig that can be used.
pub(crate) async fn doctor(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    if args.settings.enable_refresh && !args.settings.enable_webhook {
        bail!("--enable-refresh (refresh.enabled) needs --enable-webhook (webhook.enabled), as with run");
    }
    if args.print_rights {
        let namespace =
            args.operator_namespace.clone().unwrap_or_else(|| OperatorConfig::default().operator_namespace);
        print(&rights::all(&args.settings.config(&namespace), args.service_account.as_deref()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut kube = cluster::config(args.kubeconfig.as_deref()).await?;
    kube.connect_timeout = Some(PATIENCE);
    let namespace = args.operator_namespace.clone().unwrap_or_else(|| kube.default_namespace.clone());
    let config = args.settings.config(&namespace);
    let findings = look(args, kube, &config).await?;
    match args.output {
        DoctorOutput::Text => print(&finding::text(&findings))?,
        DoctorOutput::Json => {
            let text = serde_json::to_string_pretty(&findings).context("the findings are no JSON")?;
            print(&format!("{text}\n"))?;
        }
    }
    Ok(match finding::worst(&findings) {
        Level::Ok => ExitCode::SUCCESS,
        Level::Warning | Level::NotLooked => ExitCode::FAILURE,
        Level::Problem => ExitCode::from(PROBLEMS),
    })
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output cannot be written")
}

/// All checks, one after the other: what the first cannot reach the others cannot either.
async fn look(args: &DoctorArgs, kube: Config, config: &OperatorConfig) -> anyhow::Result<Vec<Finding>> {
    let address = kube.cluster_url.to_string();
    let client = cluster::client(kube)?;
    let mut findings = vec![server::look(&client, &address, PATIENCE).await];
    if finding::worst(&findings) == Level::Problem {
        return Ok(findings);
    }
    let whom = rights::Whom::of(&client, config, args.service_account.as_deref()).await;
    findings.extend(rights::look(&client, config, &whom).await);
    // The policy is of the cluster, and so is the chart's only where the operator is.
    if args.service_account.is_some() && config.namespace.is_none() {
        findings.push(tokens::look(&client, whom.shown()).await);
    }
    findings.extend(definitions::look(&client, config).await);
    findings.extend(running(&client, config).await);
    if let (Some(names), Some(webhook)) = (args.settings.webhook(), &config.webhook) {
        findings.extend(webhook::look(&client, &config.operator_namespace, &names, webhook).await);
    }
    if let Some(election) = &config.election {
        findings.push(lease::look(&client, election).await);
    }
    let (objects, targets) = objects::look(&client, config).await;
    if config.allow_generic_targets {
        findings.extend(rights::of_targets(&client, &whom, targets).await);
    }
    findings.extend(objects);
    Ok(findings)
}

/// Whether ESO works on the same objects.
async fn running(client: &Client, config: &OperatorConfig) -> Vec<Finding> {
    const CHECK: &str = "ESO";
    let found = match who_runs(client, Product::Eso).await {
        Ok(found) => found,
        Err(error) => return vec![Finding::not_looked(CHECK, &error)],
    };
    let scope: Vec<String> = config.namespace.iter().cloned().collect();
    let concerned: Vec<_> =
        found.iter().filter(|running| running.controller && running.concerns(&scope)).collect();
    if concerned.is_empty() {
        return vec![Finding::ok(CHECK, "no controller of it runs for the same objects")];
    }
    let each = concerned.into_iter().map(|running| {
        let message = format!("{} runs, and writes the same objects", running.what);
        let remedy = match &running.command {
            Some(command) => format!("move over first (claviger takeover plan), and end it: {command}"),
            None => "move over first (claviger takeover plan); it ends with its Deployment".to_owned(),
        };
        Finding::problem(CHECK, message).with_remedy(remedy).with_see("docs/migrate.md")
    });
    each.collect()
}
