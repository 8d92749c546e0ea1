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
                let applied = apply::apply(&context.client, namespace, secret).await;
                if context.audit.wants_sync() {
                    let (uid, resource_version, keys) = match &applied {
                        Ok(Applied::Done(written)) => (
                            written.metadata.uid.as_deref(),
                            written.metadata.resource_version.as_deref(),
                            Some(Keys::between(before, Some(&written.data.keys))),
                        ),
                        Ok(Applied::Stale) | Err(_) => (found.map(|found| found.uid.as_str()), None, None),
                    };
                    let result = match &applied {
                        Ok(Applied::Done(_)) => OK,
                        Ok(Applied::Stale) => CONFLICT,
                        Err(failure) => failure.class().reason,
                    };
                    let (uid, resource_version) =
                        (uid.unwrap_or_default(), resource_version.unwrap_or_default());
                    let target = Target { object, uid, resource_version };
                    let field_manager = Some(secret.manager.as_str());
                    let write = Write { operation: "apply", target, keys, field_manager, result };
                    context.audit.sync(who, &write);
                }
                match applied? {
                    Applied::Done(written) => {
                        context.metrics.wrote();
                        context.state.wrote(*written);
                    }
                    Applied::Stale => return Ok(false),
                }
            }
            Effect::Delete { name, uid, resource_version } => {
                let full = Name::new(namespace, name);
                let known = context.state.managed(&full);
                let deleted = apply::delete(&context.client, namespace, name, uid, resource_version).await;
                let object = ObjectName { kind: "Secret".into(), namespace, name };
                let keys = known.as_ref().map(|known| Keys::between(Some(&known.data.keys), None));
                tell_deletion(context, who, Target { object, uid, resource_version }, keys, &deleted);
                deleted?;
                context.metrics.wrote();
                context.state.deleted(&full);
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
        generic::Effect::Apply { body, manager, force } => {
            let applied = objects.apply(object.name, body, manager, *force).await;
            let result = match &applied {
                Ok(Some(_)) => OK,
                Ok(None) => CONFLICT,
                Err(failure) => failure.class().reason,
            };
            let written = applied.as_ref().ok().and_then(Option::as_ref);
            let target = Target {
                object,
                uid: written.and_then(|meta| meta.uid.as_deref()).unwrap_or_default(),
                resource_version: written
                    .and_then(|meta| meta.resource_version.as_deref())
                    .unwrap_or_default(),
            };
            let field_manager = Some(manager.as_str());
            context.audit.sync(who, &Write { operation: "apply", target, keys: None, field_manager, result });
            if applied?.is_none() {
                return Ok(false);
            }
        }
        generic::Effect::Delete { uid, resource_version } => {
            let deleted = objects.delete(object.name, uid, resource_version).await;
            tell_deletion(context, who, Target { object, uid, resource_version }, None, &deleted);
            deleted?;
        }
    }
    context.metrics.wrote();
    Ok(true)
}

fn tell_deletion(
    context: &Context,
    who: &Who<'_>,
    target: Target<'_>,
    keys: Option<Keys<'_>>,
    deleted: &Result<bool, Failure>,
) {
    let result = match deleted {
        Ok(true) => OK,
        Ok(false) => CONFLICT,
        Err(failure) => failure.class().reason,
    };
    let keys = keys.filter(|_| result == OK);
    context.audit.sync(who, &Write { operation: "delete", target, keys, field_manager: None, result });
}
