//! The command line. Every flag's help says its unit, its default and the ESO flag it stands for.
//!
//! What concerns plugins is in `plugin`, what a takeover in `takeover`. Nothing here acts.

mod plugin;
mod takeover;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use claviger_operator::sync::Delimiters;

pub(crate) use plugin::{
    CompileArgs, CompileBudget, InspectArgs, PackArgs, PackOutput, PluginCommand, PluginDirArgs, TestArgs,
};
pub(crate) use takeover::{BackArgs, PlanArgs, TakeoverArgs, TakeoverCommand};

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
    /// Look at plugins, and pack them for installing
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Print the CustomResourceDefinitions
    Crds,
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

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub plugins: PluginDirArgs,
    #[command(flatten)]
    pub compile: CompileBudget,
    /// Kubeconfig to use instead of the pod's ServiceAccount or $KUBECONFIG
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the operator itself, where ConfigMaps with plugins lie [default: the pod's, or the
    /// kubeconfig's]
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    pub operator_namespace: Option<String>,
    /// Watch this namespace only, and no cluster-scoped stores
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Let a ClusterSecretStore's reference without a namespace mean the operator's namespace, where the
    /// namespace of the ExternalSecret has no such object; conditions say where that is so
    #[arg(long, env = "CLUSTER_STORES_OPERATOR_NAMESPACE_FALLBACK")]
    pub operator_namespace_fallback: bool,
    /// Look after ClusterExternalSecrets; with --namespace they are left alone anyway
    #[arg(long = "enable-cluster-external-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = clap::ArgAction::Set)]
    pub cluster_external_secrets: bool,
    /// Let ExternalSecrets make objects of other kinds than Secret (target.manifest), as far as the operator's
    /// ServiceAccount may write them; such objects are not guarded as Secrets are
    #[arg(long)]
    pub unsafe_allow_generic_targets: bool,
    /// Leave stores with another spec.controller alone
    #[arg(long, default_value = "default", value_name = "CLASS")]
    pub controller_class: String,
    #[command(flatten)]
    pub templates: TemplateArgs,
    /// Objects reconciled at once
    #[arg(long = "concurrent", env = "CONCURRENT_RECONCILES", default_value_t = 10, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Address of metrics and health (/metrics, /healthz, /readyz); "off" for none
    #[arg(long, default_value = "0.0.0.0:8080", value_name = "ADDRESS", value_parser = parse_listen)]
    pub listen: Listen,
    /// Seconds between validations of a store that sets no refreshInterval
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub store_interval: u64,
    #[command(flatten)]
    pub webhook: WebhookArgs,
    #[command(flatten)]
    pub election: ElectionArgs,
    /// Let stores reach loopback addresses, for trying things out on one machine
    #[arg(long)]
    pub allow_loopback: bool,
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

/// The validating webhook.
#[derive(Debug, Args)]
pub(crate) struct WebhookArgs {
    /// Serve the validating webhook for ExternalSecrets, SecretStores and ClusterSecretStores
    #[arg(long, requires = "cert_dir")]
    pub enable_webhook: bool,
    /// Port of the webhook, which speaks HTTPS
    #[arg(long = "webhook-port", default_value_t = 10250, value_name = "PORT")]
    pub port: u16,
    /// Folder with the webhook's tls.crt and tls.key, which are read again when they change
    #[arg(long = "webhook-cert-dir", value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,
}

/// Which of several replicas works.
#[derive(Debug, Args)]
pub(crate) struct ElectionArgs {
    /// Run as one of several replicas: one works, the others stand by with caches filled and plugins loaded, and
    /// take over within 15 seconds
    #[arg(long = "enable-leader-election", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub enable: bool,
    /// Name of the Lease object in the operator's namespace, the same for all replicas [default:
    /// claviger-controller, and with --controller-class or --namespace claviger-controller.CLASS.NAMESPACE]
    #[arg(long = "leader-election-id", value_name = "NAME")]
    pub id: Option<String>,
}

/// Where to serve, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub Option<SocketAddr>);

fn parse_listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen(None));
    }
    text.parse()
        .map(|address| Listen(Some(address)))
        .map_err(|_| "expected IP:PORT, such as 127.0.0.1:8080, or off".to_owned())
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
    fn listen_takes_an_address_or_off() {
        assert_eq!(parse_listen("off"), Ok(Listen(None)));
        assert!(parse_listen("127.0.0.1:0").is_ok());
        assert!(parse_listen(":8080").is_err_and(|message| message.contains("127.0.0.1:8080")));
    }

    #[test]
    fn leader_election_is_spelt_as_with_eso() {
        let election = |flags: &[&str]| {
            let cli = Cli::parse_from(["claviger", "run"].iter().chain(flags));
            match cli.command {
                Command::Run(run) => (run.election.enable, run.election.id),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(election(&[]), (false, None));
        assert_eq!(election(&["--enable-leader-election"]), (true, None));
        assert_eq!(election(&["--enable-leader-election=false"]), (false, None));
        let both = ["--enable-leader-election=true", "--leader-election-id=mine"];
        assert_eq!(election(&both), (true, Some("mine".to_owned())));
    }

    #[test]
    fn a_webhook_needs_a_certificate() {
        let parsed = |flags: &[&str]| Cli::try_parse_from(["claviger", "run"].iter().chain(flags));
        assert!(parsed(&["--enable-webhook"]).is_err());
        let Ok(Cli { command: Command::Run(run), .. }) =
            parsed(&["--enable-webhook", "--webhook-cert-dir=/certs"])
        else {
            panic!("not run");
        };
        assert_eq!((run.webhook.enable_webhook, run.webhook.port), (true, 10250));
        assert!(run.cluster_external_secrets, "as with ESO");
    }
}
