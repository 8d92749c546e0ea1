//! The load on a real operator: benchmarks that print figures, and the soak that looks for what goes wrong in the long run.
//!
//! `cargo xtask bench` and `cargo xtask soak` build the product for release and start this in a network of its own. Nothing
//! here asserts a time: figures are printed beside the aims. What has to hold whatever the load is (every Secret equals what
//! the provider says) is asserted by the soak.

mod bench;
mod objects;
mod operator;
mod place;
mod process;
mod report;
mod requests;
mod soak;
mod vault;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Benchmarks and the soak of Claviger
#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    product: Product,
    #[command(subcommand)]
    command: Command,
}

/// What is under load.
#[derive(Debug, clap::Args)]
pub(crate) struct Product {
    /// The operator's program
    #[arg(long)]
    claviger: PathBuf,
    /// Folder of the built-in plugins
    #[arg(long)]
    plugin_dir: PathBuf,
    /// Folder of all plugins, those for tests too
    #[arg(long)]
    test_plugin_dir: PathBuf,
    /// Folder of compiled plugins
    #[arg(long)]
    cache_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run benchmarks and print one table
    Bench(bench::BenchArgs),
    /// Work and faults at random for a time, and see that everything is right at the end
    Soak(soak::SoakArgs),
}

fn main() -> ExitCode {
    // There is one provider of cryptography in this program; installing it twice is the only way to fail.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Cli { product, command } = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match command {
            Command::Bench(args) => bench::run(&product, &args).await,
            Command::Soak(args) => soak::run(&product, &args).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
