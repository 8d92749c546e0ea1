//! The command line of `claviger run`. Every flag has a key in its file of settings, named in `config/keys.rs`; the key is
//! added to the help there.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::values::{Listen, parse_interval, parse_listen, parse_switch};
use super::{CompileBudget, PluginDirArgs, ProxyArgs, SecurityArgs, TemplateArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "A flag goes before an environment variable, that before the file of --config, that before the \
                        default. A variable that is empty is not set."
)]
pub(crate) struct RunArgs {
    /// File with settings, YAML; docs/configuration.md lists its keys [default: none]
    #[arg(long, env = "CLAVIGER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
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
    /// Watch this namespace only, and no cluster-scoped stores [default: all]
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Let a ClusterSecretStore's reference without a namespace mean the operator's namespace, where the
    /// namespace of the ExternalSecret has no such object; conditions say where that is so
    #[arg(long, env = "CLUSTER_STORES_OPERATOR_NAMESPACE_FALLBACK", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = false, default_missing_value = "true",
          action = ArgAction::Set, value_parser = parse_switch)]
    pub operator_namespace_fallback: bool,
    /// Look after ClusterExternalSecrets; with --namespace they are left alone anyway
    #[arg(long = "enable-cluster-external-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = ArgAction::Set, value_parser = parse_switch)]
    pub cluster_external_secrets: bool,
    /// Look after PushSecrets
    #[arg(long = "enable-push-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = ArgAction::Set, value_parser = parse_switch)]
    pub push_secrets: bool,
    /// Look after ClusterPushSecrets; with --namespace, and without PushSecrets, they are left alone anyway
    #[arg(long = "enable-cluster-push-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = ArgAction::Set, value_parser = parse_switch)]
    pub cluster_push_secrets: bool,
    /// Restart the workloads that annotations of ExternalSecrets name when their data has changed
    #[arg(long = "enable-rollouts", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = ArgAction::Set, value_parser = parse_switch)]
    pub rollouts: bool,
    /// Let ExternalSecrets make objects of other kinds than Secret (target.manifest), as far as the operator's
    /// ServiceAccount may write them; such objects are not guarded as Secrets are
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
          default_missing_value = "true", action = ArgAction::Set, value_parser = parse_switch)]
    pub unsafe_allow_generic_targets: bool,
    /// Leave stores with another spec.controller alone
    #[arg(long, default_value = "default", value_name = "CLASS")]
    pub controller_class: String,
    #[command(flatten)]
    pub templates: TemplateArgs,
    /// Objects reconciled at once; where some take longer than two seconds, up to twice as many
    #[arg(long = "concurrent", env = "CONCURRENT_RECONCILES", default_value_t = 10, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Address of metrics and health (/metrics, /healthz, /readyz), IP:PORT, or :PORT for all addresses; "off" for none
    #[arg(long, default_value = "0.0.0.0:8080", value_name = "ADDRESS", value_parser = parse_listen)]
    pub listen: Listen,
    /// Have series for each object in the metrics; without, only those of the whole process are there
    #[arg(long, env = "CLAVIGER_METRICS_PER_OBJECT", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value_t = true, default_missing_value = "true", action = ArgAction::Set,
          value_parser = parse_switch)]
    pub metrics_per_object: bool,
    /// Serve the status page beside the metrics
    #[arg(long, env = "CLAVIGER_STATUS_PAGE", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", action = ArgAction::Set,
          value_parser = parse_switch)]
    pub status_page: bool,
    /// Time between validations of a store that sets no refreshInterval: seconds, or a duration such as 5m; in the
    /// environment variable milliseconds
    #[arg(long, env = "POLLER_INTERVAL_MILLISECONDS", default_value = "300", value_name = "TIME",
          value_parser = parse_interval)]
    pub store_interval: Duration,
    #[command(flatten)]
    pub audit: AuditArgs,
    #[command(flatten)]
    pub security: SecurityArgs,
    #[command(flatten)]
    pub proxy: ProxyArgs,
    #[command(flatten)]
    pub webhook: WebhookArgs,
    #[command(flatten)]
    pub refresh: RefreshArgs,
    #[command(flatten)]
    pub election: ElectionArgs,
    /// Let stores reach loopback addresses, for trying things out on one machine
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
          default_missing_value = "true", action = ArgAction::Set, value_parser = parse_switch)]
    pub allow_loopback: bool,
}

/// The audit log: on as a whole, or by one of its halves.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Log what is read and written, by name and never by value: both halves, unless one is switched off [default: on if
    /// one of the halves is switched on]
    #[arg(long = "audit", env = "CLAVIGER_AUDIT", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = ArgAction::Set, value_parser = parse_switch)]
    pub enabled: Option<bool>,
    /// Log what providers were asked for, and what they were made to write [default: as --audit]
    #[arg(long = "audit-secret-access", env = "CLAVIGER_AUDIT_SECRET_ACCESS", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true", action = ArgAction::Set,
          value_parser = parse_switch)]
    pub access: Option<bool>,
    /// Log what was written to Kubernetes [default: as --audit]
    #[arg(long = "audit-secret-sync", env = "CLAVIGER_AUDIT_SECRET_SYNC", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true", action = ArgAction::Set,
          value_parser = parse_switch)]
    pub sync: Option<bool>,
}

/// The validating webhook.
#[derive(Debug, Args)]
pub(crate) struct WebhookArgs {
    /// Serve the validating webhook for ExternalSecrets, SecretStores and ClusterSecretStores
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
          default_missing_value = "true", action = ArgAction::Set, value_parser = parse_switch)]
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

/// Where somebody may say that a provider has something new.
#[derive(Debug, Args)]
pub(crate) struct RefreshArgs {
    /// Serve POST /refresh, by which whoever has the right to has a store's keys read at once (docs/refresh.md); it
    /// needs --enable-webhook, whose certificate it is served with
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", action = ArgAction::Set,
          value_parser = parse_switch)]
    pub enable_refresh: bool,
    /// Its port, which speaks HTTPS
    #[arg(long, default_value_t = 10260, value_name = "PORT")]
    pub refresh_port: u16,
    /// Audience that tokens of its callers have to be for
    #[arg(long, default_value = "claviger", value_name = "AUDIENCE")]
    pub refresh_audience: String,
}

/// Which of several replicas works.
#[derive(Debug, Args)]
pub(crate) struct ElectionArgs {
    /// Run as one of several replicas: one works, the others stand by with caches filled and plugins loaded, and
    /// take over within 15 seconds
    #[arg(long = "enable-leader-election", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", action = ArgAction::Set,
          value_parser = parse_switch)]
    pub enable: bool,
    /// Name of the Lease object in the operator's namespace, the same for all replicas [default:
    /// claviger-controller, and with --controller-class or --namespace claviger-controller.CLASS.NAMESPACE]
    #[arg(long = "leader-election-id", value_name = "NAME")]
    pub id: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn parsed(flags: &[&str]) -> Result<RunArgs, clap::Error> {
        match Cli::try_parse_from(["claviger", "run"].iter().chain(flags))?.command {
            Command::Run(run) => Ok(*run),
            other => panic!("{other:?}"),
        }
    }

    fn run(flags: &[&str]) -> RunArgs {
        parsed(flags).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn leader_election_is_spelt_as_with_eso() {
        let election = |flags: &[&str]| {
            let election = run(flags).election;
            (election.enable, election.id)
        };
        assert_eq!(election(&[]), (false, None));
        assert_eq!(election(&["--enable-leader-election"]), (true, None));
        assert_eq!(election(&["--enable-leader-election=false"]), (false, None));
        let both = ["--enable-leader-election=true", "--leader-election-id=mine"];
        assert_eq!(election(&both), (true, Some("mine".to_owned())));
    }

    #[test]
    fn a_webhook_has_its_certificate_from_one_place() {
        let own = run(&["--enable-webhook"]).webhook;
        assert_eq!((own.enable_webhook, own.port, own.cert_dir), (true, 10250, None));
        let names = [own.secret_name, own.service_name, own.configuration_name];
        assert_eq!(names, ["claviger-webhook"; 3]);
        let files = run(&["--enable-webhook", "--webhook-cert-dir=/certs"]).webhook;
        assert_eq!(files.cert_dir, Some(PathBuf::from("/certs")));
        assert!(parsed(&["--webhook-cert-dir=/certs", "--webhook-secret-name=mine"]).is_err());
    }

    #[test]
    fn every_kind_is_looked_after_as_with_eso() {
        let all = run(&[]);
        assert!(all.cluster_external_secrets && all.push_secrets && all.cluster_push_secrets && all.rollouts);
        let off =
            run(&["--enable-push-secret-reconciler=false", "--enable-cluster-push-secret-reconciler=false"]);
        assert!(!off.push_secrets && !off.cluster_push_secrets);
        assert!(!run(&["--enable-rollouts=false"]).rollouts);
    }

    #[test]
    fn requests_to_refresh_are_taken_where_they_are_wanted() {
        let refresh = |flags: &[&str]| {
            let refresh = run(flags).refresh;
            (refresh.enable_refresh, refresh.refresh_port, refresh.refresh_audience)
        };
        assert_eq!(refresh(&[]), (false, 10260, "claviger".to_owned()));
        let flags = ["--enable-refresh", "--refresh-port=0", "--refresh-audience=mine"];
        assert_eq!(refresh(&flags), (true, 0, "mine".to_owned()));
    }

    /// Switches that took no value once: they still need none, and what follows is not theirs.
    #[test]
    fn a_switch_needs_no_value() {
        let on = run(&[
            "--allow-loopback",
            "--operator-namespace-fallback",
            "--unsafe-allow-generic-targets",
            "--namespace",
            "n",
        ]);
        assert!(on.allow_loopback && on.operator_namespace_fallback && on.unsafe_allow_generic_targets);
        assert_eq!(on.namespace.as_deref(), Some("n"));
        assert!(!run(&["--allow-loopback=false"]).allow_loopback);
        assert!(parsed(&["--allow-loopback", "false"]).is_err());
    }
}
