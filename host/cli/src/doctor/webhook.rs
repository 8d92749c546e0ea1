//! Whether API servers reach the webhook and take its certificate. Of the Secret only the certificate is looked at.

use anyhow::Context as _;
use claviger_core::names::LABEL_WEBHOOK;
use claviger_core::secret::SecretBytes;
use claviger_operator::config::{AuthorityConfig, CertificateSource, WebhookConfig};
use claviger_operator::webhook::{Seen, judge};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};

use super::finding::{Finding, Level};

const CHECK: &str = "webhook";
const PAGE: &str = "docs/webhook.md";

/// Looks.
pub(super) async fn look(
    client: &Client,
    namespace: &str,
    names: &AuthorityConfig,
    webhook: &WebhookConfig,
) -> Vec<Finding> {
    let found = all(client, namespace, names, webhook).await;
    let mut findings = found.unwrap_or_else(|error| vec![Finding::not_looked(CHECK, &error)]);
    if findings.is_empty() {
        let message =
            format!("API servers reach Service {namespace}/{} and take its certificate", names.service);
        findings.push(Finding::ok(CHECK, message));
    }
    findings.into_iter().map(|finding| finding.with_see(PAGE)).collect()
}

async fn all(
    client: &Client,
    namespace: &str,
    names: &AuthorityConfig,
    webhook: &WebhookConfig,
) -> anyhow::Result<Vec<Finding>> {
    let name = &names.configuration;
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let what = || format!("ValidatingWebhookConfiguration {name} cannot be read");
    let Some(configuration) = api.get_opt(name).await.with_context(what)? else {
        let message = format!("ValidatingWebhookConfiguration {name} is not there: nobody asks the webhook");
        let remedy =
            "apply the one of examples/cluster/webhook.yaml, or run the operator without --enable-webhook";
        return Ok(vec![Finding::warning(CHECK, message).with_remedy(remedy)]);
    };
    let fails = |webhook: &k8s_openapi::api::admissionregistration::v1::ValidatingWebhook| {
        // Without a policy it is Fail.
        webhook.failure_policy.as_deref() != Some("Ignore")
    };
    let blocks = configuration.webhooks.iter().flatten().any(fails);
    let mut findings = reached(client, namespace, &names.service, blocks).await?;
    let served = match &webhook.certificates {
        CertificateSource::Files(_) => None,
        CertificateSource::Authority(names) => match certificate(client, namespace, &names.secret).await? {
            Ok(pem) => Some(pem),
            Err(finding) => {
                findings.push(*finding);
                return Ok(findings);
            }
        },
    };
    let seen = Seen { configuration, service: (namespace, &names.service), served: served.as_deref() };
    findings.extend(judge(seen, Timestamp::now()).into_iter().map(|flaw| {
        let level = if flaw.severe { Level::Problem } else { Level::Warning };
        Finding::new(CHECK, level, format!("{name}: {}", flaw.message)).with_remedy(flaw.remedy)
    }));
    Ok(findings)
}

/// `tls.crt` of the operator's Secret. What else is in it is overwritten.
async fn certificate(
    client: &Client,
    namespace: &str,
    name: &str,
) -> anyhow::Result<Result<Vec<u8>, Box<Finding>>> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let what = || format!("Secret {namespace}/{name} cannot be read");
    let Some(secret) = api.get_opt(name).await.with_context(what)? else {
        let message = format!("Secret {namespace}/{name} is not there: no certificate was made yet");
        let remedy = "see that an operator runs with --enable-webhook and leads: it makes it";
        return Ok(Err(Box::new(Finding::warning(CHECK, message).with_remedy(remedy))));
    };
    let ours = secret.metadata.labels.iter().flatten().any(|(label, _)| label == LABEL_WEBHOOK);
    let mut certificate = Vec::new();
    for (key, value) in secret.data.unwrap_or_default() {
        match key.as_str() {
            "tls.crt" => certificate = value.0,
            _ => drop(SecretBytes::new(value.0)),
        }
    }
    if !ours && !certificate.is_empty() {
        let message =
            format!("Secret {namespace}/{name} is not the operator's: it has no label {LABEL_WEBHOOK}");
        let remedy = "choose another by --webhook-secret-name, or delete it";
        return Ok(Err(Box::new(Finding::problem(CHECK, message).with_remedy(remedy))));
    }
    Ok(Ok(certificate))
}

/// Whether somebody answers for the Service. `blocks`: nobody can change manifests while nobody does.
async fn reached(client: &Client, namespace: &str, name: &str, blocks: bool) -> anyhow::Result<Vec<Finding>> {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let what = || format!("Service {namespace}/{name} cannot be read");
    let service = services.get_opt(name).await.with_context(what)?;
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let label = format!("kubernetes.io/service-name={name}");
    let what = || format!("the endpoints of Service {namespace}/{name} cannot be listed");
    let slices = slices.list(&ListParams::default().labels(&label)).await.with_context(what)?;
    Ok(nobody(namespace, name, service.as_ref(), &slices.items, blocks).into_iter().collect())
}

fn nobody(
    namespace: &str,
    name: &str,
    service: Option<&Service>,
    slices: &[EndpointSlice],
    blocks: bool,
) -> Option<Finding> {
    let (message, remedy) = match service {
        None => (
            format!("Service {namespace}/{name} is not there"),
            "apply the one of examples/cluster/webhook.yaml, or correct --webhook-service-name",
        ),
        // A name outside of the cluster has no endpoints in it.
        Some(service)
            if service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName")) =>
        {
            return None;
        }
        Some(_) => {
            let endpoints = slices.iter().flat_map(|slice| slice.endpoints.iter().flatten());
            let ready = |endpoint: &k8s_openapi::api::discovery::v1::Endpoint| {
                endpoint.conditions.as_ref().is_none_or(|conditions| conditions.ready != Some(false))
            };
            if endpoints.into_iter().any(ready) {
                return None;
            }
            (
                format!("Service {namespace}/{name} has no Pod that is ready"),
                "see that its selector means the operator's Pods, and what their /readyz says",
            )
        }
    };
    let (level, rest) = match blocks {
        true => (Level::Problem, "nobody can change ExternalSecrets and stores (failurePolicy: Fail)"),
        false => (Level::Warning, "manifests are taken unseen (failurePolicy: Ignore)"),
    };
    Some(Finding::new(CHECK, level, format!("{message}: {rest}")).with_remedy(remedy))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_service_is_answered_by_a_pod_that_is_ready() {
        let cluster = json!({"spec": {"type": "ClusterIP"}});
        let slice = |endpoint: Value| json!([{"addressType": "IPv4", "endpoints": [endpoint], "ports": []}]);
        let ready = |ready: Value| slice(json!({"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}));
        // (Service, slices, failurePolicy Fail, level, words)
        let cases = [
            (None, json!([]), true, Some((Level::Problem, "is not there: nobody can change"))),
            (None, json!([]), false, Some((Level::Warning, "is not there: manifests are taken unseen"))),
            (Some(&cluster), json!([]), true, Some((Level::Problem, "no Pod that is ready"))),
            (Some(&cluster), ready(json!(false)), false, Some((Level::Warning, "no Pod that is ready"))),
            (Some(&cluster), ready(json!(true)), true, None),
            // Not known counts as ready, by the API's own rule.
            (Some(&cluster), slice(json!({"addresses": ["10.0.0.1"]})), true, None),
            (Some(&json!({"spec": {"type": "ExternalName"}})), json!([]), true, None),
        ];
        for (service, slices, blocks, expected) in cases {
            let service = service.map(|service| serde_json::from_value(service.clone()).unwrap());
            let slices: Vec<EndpointSlice> = serde_json::from_value(slices).unwrap();
            let found = nobody("ns", "hook", service.as_ref(), &slices, blocks);
            match (&found, expected) {
                (None, None) => {}
                (Some(found), Some((level, words))) => {
                    assert!(found.level == level && found.message.contains(words), "{words}: {found:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
