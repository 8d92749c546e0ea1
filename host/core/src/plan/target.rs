//! What happens to the target Secret.
//!
//! Which policy lets what happen is here; what differs is in `changes`, what is written in `apply`. Keys,
//! labels and annotations that others put there stay; ours that are wanted no more go.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_crds::external_secret::{CreationPolicy, DeletionPolicy, ExternalSecretSpec, MergePolicy};

use super::apply::apply;
use super::changes::Changes;
use super::policy::refuse_rights;
use super::{Controller, Effect, Input, Note, Observed, Plan, Planned, Success};
use crate::error::Failure;
use crate::failures::Unread;
use crate::names::{
    ANNOTATION_DATA_HASH, LABEL_MANAGED, LEASE_ANNOTATIONS, RENDERED_ANNOTATIONS, is_valid_key,
};
use crate::template::{KeptKeys, Rendered};

/// Whether the target is as it was left: there, marked, and its data what its hash says.
///
/// An Orphan counts as valid as long as it is there, as in ESO: it is not ours to repair between
/// refreshes, and two that write one key would otherwise repair each other without end. A Secret that
/// several ExternalSecrets write to has no hash; there the keys that the spec names must still be ours,
/// for whoever changes or removes one takes it from our field manager. A key that could not be read is not missed there.
pub fn target_valid(spec: &ExternalSecretSpec, unread: &Unread, observed: Option<&Observed>) -> bool {
    match (spec.target.creation_policy, observed) {
        (CreationPolicy::None, _) => true,
        // A Secret that Merge has to wait for: its appearing wakes the ExternalSecret.
        (CreationPolicy::Merge, None) => true,
        (_, None) => false,
        // Nothing can be done before it is gone, and its going wakes the ExternalSecret.
        (_, Some(observed)) if observed.deleting => true,
        (CreationPolicy::Orphan, Some(_)) => true,
        (_, Some(observed)) => is_whole(spec, unread, observed),
    }
}

fn is_whole(spec: &ExternalSecretSpec, unread: &Unread, observed: &Observed) -> bool {
    let marked = observed.labels.get(LABEL_MANAGED).is_some_and(|value| value == "true");
    let whole = if observed.is_shared() {
        let may_miss = |key: &str| {
            let mut entries = spec.data.iter().enumerate().filter(|(_, entry)| entry.secret_key == key);
            entries.any(|(index, _)| unread.may_be(&format!("data[{index}]")))
        };
        named_keys(spec).iter().all(|key| observed.owns_data(key) || may_miss(key))
    } else {
        observed.annotations.get(ANNOTATION_DATA_HASH) == Some(&observed.data_hash)
    };
    marked && whole
}

/// Whether what of the target is ours can be told from what others wrote, so that it can stay as it is where nothing
/// asks for another. What ESO updated under our name cannot: nobody knows since when.
pub fn is_known(spec: &ExternalSecretSpec, observed: &Observed) -> bool {
    spec.target.creation_policy != CreationPolicy::None && !observed.deleting && observed.updated.is_empty()
}

/// The target as it is, for where nothing else is wanted of it: what of it is ours stays, and the marks that are set
/// whatever is wanted (hash, labels, owner) are mended.
pub fn as_it_is(spec: &ExternalSecretSpec, observed: &Observed) -> Rendered {
    let (_, labels, annotations) = observed.ours();
    let kept = KeptKeys { others: true, ..KeptKeys::default() };
    Rendered { labels, annotations, kept, ..unrendered(spec) }
}

/// What of a target is not rendered.
fn unrendered(spec: &ExternalSecretSpec) -> Rendered {
    let template = spec.target.template.as_ref();
    let metadata = template.and_then(|template| template.metadata.as_ref());
    Rendered {
        finalizers: metadata.map(|metadata| metadata.finalizers.clone()).unwrap_or_default(),
        type_: template.and_then(|template| template.type_.clone()).filter(|type_| !type_.is_empty()),
        ..Rendered::default()
    }
}

/// The keys that a Secret made from this spec has whatever the provider holds. Under the deletion
/// policies that let values be missing there are none such.
fn named_keys(spec: &ExternalSecretSpec) -> BTreeSet<&str> {
    if spec.target.deletion_policy != DeletionPolicy::Retain {
        return BTreeSet::new();
    }
    let template = spec.target.template.as_ref();
    let rendered = template.into_iter().flat_map(|template| template.data.keys()).map(String::as_str);
    let replaced = template.is_some_and(|template| {
        template.merge_policy == MergePolicy::Replace
            && !(template.data.is_empty() && template.template_from.is_empty())
    });
    let fetched = spec.data.iter().map(|entry| entry.secret_key.as_str()).filter(|_| !replaced);
    rendered.chain(fetched).collect()
}

/// Plans.
///
/// # Errors
/// If the target is another's, immutable, of another type, on its way out, or a key is no Secret's key.
pub fn plan(input: &Input<'_>) -> Result<Planned, Failure> {
    let target = &input.spec.target;
    let name = input.target();
    let nothing =
        |success, binding| Ok(Planned::Do(Plan { effects: vec![], success, notes: vec![], binding }));
    if target.creation_policy == CreationPolicy::None {
        return nothing(Success::Synced, None);
    }
    let wanted = match (input.wanted, target.deletion_policy) {
        (Some(wanted), _) => Cow::Borrowed(wanted),
        (None, DeletionPolicy::Delete) => return Ok(Planned::Do(delete(input))),
        (None, DeletionPolicy::Retain) => {
            return nothing(Success::Retained, input.observed.map(|_| name.to_owned()));
        }
        (None, DeletionPolicy::Merge) => {
            Cow::Owned(input.observed.map(|observed| emptied(input.spec, observed)).unwrap_or_default())
        }
    };
    if let Some(key) = wanted.data.keys().find(|key| !is_valid_key(key)) {
        return Err(Failure::ValueNotUsable {
            place: format!("secret key {key:?}"),
            why: "invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)".to_owned(),
        });
    }
    if target.creation_policy == CreationPolicy::Merge && input.observed.is_none() {
        return nothing(Success::Missing, None);
    }
    refuse(input, &wanted)?;
    let changes = Changes::between(input, &wanted);
    let mut plan = Plan {
        effects: Vec::new(),
        success: Success::Synced,
        notes: Vec::new(),
        binding: Some(name.to_owned()),
    };
    if changes.any() {
        if changes.data && input.observed.is_some_and(|observed| observed.immutable) {
            return Err(Failure::TargetImmutable { secret: input.secret() });
        }
        let Some(wanted) = with_kept(input, wanted) else { return Ok(Planned::NeedsPresentValues) };
        let Some(apply) = apply(input, &wanted, &changes) else {
            return Ok(Planned::NeedsPresentValues);
        };
        plan.notes.push(match input.observed {
            None => Note { reason: "Created", message: "secret created" },
            Some(_) => Note { reason: "Updated", message: "secret updated" },
        });
        plan.effects.push(Effect::Apply(Box::new(apply)));
    }
    orphans(input, &mut plan);
    Ok(Planned::Do(plan))
}

/// With the keys of ours that could not be read, as the Secret has them; `None` if their values are needed and were not
/// read.
fn with_kept<'a>(input: &Input<'_>, wanted: Cow<'a, Rendered>) -> Option<Cow<'a, Rendered>> {
    let Some(observed) = input.observed.filter(|_| !wanted.kept.is_empty()) else { return Some(wanted) };
    let kept: Vec<&String> = observed
        .data
        .keys()
        .filter(|key| observed.owns_data(key) && !wanted.data.contains_key(*key) && wanted.kept.holds(key))
        .collect();
    if kept.is_empty() {
        return Some(wanted);
    }
    let mut whole = wanted.into_owned();
    for key in kept {
        whole.data.insert(key.clone(), Arc::new(input.present?.get(key)?.duplicate()));
    }
    Some(Cow::Owned(whole))
}

fn deletion(name: &str, observed: &Observed) -> Effect {
    Effect::Delete {
        name: name.to_owned(),
        uid: observed.uid.clone(),
        resource_version: observed.resource_version.clone(),
    }
}

/// Nothing is in the provider any more: the Secret goes, if it is ours, and what it was called before a rename.
fn delete(input: &Input<'_>) -> Plan {
    let mut plan = Plan { effects: vec![], success: Success::Deleted, notes: vec![], binding: None };
    let ours = input.observed.filter(|observed| !observed.deleting && observed.is_controlled_by(input.owner));
    if let Some(observed) = ours {
        plan.notes.push(Note { reason: "Deleted", message: "secret deleted due to DeletionPolicy=Delete" });
        plan.effects.push(deletion(input.target(), observed));
    }
    orphans(input, &mut plan);
    plan
}

/// After a rename of the target: what carries our label, is controlled by us and has another name.
fn orphans(input: &Input<'_>, plan: &mut Plan) {
    if input.spec.target.creation_policy != CreationPolicy::Owner {
        return;
    }
    let ours = |uid: &Option<String>| uid.as_deref() == Some(input.owner.uid.as_str());
    let name = input.target();
    for sibling in
        input.siblings.iter().filter(|sibling| sibling.name != name && ours(&sibling.controller_uid))
    {
        plan.notes.push(Note { reason: "Deleted", message: "secret deleted because it was orphaned" });
        plan.effects.push(Effect::Delete {
            name: sibling.name.clone(),
            uid: sibling.uid.clone(),
            resource_version: sibling.resource_version.clone(),
        });
    }
}

/// The Secret without our data, and with the labels and annotations that are ours: nothing was rendered
/// that could say otherwise.
fn emptied(spec: &ExternalSecretSpec, observed: &Observed) -> Rendered {
    let (_, labels, mut annotations) = observed.ours();
    annotations
        .retain(|key, _| !key.starts_with(LEASE_ANNOTATIONS) && !key.starts_with(RENDERED_ANNOTATIONS));
    Rendered { labels, annotations, ..unrendered(spec) }
}

/// Whether the target may be written at all, as far as that can be told before anything is read, or made.
///
/// # Errors
/// If it is another's, of another type than the template's or of one that hands out rights, or on its way out.
pub fn check_target(
    owner: &Controller,
    namespace: &str,
    spec: &ExternalSecretSpec,
    observed: Option<&Observed>,
) -> Result<(), Failure> {
    let Some(observed) = observed.filter(|_| spec.target.creation_policy != CreationPolicy::None) else {
        return Ok(());
    };
    let type_ = spec.target.template.as_ref().and_then(|template| template.type_.as_deref());
    let secret = format!("Secret {namespace}/{}", spec.target.name.as_deref().unwrap_or(&owner.name));
    refuse_object(owner, spec, &secret, observed, type_)
}

/// What must not be written to, whatever is wanted.
fn refuse(input: &Input<'_>, wanted: &Rendered) -> Result<(), Failure> {
    refuse_rights(wanted.type_.as_deref())?;
    let Some(observed) = input.observed else {
        return Ok(());
    };
    refuse_object(input.owner, input.spec, &input.secret(), observed, wanted.type_.as_deref())
}

fn refuse_object(
    owner: &Controller,
    spec: &ExternalSecretSpec,
    secret: &str,
    observed: &Observed,
    type_: Option<&str>,
) -> Result<(), Failure> {
    refuse_rights(observed.type_.as_deref())?;
    if observed.deleting {
        return Err(Failure::TargetTerminating { secret: secret.to_owned() });
    }
    if let (Some(wanted), Some(is)) = (type_, &observed.type_)
        && wanted != is
    {
        return Err(Failure::TargetTypeFixed {
            secret: secret.to_owned(),
            is: is.clone(),
            wanted: wanted.to_owned(),
        });
    }
    refuse_foreign_owner(owner, spec, secret, observed.controller.as_ref())
}

/// Owner takes over what nobody controls, and what an ExternalSecret of the same name controlled (it was
/// made anew); never another's. Orphan takes every field it wants, so it keeps off what another
/// ExternalSecret controls. Who merges takes nothing, so may merge into anything.
pub(crate) fn refuse_foreign_owner(
    us: &Controller,
    spec: &ExternalSecretSpec,
    object: &str,
    controller: Option<&Controller>,
) -> Result<(), Failure> {
    let Some(controller) = controller else {
        return Ok(());
    };
    let same_kind = controller.same_object_kind(us);
    let refused = match spec.target.creation_policy {
        CreationPolicy::Owner => !same_kind || controller.name != us.name,
        CreationPolicy::Orphan => same_kind && controller.name != us.name,
        CreationPolicy::Merge | CreationPolicy::CreateOrMerge | CreationPolicy::None => false,
    };
    if refused {
        let owner = format!("{} {}", controller.kind, controller.name);
        return Err(Failure::TargetOwned { secret: object.to_owned(), owner });
    }
    Ok(())
}
