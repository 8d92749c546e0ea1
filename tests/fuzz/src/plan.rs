//! From the spec of an ExternalSecret to what is written, as JSON: the spec, what was fetched, what its template reads and
//! what the engine made of it, and the Secret that is there (`Case`).
//!
//! Holds: no Secret is written whose type hands out rights, nor one that is another's; its keys are keys; marks are ours
//! and not a template's; the hash is that of the data; and when all is done nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_core::generic;
use claviger_core::hash::{KeyedHasher, eso_data_hash};
use claviger_core::names::{ANNOTATION_DATA_HASH, LABEL_MANAGED, is_mark, is_valid_key};
use claviger_core::plan::{self, ApplySecret, Controller, Effect, Fields, Input, Observed, Planned};
use claviger_core::secret::SecretBytes;
use claviger_core::template::{Job, Rendered, SourceKind, Sources};
use claviger_crds::external_secret::{CreationPolicy, ExternalSecretSpec, Template};
use serde::Deserialize;

/// What is there and what is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    spec: ExternalSecretSpec,
    #[serde(default)]
    fetched: BTreeMap<String, String>,
    /// ConfigMaps that the template reads.
    #[serde(default)]
    sources: BTreeMap<String, BTreeMap<String, String>>,
    /// What the engine makes of each text, in order, and then of the last again.
    #[serde(default)]
    rendered: Vec<String>,
    #[serde(default)]
    secret: Option<There>,
}

/// A Secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct There {
    #[serde(rename = "type", default)]
    type_: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    data: BTreeMap<String, String>,
    /// Name of the ExternalSecret that controls it; ours is `x`.
    #[serde(default)]
    owner: Option<String>,
    /// Whether what is there was written by us.
    #[serde(default)]
    ours: bool,
    #[serde(default)]
    immutable: bool,
    #[serde(default)]
    deleting: bool,
}

const TOKEN: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const BOOTSTRAP: &str = "bootstrap.kubernetes.io/token";

/// Whether a template asks for a Secret of a type that hands out rights.
pub(crate) fn is_refused(template: Option<&Template>) -> bool {
    template.is_some_and(|template| match template.type_.as_deref() {
        Some(BOOTSTRAP) => true,
        Some(TOKEN) => {
            let annotated = template.metadata.as_ref().is_some_and(|of| of.annotations.contains_key(ACCOUNT));
            annotated || !template.template_from.is_empty()
        }
        _ => false,
    })
}

/// See the module.
pub fn run(data: &[u8]) {
    let Ok(case) = serde_json::from_slice::<Case>(data) else { return };
    if plan::check(&case.spec).is_err() {
        return;
    }
    let Some(rendered) = rendered(&case) else { return };
    let (owner, hasher) = (owner(), KeyedHasher::random());
    if let Some(manifest) = &case.spec.target.manifest {
        let wanted = Some(&rendered);
        let _ = generic::plan(&generic::Input {
            owner: &owner,
            namespace: "team",
            spec: &case.spec,
            manifest,
            found: None,
            wanted,
        });
        return;
    }
    let look = Look { owner: &owner, spec: &case.spec, rendered: &rendered, hasher: &hasher };
    let observed = case.secret.as_ref().map(|there| observed(there, &hasher));
    let present = case.secret.as_ref().map(|there| values(&there.data));
    let Ok(Planned::Do(plan)) = plan::plan(&look.at(observed.as_ref(), present.as_ref())) else { return };
    for effect in &plan.effects {
        let Effect::Apply(apply) = effect else { continue };
        judge(apply, observed.as_ref(), case.spec.target.creation_policy);
        if observed.is_some() {
            continue;
        }
        let after = done(apply, &hasher);
        let present = apply.data.iter().map(|(key, value)| (key.clone(), value.duplicate())).collect();
        match plan::plan(&look.at(Some(&after), Some(&present))) {
            Ok(Planned::Do(plan)) => assert!(plan.effects.is_empty(), "there is something left to do"),
            Ok(Planned::NeedsPresentValues) => panic!("nothing is to be written, so no values are needed"),
            Err(failure) => panic!("what was just made is refused: {failure:?}"),
        }
    }
}

/// What stays the same from one plan to the next.
struct Look<'a> {
    owner: &'a Controller,
    spec: &'a ExternalSecretSpec,
    rendered: &'a Rendered,
    hasher: &'a KeyedHasher,
}

impl Look<'_> {
    fn at<'b>(
        &'b self,
        observed: Option<&'b Observed>,
        present: Option<&'b BTreeMap<String, SecretBytes>>,
    ) -> Input<'b> {
        Input {
            owner: self.owner,
            namespace: "team",
            spec: self.spec,
            observed,
            present,
            siblings: &[],
            wanted: Some(self.rendered),
            mark_changes: None,
            hasher: self.hasher,
        }
    }
}

fn owner() -> Controller {
    Controller {
        api_version: "external-secrets.io/v1".to_owned(),
        kind: "ExternalSecret".to_owned(),
        name: "x".to_owned(),
        uid: "uid".to_owned(),
    }
}

fn values(texts: &BTreeMap<String, String>) -> BTreeMap<String, SecretBytes> {
    texts.iter().map(|(key, text)| (key.clone(), SecretBytes::copied_from(text.as_bytes()))).collect()
}

/// What the template makes, or the fetched data.
fn rendered(case: &Case) -> Option<Rendered> {
    let fetched = values(&case.fetched).into_iter().map(|(key, value)| (key, Arc::new(value))).collect();
    let Some(template) = &case.spec.target.template else {
        return Some(Rendered::copied(fetched, &BTreeMap::new(), &BTreeMap::new()));
    };
    let named = |(name, texts): (&String, _)| ((SourceKind::ConfigMap, name.clone()), values(texts));
    let sources: Sources = case.sources.iter().map(named).collect();
    let any_kind = case.spec.target.manifest.is_some();
    let job = if any_kind { Job::of_any_kind } else { Job::new }(template, "team", &sources).ok()?;
    let last = case.rendered.last().cloned().unwrap_or_default();
    let texts = case.rendered.iter().chain(std::iter::repeat(&last)).take(job.templates.len());
    let texts = texts.map(|text| SecretBytes::copied_from(text.as_bytes())).collect();
    let rendered = job.finish(template, fetched, texts).ok()?;
    let marks = rendered.labels.keys().chain(rendered.annotations.keys()).any(|key| is_mark(key));
    assert!(!marks, "a template sets a mark");
    Some(rendered)
}

fn observed(there: &There, hasher: &KeyedHasher) -> Observed {
    let bytes = |(key, text): (&String, &String)| (key.clone(), hasher.hash(text.as_bytes()));
    let all = || Fields {
        data: there.data.keys().cloned().collect(),
        labels: there.labels.keys().cloned().collect(),
        annotations: there.annotations.keys().cloned().collect(),
    };
    Observed {
        uid: "secret".to_owned(),
        resource_version: "1".to_owned(),
        type_: there.type_.clone(),
        immutable: there.immutable,
        deleting: there.deleting,
        labels: there.labels.clone(),
        annotations: there.annotations.clone(),
        controller: there.owner.as_ref().map(|name| Controller { name: name.clone(), ..owner() }),
        data: there.data.iter().map(bytes).collect(),
        data_hash: eso_data_hash(there.data.iter().map(|(key, text)| (key.as_str(), text.as_bytes()))),
        applied: if there.ours { all() } else { Fields::default() },
        ..Observed::default()
    }
}

/// What must not be, whatever is asked for.
fn judge(apply: &ApplySecret, before: Option<&Observed>, policy: CreationPolicy) {
    let type_ = apply.type_.as_deref().or_else(|| before.and_then(|before| before.type_.as_deref()));
    assert_ne!(type_, Some(BOOTSTRAP), "it lets its holder join nodes");
    assert!(type_ != Some(TOKEN) || !apply.annotations.contains_key(ACCOUNT), "it asks for a token");
    assert!(apply.data.keys().all(|key| is_valid_key(key)));
    assert_eq!(apply.labels.get(LABEL_MANAGED).map(String::as_str), Some("true"));
    assert_eq!(apply.precondition.is_some(), before.is_some(), "it is not tied to what was looked at");
    if let Some(before) = before {
        assert!(!before.deleting);
        let ours = before.controller.as_ref().is_none_or(|controller| controller.name == "x");
        let alone = matches!(policy, CreationPolicy::Owner | CreationPolicy::Orphan);
        assert!(ours || !alone, "it is another's");
        return;
    }
    let data = apply.data.iter().map(|(key, value)| (key.as_str(), value.expose()));
    assert_eq!(apply.annotations.get(ANNOTATION_DATA_HASH), Some(&eso_data_hash(data)));
}

/// The Secret that an apply makes where there is none.
fn done(apply: &ApplySecret, hasher: &KeyedHasher) -> Observed {
    let keys = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<BTreeSet<_>>();
    Observed {
        uid: "secret".to_owned(),
        resource_version: "1".to_owned(),
        type_: Some(apply.type_.clone().unwrap_or_else(|| "Opaque".to_owned())),
        immutable: apply.immutable.unwrap_or_default(),
        labels: apply.labels.clone(),
        annotations: apply.annotations.clone(),
        finalizers: apply.finalizers.clone(),
        controller: apply.owner.clone(),
        data: apply.data.iter().map(|(key, value)| (key.clone(), hasher.hash(value.expose()))).collect(),
        data_hash: eso_data_hash(apply.data.iter().map(|(key, value)| (key.as_str(), value.expose()))),
        applied: Fields {
            data: apply.data.keys().cloned().collect(),
            labels: keys(&apply.labels),
            annotations: keys(&apply.annotations),
        },
        ..Observed::default()
    }
}
