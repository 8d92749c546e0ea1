//! `cargo xtask …`: everything that is done to this project from its own work tree.
//!
//! Each command does all its own set-up and says what it is doing on standard error; standard output
//! holds what was asked for. What is fetched or built for tests lies in the cache, see
//! `claviger_testenv::cache_home`. Nothing here is part of the product.

mod archive;
mod build;
mod chart;
mod check;
mod crds;
mod demo;
mod exec;
mod fuzz;
mod image;
mod isolation;
mod load;
mod paths;
mod place;
mod release;
mod test;
mod toolchain;
mod twice;
mod upgrade;
mod wit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use claviger_testenv::Progress;

/// Builds, tests and demos of Claviger
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the main job once: without a cluster by default, on a real control plane with --cluster
    Demo {
        /// Boot etcd, kube-apiserver and OpenBao on loopback and run the operator against them
        #[arg(long)]
        cluster: bool,
    },
    /// Run everything: checks, unit tests, then end to end against real servers
    Test {
        /// Only tests whose name contains this, or one of these with commas between; the checks are left out
        filter: Option<String>,
        /// Only end to end: unit tests are neither built nor run
        #[arg(long, requires = "filter")]
        e2e: bool,
    },
    /// Put the release binary into dist/bin and the plugins into dist/plugins below the target folder
    Dist,
    /// Write the container image as an OCI archive, without a container engine, and say how large it is
    Image(image::ImageArgs),
    /// Rules of the layout, generated files, format, lints, licences
    Check,
    /// Report which advisories of the RustSec database name what is locked; nothing fails by it
    Advisories(check::AdvisoriesArgs),
    /// Write crds/generated from the API types
    Crds,
    /// Write the tables of charts/claviger/README.md and the rights in examples/cluster from the chart
    Chart,
    /// Build the plugins into dist/plugins below the target folder
    Plugins {
        /// Build them in another folder too, with another home of cargo, and compare: the digests have to be the same
        #[arg(long)]
        twice: bool,
        /// Only this one, alone both times; may be repeated
        #[arg(long, value_name = "NAME", requires = "twice")]
        only: Vec<String>,
    },
    /// Put everything of a version into one folder: programs, plugins, chart, definitions, bills of materials, sums
    Release(release::ReleaseArgs),
    /// Measure: build for release, run benchmarks against real servers, print one table ("all", or names)
    Bench {
        /// Names and flags, see `cargo xtask bench -- --help`
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Work and faults at random against a release build for some minutes, and see that everything is right at the end
    Soak {
        /// Flags, see `cargo xtask soak -- --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Feed what is read of strangers with inputs that are made up, for some minutes for each target (needs cargo-fuzz)
    Fuzz(fuzz::FuzzArgs),
    /// A former version and this one take over from each other, on a real control plane
    Upgrade(upgrade::UpgradeArgs),
    /// Write the interface of wit/v1 as a WIT package in its binary form, for `claviger plugin push`
    Wit {
        /// The file
        #[arg(long, value_name = "FILE.wasm")]
        output: std::path::PathBuf,
    },
}

fn main() -> ExitCode {
    if let Err(error) = exec::stop_on_signal() {
        eprintln!("cannot watch for signals: {error}");
    }
    let progress = Progress::default();
    let result = match Cli::parse().command {
        Command::Demo { cluster: false } => demo::quickstart(&progress),
        Command::Demo { cluster: true } => demo::cluster(&progress),
        Command::Test { filter, e2e: false } => test::run(&progress, filter.as_deref()),
        Command::Test { filter, .. } => test::end_to_end(&progress, filter.as_deref()),
        Command::Dist => build::dist(&progress).map(|()| ExitCode::SUCCESS),
        Command::Image(args) => image::make(&progress, args),
        Command::Check => check::run(&progress),
        Command::Advisories(args) => check::advisories(&progress, args),
        Command::Crds => crds::write(&progress).map(|()| ExitCode::SUCCESS),
        Command::Chart => chart::write(&progress).map(|()| ExitCode::SUCCESS),
        Command::Bench { args } => load::run_load(&progress, "bench", &args),
        Command::Soak { args } => load::run_load(&progress, "soak", &args),
        Command::Fuzz(args) => fuzz::run(&progress, &args),
        Command::Upgrade(args) => upgrade::check(&progress, args),
        Command::Wit { output } => wit::write(&progress, &output).map(|()| ExitCode::SUCCESS),
        Command::Plugins { twice: false, .. } => build::plugins(&progress).map(|_| ExitCode::SUCCESS),
        Command::Plugins { only, .. } => twice::check(&progress, &only).map(|()| ExitCode::SUCCESS),
        Command::Release(args) => release::make(&progress, args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
