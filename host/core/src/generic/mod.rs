//! Targets that are no Secrets (`target.manifest`): what the object should be, and what to do about it. Pure.
//!
//! Which kinds somebody may write is not decided here but by the operator's rights in the cluster; only what would
//! get round a rule of this program is refused. Ownership is that of Secrets.

mod build;
mod document;
pub mod path;

use claviger_crds::external_secret::{CreationPolicy, DeletionPolicy, ExternalSecretSpec, ManifestRef};
use serde_json::Value;

use crate::error::Failure;
use crate::names::{ANNOTATION_DATA_HASH, field_manager};
use crate::plan::{Controller, Force, Note, Success, refuse_foreign_owner};
use crate::template::Rendered;

pub use document::Document;

/// Groups whose objects say what this operator does: written by it they would get round its own rules.
const OWN_GROUPS: [&str; 3] = ["external-secrets.io", "generators.external-secrets.io", "claviger.io"];

/// Checks the kind, before anything is read.
///
/// # Errors
/// [`Failure::PolicyInvalid`]: generic targets are off, or the kind is refused.
pub fn check(manifest: &ManifestRef, allowed: bool) -> Result<(), Failure> {
    let invalid = |why: String| Err(Failure::PolicyInvalid { why });
    if !allowed {
        return invalid(
            "target.manifest: targets other than Secrets are off: start the operator with \
             --unsafe-allow-generic-targets, or remove it"
                .to_owned(),
        );
    }
    let group = manifest.api_version.split_once('/').map_or("", |(group, _)| group);
    if group.is_empty() && manifest.kind == "Secret" {
        return invalid("target.manifest: a Secret is what is made without it: remove it".to_owned());
    }
    if OWN_GROUPS.contains(&group) {
        return invalid(format!(
            "target.manifest: objects of {group} are not made from secrets: choose another kind"
        ));
    }
    Ok(())
}

/// An object as it is.
pub struct Found {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The controlling owner.
    pub controller: Option<Controller>,
    /// All of it.
    pub object: Document,
}

/// What is looked at.
pub struct Input<'a> {
    /// The ExternalSecret as an owner.
    pub owner: &'a Controller,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its spec.
    pub spec: &'a ExternalSecretSpec,
    /// Kind of the target.
    pub manifest: &'a ManifestRef,
    /// The target, if it is there.
    pub found: Option<&'a Found>,
    /// What should be there; none if nothing of it exists in the provider and that is an answer.
    pub wanted: Option<&'a Rendered>,
}

impl Input<'_> {
    /// The target's name.
    pub fn target(&self) -> &str {
        self.spec.target.name.as_deref().unwrap_or(&self.owner.name)
    }

    fn object(&self) -> String {
        format!("{} {}/{}", self.manifest.kind, self.namespace, self.target())
    }
}

/// One thing to do.
pub enum Effect {
    /// A server-side apply.
    Apply {
        /// The whole of what is ours.
        body: Document,
        /// Field manager.
        manager: String,
        /// Whose fields may be taken.
        force: Force,
        /// Nothing was there: then nobody has fields of it, and if somebody has, it has to be looked at.
        new: bool,
    },
    /// Deletion of the object that was looked at.
    Delete {
        /// Its uid.
        uid: String,
        /// Its resourceVersion.
        resource_version: String,
    },
}

/// What came out.
pub struct Plan {
    /// What is to be done, if anything is.
    pub effect: Option<Effect>,
    /// What the status says then.
    pub success: Success,
    /// An event for then.
    pub note: Option<Note>,
}

/// Plans.
///
/// # Errors
/// If the target is another's, on its way out, or cannot hold what was rendered.
pub fn plan(input: &Input<'_>) -> Result<Plan, Failure> {
    let target = &input.spec.target;
    let nothing = |success| Ok(Plan { effect: None, success, note: None });
    if target.creation_policy == CreationPolicy::None {
        return nothing(Success::Synced);
    }
    let empty = Rendered::default();
    let wanted = match (input.wanted, target.deletion_policy) {
        (Some(wanted), _) => wanted,
        (None, DeletionPolicy::Delete) => return Ok(delete(input)),
        (None, DeletionPolicy::Retain) => return nothing(Success::Retained),
        (None, DeletionPolicy::Merge) => &empty,
    };
    if target.creation_policy == CreationPolicy::Merge && input.found.is_none() {
        return nothing(Success::Missing);
    }
    if let Some(found) = input.found {
        if found.deleting {
            return Err(Failure::TargetTerminating { secret: input.object() });
        }
        refuse_foreign_owner(input.owner, input.spec, &input.object(), found.controller.as_ref())?;
    }
    let mut body = build::body(input, wanted)?;
    let hash = body.hash();
    body.get_mut()["metadata"]["annotations"][ANNOTATION_DATA_HASH] = Value::from(hash);
    if input.found.is_some_and(|found| is_there(found, &body, input)) {
        return nothing(Success::Synced);
    }
    let note = match input.found {
        None => Note { reason: "Created", message: "resource created" },
        Some(found) => {
            // It cannot make what is gone, nor overwrite what has changed since.
            let metadata = &mut body.get_mut()["metadata"];
            metadata["uid"] = Value::from(found.uid.as_str());
            metadata["resourceVersion"] = Value::from(found.resource_version.as_str());
            Note { reason: "Updated", message: "resource updated" }
        }
    };
    let shared = matches!(target.creation_policy, CreationPolicy::Merge | CreationPolicy::CreateOrMerge);
    let force = if shared { Force::UnlessExternalSecret } else { Force::Always };
    let (manager, new) = (field_manager(&input.owner.name), input.found.is_none());
    let effect = Effect::Apply { body, manager, force, new };
    Ok(Plan { effect: Some(effect), success: Success::Synced, note: Some(note) })
}

/// The object has everything that is wanted, and what was written last, which its hash tells, was no more.
fn is_there(found: &Found, body: &Document, input: &Input<'_>) -> bool {
    let controlled = found.controller.as_ref().is_some_and(|controller| controller.uid == input.owner.uid);
    let mut wanted = body.clone();
    if let Some(metadata) = wanted.get_mut()["metadata"].as_object_mut() {
        metadata.remove("ownerReferences");
    }
    let owned = input.spec.target.creation_policy == CreationPolicy::Owner;
    owned == controlled && document::holds(found.object.expose(), wanted.expose())
}

/// Nothing is in the provider any more: the object goes, if it is ours.
fn delete(input: &Input<'_>) -> Plan {
    let ours = |found: &&Found| {
        let controller = found.controller.as_ref();
        !found.deleting && controller.is_some_and(|controller| controller.uid == input.owner.uid)
    };
    let ours = input.found.filter(ours);
    Plan {
        effect: ours.map(|found| Effect::Delete {
            uid: found.uid.clone(),
            resource_version: found.resource_version.clone(),
        }),
        success: Success::Deleted,
        note: ours
            .map(|_| Note { reason: "Deleted", message: "resource deleted due to DeletionPolicy=Delete" }),
    }
}

#[cfg(test)]
mod tests;
