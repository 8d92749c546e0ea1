//! `cargo xtask …`: everything that is done to this project from its own work tree.
//!
//! Each command does all its own set-up and says what it is doing on standard error; standard output
//! holds what was asked for. What is fetched or built for tests lies in the cache, see
//! `claviger_testenv::cache_home`. Nothing here is part of the product.

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
mod test;
mod toolchain;
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
    },
    /// Put the release binary into dist/bin and the plugins into dist/plugins below the target folder
    Dist,
    /// Write the container image as an OCI archive, without a container engine, and say how large it is
    Image(image::ImageArgs),
    /// Rules of the layout, generated files, format, lints, licences
    Check,
    /// Write crds/generated from the API types
    Crds,
    /// Write the tables of charts/claviger/README.md and the rights in examples/cluster from the chart
    Chart,
    /// Build the plugins into dist/plugins below the target folder
    Plugins,
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
        Command::Test { filter } => test::run(&progress, filter.as_deref()),
        Command::Dist => build::dist(&progress).map(|()| ExitCode::SUCCESS),
        Command::Image(args) => image::make(&progress, args),
        Command::Check => check::run(&progress),
        Command::Crds => crds::write(&progress).map(|()| ExitCode::SUCCESS),
        Command::Chart => chart::write(&progress).map(|()| ExitCode::SUCCESS),
        Command::Bench { args } => load::run_load(&progress, "bench", &args),
        Command::Soak { args } => load::run_load(&progress, "soak", &args),
        Command::Fuzz(args) => fuzz::run(&progress, &args),
        Command::Wit { output } => wit::write(&progress, &output).map(|()| ExitCode::SUCCESS),
        Command::Plugins => build::plugins(&progress).map(|_| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
