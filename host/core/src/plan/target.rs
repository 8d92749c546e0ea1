//! What happens to the target Secret.
//!
//! Keys, labels and annotations that others put there stay; ours that are wanted no more go. Equality is
//! by keyed hash, so values of the existing Secret are never here, save those of foreign keys when the
//! hash annotation has to be computed over all of it.

use std::collections::BTreeMap;

use claviger_crds::external_secret::{CreationPolicy, DeletionPolicy};

use super::{ApplySecret, Effect, Force, Input, Note, Observed, Plan, Planned, Success};
use crate::error::Failure;
use crate::hash::eso_data_hash;
use crate::names::{ANNOTATION_DATA_HASH, LABEL_CREATED_BY, LABEL_MANAGED, created_by, field_manager, is_valid_key};
use crate::template::Rendered;

/// Whether the target is as it was left: there, marked, and its data what its hash says. An Orphan counts
/// as valid as long as it is there, as in ESO: it is not ours to repair between refreshes.
pub fn target_valid(policy: CreationPolicy, observed: Option<&Observed>) -> bool {
    match (policy, observed) {
        (CreationPolicy::None, _) => true,
        // A Secret that Merge has to wait for: its appearing wakes the ExternalSecret.
        (CreationPolicy::Merge, None) => true,
        (_, None) => false,
        (CreationPolicy::Orphan, Some(_)) => true,
        (_, Some(observed)) => {
            observed.labels.get(LABEL_MANAGED).is_some_and(|value| value == "true")
                && observed.annotations.get(ANNOTATION_DATA_HASH) == Some(&observed.data_hash)
        }
    }
}

/// Plans.
///
/// # Errors
/// If the target is another's, immutable, or a key is no Secret's key.
pub fn plan(input: &Input<'_>) -> Result<Planned, Failure> {
    let target = &input.spec.target;
    let name = target.name.clone().unwrap_or_else(|| input.owner.name.clone());
    if target.creation_policy == CreationPolicy::None {
        return Ok(Planned::Do(Plan { effects: vec![], success: Success::Synced, notes: vec![], binding: None }));
    }
    let empty = Rendered::default();
    let wanted = match (input.wanted, target.deletion_policy) {
        (Some(wanted), _) => wanted,
        (None, DeletionPolicy::Delete) => return Ok(Planned::Do(delete(input, name))),
        (None, DeletionPolicy::Retain) => {
            let binding = input.observed.map(|_| name);
            return Ok(Planned::Do(Plan { effects: vec![], success: Success::Retained, notes: vec![], binding }));
        }
        (None, DeletionPolicy::Merge) => &empty,
    };
    if let Some(key) = wanted.data.keys().find(|key| !is_valid_key(key)) {
        return Err(Failure::ValueNotUsable {
            place: format!("secret key {key:?}"),
            why: "invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)".to_owned(),
        });
    }
    if target.creation_policy == CreationPolicy::Merge && input.observed.is_none() {
        return Ok(Planned::Do(Plan { effects: vec![], success: Success::Missing, notes: vec![], binding: None }));
    }
    refuse_foreign_owner(input, &name)?;

    let changes = Changes::between(input, wanted);
    let mut plan = Plan { effects: Vec::new(), success: Success::Synced, notes: Vec::new(), binding: Some(name.clone()) };
    if changes.any() {
        if changes.data && input.observed.is_some_and(|observed| observed.immutable) {
            return Err(Failure::TargetImmutable { secret: format!("{}/{name}", input.namespace) });
        }
        let Some(apply) = apply(input, wanted, name.clone()) else { return Ok(Planned::NeedsForeignValues) };
        plan.notes.push(match input.observed {
            None => Note { reason: "Created", message: "secret created" },
            Some(_) => Note { reason: "Updated", message: "secret updated" },
        });
        plan.effects.push(Effect::Apply(Box::new(apply)));
    }
    orphans(input, &name, &mut plan);
    Ok(Planned::Do(plan))
}

fn delete(input: &Input<'_>, name: String) -> Plan {
    let ours = input.observed.filter(|observed| {
        observed.controller.as_ref().is_some_and(|controller| controller.uid == input.owner.uid)
    });
    let mut plan = Plan { effects: vec![], success: Success::Deleted, notes: vec![], binding: None };
    if let Some(observed) = ours {
        plan.notes.push(Note { reason: "Deleted", message: "secret deleted due to DeletionPolicy=Delete" });
        plan.effects.push(Effect::Delete {
            name,
            uid: observed.uid.clone(),
            resource_version: observed.resource_version.clone(),
        });
    }
    plan
}

/// After a rename of the target: what carries our label, is controlled by us and has another name.
fn orphans(input: &Input<'_>, name: &str, plan: &mut Plan) {
    if input.spec.target.creation_policy != CreationPolicy::Owner {
        return;
    }
    let ours = |uid: &Option<String>| uid.as_deref() == Some(input.owner.uid.as_str());
    for sibling in input.siblings.iter().filter(|sibling| sibling.name != name && ours(&sibling.controller_uid)) {
        plan.notes.push(Note { reason: "Deleted", message: "secret deleted because it was orphaned" });
        plan.effects.push(Effect::Delete {
            name: sibling.name.clone(),
            uid: sibling.uid.clone(),
            resource_version: sibling.resource_version.clone(),
        });
    }
}

/// Owner takes over what nobody controls, and what an ExternalSecret of the same name controlled (it was
/// made anew); never another's.
fn refuse_foreign_owner(input: &Input<'_>, name: &str) -> Result<(), Failure> {
    let controller = input.observed.and_then(|observed| observed.controller.as_ref());
    match (input.spec.target.creation_policy, controller) {
        (CreationPolicy::Owner, Some(controller))
            if (&controller.kind, &controller.name) != (&input.owner.kind, &input.owner.name) =>
        {
            Err(Failure::TargetOwned {
                secret: format!("{}/{name}", input.namespace),
                owner: format!("{} {}", controller.kind, controller.name),
            })
        }
        _ => Ok(()),
    }
}

/// Which parts of the target differ from what is wanted.
struct Changes {
    data: bool,
    rest: bool,
}

impl Changes {
    fn any(&self) -> bool {
        self.data || self.rest
    }

    fn between(input: &Input<'_>, wanted: &Rendered) -> Self {
        let Some(observed) = input.observed else { return Self { data: true, rest: true } };
        let hashed = |(key, value): (&String, &std::sync::Arc<crate::secret::SecretBytes>)| {
            observed.data.get(key) != Some(&input.hasher.hash(value.expose()))
        };
        let ours = observed.applied.data.iter().chain(&observed.updated.data);
        let data = wanted.data.iter().any(hashed)
            || ours.filter(|key| observed.data.contains_key(*key)).any(|key| !wanted.data.contains_key(key));
        let labels = labels(input, wanted);
        let differs = |wanted: &BTreeMap<String, String>, observed: &BTreeMap<String, String>| {
            wanted.iter().any(|(key, value)| observed.get(key) != Some(value))
        };
        let surplus_labels = observed.applied.labels.iter().any(|key| !labels.contains_key(key));
        let surplus_annotations = observed
            .applied
            .annotations
            .iter()
            .any(|key| key != ANNOTATION_DATA_HASH && !wanted.annotations.contains_key(key));
        let owned = input.spec.target.creation_policy != CreationPolicy::Owner
            || observed.controller.as_ref().is_some_and(|controller| controller.uid == input.owner.uid);
        let rest = differs(&labels, &observed.labels)
            || differs(&wanted.annotations, &observed.annotations)
            || surplus_labels
            || surplus_annotations
            || !owned
            || (input.spec.target.immutable && !observed.immutable)
            || wanted.type_.as_ref().is_some_and(|type_| observed.type_.as_ref() != Some(type_))
            || observed.annotations.get(ANNOTATION_DATA_HASH) != Some(&observed.data_hash);
        Self { data, rest }
    }
}

fn labels(input: &Input<'_>, wanted: &Rendered) -> BTreeMap<String, String> {
    let mut labels = wanted.labels.clone();
    labels.insert(LABEL_MANAGED.to_owned(), "true".to_owned());
    if input.spec.target.creation_policy == CreationPolicy::Owner {
        labels.insert(LABEL_CREATED_BY.to_owned(), created_by(input.namespace, &input.owner.name));
    }
    labels
}

/// The apply; none if values of foreign keys are needed for the hash and were not read.
fn apply(input: &Input<'_>, wanted: &Rendered, name: String) -> Option<ApplySecret> {
    let mut whole: BTreeMap<&str, &[u8]> =
        wanted.data.iter().map(|(key, value)| (key.as_str(), value.expose())).collect();
    for key in input.observed.map(foreign_keys).unwrap_or_default() {
        if !whole.contains_key(key) {
            whole.insert(key, input.foreign?.get(key)?.expose());
        }
    }
    let mut annotations = wanted.annotations.clone();
    annotations.insert(ANNOTATION_DATA_HASH.to_owned(), eso_data_hash(whole));
    let policy = input.spec.target.creation_policy;
    Some(ApplySecret {
        name,
        precondition: input.observed.map(|observed| (observed.uid.clone(), observed.resource_version.clone())),
        force: match policy {
            CreationPolicy::Owner | CreationPolicy::Orphan => Force::Always,
            CreationPolicy::Merge | CreationPolicy::CreateOrMerge | CreationPolicy::None => {
                Force::UnlessExternalSecret
            }
        },
        manager: field_manager(&input.owner.name),
        labels: labels(input, wanted),
        annotations,
        finalizers: wanted.finalizers.clone(),
        owner: (policy == CreationPolicy::Owner).then(|| input.owner.clone()),
        data: wanted.data.clone(),
        type_: wanted.type_.clone(),
        immutable: input.spec.target.immutable.then_some(true),
        migrate_update_entry: input.observed.is_some_and(|observed| !observed.updated.data.is_empty()),
    })
}

fn foreign_keys(observed: &Observed) -> Vec<&str> {
    let ours = |key: &str| observed.applied.data.contains(key) || observed.updated.data.contains(key);
    observed.data.keys().map(String::as_str).filter(|key| !ours(key)).collect()
}
