//! One ExternalSecret: what it wants, what is there, and what the operator would plan.

use std::time::Instant;

use claviger_core::error::Failure;
use claviger_core::failures::{EntryFailure, Unread};
use claviger_core::lease::Pins;
use claviger_core::names::{LABEL_CREATED_BY, created_by, field_manager, lease_annotation};
use claviger_core::options::Options;
use claviger_core::plan::{self, Controller, Input, Observed, Plan, Planned, Sibling, Success};
use claviger_core::redact::Redactor;
use claviger_core::refresh;
use claviger_core::rendered;
use claviger_core::rollout::Targets;
use claviger_core::secret::Untrusted;
use claviger_core::template::Rendered;
use claviger_crds::external_secret::{
    CreationPolicy, ExternalSecret, ExternalSecretSpec, ExternalSecretStatus, RefreshPolicy,
};
use claviger_operator::cluster::live;
use claviger_operator::sync::{Asker, Desired, Makes, Pipeline};
use claviger_operator::watch::managed::{hasher, observed};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt};

use super::change::{Change, Named};
use super::world::Mixed;
use crate::render::secret::{line, of_entry};

/// Compares.
///
/// # Errors
/// What is wrong, as its condition in a cluster would say, or what may not be read.
pub(crate) async fn compare(
    pipeline: &Pipeline,
    world: &Mixed,
    name: &str,
    es: &Result<ExternalSecret, String>,
) -> Result<Change, String> {
    let clean = Redactor::default();
    let said = |failure: Failure| denied(&failure).unwrap_or_else(|| line(&failure, &clean));
    let invalid = |why: String| {
        let object = format!("ExternalSecret {name}");
        said(Failure::ManifestInvalid { object, detail: Untrusted::new(why) })
    };
    let es = es.as_ref().map_err(|why| invalid(why.clone()))?;
    refresh::times(&es.spec).map_err(|error| invalid(error.to_string()))?;
    let options = Options::parse(es.annotations()).map_err(&invalid)?;
    if let Some(manifest) = &es.spec.target.manifest {
        return Err(format!("its target is a {}, and only Secrets are compared", manifest.kind));
    }
    let restarts = Targets::parse(es.annotations()).map_err(&invalid)?;
    plan::check(&es.spec).map_err(said)?;
    let (namespace, own_name) = (es.namespace().unwrap_or_default(), es.name_any());
    let target = es.spec.target.name.as_deref().unwrap_or(&own_name);
    let manager = field_manager(&own_name);
    // First what is there: who may not read it need not ask a provider.
    let live = live::secret(&world.client, &namespace, target).await.map_err(said)?;
    let (uid, status) = world.known(&namespace, &own_name).await.map_err(said)?;
    let siblings = siblings(world, es, &namespace, &own_name).await.map_err(said)?;

    let (found, present) = live.map(|live| (observed(&live.reduced, &manager), live.data)).unzip();
    let owner = Controller {
        api_version: ExternalSecret::api_version(&()).into_owned(),
        kind: ExternalSecret::kind(&()).into_owned(),
        name: own_name.clone(),
        uid: uid.clone(),
    };
    let named = Named { external_secret: name, namespace: &namespace, target };
    if is_made(&es.spec, &status, found.as_ref()) {
        let binding = Some(target.to_owned());
        let plan = Plan { effects: Vec::new(), success: Success::Synced, notes: Vec::new(), binding };
        return Ok(Change::of(&named, &plan, found.as_ref(), None, hasher()));
    }
    let record = lease_annotation(&own_name);
    let recorded = found.as_ref().and_then(|found| found.annotations.get(&record)).cloned();
    let left = rendered::left(&es.spec, &owner, found.as_ref(), &siblings, recorded.is_some());
    let pins = Pins::default();
    let asker = Asker {
        namespace: &namespace,
        name: &own_name,
        uid: &uid,
        version: "",
        pins: &pins,
        held: None,
        keeps_unleased: false,
        // A credential that is made to be compared would be left behind, and every password differs.
        makes: Makes::Nothing,
        options,
        left: left.as_ref(),
        labels: es.labels(),
        annotations: es.annotations(),
        spec: &es.spec,
    };
    let mut answer = pipeline.desired(&asker, world, Instant::now()).await.map_err(|failed| {
        denied(&failed.failure).unwrap_or_else(|| line(&failed.failure, &failed.redactor))
    })?;
    if let Desired::Secret(rendered) = &mut answer.desired {
        // What is leased stays recorded.
        rendered.annotations.extend(recorded.map(|known| (record, known)));
    }
    let outcome = |plan: &Plan, wanted: Option<&Rendered>| {
        let change = Change::of(&named, plan, found.as_ref(), wanted, hasher());
        let short = answer.short.as_ref().map(|short| {
            let of_entry = |one: &EntryFailure| of_entry(one, &answer.redactor);
            let (reason, message) = (short.failure.class().reason, short.failure.message(&answer.redactor));
            (reason, message, short.keys.iter().map(of_entry).collect())
        });
        change.beside(short, answer.absent.clone())
    };
    let as_it_is = found.as_ref().map(|found| plan::as_it_is(&es.spec, found));
    let wanted = match &answer.desired {
        Desired::Secret(rendered) => Some(rendered),
        Desired::Nothing => None,
        Desired::Kept => as_it_is.as_ref(),
    };
    let planned = plan::plan(&Input {
        owner: &owner,
        namespace: &namespace,
        spec: &es.spec,
        observed: found.as_ref(),
        present: present.as_ref(),
        siblings: &siblings,
        wanted,
        mark_changes: (!restarts.is_empty()).then(|| (Timestamp::now(), status.refresh_time.is_some())),
        hasher: hasher(),
    })
    .map_err(|failure| line(&failure, &answer.redactor))?;
    match planned {
        Planned::Do(plan) => Ok(outcome(&plan, wanted)),
        Planned::NeedsPresentValues => Err("the Secret's values could not be read".to_owned()),
    }
}

/// Whether the operator would not even look: what is to be made once is, and is as it was left.
fn is_made(spec: &ExternalSecretSpec, status: &ExternalSecretStatus, found: Option<&Observed>) -> bool {
    spec.refresh_policy == RefreshPolicy::CreatedOnce
        && status.synced_resource_version.is_some()
        && status.refresh_time.is_some()
        && plan::target_valid(spec, &Unread::reported(&status.failures), found)
}

/// Earlier targets, as the operator looks for them.
async fn siblings(
    world: &Mixed,
    es: &ExternalSecret,
    namespace: &str,
    name: &str,
) -> Result<Vec<Sibling>, Failure> {
    if es.spec.target.creation_policy != CreationPolicy::Owner {
        return Ok(Vec::new());
    }
    let api: Api<Secret> = Api::namespaced(world.client.clone(), namespace);
    let marked = ListParams::default().labels(&format!("{LABEL_CREATED_BY}={}", created_by(namespace, name)));
    let found = api
        .list_metadata(&marked)
        .await
        .map_err(|error| live::api_failure("listing", "Secrets of", namespace, name, &error))?;
    let sibling = |meta: kube::core::PartialObjectMeta<Secret>| Sibling {
        controller_uid: meta
            .owner_references()
            .iter()
            .find(|owner| owner.controller == Some(true))
            .map(|owner| owner.uid.clone()),
        name: meta.name_any(),
        uid: meta.uid().unwrap_or_default(),
        resource_version: meta.resource_version().unwrap_or_default(),
    };
    Ok(found.items.into_iter().map(sibling).collect())
}

/// What a person is told who lacks a right; the operator's own message speaks of the operator.
fn denied(failure: &Failure) -> Option<String> {
    match failure {
        Failure::ApiServer { doing, object, code: Some(code @ (401 | 403)), .. } => Some(format!(
            "{doing} {object} is not allowed (HTTP {code}): to compare, you need the right to get and list Secrets \
             and to get ExternalSecrets in that namespace"
        )),
        _ => None,
    }
}
