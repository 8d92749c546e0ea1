//! The planner: from what is wanted and what is there to what must be done. Pure.
//!
//! Effects come out as data, each tied to the very object that was looked at, so that carrying one out
//! late cannot create what must not be created or bring back what was deleted. When nothing would
//! change, there is no effect.

mod apply;
mod changes;
mod policy;
mod target;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use claviger_crds::external_secret::{CreationPolicy, ExternalSecretSpec};
use jiff::Timestamp;

use crate::hash::{KeyHash, KeyedHasher};
use crate::secret::{Data, SecretBytes};
use crate::template::Rendered;

pub use policy::{check, rendered_secret_type};
pub(crate) use target::refuse_foreign_owner;
pub use target::{as_it_is, check_target, is_known, plan, target_valid};

/// Who controls an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// `apiVersion` of the owner.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl Controller {
    fn same_object_kind(&self, other: &Self) -> bool {
        let group = |of: &Self| of.api_version.rsplit_once('/').map(|(group, _)| group.to_owned());
        self.kind == other.kind && group(self) == group(other)
    }
}

/// A Secret as it is, without its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `type`.
    pub type_: Option<String>,
    /// `immutable`.
    pub immutable: bool,
    /// Whether it is being deleted and only its finalizers keep it.
    pub deleting: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Finalizers.
    pub finalizers: Vec<String>,
    /// The controlling owner.
    pub controller: Option<Controller>,
    /// Keyed hashes of the data.
    pub data: BTreeMap<String, KeyHash>,
    /// ESO's hash of the data as it is.
    pub data_hash: String,
    /// What our field manager applied.
    pub applied: Fields,
    /// What it wrote by update: ESO's writes, which apply does not prune before they are taken over.
    pub updated: Fields,
    /// What the field managers of other ExternalSecrets own, by either way.
    pub others: Fields,
}

impl Observed {
    fn owns_data(&self, key: &str) -> bool {
        self.applied.data.contains(key) || self.updated.data.contains(key)
    }

    fn owns_label(&self, key: &str) -> bool {
        self.applied.labels.contains(key) || self.updated.labels.contains(key)
    }

    fn owns_annotation(&self, key: &str) -> bool {
        self.applied.annotations.contains(key) || self.updated.annotations.contains(key)
    }

    /// Whether other ExternalSecrets write to it too. Such a Secret has no data hash: the hash covers all
    /// keys, so each writer would take the annotation from the others for ever.
    fn is_shared(&self) -> bool {
        !self.others.is_empty()
    }

    /// Whether keys that we wrote are there as we wrote them: who changes one takes it from our field manager.
    pub fn holds_ours(&self, keys: &BTreeSet<String>) -> bool {
        keys.iter().all(|key| self.owns_data(key))
    }

    /// What of it is ours: keys of the data, labels, annotations.
    pub(crate) fn ours(&self) -> (BTreeSet<String>, BTreeMap<String, String>, BTreeMap<String, String>) {
        let ours = |map: &BTreeMap<String, String>, owned: &dyn Fn(&str) -> bool| {
            let ours = map.iter().filter(|(key, _)| owned(key));
            ours.map(|(key, value)| (key.clone(), value.clone())).collect::<BTreeMap<_, _>>()
        };
        let data = self.applied.data.union(&self.updated.data).cloned().collect();
        let labels = ours(&self.labels, &|key| self.owns_label(key));
        let annotations = ours(&self.annotations, &|key| self.owns_annotation(key));
        (data, labels, annotations)
    }

    fn is_controlled_by(&self, owner: &Controller) -> bool {
        self.controller.as_ref().is_some_and(|controller| controller.uid == owner.uid)
    }
}

/// Fields of a Secret that belong to one manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Keys of `data`.
    pub data: BTreeSet<String>,
    /// Keys of labels.
    pub labels: BTreeSet<String>,
    /// Keys of annotations.
    pub annotations: BTreeSet<String>,
}

impl Fields {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty() && self.labels.is_empty() && self.annotations.is_empty()
    }
}

/// Another Secret that carries our created-by label: what a target was called before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// uid of its controlling owner.
    pub controller_uid: Option<String>,
}

/// What the planner looks at.
pub struct Input<'a> {
    /// The ExternalSecret as an owner.
    pub owner: &'a Controller,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its spec.
    pub spec: &'a ExternalSecretSpec,
    /// The target, if it is there.
    pub observed: Option<&'a Observed>,
    /// The values that the target has, if they were read: of keys that are not ours, and of ours that stay as they are.
    pub present: Option<&'a BTreeMap<String, SecretBytes>>,
    /// Earlier targets.
    pub siblings: &'a [Sibling],
    /// What should be there; none if nothing of it exists in the provider and that is an answer.
    pub wanted: Option<&'a Rendered>,
    /// Now, if the Secret is to say when its data changed last, because workloads are restarted for that; and whether it
    /// was there before: one that somebody deleted is in pods still.
    pub mark_changes: Option<(Timestamp, bool)>,
    /// Made the hashes in `observed`.
    pub hasher: &'a KeyedHasher,
}

impl Input<'_> {
    /// The Secret's name: the spec's, else the ExternalSecret's.
    fn target(&self) -> &str {
        self.spec.target.name.as_deref().unwrap_or(&self.owner.name)
    }

    /// For messages.
    fn secret(&self) -> String {
        format!("Secret {}/{}", self.namespace, self.target())
    }

    /// Whether the target is shared by policy: then another ExternalSecret's fields are left to it.
    fn gives_way(&self) -> bool {
        matches!(self.spec.target.creation_policy, CreationPolicy::Merge | CreationPolicy::CreateOrMerge)
    }
}

/// Whose fields an apply may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Everybody's: the Secret is ours.
    Always,
    /// Everybody's but another ExternalSecret's: the Secret is shared.
    UnlessExternalSecret,
}

/// A server-side apply.
pub struct ApplySecret {
    /// The Secret's name.
    pub name: String,
    /// uid and resourceVersion of the object that was looked at; none: it must be made.
    pub precondition: Option<(String, String)>,
    /// Whose fields may be taken.
    pub force: Force,
    /// Field manager.
    pub manager: String,
    /// All labels of ours.
    pub labels: BTreeMap<String, String>,
    /// All annotations of ours.
    pub annotations: BTreeMap<String, String>,
    /// Finalizers of the template.
    pub finalizers: Vec<String>,
    /// The owner to set.
    pub owner: Option<Controller>,
    /// All data of ours.
    pub data: Data,
    /// `type`.
    pub type_: Option<String>,
    /// `immutable`.
    pub immutable: Option<bool>,
    /// Whether our manager's `Update` entry is to become an `Apply` entry first.
    pub migrate_update_entry: bool,
}

/// One thing to do.
pub enum Effect {
    /// Write the target.
    Apply(Box<ApplySecret>),
    /// Delete a Secret of ours.
    Delete {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
        /// Its resourceVersion.
        resource_version: String,
    },
}

/// An event to write once the effects are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// ESO's reason.
    pub reason: &'static str,
    /// ESO's message.
    pub message: &'static str,
}

/// A success, in ESO's words. `Ready` is True with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// The Secret is as it should be.
    Synced,
    /// Nothing is in the provider, and the Secret was left as it was.
    Retained,
    /// Nothing is in the provider, and the Secret was deleted.
    Deleted,
    /// There is no Secret to merge into.
    Missing,
}

impl Success {
    /// The same of a target that is no Secret.
    pub fn of_resource(self) -> (&'static str, &'static str) {
        match self {
            Self::Synced => ("ResourceSynced", "secret synced"),
            Self::Retained => ("ResourceSynced", "secret retained due to DeletionPolicy=Retain"),
            Self::Deleted => ("ResourceDeleted", "secret deleted due to DeletionPolicy=Delete"),
            Self::Missing => ("ResourceMissing", "resource will not be created due to CreationPolicy=Merge"),
        }
    }

    /// Reason and message of the condition.
    pub fn condition(self) -> (&'static str, &'static str) {
        match self {
            Self::Synced => ("SecretSynced", "secret synced"),
            Self::Retained => ("SecretSynced", "secret retained due to DeletionPolicy=Retain"),
            Self::Deleted => ("SecretDeleted", "secret deleted due to DeletionPolicy=Delete"),
            Self::Missing => ("SecretMissing", "secret will not be created due to CreationPolicy=Merge"),
        }
    }
}

/// What came out.
pub struct Plan {
    /// In order.
    pub effects: Vec<Effect>,
    /// What the status says when they are done.
    pub success: Success,
    /// Events for then.
    pub notes: Vec<Note>,
    /// `status.binding.name`.
    pub binding: Option<String>,
}

/// The planner's answer.
pub enum Planned {
    /// This is to be done.
    Do(Plan),
    /// The Secret holds keys of others and has to be written, and their values are needed for its hash; or keys of
    /// ours that could not be read, and stay as they are.
    NeedsPresentValues,
}
