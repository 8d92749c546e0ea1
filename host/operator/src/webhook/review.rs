//! An AdmissionReview and its answer.
//!
//! Objects of another controller class are not judged: another installation has other plugins, and perhaps other rules.

use std::time::Instant;

use claviger_core::admission::{Request, Verdict, check_external_secret, check_store};
use claviger_core::error::Failure;
use claviger_core::redact::Redactor;
use claviger_core::secret::Untrusted;
use claviger_crds::store::SecretStoreSpec;
use serde::Deserialize;
use serde_json::{Value, json};

use super::intake::Intake;
use crate::reconcile::{Context, is_ours};
use crate::watch::cache::Name;

/// The only version of an AdmissionReview that Kubernetes has had since 1.22.
const VERSION: &str = "admission.k8s.io/v1";

/// A uid has 36 characters. It is said again in the answer, which stays in memory until it is read.
const MAX_UID: usize = 128;

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    ExternalSecret,
    SecretStore,
    ClusterSecretStore,
}

impl Subject {
    /// ESO's paths.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/validate-external-secrets-io-v1-externalsecret" => Some(Self::ExternalSecret),
            "/validate-external-secrets-io-v1-secretstore" => Some(Self::SecretStore),
            "/validate-external-secrets-io-v1-clustersecretstore" => Some(Self::ClusterSecretStore),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: String,
    request: Request,
}

/// The answer to a body; none if that is no review.
pub(super) fn answer(context: &Context, subject: Subject, body: &[u8], intake: &Intake) -> Option<String> {
    let review: Review = serde_json::from_slice(body).ok()?;
    if review.api_version != VERSION || review.request.uid.len() > MAX_UID {
        return None;
    }
    let verdict = if review.request.is_judged() {
        Verdict::of(judge(context, subject, &review.request))
    } else {
        Verdict::FINE
    };
    if let Verdict::Denied(message) = &verdict {
        refused(subject, &review.request, message, intake);
    }
    Some(said(&review.request.uid, verdict).to_string())
}

fn refused(subject: Subject, request: &Request, message: &str, intake: &Intake) {
    let Some(unsaid) = intake.line(Instant::now()) else { return };
    if unsaid > 0 {
        tracing::warn!("{unsaid} more were not admitted, too many for the log");
    }
    // Whoever asks can write anything there, of any length.
    let redactor = Redactor::default();
    let clean = |text: &String| redactor.clean(&Untrusted::new(text));
    let (namespace, name) = (clean(&request.namespace), clean(&request.name));
    tracing::info!(?subject, namespace, name, message, "not admitted");
}

fn said(uid: &str, verdict: Verdict) -> Value {
    let response = match verdict {
        Verdict::Allowed(warnings) if warnings.is_empty() => json!({"uid": uid, "allowed": true}),
        Verdict::Allowed(warnings) => json!({"uid": uid, "allowed": true, "warnings": warnings}),
        Verdict::Denied(message) => {
            json!({"uid": uid, "allowed": false, "status": {"code": 422, "reason": "Invalid", "message": message}})
        }
    };
    json!({"apiVersion": VERSION, "kind": "AdmissionReview", "response": response})
}

fn judge(context: &Context, subject: Subject, request: &Request) -> Result<Vec<String>, Failure> {
    match subject {
        Subject::ExternalSecret => {
            let es = request.external_secret()?;
            let name = Name::new(&request.namespace, &request.name);
            if is_ours(context, &name, &es) {
                let generic_targets = context.config.allow_generic_targets;
                check_external_secret(&format!("ExternalSecret {name}"), &es, generic_targets)?;
            }
            Ok(Vec::new())
        }
        Subject::SecretStore => store(context, request, "SecretStore"),
        Subject::ClusterSecretStore => store(context, request, "ClusterSecretStore"),
    }
}

fn store(context: &Context, request: &Request, kind: &'static str) -> Result<Vec<String>, Failure> {
    let spec: SecretStoreSpec = request.store(kind)?;
    if !context.config.serves(spec.controller.as_deref()) {
        return Ok(Vec::new());
    }
    let name = request.store_name(kind);
    check_store(&name, &spec)?;
    let Some((provider, config)) = spec.provider.entry() else { return Ok(Vec::new()) };
    match context.registry.provider(provider) {
        Ok(installed) => installed
            .plugin
            .check_config(config)
            .map(|()| Vec::new())
            .map_err(|error| Failure::from_call(&name, None, None, installed.plugin.id(), error.into())),
        // It may come with the next manifest.
        Err(failure) => Ok(vec![failure.message(&Redactor::default())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_form_that_the_api_server_reads() {
        // Fields of admission.k8s.io/v1 AdmissionResponse.
        let form = |response: Value| json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
        assert_eq!(said("u", Verdict::FINE), form(json!({"uid": "u", "allowed": true})));
        assert_eq!(
            said("u", Verdict::Allowed(vec!["w".to_owned()])),
            form(json!({"uid": "u", "allowed": true, "warnings": ["w"]}))
        );
        assert_eq!(
            said("u", Verdict::Denied("no".to_owned())),
            form(
                json!({"uid": "u", "allowed": false, "status": {"code": 422, "reason": "Invalid", "message": "no"}})
            )
        );
    }
}
