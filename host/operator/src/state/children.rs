//! Which ExternalSecrets and namespaces concern which ClusterExternalSecret, kept as it changes; and ExternalSecrets that
//! are just being written. What is to be done about them is decided elsewhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_core::names::{ESO_MANAGER, PUSH_SPREAD_FIELD_MANAGER, SPREAD_FIELD_MANAGER};
use claviger_core::spread::{Child, Given, NamespaceView, means};
use claviger_crds::external_secret::ExternalSecret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, ObjectMeta};
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use serde_json::json;

use super::spread::KIND;
use super::{Inner, Parsed, State, is_newer, meta_of};
use crate::cluster::children::Made;
use crate::watch::cache::{Change, Name};

/// What concerns whom, kept as it changes: a look at one ClusterExternalSecret goes through its own namespaces and
/// ExternalSecrets, and not through all of the cluster.
#[derive(Default)]
pub(super) struct Spreading {
    /// Namespaces that it means, by the name of a ClusterExternalSecret.
    pub(super) meant: BTreeMap<String, BTreeSet<String>>,
    /// ExternalSecrets that it controls, by its uid.
    made: BTreeMap<String, BTreeSet<Name>>,
    /// The same the other way round.
    makers: BTreeMap<Name, String>,
    /// ExternalSecrets that are being written, and whether one of that name has gone since.
    writing: BTreeMap<Name, bool>,
}

impl Spreading {
    fn set_maker(&mut self, name: &Name, maker: Option<&str>) {
        let before = match maker {
            Some(maker) => self.makers.insert(name.clone(), maker.to_owned()),
            None => self.makers.remove(name),
        };
        if let Some(before) = before.filter(|before| Some(before.as_str()) != maker)
            && let Some(made) = self.made.get_mut(&before)
        {
            made.remove(name);
            if made.is_empty() {
                self.made.remove(&before);
            }
        }
        if let Some(maker) = maker {
            self.made.entry(maker.to_owned()).or_default().insert(name.clone());
        }
    }

    pub(super) fn set_meant(&mut self, ces: &str, namespace: &str, meant: bool) {
        match meant {
            true => drop(self.meant.entry(ces.to_owned()).or_default().insert(namespace.to_owned())),
            false => drop(self.meant.get_mut(ces).map(|all| all.remove(namespace))),
        }
    }
}

/// What one ClusterExternalSecret is decided by.
pub(crate) struct Concerned {
    /// Namespaces that it means, and those that it has something in.
    pub namespaces: BTreeMap<String, Arc<NamespaceView>>,
    external_secrets: Vec<(Name, Arc<Parsed<ExternalSecret>>)>,
}

impl Concerned {
    /// ExternalSecrets that it controls, and those in its way, by namespace and name.
    pub(crate) fn children(&self) -> BTreeMap<(String, String), Child<'_>> {
        let known = self.external_secrets.iter();
        known.map(|(at, parsed)| ((at.namespace.clone(), at.name.clone()), child(parsed, KIND))).collect()
    }
}

/// An ExternalSecret that is being written.
pub(crate) struct ChildWrite<'a> {
    state: &'a State,
    name: Name,
}

impl ChildWrite<'_> {
    /// As it is now, before the watch shows it. What the watch has shown since is newer; and if it has shown that one of
    /// that name is gone, nobody knows which, and it will show what there is.
    pub(crate) fn done(self, es: ExternalSecret) {
        let mut inner = self.state.lock();
        let gone = inner.spreading.writing.get(&self.name).copied().unwrap_or(false);
        let known = inner.external_secrets.get(&self.name);
        if !gone && known.is_none_or(|known| is_newer(&es.metadata, meta_of(&known))) {
            let event = Event::Apply(DeserializeGuard(Ok(es)));
            self.state.external_secret_changed(&mut inner, event);
        }
        drop(inner);
        self.state.wake.notify_one();
    }
}

impl Drop for ChildWrite<'_> {
    fn drop(&mut self) {
        self.state.lock().spreading.writing.remove(&self.name);
    }
}

impl State {
    /// What concerns a ClusterExternalSecret of that name and uid whose ExternalSecrets are called `child`.
    pub(crate) fn concerned(&self, name: &str, uid: &str, child: &str) -> Concerned {
        let inner = self.lock();
        let meant = inner.spreading.meant.get(name).into_iter().flatten();
        let made = inner.spreading.made.get(uid).into_iter().flatten();
        let wanted: BTreeSet<Name> =
            meant.map(|namespace| Name::new(namespace, child)).chain(made.cloned()).collect();
        let namespaces = wanted.iter().map(|name| &name.namespace);
        let view = |namespace: &String| {
            Some((namespace.clone(), inner.namespaces.get(&Name::new("", namespace.as_str()))?))
        };
        let namespaces = namespaces.filter_map(view).collect();
        let known = wanted.into_iter().filter_map(|name| {
            let parsed = inner.external_secrets.get(&name)?;
            Some((name, parsed))
        });
        Concerned { namespaces, external_secrets: known.collect() }
    }

    /// Before an ExternalSecret is written.
    pub(crate) fn write_child(&self, namespace: &str, name: &str) -> ChildWrite<'_> {
        let name = Name::new(namespace, name);
        self.lock().spreading.writing.insert(name.clone(), false);
        ChildWrite { state: self, name }
    }
}

impl Inner {
    /// Which namespaces a ClusterExternalSecret means: it is new, or another.
    pub(super) fn find_meant(&mut self, name: &str) {
        let parsed = self.cluster_external_secrets.get(&Name::new("", name));
        let spec = parsed.as_deref().and_then(|parsed| parsed.as_ref().ok()).map(|ces| &ces.spec);
        let meant = self
            .namespaces
            .iter()
            .filter(|(namespace, view)| spec.is_some_and(|spec| means(spec, &namespace.name, &view.labels)));
        let meant = meant.map(|(namespace, _)| namespace.name.clone()).collect();
        self.spreading.meant.insert(name.to_owned(), meant);
    }

    /// An ExternalSecret is another, or gone.
    pub(super) fn remade(&mut self, change: &Change) {
        let (Change::Upserted(name) | Change::Deleted(name)) = change else { return };
        let known = self.external_secrets.get(name);
        let maker = known.as_deref().and_then(|parsed| controller(meta_of(parsed), KIND));
        self.spreading.set_maker(name, maker);
        if let (Change::Deleted(_), Some(gone)) = (change, self.spreading.writing.get_mut(name)) {
            *gone = true;
        }
    }
}

/// The uid of the object of that kind that controls it.
pub(super) fn controller<'m>(meta: &'m ObjectMeta, kind: &str) -> Option<&'m str> {
    let mut owners = meta.owner_references.iter().flatten();
    owners.find(|owner| owner.controller == Some(true) && owner.kind == kind).map(|owner| owner.uid.as_str())
}

/// One that an object of the kind `maker` may have made, as the decision sees it.
pub(super) fn child<'p, K: Made>(parsed: &'p Parsed<K>, maker: &str) -> Child<'p, K::Spec> {
    let meta = meta_of(parsed);
    Child {
        uid: meta.uid.clone().unwrap_or_default(),
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        controller: controller(meta, maker).map(ToOwned::to_owned),
        deleting: meta.deletion_timestamp.is_some(),
        labels: meta.labels.as_ref().map_or_else(Cow::default, Cow::Borrowed),
        annotations: meta.annotations.as_ref().map_or_else(Cow::default, Cow::Borrowed),
        given: given(meta),
        spec: parsed.as_ref().ok().map(|object| Cow::Borrowed(object.spec())),
    }
}

/// Whether what it owns was given by a ClusterExternalSecret: ours, or ESO's, which writes by update and under the name
/// of its program.
fn gives(entry: &ManagedFieldsEntry) -> bool {
    match entry.manager.as_deref() {
        Some(SPREAD_FIELD_MANAGER | PUSH_SPREAD_FIELD_MANAGER) => true,
        Some(ESO_MANAGER) => {
            entry.operation.as_deref() == Some("Update")
                && entry.subresource.as_deref().unwrap_or("").is_empty()
        }
        _ => false,
    }
}

/// Drops field ownership but for the labels and annotations that a ClusterExternalSecret gave.
pub(super) fn keep_given(meta: &mut ObjectMeta) {
    let Some(mut entries) = meta.managed_fields.take() else { return };
    entries.retain(gives);
    for entry in &mut entries {
        if let Some(fields) = &mut entry.fields_v1 {
            let mut metadata = fields.0["f:metadata"].take();
            if let Some(parts) = metadata.as_object_mut() {
                parts.retain(|part, _| part == "f:labels" || part == "f:annotations");
            }
            *fields = FieldsV1(json!({"f:metadata": metadata}));
        }
    }
    meta.managed_fields = (!entries.is_empty()).then_some(entries);
}

/// Labels and annotations that a ClusterExternalSecret gave.
pub(crate) fn given(meta: &ObjectMeta) -> Given {
    let mut given = Given::default();
    let entries = meta.managed_fields.iter().flatten();
    for entry in entries.filter(|entry| gives(entry)) {
        let Some(fields) = &entry.fields_v1 else { continue };
        let keys = |field: &str| {
            let owned = fields.0["f:metadata"][field].as_object();
            let names = owned.into_iter().flatten().filter_map(|(key, _)| key.strip_prefix("f:"));
            names.map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        given.labels.extend(keys("f:labels"));
        given.annotations.extend(keys("f:annotations"));
    }
    given
}
