//! The binary `claviger`: parses arguments, sets up logging and cryptography, and hands over.
//!
//! What a command does is in its own module; nothing here knows Kubernetes or plugins.

mod args;
mod class;
mod cluster;
mod completions;
mod config;
mod crds;
mod diff;
mod doctor;
mod logging;
mod objects;
mod plugin;
mod plugin_host;
mod render;
mod run;
mod running;
mod takeover;
mod text;
mod trust;
mod yaml;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;

use crate::args::{Command, LogArgs, PluginCommand, TakeoverCommand};
use crate::config::ConfigError;

fn main() -> ExitCode {
    let cli = match config::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(ConfigError::CommandLine(error)) => error.exit(),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (log, quiet) = (&cli.log, "warn");
    let failed = failed(&cli.command);
    let outcome = match cli.command {
        // Takes limits on its own process: so before there is a second thread, and without a log, since
        // its last line on standard error is its answer.
        Command::Plugin(PluginCommand::Compile(args)) => return plugin::compile(&args),
        Command::Plugin(PluginCommand::New(args)) => plugin::new(&args),
        Command::Crds => crds::print(),
        Command::Completions(args) => completions::print(&args),
        Command::Run(args) => on_runtime(log, "info", run::run(*args)),
        Command::Diff(args) => on_runtime(log, quiet, diff::diff(&args)),
        Command::Takeover(command) => on_runtime(log, quiet, takeover::takeover(&command)),
        Command::Doctor(args) => on_runtime(log, quiet, doctor::doctor(&args)),
        Command::Render(args) => on_runtime(log, quiet, render::render(&args)),
        Command::Plugin(PluginCommand::Inspect(args)) => on_runtime(log, quiet, plugin::inspect(&args)),
        Command::Plugin(PluginCommand::Pack(args)) => on_runtime(log, quiet, plugin::pack(&args)),
        Command::Plugin(PluginCommand::Push(args)) => on_runtime(log, quiet, plugin::push(&args)),
        Command::Plugin(PluginCommand::Test(args)) => on_runtime(log, quiet, plugin::test(&args)),
        Command::Plugin(PluginCommand::Precompile(args)) => on_runtime(log, quiet, plugin::precompile(&args)),
    };
    outcome.unwrap_or_else(|error| {
        // Who reads what is printed has had enough of it (`| head`). What breaks on a network comes as another error.
        let unread = error.downcast_ref::<std::io::Error>();
        if unread.is_none_or(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
            eprintln!("error: {error:#}");
        }
        failed
    })
}

/// What says that a command could not do its work.
fn failed(command: &Command) -> ExitCode {
    match command {
        // 1 says that something differs.
        Command::Diff(_) => ExitCode::from(diff::NOT_COMPARED),
        // 1 says that something is to be done.
        Command::Takeover(TakeoverCommand::Plan(_)) => ExitCode::from(takeover::NOT_PLANNED),
        // 1 says that there are warnings.
        Command::Doctor(_) => ExitCode::from(doctor::PROBLEMS),
        _ => ExitCode::FAILURE,
    }
}

/// Runs a command to its end, with a log at `level` unless told otherwise.
fn on_runtime(
    log: &LogArgs,
    level: &str,
    command: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    logging::start(log, level);
    // The first thing before any TLS: one process, one provider. It fails only if one is installed
    // already, which nothing else does.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    to_its_end(runtime.context("the async runtime cannot be started")?, command)
}

/// How long a file may take that is being written. What a tenant's regular expressions have computed may take a minute, and
/// is of no use to a process that ends.
const LINGER: Duration = Duration::from_secs(2);

fn to_its_end<T>(runtime: Runtime, command: impl Future<Output = T>) -> T {
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(LINGER);
    outcome
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nobody_who_computes_keeps_the_process_from_ending() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let (held, waits) = std::sync::mpsc::channel::<()>();
        let outcome = to_its_end(runtime, async move {
            let (begun, begins) = tokio::sync::oneshot::channel();
            let _aside = tokio::task::spawn_blocking(move || {
                begun.send(()).unwrap();
                waits.recv()
            });
            begins.await
        });
        assert!(outcome.is_ok());
        drop(held);
    }
}
