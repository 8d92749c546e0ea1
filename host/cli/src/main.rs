//! The binary `claviger`: parses arguments, sets up logging and cryptography, and hands over.
//!
//! What a command does is in its own module; nothing here knows Kubernetes or plugins.

mod args;
mod crds;
mod logging;
mod plugin;
mod plugins_dir;
mod render;
mod run;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command, PluginCommand};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = if matches!(cli.command, Command::Run(_)) { "info" } else { "warn" };
    logging::start(&cli.log, level);
    // The first thing before any TLS: one process, one provider. It fails only if one is installed
    // already, which nothing else does.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the async runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Run(args) => run::run(*args).await,
            Command::Render(args) => render::render(&args).await,
            Command::Plugin(PluginCommand::Inspect(args)) => plugin::inspect(&args).await,
            Command::Crds => crds::print(),
        }
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
