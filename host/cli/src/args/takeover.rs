//! The command line of `claviger takeover …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CompileBudget, PluginDirArgs, ReachArgs, TemplateArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum TakeoverCommand {
    /// Print what a takeover from ESO would do and what would become of each Secret; writes nothing
    Plan(Box<PlanArgs>),
    /// Take over: keep the definitions whoever removes ESO, and take off what nobody would answer or take off
    /// without it. May be repeated; a second time writes nothing
    Apply(TakeoverArgs),
    /// Print what ESO would not understand, and undo what can be undone
    Back(BackArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TakeoverArgs {
    /// Kubeconfig to use instead of $KUBECONFIG
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace whose objects are meant; may be given several times [default: all, and what is of the cluster]
    #[arg(short = 'n', long = "namespace", value_name = "NAMESPACE")]
    pub namespaces: Vec<String>,
    /// Helm release that the definitions are to belong to: Claviger's, and with `back` ESO's [default: none, and
    /// with `back` the one they came from]
    #[arg(long, requires = "release_namespace", value_name = "NAME")]
    pub release: Option<String>,
    /// Namespace of that release
    #[arg(long, requires = "release", value_name = "NAMESPACE")]
    pub release_namespace: Option<String>,
    /// Let objects go that are being deleted and wait for ESO; their Secrets go with them
    #[arg(long)]
    pub finish_deletions: bool,
    /// No release of ESO's is stored anywhere but in Secrets, or its definitions were taken out of it
    #[arg(long)]
    pub no_stored_release: bool,
}

/// Exit code: 0 nothing is to be done, 1 something is, 2 some Secret could not be compared.
#[derive(Debug, Args)]
#[command(
    after_help = "Marks: = as it is, ~ another value, + added, - removed. Exit code: 0 nothing is to be done, \
                        1 something is, 2 some Secret could not be compared."
)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub takeover: TakeoverArgs,
    #[command(flatten)]
    pub plugins: PluginDirArgs,
    #[command(flatten)]
    pub compile: CompileBudget,
    #[command(flatten)]
    pub templates: TemplateArgs,
    #[command(flatten)]
    pub reach: ReachArgs,
    /// The class that Claviger will run with: stores with another spec.controller are left alone
    #[arg(long, default_value = "default", value_name = "CLASS")]
    pub controller_class: String,
    /// Do not compare Secrets, for which every provider is read
    #[arg(long)]
    pub skip_secrets: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackArgs {
    #[command(flatten)]
    pub takeover: TakeoverArgs,
    /// Print only
    #[arg(long)]
    pub dry_run: bool,
}
