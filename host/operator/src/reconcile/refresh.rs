//! One refresh of an ExternalSecret: fetch, plan, write. When it is due, and what is said of how it ended, is
//! `external_secret`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use claviger_core::error::Failure;
use claviger_core::failures;
use claviger_core::lease::{Pins, Policy, Record};
use claviger_core::names::{created_by, field_manager, lease_annotation};
use claviger_core::options::Options;
use claviger_core::plan::{self, Controller, Input, Plan, Planned, Sibling};
use claviger_core::rendered;
use claviger_core::rollout::Targets;
use claviger_core::secret::SecretBytes;
use claviger_core::template::Rendered;
use claviger_crds::external_secret::{CreationPolicy, ExternalSecret, KeyFailure};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::store::check_works;
use super::world::ClusterWorld;
use super::{Context, effects, generic, leases, left, revoke};
use crate::audit::Who;
use crate::cluster::live;
use crate::state::stores_named;
use crate::sync::world::Owner;
use crate::sync::{Answer, Asker, Desired, Failed, Makes, Shortfall};
use crate::watch::Object;
use crate::watch::cache::Name;
use crate::watch::managed::{hasher, observed};

/// How one refresh ended.
pub(super) enum Ended {
    Done(Box<Done>),
    /// What could be had is written, and this is missing.
    Partly(Box<Done>, Box<Failed>),
    Stale,
}

/// A refresh that is done.
pub(super) struct Done {
    pub(super) plan: Plan,
    /// What is recorded on the Secret now.
    pub(super) record: Option<Record>,
    /// For the status.
    pub(super) pins: Pins,
    /// Credentials that came from the namespace that stands in.
    pub(super) stand_ins: BTreeSet<String>,
    /// What events say of entries that may be missing and are.
    pub(super) absent: Vec<String>,
    /// How many keys could not be read where there was nothing to write them to.
    pub(super) unread: usize,
    /// As many of them as the status names.
    pub(super) failures: Vec<KeyFailure>,
}

/// One that is due.
pub(super) struct Refresh<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) object: &'a Object,
    pub(super) name: &'a Name,
    pub(super) es: &'a ExternalSecret,
    pub(super) target: &'a Name,
    /// What the object looks like.
    pub(super) version: &'a str,
    pub(super) policy: &'a Policy,
    /// Workloads to restart when the data changes.
    pub(super) restarts: &'a Targets,
    pub(super) options: Options,
    /// Whether what is held is made anew because the Secret is not as it was left.
    pub(super) repair: bool,
    /// What is held, if it need not be made anew.
    pub(super) held: Option<Record>,
    /// Whether no watch shows the target, so that nobody has looked at what it holds.
    pub(super) unseen: bool,
    pub(super) not_older_than: Instant,
}

/// Fetches, plans, writes.
impl Refresh<'_> {
    pub(super) async fn run(self) -> Result<Ended, Box<Failed>> {
        if let Some(manifest) = &self.es.spec.target.manifest {
            return generic::run(&self, manifest).await;
        }
        let Self {
            context,
            object,
            name,
            es,
            target,
            version,
            policy,
            restarts,
            options,
            repair,
            held,
            unseen,
            not_older_than,
        } = self;
        let plain = |failure| Box::new(Failed::plain(failure));
        plan::check(&es.spec).map_err(plain)?;
        check_stores(context, name, es).map_err(plain)?;
        let world = ClusterWorld { context: context.clone(), reader: object.clone() };
        let manager = field_manager(&name.name);
        let mut found = context.state.managed(target).map(|secret| observed(&secret, &manager));
        let mut present: Option<BTreeMap<String, SecretBytes>> = None;
        // Not under the managed watch: it may be there without our label. The watch of all others may be a moment behind, so
        // it is believed once, and where something is made of nothing.
        let made = matches!(es.spec.target.creation_policy, CreationPolicy::Owner | CreationPolicy::Orphan);
        let lacks = made && context.state.progress(name).failures == 0 && context.state.lacks(target);
        if found.is_none() && !lacks && es.spec.target.creation_policy != CreationPolicy::None {
            (found, present) = live_target(context, target, &manager).await.map_err(plain)?;
        }
        let mut pins =
            Pins::of(es.status.as_ref().map(|status| status.sources.as_slice()).unwrap_or_default());
        let uid = es.uid().unwrap_or_default();
        let owner = controller_of(name, &uid);
        // Before anything is made for a Secret that may not be written.
        if leases::makes_something(es, &pins) {
            plan::check_target(&owner, &name.namespace, &es.spec, found.as_ref()).map_err(plain)?;
        }
        // What it holds, and held; and what an earlier write brought through without our hearing of it.
        let before = leases::recorded(found.as_ref(), &name.name);
        if let Some(before) = &before {
            context.pipeline.recorded(&uid, before);
            for held in before.held.iter().filter(|held| !held.source.key.is_empty()) {
                pins.set(held.source.clone(), true);
            }
        }
        // A Secret whose label somebody took off no watch shows: what it holds was not looked at, and stays as long as it is
        // as it was left.
        let unseen = held.is_none() && unseen;
        let as_left = |record: &&Record| {
            found.as_ref().is_some_and(|found| {
                let known = plan::is_known(&es.spec, found) && leases::is_owned(es, found);
                known && !record.keys.is_empty() && found.holds_ours(&record.keys)
            })
        };
        let held = held.or_else(|| before.as_ref().filter(|_| unseen).filter(as_left).cloned());
        let before = before
            .or_else(|| leases::moved(context, name, target))
            .or_else(|| context.state.orphaned(name).and_then(|orphan| Record::parse(&orphan.record)));
        let siblings = siblings(context, name, es);
        let left = rendered::left(&es.spec, &owner, found.as_ref(), &siblings, before.is_some());
        let asker = Asker {
            namespace: &name.namespace,
            name: &name.name,
            uid: &uid,
            version,
            pins: &pins,
            held: held.as_ref(),
            keeps_unleased: policy.interval.is_some(),
            makes: match leases::may_make(&es.spec, found.as_ref()) {
                true => Makes::Anything,
                false => Makes::Values,
            },
            options,
            left: left.as_ref(),
            labels: es.labels(),
            annotations: es.annotations(),
            spec: &es.spec,
        };
        let answer = context.pipeline.desired(&asker, &world, not_older_than).await;
        revoke::take_back(context, name, &uid, target, &answer).await;
        let Answer { mut desired, redactor, stand_ins, issued, pins, short, absent, .. } = answer?;
        // From here on values are known, and a refusal of the API server may quote one.
        let keys = short.as_ref().map(|short| short.keys.clone()).unwrap_or_default();
        let plain = |failure| {
            let (redactor, stand_ins, keys) = (redactor.clone(), stand_ins.clone(), keys.clone());
            Box::new(Failed { failure, redactor, stand_ins, lost: Vec::new(), keys })
        };
        let ended = |done: Done| match short {
            None => Ended::Done(Box::new(done)),
            // It waits for a Secret, whatever could be read for that.
            Some(Shortfall { keys, .. }) if done.plan.success == plan::Success::Missing => {
                let failures = failures::reported(&keys, &redactor);
                Ended::Done(Box::new(Done { unread: keys.len(), failures, ..done }))
            }
            Some(Shortfall { failure, .. }) => Ended::Partly(Box::new(done), plain(failure)),
        };
        let made = issued.as_ref().is_some_and(|issued| leases::is_kept(issued, policy));
        let known = lease_annotation(&name.name);
        let known = found.as_ref().and_then(|found| found.annotations.get(&known)).cloned();
        let endless = issued.as_ref().is_some_and(|issued| {
            issued.held.iter().all(|held| held.lease.is_none() && held.state.is_none())
        });
        let mut record = match (issued.filter(|_| made), &mut desired) {
            (issued, Desired::Secret(rendered)) if issued.is_some() || before.is_some() => {
                let mut record =
                    leases::record(issued.unwrap_or_default(), before.clone(), policy, Timestamp::now());
                record.keys = rendered.data.keys().cloned().collect();
                // Where nothing is made any more, only what waits to be revoked is recorded.
                let something = !(record.held.is_empty() && record.retired.is_empty());
                if something {
                    rendered.annotations.insert(lease_annotation(&name.name), record.text());
                }
                Some(record).filter(|_| something)
            }
            _ => None,
        };
        let kept = matches!(desired, Desired::Kept);
        if kept && found.is_none() {
            // It went while we looked: there is nothing to keep.
            return Ok(Ended::Stale);
        }
        if kept {
            record = held;
        }
        let was_synced = es.status.as_ref().is_some_and(|status| status.refresh_time.is_some());
        let planned = |wanted: Option<&Rendered>,
                       found: Option<&plan::Observed>,
                       present: Option<&BTreeMap<String, SecretBytes>>| {
            plan::plan(&Input {
                owner: &owner,
                namespace: &name.namespace,
                spec: &es.spec,
                observed: found,
                present,
                siblings: &siblings,
                wanted,
                mark_changes: (!restarts.is_empty()).then(|| (Timestamp::now(), was_synced)),
                hasher: hasher(),
            })
        };
        // What has no end may be the same each time (values that stand in the generator): then nothing is written, and what
        // was recorded stands. With an interval of its own it has to be seen when it was made: else it is due at once again.
        let same = made && endless && policy.interval.is_none();
        if let (true, Some(text), Desired::Secret(rendered)) = (same, known, &mut desired) {
            let new = rendered.annotations.insert(lease_annotation(&name.name), text);
            match planned(Some(rendered), found.as_ref(), present.as_ref()).map_err(plain)? {
                Planned::Do(plan) if plan.effects.is_empty() => record = before,
                _ => rendered.annotations.extend(new.map(|new| (lease_annotation(&name.name), new))),
            }
        }
        let as_it_is = found.as_ref().filter(|_| kept).map(|found| plan::as_it_is(&es.spec, found));
        let wanted = match &desired {
            Desired::Secret(rendered) => Some(rendered),
            Desired::Nothing => None,
            Desired::Kept => as_it_is.as_ref(),
        };
        let plan = match planned(wanted, found.as_ref(), present.as_ref()).map_err(plain)? {
            Planned::Do(plan) => plan,
            Planned::NeedsPresentValues => {
                let live =
                    live::secret(&context.client, &target.namespace, &target.name).await.map_err(plain)?;
                let Some(live) = live else { return Ok(Ended::Stale) };
                let found = observed(&live.reduced, &manager);
                match planned(wanted, Some(&found), Some(&live.data)).map_err(plain)? {
                    Planned::Do(plan) => plan,
                    Planned::NeedsPresentValues => return Ok(Ended::Stale),
                }
            }
        };
        let who = Who { object: object.into(), uid: &uid };
        let done = effects::on_secrets(context, &who, &name.namespace, &plan.effects, found.as_ref()).await;
        if !done.map_err(plain)? {
            return Ok(Ended::Stale);
        }
        context.pipeline.written(&owner.uid);
        // What is kept is recorded already.
        if !kept {
            context.state.forget_orphaned(name);
            let of = Owner { namespace: &name.namespace, name: &name.name, uid: &owner.uid };
            left::settle(context, &of, record.as_ref()).await;
        }
        if let Some(record) = record.as_ref().filter(|_| !kept) {
            // A password is no lease.
            if made && record.held.iter().any(|held| held.lease.is_some() || !held.is_generated()) {
                context.metrics.lease("make", "done");
            }
            if made && repair {
                context.state.repaired(name);
            }
            context.state.leases_recorded(name, record);
        }
        let (stand_ins, failures) = (stand_ins.clone(), Vec::new());
        Ok(ended(Done { plan, record, pins, stand_ins, absent, unread: 0, failures }))
    }
}

/// An ExternalSecret as the owner of its target.
pub(super) fn controller_of(name: &Name, uid: &str) -> Controller {
    Controller {
        api_version: ExternalSecret::api_version(&()).into_owned(),
        kind: ExternalSecret::kind(&()).into_owned(),
        name: name.name.clone(),
        uid: uid.to_owned(),
    }
}

/// The target as the API server has it, with the values of all its keys.
async fn live_target(
    context: &Context,
    target: &Name,
    manager: &str,
) -> Result<(Option<plan::Observed>, Option<BTreeMap<String, SecretBytes>>), Failure> {
    let live = live::secret(&context.client, &target.namespace, &target.name).await?;
    Ok(live.map(|live| (observed(&live.reduced, manager), live.data)).unzip())
}

/// Whether every store that it names may be asked.
pub(super) fn check_stores(context: &Context, name: &Name, es: &ExternalSecret) -> Result<(), Failure> {
    stores_named(&es.spec, &name.namespace).try_for_each(|store| check_works(context, &store))
}

fn siblings(context: &Context, name: &Name, es: &ExternalSecret) -> Vec<Sibling> {
    if es.spec.target.creation_policy != CreationPolicy::Owner {
        return Vec::new();
    }
    let label = created_by(&name.namespace, &name.name);
    let manager = field_manager(&name.name);
    let marked = context.state.created_by(&name.namespace, &label);
    marked
        .into_iter()
        .map(|secret| {
            let observed = observed(&secret, &manager);
            Sibling {
                name: secret.metadata.name.clone().unwrap_or_default(),
                uid: observed.uid,
                resource_version: observed.resource_version,
                controller_uid: observed.controller.map(|controller| controller.uid),
            }
        })
        .collect()
}
