//! An ExternalSecret: whose it is, what its manifest asks for, whether it is due, and its refresh if it is. What is said of
//! it then is in `status`.

mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::backoff::after_failure;
use claviger_core::error::{Failure, PARTIALLY_SYNCED, Retry};
use claviger_core::failures::Unread;
use claviger_core::hash::synced_resource_version;
use claviger_core::lease::{self, Policy, PolicyError, Rotation, Superseded};
use claviger_core::names::{ANNOTATION_REVOKE_SUPERSEDED, ANNOTATION_ROLLOUT, field_manager};
use claviger_core::options::Options;
use claviger_core::plan::{self, Observed, target_valid};
use claviger_core::refresh::{self, Due, Rhythm};
use claviger_core::rollout::Targets;
use claviger_core::scheduler::Class;
use claviger_core::secret::Untrusted;
use claviger_core::windows::Windows;
use claviger_crds::external_secret::{CreationPolicy, ExternalSecret, RefreshPolicy};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::leases::Holding;
use super::refresh::{Ended, Refresh};
use super::rollout::{self, Rollout};
use super::{Context, Next};
use super::{freshness, leases, revoke, store};
use crate::state::{Progress, stores_named};
use crate::sync::Failed;
use crate::watch::Object;
use crate::watch::cache::Name;
use crate::watch::managed::observed;
use status::conditions_of;

/// The Secret moved between looking and writing: look again soon, but let the watch catch up.
const STALE: Duration = Duration::from_millis(200);

/// Reconciles one.
pub(super) async fn reconcile(context: &Arc<Context>, name: &Name, class: Class) -> Next {
    let next = look_at(context, name, class).await;
    // Whatever else there is to do, a status that could not be written is tried again.
    let status = context.state.status_due(name).map(|at| (Class::Retry, at));
    next.into_iter().chain(status).min_by_key(|(_, at)| *at)
}

async fn look_at(context: &Arc<Context>, name: &Name, class: Class) -> Next {
    let object = Object::ExternalSecret(name.clone());
    let Some(parsed) = context.state.external_secret(name) else {
        context.state.forget_progress(name);
        return revoke::all(context, name).await;
    };
    let es = match parsed.as_ref() {
        Ok(es) => es,
        Err(invalid) => return status::unreadable(context, name, invalid).await,
    };
    // A generator that cannot be read: nothing is made before it is known whose it is, and what was made lives on.
    let unknown = match (is_ours(context, name, es), revoke::generators_are_ours(context, name, es).await) {
        (true, Ok(true)) => None,
        (true, Err(failure)) => Some(failure),
        _ => {
            context.metrics.forget(&object);
            context.state.forget_orphaned(name);
            context.state.forget_unwritten_status(name);
            return None;
        }
    };
    context.metrics.external_secret_seen(name, freshness::seen(es));
    let now = Timestamp::now();
    let newer = status::written_again(context, name, es).await;
    let es = newer.as_ref().unwrap_or(es);
    let target = Name::new(&name.namespace, es.spec.target.name.as_deref().unwrap_or(&name.name));
    // A target of another kind is watched by nobody, and is no Secret of that name.
    let known = context.state.managed(&target).filter(|_| es.spec.target.manifest.is_none());
    let known = known.map(|secret| observed(&secret, &field_manager(&name.name)));
    let policy = Policy::parse(es.annotations());
    let restarts = Targets::parse(es.annotations());
    let rollout = match &restarts {
        Ok(restarts) => {
            let waited_for = revoke::waits_for_rollout(context, known.as_ref(), name, now);
            rollout::look(context, name, es, restarts, known.as_ref(), waited_for).await
        }
        Err(_) => Rollout::Nothing,
    };
    // What lives goes on living, whatever is wrong with the manifest or its other keys.
    let lives_by = *policy.as_ref().unwrap_or(&Policy::default());
    let holding = leases::look(context, name, es, &lives_by, known.as_ref(), rollout, now).await;
    let restarting = rollout.again().and_then(|wait| now.checked_add(wait).ok());
    let next = holding.as_ref().and_then(|holding| holding.next).into_iter().chain(restarting).min();
    let subject = Subject { context, name, es, now, next };
    // Its Secret goes with it by ownership, or stays by policy; till then what it holds lives on.
    if es.meta().deletion_timestamp.is_some() {
        subject.say_who_holds();
        return next.map(|at| (Class::Refresh, instant(at, now)));
    }
    let manifest = match Manifest::read(&subject, policy, restarts, unknown) {
        Ok(manifest) => manifest,
        Err((failed, interval)) => return subject.failed(&failed, interval).await,
    };
    let version = synced_resource_version(es.meta().generation.unwrap_or(0), es.labels(), es.annotations());
    let rhythm = rhythm(context, name, es, manifest.interval);
    let progress = context.state.progress(name);
    context.metrics.external_secret_due(name, freshness::due(es, progress.last, rhythm, &manifest.windows));
    let look = Look { subject, manifest, version, rhythm, progress, restarting };
    let Decision { not_older_than, repair, anew } = match look.decide(class, known.as_ref(), holding.as_ref())
    {
        Ok(decision) => decision,
        Err(next) => return next,
    };

    let started = Instant::now();
    let refresh = Refresh {
        context,
        object: &object,
        name,
        es,
        target: &target,
        version: &look.version,
        policy: &look.manifest.policy,
        restarts: &look.manifest.restarts,
        options: look.manifest.options,
        repair,
        held: holding.map(|holding| holding.record).filter(|_| !anew),
        unseen: known.is_none(),
        not_older_than,
    };
    let outcome = refresh.run().await;
    // A store of somebody else's has come since it was looked at.
    if let Err(Failed { failure: Failure::OtherController { .. }, .. }) =
        outcome.as_ref().map_err(AsRef::as_ref)
    {
        context.state.forget_orphaned(name);
        return None;
    }
    let reason = match &outcome {
        Ok(Ended::Partly(_, failed)) | Err(failed) => Some(failed.failure.class().reason),
        Ok(Ended::Done(_) | Ended::Stale) => None,
    };
    context.metrics.reconciled(&object, started.elapsed(), reason);
    look.ended(outcome).await
}

/// An ExternalSecret of ours that is looked at.
struct Subject<'a> {
    context: &'a Arc<Context>,
    name: &'a Name,
    es: &'a ExternalSecret,
    /// When this look began.
    now: Timestamp,
    /// When what lives for it, or a restart that is under way, is to be looked at.
    next: Option<Timestamp>,
}

/// What a manifest asks for, as far as it does not say what should be in the Secret.
struct Manifest {
    interval: Duration,
    windows: Windows,
    policy: Policy,
    restarts: Targets,
    options: Options,
}

impl Manifest {
    /// `unknown`: why it cannot be told now whose its generators are.
    ///
    /// # Errors
    /// What is wrong, and the interval, as far as that can be told.
    fn read(
        subject: &Subject<'_>,
        policy: Result<Policy, PolicyError>,
        restarts: Result<Targets, String>,
        unknown: Option<Failure>,
    ) -> Result<Self, (Box<Failed>, Duration)> {
        let Subject { context, name, es, .. } = subject;
        let plain = |failure| Box::new(Failed::plain(failure));
        let invalid = |why: String| {
            let object = format!("ExternalSecret {name}");
            (plain(Failure::ManifestInvalid { object, detail: Untrusted::new(why) }), Duration::ZERO)
        };
        let (interval, windows) = refresh::times(&es.spec).map_err(|error| invalid(error.to_string()))?;
        if let Some(failure) = unknown {
            return Err((plain(failure), interval));
        }
        let policy = policy.map_err(|error| invalid(error.to_string()))?;
        let restarts = restarts.map_err(invalid)?;
        if policy.superseded == Superseded::RevokedAfterRollout {
            let needs = match (restarts.is_empty(), context.config.rollouts) {
                (true, _) => Some(format!("workloads to be restarted ({ANNOTATION_ROLLOUT})")),
                (false, false) => Some("an operator that restarts workloads (--enable-rollouts)".to_owned()),
                (false, true) => None,
            };
            if let Some(needs) = needs {
                let why = format!("annotation {ANNOTATION_REVOKE_SUPERSEDED}: rollout needs {needs}");
                return Err(invalid(why));
            }
        }
        let options = Options::parse(es.annotations()).map_err(invalid)?;
        Ok(Self { interval, windows, policy, restarts, options })
    }
}

/// A look at what can be meant.
struct Look<'a> {
    subject: Subject<'a>,
    manifest: Manifest,
    /// What the object looks like.
    version: String,
    rhythm: Rhythm,
    progress: Progress,
    /// When a restart that is under way is to be looked at.
    restarting: Option<Timestamp>,
}

/// How it is refreshed.
struct Decision {
    not_older_than: Instant,
    /// Whether what is held is made anew because the Secret is not as it was left.
    repair: bool,
    /// Whether what is held is made anew at all.
    anew: bool,
}

impl Look<'_> {
    /// How it is refreshed now; else when to look again.
    fn decide(
        &self,
        class: Class,
        known: Option<&Observed>,
        holding: Option<&Holding>,
    ) -> Result<Decision, Next> {
        let Self {
            subject: Subject { context, name, es, now, next },
            manifest,
            version,
            rhythm,
            progress,
            ..
        } = self;
        let (now, next, rhythm) = (*now, *next, *rhythm);
        let (windows, policy) = (&manifest.windows, &manifest.policy);
        let is_secret = es.spec.target.manifest.is_none();
        // A Merge that waits for its Secret is woken when one appears, which may be without our label.
        let waits = is_waiting(es) && (class == Class::Fresh || known.is_some());
        let unread = context.state.unread(name).unwrap_or_else(|| {
            let reported = es.status.as_ref().map(|status| status.failures.as_slice()).unwrap_or_default();
            Arc::new(Unread::reported(reported))
        });
        // One that it merged into and that no watch shows may only have lost its label.
        let lost = is_secret
            && known.is_none()
            && es.spec.target.creation_policy == CreationPolicy::Merge
            && !is_waiting(es)
            && es.status.as_ref().is_some_and(|status| status.binding.is_some());
        let valid = !waits && !lost && (!is_secret || target_valid(&es.spec, &unread, known));
        // What was read in part only is read again before its interval is over, but not at each look.
        let partly =
            (progress.again.is_some() || is_partly(es)).then(|| progress.again.unwrap_or_else(Instant::now));
        let once = es.spec.refresh_policy == RefreshPolicy::CreatedOnce;
        let rotate = holding.is_some_and(|holding| holding.rotate) && !once;
        let times = (rhythm, windows);
        let mut due = refresh::due(&es.spec, es.status.as_ref(), progress.last, version, valid, times, now);
        if progress.asked.is_some() {
            due = refresh::asked(due, &es.spec, times, now);
        }
        if partly.is_some_and(|again| again <= Instant::now()) {
            due = refresh::resumed(due, windows, now);
        }
        let rest = |until: Option<Timestamp>| {
            let next = next.into_iter().chain(until).min().map(|at| (Class::Refresh, look(at, now)));
            let again = partly.filter(|again| *again > Instant::now()).map(|again| (Class::Retry, again));
            Err(next.into_iter().chain(again).min_by_key(|(_, at)| *at))
        };
        let not_older_than = match due {
            Due::Changed => progress.changed.unwrap_or_else(Instant::now),
            Due::Asked => progress.asked.unwrap_or_else(Instant::now),
            Due::At(_) | Due::OnChange | Due::Interval if rotate || due == Due::Interval => {
                Instant::now().checked_sub(rhythm.tolerance()).unwrap_or_else(Instant::now)
            }
            Due::At(at) => return rest(Some(at)),
            Due::OnChange | Due::Interval => return rest(None),
        };
        let not_older_than = progress.asked.map_or(not_older_than, |asked| asked.max(not_older_than));
        // What is held stands for its part as long as the Secret is as it was left and nothing else differs.
        let owned = known.is_none_or(|known| leases::is_owned(es, known));
        // Others' keys of the same Secret are not what it is about.
        let as_left = |record: &lease::Record| {
            let found = known.filter(|found| plan::is_known(&es.spec, found) && !record.keys.is_empty());
            found.map_or(valid, |found| found.holds_ours(&record.keys))
        };
        let broken = holding.is_some_and(|holding| !(owned && as_left(&holding.record)));
        let asked_for =
            es.status.as_ref().and_then(|status| status.synced_resource_version.as_ref()) != Some(version);
        let repair = broken && !rotate && !asked_for;
        if repair && let Some(at) = context.state.repair_held_back(name) {
            return Err(Some((Class::Retry, next.map_or(at, |next| instant(next, now).min(at)))));
        }
        // What stands on a Secret that cannot be changed is not made again to be refused.
        let fixed = known.is_some_and(|known| known.immutable);
        let of_this_refresh =
            |at: Timestamp| at <= now && refresh::next(rhythm, windows, at).is_none_or(|at| at > now);
        let again = |holding: &Holding| {
            lease::at_refresh(&holding.record, policy)
                && !(policy.rotation == Rotation::Automatic
                    && lease::generated_at(&holding.record).is_some_and(of_this_refresh))
        };
        let anew = rotate || broken || (due == Due::Interval && !fixed && holding.is_some_and(again));
        Ok(Decision { not_older_than, repair, anew })
    }

    /// What follows from how a refresh ended.
    async fn ended(&self, outcome: Result<Ended, Box<Failed>>) -> Next {
        let Self { subject, manifest, progress, .. } = self;
        let Subject { context, name, now, .. } = subject;
        if let Ok(Ended::Done(_) | Ended::Partly(..)) = &outcome {
            context.state.answered(name, progress.asked);
        }
        let (done, next) = match outcome {
            Err(failure) => return subject.failed(&failure, manifest.interval).await,
            // Once is the watch that is a moment behind; again and again is something else.
            Ok(Ended::Stale) => {
                let wait = match context.state.failed(name) {
                    1 => STALE,
                    in_a_row => after_failure(Retry::Backoff, in_a_row, manifest.interval, rand::random()),
                };
                return Some((Class::Retry, Instant::now() + wait));
            }
            Ok(Ended::Done(done)) => {
                let next = self.succeeded(&done).await;
                (done, next)
            }
            Ok(Ended::Partly(done, short)) => {
                let wait = self.partly_succeeded(&done, &short).await;
                let again = Instant::now() + wait;
                context.state.partly_refreshed(name, Unread::of(&short.keys), *now, again);
                (done, Some((Class::Retry, again)))
            }
        };
        // What uses the Secret is restarted as soon as it is written.
        if !done.plan.effects.is_empty() && !manifest.restarts.is_empty() {
            return Some((Class::Fresh, Instant::now()));
        }
        // A restart that is under way is looked at again, whatever becomes of the refresh.
        let restarting = self.restarting.map(|at| (Class::Refresh, instant(at, *now)));
        next.into_iter().chain(restarting).min_by_key(|(_, at)| *at)
    }
}

/// Whether every store it names is of our controller class. A store that is not there is nobody else's.
pub(crate) fn is_ours(context: &Context, name: &Name, es: &ExternalSecret) -> bool {
    stores_named(&es.spec, &name.namespace).all(|object| store::is_ours(context, &object))
}

/// Whether there was no Secret to merge into when it was last looked at.
fn is_waiting(es: &ExternalSecret) -> bool {
    let (missing, _) = plan::Success::Missing.condition();
    conditions_of(es).iter().any(|condition| condition.reason.as_deref() == Some(missing))
}

/// Whether a part of it was written the last time, and the rest could not be read.
fn is_partly(es: &ExternalSecret) -> bool {
    conditions_of(es).iter().any(|condition| condition.reason.as_deref() == Some(PARTIALLY_SYNCED))
}

/// The steps in which it is refreshed: together with whoever shares its store and first key.
fn rhythm(context: &Context, name: &Name, es: &ExternalSecret, interval: Duration) -> Rhythm {
    let first = stores_named(&es.spec, &name.namespace).next();
    let uid = first.and_then(|store| context.state.store(&store)?.metadata.uid.clone()).unwrap_or_default();
    Rhythm::new(interval, &uid, refresh::first_key(&es.spec).unwrap_or(&name.name))
}

/// When to look whether what is due at `at` is. Not after a failure: a look would be another attempt.
fn look(at: Timestamp, now: Timestamp) -> Instant {
    Instant::now() + refresh::wait(at, now)
}

fn instant(at: Timestamp, now: Timestamp) -> Instant {
    let millis = at.as_millisecond().saturating_sub(now.as_millisecond());
    Instant::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
