//! The object that is applied: what was rendered, where the kind has its place for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_crds::external_secret::CreationPolicy;
use serde_json::{Map, Value, json};

use super::path::{self, Step};
use super::{Document, Input};
use crate::error::Failure;
use crate::names::LABEL_MANAGED;
use crate::template::{Placed, Rendered, makes_data};

/// Everything of the object that is ours, without the hash and without what ties it to the one that was looked at.
pub(super) fn body(input: &Input<'_>, wanted: &Rendered) -> Result<Document, Failure> {
    let mut labels = wanted.labels.clone();
    labels.insert(LABEL_MANAGED.to_owned(), "true".to_owned());
    let mut body = Document::new(json!({
        "apiVersion": input.manifest.api_version,
        "kind": input.manifest.kind,
        "metadata": {
            "name": input.target(),
            "namespace": input.namespace,
            "labels": labels,
            "annotations": wanted.annotations,
        },
    }));
    let metadata = &mut body.get_mut()["metadata"];
    if !wanted.finalizers.is_empty() {
        metadata["finalizers"] = json!(wanted.finalizers);
    }
    if input.spec.target.creation_policy == CreationPolicy::Owner {
        let owner = input.owner;
        metadata["ownerReferences"] = json!([{
            "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid,
            "controller": true, "blockOwnerDeletion": true,
        }]);
    }
    data(input, wanted, body.get_mut())?;
    for placed in &wanted.placed {
        place(input, placed, body.get_mut())?;
    }
    Ok(body)
}

/// A ConfigMap's place for bytes that are no text is `binaryData`; other kinds have none.
fn data(input: &Input<'_>, wanted: &Rendered, body: &mut Value) -> Result<(), Failure> {
    let config_map = input.manifest.api_version == "v1" && input.manifest.kind == "ConfigMap";
    let below =
        if config_map || makes_data(input.spec.target.template.as_ref()) { "/data" } else { "/spec/data" };
    let (mut texts, mut bytes) = (Map::new(), Map::new());
    for (key, value) in &wanted.data {
        match std::str::from_utf8(value.expose()) {
            Ok(text) => drop(texts.insert(key.clone(), Value::from(text))),
            Err(_) if config_map => {
                bytes.insert(key.clone(), Value::from(STANDARD.encode(value.expose())));
            }
            Err(_) => {
                return Err(Failure::ValueNotUsable {
                    place: format!("key {key:?}"),
                    why: format!(
                        "a {} holds texts, and this is none: use b64enc in a template",
                        input.manifest.kind
                    ),
                });
            }
        }
    }
    if !texts.is_empty() {
        if below == "/data" {
            body["data"] = Value::Object(texts);
        } else {
            body["spec"] = json!({"data": Value::Object(texts)});
        }
    }
    if !bytes.is_empty() {
        body["binaryData"] = Value::Object(bytes);
    }
    Ok(())
}

/// Lists are written whole: where a path leads into one, its other elements are taken over from what is there, if the
/// target is shared.
fn place(input: &Input<'_>, placed: &Placed, body: &mut Value) -> Result<(), Failure> {
    let bad = |error: path::PathError| Failure::ValueNotUsable {
        place: format!("templateFrom.target {:?}", placed.target),
        why: error.to_string(),
    };
    let list = placed.path.iter().position(|step| matches!(step, Step::Index(_)));
    let shared =
        matches!(input.spec.target.creation_policy, CreationPolicy::Merge | CreationPolicy::CreateOrMerge);
    if let (Some(list), true, Some(found)) = (list, shared, input.found) {
        let way = &placed.path[..list];
        let of = |object: &Value| {
            way.iter().try_fold(object.clone(), |at, step| match step {
                Step::Key(key) => at.get(key).cloned(),
                Step::Index(index) => at.get(index).cloned(),
            })
        };
        if of(body).is_none()
            && let Some(there) = of(found.object.expose())
        {
            path::put(body, way, there, false).map_err(bad)?;
        }
    }
    path::put(body, &placed.path, placed.value.expose().clone(), placed.merged).map_err(bad)
}
