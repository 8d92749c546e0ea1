//! One refresh of an ExternalSecret whose target is no Secret. What the object should be is `core::generic`'s.
//!
//! Nothing is made for it on lease: what is made is recorded on a Secret. What was made for a Secret before, while the target
//! was one, and could not be written is taken back. Drift is seen at the next refresh.

use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::generic::{self, Input};
use claviger_core::plan::{self, Plan};
use claviger_crds::external_secret::{CreationPolicy, ManifestRef};
use kube::ResourceExt;

use super::refresh::{Done, Ended, Refresh, check_stores, controller_of};
use super::world::ClusterWorld;
use super::{effects, revoke};
use crate::audit::{ObjectName, Who};
use crate::cluster::generic::Objects;
use crate::sync::{Answer, Asker, Desired, Failed, Makes, Shortfall};

pub(super) async fn run(refresh: &Refresh<'_>, manifest: &ManifestRef) -> Result<Ended, Box<Failed>> {
    let Refresh { context, name, es, target, .. } = *refresh;
    let plain = |failure| Box::new(Failed::plain(failure));
    plan::check(&es.spec).map_err(plain)?;
    generic::check(manifest, context.config.allow_generic_targets).map_err(plain)?;
    check_stores(context, name, es).map_err(plain)?;
    let objects = Objects::of(&context.client, manifest, &name.namespace).await.map_err(plain)?;
    let found = match es.spec.target.creation_policy {
        CreationPolicy::None => None,
        _ => objects.get(&target.name).await.map_err(plain)?,
    };
    let pins = Default::default();
    let uid = es.uid().unwrap_or_default();
    let asker = Asker {
        namespace: &name.namespace,
        name: &name.name,
        uid: &uid,
        version: refresh.version,
        pins: &pins,
        held: None,
        keeps_unleased: false,
        // Nothing can be recorded on it.
        makes: Makes::Values,
        options: refresh.options,
        left: None,
        labels: es.labels(),
        annotations: es.annotations(),
        spec: &es.spec,
    };
    let world = ClusterWorld { context: context.clone(), reader: refresh.object.clone() };
    let answer = context.pipeline.desired(&asker, &world, refresh.not_older_than).await;
    revoke::take_back(context, name, &uid, target, &answer).await;
    let Answer { desired, redactor, stand_ins, pins, short, absent, .. } = answer?;
    let plain = |failure: Failure| {
        let (redactor, stand_ins) = (Arc::clone(&redactor), stand_ins.clone());
        Box::new(Failed { failure, redactor, stand_ins, lost: Vec::new(), keys: Vec::new() })
    };
    let done = |success, notes: Vec<plan::Note>| {
        // The Service Binding specification is about Secrets.
        let plan = Plan { effects: Vec::new(), success, notes, binding: None };
        let (pins, stand_ins, absent) = (pins.clone(), stand_ins.clone(), absent.clone());
        Box::new(Done { plan, record: None, pins, stand_ins, unread: 0, failures: Vec::new(), absent })
    };
    if let Some(Shortfall { failure, keys }) = short {
        let mut failed = plain(failure);
        failed.keys = keys;
        return Ok(Ended::Partly(done(plan::Success::Synced, Vec::new()), failed));
    }
    let wanted = match &desired {
        Desired::Secret(rendered) => Some(rendered),
        Desired::Nothing => None,
        Desired::Kept => return Ok(Ended::Done(done(plan::Success::Synced, Vec::new()))),
    };
    let owner = controller_of(name, &uid);
    let planned = generic::plan(&Input {
        owner: &owner,
        namespace: &name.namespace,
        spec: &es.spec,
        manifest,
        found: found.as_ref(),
        wanted,
    })
    .map_err(plain)?;
    if let Some(effect) = &planned.effect {
        let who = Who { object: refresh.object.into(), uid: &uid };
        let kind = manifest.kind.as_str().into();
        let target = ObjectName { kind, namespace: &name.namespace, name: &target.name };
        if !effects::on_object(context, &who, &objects, target, effect).await.map_err(plain)? {
            return Ok(Ended::Stale);
        }
    }
    Ok(Ended::Done(done(planned.success, planned.note.into_iter().collect())))
}
