//! What the settings lead to: the operator's and the network's configuration.
//!
//! Nothing is looked up here but the file with authorities; where the API server is, and in which namespace this runs, is
//! told.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use claviger_operator::config::{
    Audit, AuthorityConfig, CertificateSource, Election, OperatorConfig, RefreshConfig, WebhookConfig,
};
use claviger_plugins::egress::{Authorities, Demands, EgressConfig, Proxies, Proxy};

use crate::args::{AuditArgs, ProxyArgs, ReachArgs, RefreshArgs, RunArgs, WebhookArgs};

/// More than all public authorities, a hundred times.
const MAX_BUNDLE: u64 = 16 * 1024 * 1024;

/// The operator's, in `operator_namespace`, as the replica `instance`.
pub(crate) fn operator(args: &RunArgs, operator_namespace: String, instance: Option<&str>) -> OperatorConfig {
    let (class, namespace) = (args.controller_class.clone(), args.namespace.clone());
    let election = args.election.enable.then(|| Election {
        namespace: operator_namespace.clone(),
        name: args.election.id.clone().unwrap_or_else(|| Election::name(&class, namespace.as_deref())),
        identity: Election::identity(instance),
    });
    OperatorConfig {
        operator_namespace,
        operator_namespace_fallback: args.operator_namespace_fallback,
        allow_generic_targets: args.unsafe_allow_generic_targets,
        namespace,
        cluster_external_secrets: args.cluster_external_secrets,
        push_secrets: args.push_secrets,
        cluster_push_secrets: args.cluster_push_secrets,
        rollouts: args.rollouts,
        controller_class: class,
        delimiters: args.templates.delimiters(),
        concurrency: usize::from(args.concurrency),
        listen: args.listen.0,
        webhook: webhook(&args.webhook, &args.refresh),
        store_interval: args.store_interval,
        election,
        audit: audit(&args.audit),
        object_metrics: args.metrics_per_object,
        status_page: args.status_page,
        ..OperatorConfig::default()
    }
}

/// The network's, but for the API server's addresses.
///
/// # Errors
/// If a proxy, the list of what goes past it, or the file with authorities cannot be used; never with a proxy's URL.
pub(crate) fn egress(args: &RunArgs) -> anyhow::Result<EgressConfig> {
    let security = &args.security;
    Ok(EgressConfig {
        allow_loopback: args.allow_loopback,
        metadata: true,
        proxies: proxies(&args.proxy)?,
        authorities: security.ca_bundle.as_deref().map(authorities).transpose()?.unwrap_or_default(),
        demands: Demands {
            encryption: security.encryption_in_transit,
            certificates: security.validate_remote_certificates,
        },
        ..EgressConfig::default()
    })
}

/// That of a person's own machine, from which `denied` is not reached, and `loopback` only where whoever wrote the stores
/// is trusted: what listens there (`kubectl proxy`) takes whoever comes for that person. Variables there are for all
/// programs: those that cannot be used here are passed over, with a warning.
///
/// # Errors
/// As of [`egress`].
pub(crate) fn own_egress(
    args: &ReachArgs,
    denied: Vec<SocketAddr>,
    loopback: bool,
) -> anyhow::Result<EgressConfig> {
    let proxies = proxies(&args.proxy).or_else(|error| {
        if !are_variables(&args.proxy, |name| std::env::var(name).ok()) {
            return Err(error);
        }
        tracing::warn!("going without a proxy: {error:#}");
        Ok(Proxies::default())
    })?;
    Ok(EgressConfig {
        allow_loopback: loopback,
        denied,
        proxies,
        authorities: args.ca_bundle.as_deref().map(authorities).transpose()?.unwrap_or_default(),
        ..EgressConfig::default()
    })
}

/// Off as a whole means off; and one half that is switched on is on without the whole.
fn audit(args: &AuditArgs) -> Audit {
    let half = |given: Option<bool>| args.enabled != Some(false) && given.or(args.enabled).unwrap_or(false);
    Audit { access: half(args.access), sync: half(args.sync) }
}

fn webhook(args: &WebhookArgs, refresh: &RefreshArgs) -> Option<WebhookConfig> {
    let authority = || AuthorityConfig {
        secret: args.secret_name.clone(),
        service: args.service_name.clone(),
        configuration: args.configuration_name.clone(),
    };
    args.enable_webhook.then(|| WebhookConfig {
        listen: (Ipv4Addr::UNSPECIFIED, args.port).into(),
        certificates: match &args.cert_dir {
            Some(dir) => CertificateSource::Files(dir.clone()),
            None => CertificateSource::Authority(authority()),
        },
        refresh: refresh.enable_refresh.then(|| RefreshConfig {
            listen: (Ipv4Addr::UNSPECIFIED, refresh.refresh_port).into(),
            audience: refresh.refresh_audience.clone(),
        }),
    })
}

/// Whether what is given of proxies is what the environment has, and nothing of it a flag.
fn are_variables(args: &ProxyArgs, variable: impl Fn(&str) -> Option<String>) -> bool {
    let given = [
        ("HTTPS_PROXY", args.https.as_ref().map(|text| text.0.as_str())),
        ("HTTP_PROXY", args.http.as_ref().map(|text| text.0.as_str())),
        ("NO_PROXY", args.past.as_deref()),
    ];
    given.into_iter().all(|(name, given)| given.is_none() || variable(name).as_deref() == given)
}

/// The proxies of the flags.
///
/// # Errors
/// Which of them cannot be used, never with its URL.
pub(crate) fn proxies(args: &ProxyArgs) -> anyhow::Result<Proxies> {
    let one = |given: Option<&str>, source: &'static str| -> anyhow::Result<Option<Proxy>> {
        let given = given.filter(|text| !text.is_empty());
        given.map(Proxy::parse).transpose().with_context(|| source)
    };
    let https =
        one(args.https.as_ref().map(|text| text.0.as_str()), "--https-proxy (HTTPS_PROXY, proxy.https)")?;
    let http = one(args.http.as_ref().map(|text| text.0.as_str()), "--http-proxy (HTTP_PROXY, proxy.http)")?;
    if https.is_none() && http.is_none() {
        // A list that is there for others, and that nobody here goes by.
        return Ok(Proxies::default());
    }
    let proxies = Proxies::new(https, http, args.past.as_deref().unwrap_or_default());
    proxies.context("--no-proxy (NO_PROXY, proxy.noProxy)")
}

/// The authorities of the file.
///
/// # Errors
/// If it cannot be used.
pub(crate) fn authorities(path: &Path) -> anyhow::Result<Authorities> {
    use std::io::Read;
    let context =
        || format!("CA bundle {} (--ca-bundle, CLAVIGER_CA_BUNDLE, caBundle) cannot be used", path.display());
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).with_context(context)?;
    file.take(MAX_BUNDLE + 1).read_to_end(&mut pem).with_context(context)?;
    if u64::try_from(pem.len()).is_ok_and(|size| size > MAX_BUNDLE) {
        return Err(anyhow::anyhow!("it is larger than {} MiB", MAX_BUNDLE >> 20)).with_context(context);
    }
    Authorities::from_pem(&pem).with_context(context)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Given {
        #[command(flatten)]
        reach: ReachArgs,
    }

    #[test]
    fn loopback_is_reached_by_who_trusts_the_files() {
        let given = Given::try_parse_from(["claviger"]).unwrap();
        for trusted in [false, true] {
            let denied = vec![(Ipv4Addr::new(192, 0, 2, 1), 6443).into()];
            let egress = own_egress(&given.reach, denied.clone(), trusted).unwrap();
            assert_eq!((egress.allow_loopback, egress.metadata, egress.denied), (trusted, false, denied));
        }
    }
}
