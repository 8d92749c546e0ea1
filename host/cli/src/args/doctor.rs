//! The command line of `claviger doctor`: where to look, and the flags of `claviger run` that change what is needed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use claviger_operator::config::{
    AuthorityConfig, CertificateSource, Election, OperatorConfig, RefreshConfig, WebhookConfig,
};

/// Says what stands in the way of an installation, and what to do.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is written, and no value is read. Exit code: 0 nothing stands in the way, 1 warnings, or \
                  something could not be looked at, 2 problems, or doctor itself could not run."
)]
pub(crate) struct DoctorArgs {
    /// Kubeconfig to use instead of $KUBECONFIG
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the operator [default: the pod's, or the kubeconfig's]
    #[arg(short = 'n', long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    pub operator_namespace: Option<String>,
    /// ServiceAccount that the operator runs as, in that namespace, whose rights are asked for; it takes the right to
    /// create subjectaccessreviews [default: whoever the kubeconfig is]
    #[arg(long, value_name = "NAME")]
    pub service_account: Option<String>,
    /// Print the roles that give all rights that the operator needs with these flags, and look at no cluster
    #[arg(long)]
    pub print_rights: bool,
    /// How the findings look
    #[arg(short = 'o', long, default_value = "text", value_name = "FORMAT")]
    pub output: DoctorOutput,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoctorOutput {
    /// For people
    Text,
    /// A list of findings
    Json,
}

/// How the operator runs, or is to run: spelt as there.
#[derive(Debug, Args)]
#[command(next_help_heading = "As the operator runs (claviger run)")]
pub(crate) struct SettingsArgs {
    /// Its file of settings (config.yaml): whatever of it is a setting here counts, and a flag goes before it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// It watches this namespace only
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// It looks after ClusterExternalSecrets
    #[arg(long = "enable-cluster-external-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = clap::ArgAction::Set)]
    cluster_external_secrets: bool,
    /// It looks after PushSecrets
    #[arg(long = "enable-push-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = clap::ArgAction::Set)]
    push_secrets: bool,
    /// It looks after ClusterPushSecrets
    #[arg(long = "enable-cluster-push-secret-reconciler", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = clap::ArgAction::Set)]
    cluster_push_secrets: bool,
    /// It restarts workloads
    #[arg(long = "enable-rollouts", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = true, default_missing_value = "true",
          action = clap::ArgAction::Set)]
    rollouts: bool,
    /// ExternalSecrets may make objects of other kinds than Secret: those that do are asked for
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    unsafe_allow_generic_targets: bool,
    /// Its controller class: objects of stores of others are left out
    #[arg(long, default_value = "default", value_name = "CLASS")]
    controller_class: String,
    /// It is one of several replicas
    #[arg(long = "enable-leader-election", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    leader_election: bool,
    /// Name of their Lease [default: as with run]
    #[arg(long, value_name = "NAME")]
    leader_election_id: Option<String>,
    /// It serves the validating webhook
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub enable_webhook: bool,
    /// It serves POST /refresh, with the webhook's certificate
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub enable_refresh: bool,
    /// … with a certificate from that folder, and no authority of its own
    #[arg(long, value_name = "DIR", conflicts_with = "webhook_secret_name")]
    pub webhook_cert_dir: Option<PathBuf>,
    /// Secret with the webhook's own authority
    #[arg(long, default_value = "claviger-webhook", value_name = "NAME")]
    webhook_secret_name: String,
    /// Service by which the API server asks the webhook
    #[arg(long, default_value = "claviger-webhook", value_name = "NAME")]
    webhook_service_name: String,
    /// Its ValidatingWebhookConfiguration
    #[arg(long, default_value = "claviger-webhook", value_name = "NAME")]
    webhook_configuration_name: String,
}

impl SettingsArgs {
    /// Names of what the webhook is told by, if it is served.
    pub(crate) fn webhook(&self) -> Option<AuthorityConfig> {
        self.enable_webhook.then(|| AuthorityConfig {
            secret: self.webhook_secret_name.clone(),
            service: self.webhook_service_name.clone(),
            configuration: self.webhook_configuration_name.clone(),
        })
    }

    /// For an operator in that namespace.
    pub(crate) fn config(&self, operator_namespace: &str) -> OperatorConfig {
        let (class, namespace) = (&self.controller_class, self.namespace.clone());
        let lease = self.leader_election_id.clone();
        let election = self.leader_election.then(|| Election {
            namespace: operator_namespace.to_owned(),
            name: lease.unwrap_or_else(|| Election::name(class, namespace.as_deref())),
            identity: String::new(),
        });
        let defaults = OperatorConfig::default();
        let webhook = self.webhook().map(|authority| WebhookConfig {
            listen: (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
            certificates: match &self.webhook_cert_dir {
                Some(dir) => CertificateSource::Files(dir.clone()),
                None => CertificateSource::Authority(authority),
            },
            refresh: self.enable_refresh.then(|| RefreshConfig {
                listen: (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
                audience: String::new(),
            }),
        });
        OperatorConfig {
            operator_namespace: operator_namespace.to_owned(),
            namespace,
            cluster_external_secrets: self.cluster_external_secrets,
            push_secrets: self.push_secrets,
            cluster_push_secrets: self.cluster_push_secrets,
            rollouts: self.rollouts,
            allow_generic_targets: self.unsafe_allow_generic_targets,
            controller_class: class.clone(),
            election,
            webhook,
            ..defaults
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn its_settings_are_spelt_as_with_run() {
        let all = Cli::command();
        let flags = |name: &str| {
            let command = all.find_subcommand(name).unwrap();
            let flag = |arg: &clap::Arg| {
                let values = arg.get_default_values().to_vec();
                Some((arg.get_long()?.to_owned(), (values, arg.get_num_args())))
            };
            command.get_arguments().filter_map(flag).collect::<std::collections::BTreeMap<_, _>>()
        };
        let (run, doctor) = (flags("run"), flags("doctor"));
        let own = ["service-account", "print-rights", "output"];
        for (flag, is) in doctor.iter().filter(|(flag, _)| !own.contains(&flag.as_str())) {
            assert_eq!(run.get(flag), Some(is), "--{flag}");
        }
    }

    #[test]
    fn settings_become_the_operators() {
        let config =
            |flags: &[&str]| match Cli::parse_from(["claviger", "doctor"].iter().chain(flags)).command {
                Command::Doctor(doctor) => doctor.settings.config("ops"),
                other => panic!("{other:?}"),
            };
        let plain = config(&[]);
        assert!(
            plain.spreads() && plain.spreads_pushes() && plain.election.is_none() && plain.webhook.is_none()
        );
        let lease = |flags: &[&str]| config(flags).election.map(|election| election.name);
        assert_eq!(lease(&["--enable-leader-election"]).as_deref(), Some("claviger-controller"));
        let scoped = ["--enable-leader-election", "--namespace=team"];
        assert_eq!(lease(&scoped).as_deref(), Some("claviger-controller.default.team"));
        let webhook = config(&["--enable-webhook", "--webhook-secret-name=mine"]).webhook.unwrap();
        match webhook.certificates {
            CertificateSource::Authority(names) => {
                assert_eq!(
                    [names.secret, names.service, names.configuration],
                    ["mine", "claviger-webhook", "claviger-webhook"]
                );
            }
            other => panic!("{other:?}"),
        }
        let files = config(&["--enable-webhook", "--webhook-cert-dir=/certs"]).webhook.unwrap();
        assert_eq!(files.certificates, CertificateSource::Files("/certs".into()));
    }
}
