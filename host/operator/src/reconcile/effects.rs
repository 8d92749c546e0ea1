//! Carries out what was planned for Secrets and other targets, and tells the audit log how each write ended.

use claviger_core::error::Failure;
use claviger_core::generic;
use claviger_core::plan::{Effect, Observed};

use super::Context;
use crate::audit::{Keys, ObjectName, Target, Who, Write};
use crate::cluster::apply::{self, Applied};
use crate::cluster::generic::Objects;
use crate::watch::cache::Name;

/// What a write that was too late is called: the object was another by then.
const CONFLICT: &str = "conflict";
const OK: &str = "ok";
/// What one is called that was broken off.
const INTERRUPTED: &str = "interrupted";

/// For Secrets, in order. `found`: the target as it was looked at. False: it is another by now, and has to be looked at
/// again.
///
/// # Errors
/// The first that fails; the rest is not tried.
pub(super) async fn on_secrets(
    context: &Context,
    who: &Who<'_>,
    namespace: &str,
    effects: &[Effect],
    found: Option<&Observed>,
) -> Result<bool, Failure> {
    for effect in effects {
        match effect {
            Effect::Apply(secret) => {
                let before = found.map(|found| &found.data);
                let object = ObjectName { kind: "Secret".into(), namespace, name: &secret.name };
                let uid = found.map(|found| found.uid.as_str()).unwrap_or_default();
                let underway = Underway::new(
                    context,
                    who,
                    "apply",
                    Target { object, uid, resource_version: "" },
                    Some(&secret.manager),
                );
                let applied = apply::apply(&context.client, namespace, secret).await;
                match &applied {
                    Ok(Applied::Done(written)) => underway.ended(OK, |write| {
                        write.target.uid = written.metadata.uid.as_deref().unwrap_or_default();
                        write.target.resource_version =
                            written.metadata.resource_version.as_deref().unwrap_or_default();
                        write.keys = Some(Keys::between(before, Some(&written.data.keys)));
                    }),
                    Ok(Applied::Stale) => underway.ended(CONFLICT, |_| {}),
                    Err(failure) => underway.ended(failure.class().reason, |_| {}),
                }
                match applied? {
                    Applied::Done(written) => {
                        context.metrics.wrote();
                        let seen = secret.precondition.as_ref().map(|(_, version)| version.as_str());
                        context.state.wrote(*written, seen);
                    }
                    Applied::Stale => return Ok(false),
                }
            }
            Effect::Delete { name, uid, resource_version } => {
                let full = Name::new(namespace, name);
                let known = context.state.managed(&full);
                let object = ObjectName { kind: "Secret".into(), namespace, name };
                let underway =
                    Underway::new(context, who, "delete", Target { object, uid, resource_version }, None);
                let deleted = apply::delete(&context.client, namespace, name, uid, resource_version).await;
                underway.deleted(&deleted, |write| {
                    write.keys = known.as_ref().map(|known| Keys::between(Some(&known.data.keys), None));
                });
                if !deleted? {
                    return Ok(false);
                }
                context.metrics.wrote();
                context.state.deleted(&full, uid);
            }
        }
    }
    Ok(true)
}

/// The same of a target that is no Secret. Which of its fields are values is not known, so no keys are told.
///
/// # Errors
/// If it fails.
pub(super) async fn on_object(
    context: &Context,
    who: &Who<'_>,
    objects: &Objects,
    object: ObjectName<'_>,
    effect: &generic::Effect,
) -> Result<bool, Failure> {
    match effect {
        generic::Effect::Apply { body, manager, force, new } => {
            let target = Target { object: object.clone(), ..Target::default() };
            let underway = Underway::new(context, who, "apply", target, Some(manager));
            let applied = objects.apply(object.name, body, manager, *force, *new).await;
            match &applied {
                Ok(Some(written)) => underway.ended(OK, |write| {
                    write.target.uid = written.uid.as_deref().unwrap_or_default();
                    write.target.resource_version = written.resource_version.as_deref().unwrap_or_default();
                }),
                Ok(None) => underway.ended(CONFLICT, |_| {}),
                Err(failure) => underway.ended(failure.class().reason, |_| {}),
            }
            if applied?.is_none() {
                return Ok(false);
            }
        }
        generic::Effect::Delete { uid, resource_version } => {
            let target = Target { object: object.clone(), uid, resource_version };
            let underway = Underway::new(context, who, "delete", target, None);
            let deleted = objects.delete(object.name, uid, resource_version).await;
            underway.deleted(&deleted, |_| {});
            if !deleted? {
                return Ok(false);
            }
        }
    }
    context.metrics.wrote();
    Ok(true)
}

/// A write that is under way. If it is broken off (this process stops, or may not act any more), nobody knows what became
/// of it, and the audit log says that.
struct Underway<'a> {
    context: &'a Context,
    who: &'a Who<'a>,
    /// None: it is told.
    write: Option<Write<'a>>,
}

impl<'a> Underway<'a> {
    fn new(
        context: &'a Context,
        who: &'a Who<'a>,
        operation: &'static str,
        target: Target<'a>,
        field_manager: Option<&'a str>,
    ) -> Self {
        let write = Write { operation, target, keys: None, field_manager, result: INTERRUPTED };
        Self { context, who, write: Some(write).filter(|_| context.audit.wants_sync()) }
    }

    /// It ended so; `more`: what else there is to say of it.
    fn ended<'s>(mut self, result: &'static str, more: impl FnOnce(&mut Write<'s>))
    where
        'a: 's,
    {
        let Some(write) = self.write.take() else { return };
        let mut write: Write<'s> = Write { result, ..write };
        more(&mut write);
        self.context.audit.sync(self.who, &write);
    }

    /// A deletion ended so; `more`: what else there is to say if it was done.
    fn deleted<'s>(self, deleted: &Result<bool, Failure>, more: impl FnOnce(&mut Write<'s>))
    where
        'a: 's,
    {
        match deleted {
            Ok(true) => self.ended(OK, more),
            Ok(false) => self.ended(CONFLICT, |_| {}),
            Err(failure) => self.ended(failure.class().reason, |_| {}),
        }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(write) = &self.write {
            self.context.audit.sync(self.who, write);
        }
    }
}

#[cfg(test)]
#[path = "effects_tests.rs"]
mod tests;
