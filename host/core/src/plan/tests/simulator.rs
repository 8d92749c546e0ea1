//! A small API server for the planner's tests: one Secret, server-side apply with field managers,
//! updates by others, conflicts, pruning.
//!
//! It models what the planner relies on (ownership per map key, shared ownership of equal values, forced
//! and unforced conflicts, pruning of what a manager no longer names) and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::hash::{KeyedHasher, eso_data_hash};
use crate::names::FIELD_MANAGER_PREFIX;
use crate::plan::{ApplySecret, Controller, Fields, Force, Observed};
use crate::secret::SecretBytes;

/// A field of the Secret: `data/key`, `labels/key` or `annotations/key`.
type Field = (&'static str, String);

/// One Secret, as an API server keeps it.
#[derive(Clone, Default)]
pub(super) struct Server {
    fields: BTreeMap<Field, Vec<u8>>,
    /// By manager and operation.
    managers: BTreeMap<(String, &'static str), BTreeSet<Field>>,
    type_: Option<String>,
    immutable: bool,
    controller: Option<Controller>,
    finalizers: Vec<String>,
    version: u64,
    /// How many requests changed something.
    pub(super) writes: u32,
}

/// Why an apply was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// uid or resourceVersion is not the object's.
    Stale,
    /// Fields of that manager.
    Conflict(String),
    /// The data of an immutable Secret, or the flag itself.
    Immutable,
}

impl Server {
    /// A client's update: takes the fields it changes, and nothing if it changes nothing.
    pub(super) fn update(&mut self, manager: &str, part: &'static str, key: &str, value: Option<&[u8]>) {
        let field = (part, key.to_owned());
        if self.fields.get(&field).map(Vec::as_slice) == value {
            return;
        }
        for owned in self.managers.values_mut() {
            owned.remove(&field);
        }
        if let Some(value) = value {
            self.fields.insert(field.clone(), value.to_vec());
            self.managers.entry((manager.to_owned(), "Update")).or_default().insert(field);
        } else {
            self.fields.remove(&field);
        }
        self.version += 1;
    }

    pub(super) fn set_controller(&mut self, controller: Controller) {
        self.controller = Some(controller);
    }

    pub(super) fn data(&self) -> BTreeMap<String, String> {
        let data = self.fields.iter().filter(|((part, _), _)| *part == "data");
        data.map(|((_, key), value)| (key.clone(), String::from_utf8_lossy(value).into_owned())).collect()
    }

    pub(super) fn has(&self, part: &'static str, key: &str) -> bool {
        self.fields.contains_key(&(part, key.to_owned()))
    }

    /// As the operator carries out an apply: takes over the `Update` entry, applies unforced where the
    /// plan says so, and forces past managers that are no ExternalSecrets.
    pub(super) fn apply(&mut self, plan: &ApplySecret) -> Result<(), Refused> {
        let precondition = self.exists().then(|| ("uid".to_owned(), self.version.to_string()));
        if plan.precondition != precondition {
            return Err(Refused::Stale);
        }
        if plan.migrate_update_entry {
            let updated = self.managers.remove(&(plan.manager.clone(), "Update")).unwrap_or_default();
            self.managers.entry((plan.manager.clone(), "Apply")).or_default().extend(updated);
        }
        let wanted = wanted(plan);
        if plan.force == Force::UnlessExternalSecret
            && let Some(manager) = self.conflict(&plan.manager, &wanted)
        {
            return Err(Refused::Conflict(manager));
        }
        let before = (self.fields.clone(), self.managers.clone(), self.controller.clone(), self.immutable);
        self.put(plan, wanted);
        let unset = before.3 && plan.immutable.is_none();
        let data = |fields: &BTreeMap<Field, Vec<u8>>| {
            fields
                .iter()
                .filter(|((part, _), _)| *part == "data")
                .map(|(f, v)| (f.clone(), v.clone()))
                .collect::<Vec<_>>()
        };
        if unset || (before.3 && data(&before.0) != data(&self.fields)) {
            (self.fields, self.managers, self.controller, self.immutable) = before;
            return Err(Refused::Immutable);
        }
        if before != (self.fields.clone(), self.managers.clone(), self.controller.clone(), self.immutable) {
            self.version += 1;
            self.writes += 1;
        }
        Ok(())
    }

    fn put(&mut self, plan: &ApplySecret, wanted: BTreeMap<Field, Vec<u8>>) {
        let us = (plan.manager.clone(), "Apply");
        let old = self.managers.insert(us.clone(), wanted.keys().cloned().collect()).unwrap_or_default();
        for field in old {
            let owned_elsewhere = self.managers.values().any(|owned| owned.contains(&field));
            if !owned_elsewhere {
                self.fields.remove(&field);
            }
        }
        for (field, value) in wanted {
            if self.fields.get(&field) != Some(&value) {
                for (manager, owned) in &mut self.managers {
                    if *manager != us {
                        owned.remove(&field);
                    }
                }
                self.fields.insert(field, value);
            }
        }
        self.managers.retain(|_, owned| !owned.is_empty());
        // The owner reference is keyed by uid and only ever ours in these tests.
        self.controller = plan.owner.clone().or_else(|| {
            self.controller
                .take()
                .filter(|controller| !plan.manager.ends_with(&format!("/{}", controller.name)))
        });
        self.immutable |= plan.immutable == Some(true);
        self.type_ = plan.type_.clone().or(self.type_.take()).or(Some("Opaque".to_owned()));
        self.finalizers.clone_from(&plan.finalizers);
    }

    /// Another ExternalSecret's manager that owns a field with another value.
    fn conflict(&self, us: &str, wanted: &BTreeMap<Field, Vec<u8>>) -> Option<String> {
        self.managers
            .iter()
            .filter(|((manager, _), _)| manager != us && manager.starts_with(FIELD_MANAGER_PREFIX))
            .find(|(_, owned)| {
                owned
                    .iter()
                    .any(|field| wanted.get(field).is_some_and(|value| self.fields.get(field) != Some(value)))
            })
            .map(|((manager, _), _)| manager.clone())
    }

    fn exists(&self) -> bool {
        self.version > 0
    }

    /// As the operator would show it to the planner.
    pub(super) fn observe(&self, manager: &str, hasher: &KeyedHasher) -> Option<Observed> {
        if !self.exists() {
            return None;
        }
        let data = || self.fields.iter().filter(|((part, _), _)| *part == "data");
        let text = |wanted: &str| -> BTreeMap<String, String> {
            let of_part = self.fields.iter().filter(|((part, _), _)| *part == wanted);
            of_part
                .map(|((_, key), value)| (key.clone(), String::from_utf8_lossy(value).into_owned()))
                .collect()
        };
        Some(Observed {
            uid: "uid".to_owned(),
            resource_version: self.version.to_string(),
            type_: self.type_.clone(),
            immutable: self.immutable,
            deleting: false,
            labels: text("labels"),
            annotations: text("annotations"),
            finalizers: self.finalizers.clone(),
            controller: self.controller.clone(),
            data: data().map(|((_, key), value)| (key.clone(), hasher.hash(value))).collect(),
            data_hash: eso_data_hash(data().map(|((_, key), value)| (key.as_str(), value.as_slice()))),
            applied: self.owned(|name, operation| name == manager && operation == "Apply"),
            updated: self.owned(|name, operation| name == manager && operation == "Update"),
            others: self.owned(|name, _| name != manager && name.starts_with(FIELD_MANAGER_PREFIX)),
        })
    }

    /// All values, as a single read would bring them.
    pub(super) fn live(&self) -> BTreeMap<String, SecretBytes> {
        let data = self.fields.iter().filter(|((part, _), _)| *part == "data");
        data.map(|((_, key), value)| (key.clone(), SecretBytes::copied_from(value))).collect()
    }

    fn owned(&self, wanted: impl Fn(&str, &str) -> bool) -> Fields {
        let mut fields = Fields::default();
        for ((manager, operation), owned) in &self.managers {
            if wanted(manager, operation) {
                for (part, key) in owned {
                    let set = match *part {
                        "data" => &mut fields.data,
                        "labels" => &mut fields.labels,
                        _ => &mut fields.annotations,
                    };
                    set.insert(key.clone());
                }
            }
        }
        fields
    }
}

fn wanted(plan: &ApplySecret) -> BTreeMap<Field, Vec<u8>> {
    let data = plan.data.iter().map(|(key, value)| (("data", key.clone()), value.expose().to_vec()));
    let labels = plan.labels.iter().map(|(key, value)| (("labels", key.clone()), value.clone().into_bytes()));
    let annotations = plan
        .annotations
        .iter()
        .map(|(key, value)| (("annotations", key.clone()), value.clone().into_bytes()));
    data.chain(labels).chain(annotations).collect()
}
