//! The command line. Every flag's help says its unit, its default and the ESO flag it stands for.
//!
//! What concerns plugins is in `plugin`, a takeover in `takeover`, the looking in `doctor`. Nothing here acts.

mod doctor;
mod plugin;
mod takeover;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use claviger_operator::sync::{Delimiters, Given};
use claviger_plugins::Seed;
use jiff::Timestamp;

pub(crate) use doctor::{DoctorArgs, DoctorOutput};
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
    /// Say what stands in the way of an installation, and what to do
    Doctor(Box<DoctorArgs>),
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
    /// Look after PushSecrets
    #[arg(long = "enable-push-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = clap::ArgAction::Set)]
    pub push_secrets: bool,
    /// Look after ClusterPushSecrets; with --namespace, and without PushSecrets, they are left alone anyway
    #[arg(long = "enable-cluster-push-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = clap::ArgAction::Set)]
    pub cluster_push_secrets: bool,
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

/// The validating webhook.
#[derive(Debug, Args)]
pub(crate) struct WebhookArgs {
    /// Serve the validating webhook for ExternalSecrets, SecretStores and ClusterSecretStores
    #[arg(long)]
    pub enable_webhook: bool,
    /// Port of the webhook, which speaks HTTPS
    #[arg(long = "webhook-port", default_value_t = 10250, value_name = "PORT")]
    pub port: u16,
    /// Folder with the webhook's tls.crt and tls.key, which are read again when they change [default: the
    /// operator is its own authority, and keeps it in a Secret]
    #[arg(long = "webhook-cert-dir", value_name = "DIR",
          conflicts_with_all = ["secret_name", "service_name", "configuration_name"])]
    pub cert_dir: Option<PathBuf>,
    /// Secret in the operator's namespace that holds the webhook's own authority and certificate
    #[arg(long = "webhook-secret-name", default_value = "claviger-webhook", value_name = "NAME")]
    pub secret_name: String,
    /// Service in the operator's namespace by which the API server asks the webhook: the name that the
    /// certificate is for
    #[arg(long = "webhook-service-name", default_value = "claviger-webhook", value_name = "NAME")]
    pub service_name: String,
    /// ValidatingWebhookConfiguration whose caBundle is kept up to date
    #[arg(long = "webhook-configuration-name", default_value = "claviger-webhook", value_name = "NAME")]
    pub configuration_name: String,
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
    #[command(flatten)]
    pub given: GivenArgs,
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
    fn a_webhook_has_its_certificate_from_one_place() {
        let parsed = |flags: &[&str]| Cli::try_parse_from(["claviger", "run"].iter().chain(flags));
        let webhook = |flags: &[&str]| match parsed(flags).map(|cli| cli.command) {
            Ok(Command::Run(run)) => run.webhook,
            other => panic!("{other:?}"),
        };
        let own = webhook(&["--enable-webhook"]);
        assert_eq!((own.enable_webhook, own.port, own.cert_dir), (true, 10250, None));
        let names = [own.secret_name, own.service_name, own.configuration_name];
        assert_eq!(names, ["claviger-webhook"; 3]);
        let files = webhook(&["--enable-webhook", "--webhook-cert-dir=/certs"]);
        assert_eq!(files.cert_dir, Some(PathBuf::from("/certs")));
        assert!(parsed(&["--webhook-cert-dir=/certs", "--webhook-secret-name=mine"]).is_err());
    }

    #[test]
    fn every_kind_is_looked_after_as_with_eso() {
        let Command::Run(run) = Cli::parse_from(["claviger", "run"]).command else { panic!("not run") };
        assert!(run.cluster_external_secrets && run.push_secrets && run.cluster_push_secrets);
        let off = [
            "claviger",
            "run",
            "--enable-push-secret-reconciler=false",
            "--enable-cluster-push-secret-reconciler=false",
        ];
        let Command::Run(run) = Cli::parse_from(off).command else { panic!("not run") };
        assert!(!run.push_secrets && !run.cluster_push_secrets);
    }
}
