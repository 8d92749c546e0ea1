//! The benchmarks by name. Each starts what it needs, measures, and gives rows for the table.

mod bare;
mod credentials;
mod growth;
mod initial_sync;
mod interactive;
mod plugin_call;
mod scripted;
mod start;
mod steady;
mod storm;
mod templates;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use claviger_testenv::Progress;

use crate::Product;
use crate::report::{Row, table};

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Which; "all" is every one but growth
    #[arg(value_enum, required = true)]
    names: Vec<Name>,
    /// Sizes of initial-sync and growth, and the size of steady, interactive and storm, in place of their own
    #[arg(long, value_delimiter = ',')]
    sizes: Vec<usize>,
    /// How long steady looks on
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

/// A benchmark's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    All,
    PluginCall,
    Templates,
    InitialSync,
    Steady,
    Storm,
    Start,
    Growth,
}

const ALL: [Name; 6] =
    [Name::PluginCall, Name::Templates, Name::InitialSync, Name::Steady, Name::Storm, Name::Start];

/// Runs those that are named and prints one table on standard output.
///
/// # Errors
/// If one cannot be measured; what was measured before is printed all the same.
pub(crate) async fn run(product: &Product, args: &BenchArgs) -> Result<()> {
    let progress = Progress::default();
    let names: Vec<Name> = if args.names.contains(&Name::All) { ALL.to_vec() } else { args.names.clone() };
    let mut rows = Vec::new();
    let mut outcome = Ok(());
    for name in names {
        let measured = one(&progress, product, args, name).await;
        match measured {
            Ok(new) => {
                eprint!("{}", table(&new));
                rows.extend(new);
            }
            Err(error) => {
                let name =
                    name.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                outcome = Err(error).context(name);
                break;
            }
        }
    }
    print!("{}", table(&rows));
    outcome
}

async fn one(progress: &Progress, product: &Product, args: &BenchArgs, name: Name) -> Result<Vec<Row>> {
    let sizes = |own: &[usize]| if args.sizes.is_empty() { own.to_vec() } else { args.sizes.clone() };
    let size = |own: usize| args.sizes.first().copied().unwrap_or(own);
    match name {
        Name::All => Ok(Vec::new()),
        Name::PluginCall => plugin_call::run(progress, product).await,
        Name::Templates => templates::run(progress, product).await,
        Name::InitialSync => initial_sync::run(progress, product, &sizes(&[2_000, 10_000])).await,
        Name::Steady => steady::run(progress, product, size(10_000), args.minutes).await,
        Name::Start => start::run(progress, product).await,
        Name::Growth => growth::run(progress, product, &sizes(&[1_000, 3_000, 10_000, 30_000])).await,
        Name::Storm => storm::run(progress, product, size(1_000)).await,
    }
}
