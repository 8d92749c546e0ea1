//! The commands of this repository: build, test, demo, check. Each does its own set-up and says what it is
//! doing. Nothing of the product is here.

mod build;
mod check;
mod cluster;
mod demo;
mod test;
mod toolchain;

use anyhow::Result;
use clap::{Parser, Subcommand};
use claviger_testenv::Progress;

/// Builds, tests and shows Claviger.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and show what it does
    Demo {
        /// On a real API server and OpenBao, started for this, instead of without a cluster
        #[arg(long)]
        cluster: bool,
    },
    /// Run every test: unit tests, then end to end against real servers
    Test {
        /// Only end-to-end tests whose name contains this
        filter: Option<String>,
    },
    /// Release binary and plugins, in dist/ under the target folder
    Dist,
    /// Build the plugins
    Plugins,
    /// Write the definitions into crds/generated
    Crds,
    /// Formatting, lints, boundaries, drift of generated files
    Check,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let progress = Progress::default();
    match cli.command {
        Command::Demo { cluster: false } => demo::render(&progress),
        Command::Demo { cluster: true } => demo::cluster(&progress),
        Command::Test { filter } => test::all(&progress, filter.as_deref()),
        Command::Dist => build::dist(&progress),
        Command::Plugins => build::plugins(&progress).map(drop),
        Command::Crds => build::crds(),
        Command::Check => check::all(&progress),
    }
}
