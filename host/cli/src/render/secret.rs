//! One ExternalSecret of a folder as the manifest of its Secret: planned as the operator would plan it in
//! an empty cluster. Without an owner reference, which needs the uid that only a cluster gives.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::error::Failure;
use claviger_core::hash::KeyedHasher;
use claviger_core::lease::Pins;
use claviger_core::plan::{self, ApplySecret, Controller, Effect, Input, Planned, rendered_secret_type};
use claviger_core::redact::Redactor;
use claviger_core::refresh;
use claviger_core::secret::Untrusted;
use claviger_crds::external_secret::ExternalSecret;
use claviger_operator::sync::{Asker, Desired, Pipeline};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::files::Files;

/// The manifest, or none if this ExternalSecret makes no Secret.
///
/// # Errors
/// What is wrong, as its condition in a cluster would say.
pub(super) async fn render(
    pipeline: &Pipeline,
    files: &Files,
    name: &str,
    es: &Result<ExternalSecret, String>,
) -> Result<Option<String>, String> {
    let clean = Redactor::default();
    let said = |failure: Failure| line(&failure, &clean);
    let invalid = |why: String| {
        said(Failure::ManifestInvalid {
            object: format!("ExternalSecret {name}"),
            detail: Untrusted::new(why),
        })
    };
    let es = es.as_ref().map_err(|why| invalid(why.clone()))?;
    refresh::interval(&es.spec).map_err(|error| invalid(format!("spec.refreshInterval: {error}")))?;
    plan::check(&es.spec).map_err(said)?;
    let (namespace, own_name) = (es.namespace().unwrap_or_default(), es.name_any());
    let pins = Pins::default();
    let asker = Asker {
        namespace: &namespace,
        name: &own_name,
        uid: "",
        version: "",
        pins: &pins,
        held: None,
        keeps_unleased: false,
        // A credential that is made to be printed would be left behind.
        makes: false,
        labels: es.labels(),
        annotations: es.annotations(),
        spec: &es.spec,
    };
    let answer = pipeline
        .desired(&asker, files, Instant::now())
        .await
        .map_err(|failed| line(&failed.failure, &failed.redactor))?;
    let Desired::Secret(rendered) = answer.desired else { return Ok(None) };
    let owner = Controller {
        api_version: ExternalSecret::api_version(&()).into_owned(),
        kind: ExternalSecret::kind(&()).into_owned(),
        name: own_name.clone(),
        uid: String::new(),
    };
    let planned = plan::plan(&Input {
        owner: &owner,
        namespace: &namespace,
        spec: &es.spec,
        observed: None,
        foreign: None,
        siblings: &[],
        wanted: Some(&rendered),
        mark_changes: None,
        hasher: &KeyedHasher::random(),
    })
    .map_err(|failure| line(&failure, &answer.redactor))?;
    let Planned::Do(plan) = planned else { return Ok(None) };
    let apply = plan.effects.into_iter().find_map(|effect| match effect {
        Effect::Apply(apply) => Some(apply),
        Effect::Delete { .. } => None,
    });
    apply.map(|apply| manifest(&namespace, &apply, rendered_secret_type(&rendered))).transpose()
}

/// A failure as its condition would say it.
pub(crate) fn line(failure: &Failure, redactor: &Redactor) -> String {
    format!("{}: {}", failure.class().reason, failure.message(redactor))
}

fn manifest(namespace: &str, secret: &ApplySecret, type_: &str) -> Result<String, String> {
    let data: serde_json::Map<String, Value> = secret
        .data
        .iter()
        .map(|(key, value)| (key.clone(), Value::String(STANDARD.encode(value.expose()))))
        .collect();
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret.name,
            "namespace": namespace,
            "labels": secret.labels,
            "annotations": secret.annotations,
        },
        "type": type_,
        "data": data,
    });
    if let Some(immutable) = secret.immutable {
        object["immutable"] = Value::Bool(immutable);
    }
    serde_saphyr::to_string(&object).map_err(|_| "the Secret cannot be written as YAML".to_owned())
}
