//! The command line. Every flag's help says its unit, its default and the ESO flag it stands for.
//!
//! What concerns `run` is in `run` and `network`, plugins in `plugin`, a takeover in `takeover`, the looking in `doctor`; texts of values are read in
//! `values`. Where a setting comes from when no flag gives it (environment, file) is `config`'s. Nothing here acts.

mod completions;
mod doctor;
mod network;
mod plugin;
mod run;
mod takeover;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use claviger_operator::sync::{Delimiters, Given};
use claviger_plugins::Seed;
use jiff::Timestamp;

pub(crate) use completions::{CompletionsArgs, ShellArg};
pub(crate) use doctor::{DoctorArgs, DoctorOutput};
pub(crate) use network::{ProxyArgs, ReachArgs, SecurityArgs};
pub(crate) use plugin::{
    CompileArgs, CompileBudget, InspectArgs, Kind, Lang, NewArgs, PackArgs, PackOutput, PluginCommand,
    PluginDirArgs, PrecompileArgs, PushArgs, TestArgs,
};
pub(crate) use run::{AuditArgs, RefreshArgs, RunArgs, WebhookArgs};
pub(crate) use takeover::{BackArgs, PlanArgs, TakeoverArgs, TakeoverCommand};
pub(crate) use values::{parse_interval, parse_listen};

/// Keeps Kubernetes Secrets in step with external secret systems, through WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "claviger", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub log: LogArgs,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the operator
    Run(Box<RunArgs>),
    /// Print the Secrets that the ExternalSecrets in a file or folder would become, without a cluster
    Render(RenderArgs),
    /// Show what the ExternalSecrets in a file or folder would change in a cluster: key names, never values
    Diff(DiffArgs),
    /// Move a cluster over from ESO without a change to its Secrets, and back
    #[command(subcommand)]
    Takeover(TakeoverCommand),
    /// Say what stands in the way of an installation, and what to do
    Doctor(Box<DoctorArgs>),
    /// Start, look at and test plugins, and pack them for installing
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Print the CustomResourceDefinitions
    Crds,
    /// Print a script that completes commands and flags in a shell
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Least severe level that is logged: error, warn, info, debug, trace; or a tracing filter
    /// [default: info for run, warn for everything else]
    #[arg(long, global = true, env = "CLAVIGER_LOG", value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How log lines look; they go to standard error
    #[arg(long, global = true, default_value = "text", env = "CLAVIGER_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For a terminal
    Text,
    /// One JSON object a line
    Json,
}

/// How templates are spelt.
#[derive(Debug, Args)]
pub(crate) struct TemplateArgs {
    /// What stands before an action of a template
    #[arg(long = "template-left-delimiter", default_value = "{{", value_name = "TEXT",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    left: String,
    /// What stands behind an action of a template
    #[arg(long = "template-right-delimiter", default_value = "}}", value_name = "TEXT",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    right: String,
}

impl TemplateArgs {
    /// For the pipeline.
    pub(crate) fn delimiters(&self) -> Delimiters {
        Delimiters { left: self.left.clone(), right: self.right.clone() }
    }
}

/// What templates see in place of the clock and of random numbers.
#[derive(Debug, Args)]
pub(crate) struct GivenArgs {
    /// Time that templates see, such as 2024-02-29T13:04:05Z [default: the real one]
    #[arg(long, value_name = "TIME", value_parser = parse_now)]
    now: Option<Timestamp>,
    /// Seed of the random numbers that templates see, 64 hexadecimal digits, for results that can be compared; what is
    /// made with it is no secret [default: another each time]
    #[arg(long, value_name = "HEX", value_parser = parse_seed)]
    seed: Option<Seed>,
}

impl GivenArgs {
    /// For the pipeline.
    pub(crate) fn given(&self) -> Given {
        Given { now: self.now, seed: self.seed }
    }
}

/// A template's clock counts from 1970.
fn parse_now(text: &str) -> Result<Timestamp, String> {
    text.parse().ok().filter(|time| *time >= Timestamp::UNIX_EPOCH).ok_or_else(|| {
        "expected a time since 1970 as RFC 3339 has it, such as 2024-02-29T13:04:05Z".to_owned()
    })
}

fn parse_seed(text: &str) -> Result<Seed, String> {
    let mut seed = Seed::default();
    let digits = text.len() == 2 * seed.len() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (at, byte) in seed.iter_mut().enumerate().filter(|_| digits) {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|error| error.to_string())?;
    }
    digits.then_some(seed).ok_or_else(|| "expected 64 hexadecimal digits".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub plugins: PluginDirArgs,
    #[command(flatten)]
    pub compile: CompileBudget,
    /// Manifest file, or folder with .yaml, .yml and .json files: ExternalSecrets, their stores, and the
    /// Secrets and ConfigMaps they refer to. May be given several times
    #[arg(short = 'f', long = "filename", required = true, value_name = "PATH")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub templates: TemplateArgs,
    #[command(flatten)]
    pub given: GivenArgs,
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Take the files for as much yours as your own command line. Stores in them may reach loopback of this machine, Plugins
    /// in them get every grant that they ask for, and `diff` hands every Secret that you may read, and tokens of every
    /// ServiceAccount that you may have, to whatever server a store in them names
    #[arg(long)]
    pub trust_files: bool,
    /// Namespace of objects that name none
    #[arg(short = 'n', long, default_value = "default", value_name = "NAMESPACE")]
    pub namespace: String,
}

/// Exit code: 0 nothing would change, 1 something would, 2 something could not be compared.
#[derive(Debug, Args)]
#[command(
    after_help = "Marks: = as it is, ~ another value, + added, - removed. Exit code: 0 nothing would change, \
                        1 something would, 2 something could not be compared."
)]
pub(crate) struct DiffArgs {
    /// What stands in the files goes before what is in the cluster: stores and what they refer to may be in either
    #[command(flatten)]
    pub inputs: RenderArgs,
    /// Kubeconfig to use instead of $KUBECONFIG
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// How the differences look
    #[arg(short = 'o', long, default_value = "text", value_name = "FORMAT")]
    pub output: DiffOutput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffOutput {
    /// For people
    Text,
    /// A list of objects, one for each ExternalSecret
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn clock_and_seed_are_given_in_full_or_not_at_all() {
        let given = |flags: &[&str]| {
            let cli = Cli::try_parse_from(["claviger", "render", "-f", "x"].iter().chain(flags));
            match cli.ok()?.command {
                Command::Render(render) => Some((render.given.now, render.given.seed)),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(given(&[]), Some((None, None)));
        let hex = format!("{}ff0A", "07".repeat(30));
        let mut seed = [7; 32];
        (seed[30], seed[31]) = (255, 10);
        let time = Timestamp::from_millisecond(1_709_211_845_678).ok();
        assert_eq!(given(&["--now", "2024-02-29T13:04:05.678Z", "--seed", &hex]), Some((time, Some(seed))));
        assert_eq!(given(&["--now=2024-02-29T14:04:05.678+01:00"]), Some((time, None)));
        for (flag, text) in [
            ("--now", "yesterday"),
            ("--now", "1969-12-31T23:59:59Z"),
            ("--now", "2024-02-29"),
            ("--seed", "07"),
            ("--seed", &"0".repeat(65)),
            ("--seed", &"x".repeat(64)),
            ("--seed", &"é".repeat(32)),
        ] {
            assert_eq!(given(&[flag, text]), None, "{flag} {text}");
        }
    }
}
