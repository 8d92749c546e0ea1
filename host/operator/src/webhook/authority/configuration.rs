//! The ValidatingWebhookConfiguration: which authorities it tells the API server, and telling it others.
//!
//! Nothing but `caBundle` is written, in the version that was seen, and only where it differs and the webhook is ours: one
//! that another installation's Service answers has another's authority.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_core::authority::Published;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::FIELD_MANAGER;
use super::x509::Certificate;

/// Begins the annotations by which cert-manager's injector is told to write `caBundle` itself.
const INJECTOR: &str = "cert-manager.io/inject-";

/// As it was seen.
pub(super) struct Configuration {
    version: Option<String>,
    /// Name and bundle of each webhook that our Service answers.
    webhooks: Vec<(String, Vec<u8>)>,
    /// Somebody else writes the bundles.
    injected: bool,
}

impl Configuration {
    /// Reads it, for a Service of that namespace and name; none: it is not there.
    pub(super) async fn read(
        client: &Client,
        name: &str,
        service: (&str, &str),
    ) -> Result<Option<Self>, kube::Error> {
        let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
        Ok(api.get_opt(name).await?.map(|object| Self::of(object, service)))
    }

    pub(super) fn of(object: ValidatingWebhookConfiguration, (namespace, name): (&str, &str)) -> Self {
        let annotations = object.metadata.annotations.unwrap_or_default();
        let webhooks = object.webhooks.unwrap_or_default().into_iter().filter(|hook| {
            let service = hook.client_config.service.as_ref();
            service.is_some_and(|service| service.namespace == namespace && service.name == name)
        });
        let bundle =
            |bundle: Option<k8s_openapi::ByteString>| bundle.map(|bundle| bundle.0).unwrap_or_default();
        Self {
            version: object.metadata.resource_version,
            webhooks: webhooks.map(|hook| (hook.name, bundle(hook.client_config.ca_bundle))).collect(),
            injected: annotations.keys().any(|name| name.starts_with(INJECTOR)),
        }
    }

    /// One whose webhooks tell that.
    #[cfg(test)]
    pub(super) fn telling(bundles: &[&str]) -> Self {
        let webhooks = bundles.iter().map(|bundle| (String::new(), bundle.as_bytes().to_vec())).collect();
        Self { version: None, webhooks, injected: false }
    }

    /// The authorities that stand in every webhook, and all that stand in any.
    pub(super) fn published(&self) -> (Published, Vec<Certificate>) {
        let mut known: Vec<Certificate> = Vec::new();
        let mut everywhere: Option<Vec<_>> = None;
        for (_, bundle) in &self.webhooks {
            let (certificates, _) = Certificate::all(bundle);
            let ids: Vec<_> = certificates.iter().map(|certificate| certificate.mark.id).collect();
            everywhere = Some(match everywhere {
                None => ids,
                Some(before) => before.into_iter().filter(|id| ids.contains(id)).collect(),
            });
            for certificate in certificates {
                if !known.contains(&certificate) {
                    known.push(certificate);
                }
            }
        }
        (everywhere.map_or(Published::Nobody, Published::These), known)
    }

    /// Whether a webhook of it is ours.
    pub(super) fn is_of_us(&self) -> bool {
        !self.webhooks.is_empty()
    }

    /// Name and bundle of each webhook of it that is ours.
    pub(super) fn bundles(&self) -> &[(String, Vec<u8>)] {
        &self.webhooks
    }

    /// Names of the webhooks that tell something else than `bundle`.
    pub(super) fn differing(&self, bundle: &str) -> Vec<&str> {
        let differing = self.webhooks.iter().filter(|(_, told)| told != bundle.as_bytes());
        differing.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether somebody else was told to write the bundles: two would write by turns.
    pub(super) fn is_injected(&self) -> bool {
        self.injected
    }

    /// Has those webhooks tell the API server `bundle`.
    pub(super) async fn publish(
        &self,
        client: &Client,
        name: &str,
        webhooks: &[&str],
        bundle: &str,
    ) -> Result<(), kube::Error> {
        let bundle = STANDARD.encode(bundle);
        let webhooks: Vec<_> =
            webhooks.iter().map(|name| json!({"name": name, "clientConfig": {"caBundle": bundle}})).collect();
        let patch = json!({"metadata": {"resourceVersion": self.version}, "webhooks": webhooks});
        let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        // Strategic: webhooks are told apart by their name, and what is not named stays.
        api.patch(name, &params, &Patch::Strategic(&patch)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;

    use super::super::x509;
    use super::*;

    fn configuration(annotation: &str, bundles: &[Option<&str>]) -> Configuration {
        let hooks = bundles.iter().enumerate().map(|(n, bundle)| {
            let mut hook = json!({"name": format!("hook{n}"), "admissionReviewVersions": ["v1"],
                "sideEffects": "None", "clientConfig": {"service": {"namespace": "ours", "name": "webhook"}}});
            if let Some(bundle) = bundle {
                hook["clientConfig"]["caBundle"] = json!(STANDARD.encode(bundle));
            }
            hook
        });
        let object = json!({"metadata": {"name": "c", "resourceVersion": "7", "annotations": {annotation: "x"}},
            "webhooks": hooks.collect::<Vec<_>>()});
        Configuration::of(serde_json::from_value(object).unwrap(), ("ours", "webhook"))
    }

    #[test]
    fn what_another_service_answers_is_anothers() {
        let hooks = [
            json!({"service": {"namespace": "ours", "name": "webhook"}}),
            json!({"service": {"namespace": "theirs", "name": "webhook"}}),
            json!({"service": {"namespace": "ours", "name": "other"}}),
            json!({"url": "https://webhook.ours.svc/"}),
        ];
        let of = |hooks: &[serde_json::Value]| {
            let hooks = hooks.iter().enumerate().map(|(n, config)| {
                json!({"name": format!("hook{n}"), "admissionReviewVersions": ["v1"], "sideEffects": "None",
                    "clientConfig": config})
            });
            let object = json!({"metadata": {"name": "c"}, "webhooks": hooks.collect::<Vec<_>>()});
            Configuration::of(serde_json::from_value(object).unwrap(), ("ours", "webhook"))
        };
        let all = of(&hooks);
        assert_eq!((all.is_of_us(), all.differing("x")), (true, vec!["hook0"]));
        let others = of(&hooks[1..]);
        assert!(!others.is_of_us() && others.differing("x").is_empty());
        assert_eq!(others.published().0, Published::Nobody);
    }

    #[test]
    fn an_authority_is_published_when_every_webhook_tells_it() {
        let made = || x509::authority(Timestamp::now()).unwrap().0;
        let (one, other) = (made(), made());
        let both = format!("{}{}", one.pem(), other.pem());
        let (a, b) = (one.mark.id, other.mark.id);
        let cases: [(&[Option<&str>], Published, usize); 5] = [
            (&[], Published::Nobody, 0),
            (&[None], Published::These(vec![]), 0),
            (&[Some(&both), Some(&both)], Published::These(vec![a, b]), 2),
            (&[Some(&both), Some(&other.pem())], Published::These(vec![b]), 2),
            (&[Some("nonsense"), Some(&both)], Published::These(vec![]), 2),
        ];
        for (bundles, published, known) in cases {
            let found = configuration("a", bundles).published();
            assert_eq!((found.0, found.1.len()), (published, known), "{bundles:?}");
        }
        let mixed = configuration("a", &[Some(&both), None, Some(&one.pem())]);
        assert_eq!(mixed.differing(&both), ["hook1", "hook2"]);
        assert!(!mixed.is_injected());
        assert!(configuration("cert-manager.io/inject-ca-from", &[None]).is_injected());
    }
}
