//! One ExternalSecret of a folder as the manifest of its Secret: planned as the operator would plan it in
//! an empty cluster. Without an owner reference, which needs the uid that only a cluster gives.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::error::Failure;
use claviger_core::failures::EntryFailure;
use claviger_core::generic;
use claviger_core::hash::KeyedHasher;
use claviger_core::lease::Pins;
use claviger_core::names::RENDERED_ANNOTATIONS;
use claviger_core::options::Options;
use claviger_core::plan::{self, ApplySecret, Controller, Effect, Input, Planned, rendered_secret_type};
use claviger_core::redact::Redactor;
use claviger_core::refresh;
use claviger_core::secret::Untrusted;
use claviger_crds::external_secret::ExternalSecret;
use claviger_operator::sync::{Asker, Desired, Makes, Pipeline};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::files::Files;

/// What became of one.
#[derive(Default)]
pub(super) struct Rendering {
    /// None if this ExternalSecret makes no Secret, or cannot.
    pub(super) manifest: Option<String>,
    /// What is wrong, as its condition in a cluster would say, and each entry that failed.
    pub(super) problems: Vec<String>,
}

/// Renders one.
pub(super) async fn render(
    pipeline: &Pipeline,
    files: &Files,
    name: &str,
    es: &Result<ExternalSecret, String>,
) -> Rendering {
    let mut problems = Vec::new();
    let manifest = manifest_of(pipeline, files, name, es, &mut problems).await;
    let manifest = manifest.unwrap_or_else(|problem| {
        problems.insert(0, problem);
        None
    });
    Rendering { manifest, problems }
}

/// The manifest, or none if this ExternalSecret makes no Secret.
///
/// # Errors
/// What is wrong. What is wrong with single entries is among the problems.
async fn manifest_of(
    pipeline: &Pipeline,
    files: &Files,
    name: &str,
    es: &Result<ExternalSecret, String>,
    problems: &mut Vec<String>,
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
    refresh::times(&es.spec).map_err(|error| invalid(error.to_string()))?;
    // Whether the cluster's operator may make it, its flag says.
    es.spec.target.manifest.as_ref().map_or(Ok(()), |kind| generic::check(kind, true)).map_err(said)?;
    let options = Options::parse(es.annotations()).map_err(&invalid)?;
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
        makes: Makes::Values,
        options,
        left: None,
        labels: es.labels(),
        annotations: es.annotations(),
        spec: &es.spec,
    };
    let answer = match pipeline.desired(&asker, files, Instant::now()).await {
        Ok(answer) => answer,
        Err(failed) => {
            // One alone is what the whole says.
            if failed.keys.len() > 1 {
                problems.extend(failed.keys.iter().map(|one| of_entry(one, &failed.redactor)));
            }
            return Err(line(&failed.failure, &failed.redactor));
        }
    };
    if let Some(short) = &answer.short {
        problems.push(line(&short.failure, &answer.redactor));
        problems.extend(short.keys.iter().map(|one| of_entry(one, &answer.redactor)));
    }
    let Desired::Secret(rendered) = answer.desired else { return Ok(None) };
    let owner = Controller {
        api_version: ExternalSecret::api_version(&()).into_owned(),
        kind: ExternalSecret::kind(&()).into_owned(),
        name: own_name.clone(),
        uid: String::new(),
    };
    if let Some(manifest) = &es.spec.target.manifest {
        let input = generic::Input {
            owner: &owner,
            namespace: &namespace,
            spec: &es.spec,
            manifest,
            found: None,
            wanted: Some(&rendered),
        };
        let plan = generic::plan(&input).map_err(|failure| line(&failure, &answer.redactor))?;
        return match plan.effect {
            Some(generic::Effect::Apply { body, .. }) => of_any_kind(body.expose()).map(Some),
            Some(generic::Effect::Delete { .. }) | None => Ok(None),
        };
    }
    let planned = plan::plan(&Input {
        owner: &owner,
        namespace: &namespace,
        spec: &es.spec,
        observed: None,
        present: None,
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

/// Without the owner, whose uid only a cluster gives.
fn of_any_kind(body: &Value) -> Result<String, String> {
    let mut object = body.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("ownerReferences");
    }
    serde_saphyr::to_string(&object).map_err(|_| "the object cannot be written as YAML".to_owned())
}

/// A failure of one entry, by its place.
pub(crate) fn of_entry(one: &EntryFailure, redactor: &Redactor) -> String {
    format!("{}: {}", one.entry, line(&one.failure, redactor))
}

fn manifest(namespace: &str, secret: &ApplySecret, type_: &str) -> Result<String, String> {
    let data: serde_json::Map<String, Value> = secret
        .data
        .iter()
        .map(|(key, value)| (key.clone(), Value::String(STANDARD.encode(value.expose()))))
        .collect();
    let mut annotations = secret.annotations.clone();
    // Its salt is another each time.
    annotations.retain(|key, _| !key.starts_with(RENDERED_ANNOTATIONS));
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret.name,
            "namespace": namespace,
            "labels": secret.labels,
            "annotations": annotations,
        },
        "type": type_,
        "data": data,
    });
    if let Some(immutable) = secret.immutable {
        object["immutable"] = Value::Bool(immutable);
    }
    serde_saphyr::to_string(&object).map_err(|_| "the Secret cannot be written as YAML".to_owned())
}
