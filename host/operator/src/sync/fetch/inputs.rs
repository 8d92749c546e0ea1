//! What goes into a Secret and can be read again: as long as it is the same, what is held for it need not be made anew.

use std::sync::Arc;

use claviger_core::inputs::Inputs;
use claviger_core::lease::{Held, Record};
use claviger_core::provider::{Item, Nature, Value};
use claviger_core::template::Sources;
use claviger_crds::external_secret::{RefreshPolicy, RemoteRef};

use super::generated::Generator;
use super::{Fetch, Got};
use crate::sync::collect::property;
use crate::sync::wanted::{asked_of, item, nature};
use crate::watch::Object;

impl Fetch<'_> {
    /// Whether what is held stands for all that would be made, since nothing else has changed.
    pub(super) async fn held_stands(&mut self, sources: &Sources, generators: &[Generator<'_>]) -> bool {
        let held = self.asker.held.filter(|record| !self.fails() && self.holds_all(record));
        let Some(record) = held else { return false };
        if self.asker.spec.refresh_policy == RefreshPolicy::CreatedOnce {
            // It is looked at for its marks, or for its status: what is made once is not made again for that, whatever the
            // manifest says by now.
            return true;
        }
        let inputs = self.inputs(sources, generators);
        let slow = self.pipeline.slow.of(inputs.clone(), record.salt.clone()).await;
        let same = slow.is(&record.inputs);
        self.fetched.slow = Some((inputs, slow));
        same
    }

    /// Whether nothing was made so far but what a record has, and has no lease.
    fn holds_all(&self, record: &Record) -> bool {
        let unleased =
            |made: &Held| record.held.iter().any(|held| held.lease.is_none() && held.source == made.source);
        self.fetched.held.iter().all(|made| made.lease.is_none() && unleased(made))
    }

    /// What the manifest takes of an answer that differs each time: a static role's says how long its password still
    /// lives.
    fn add_used(&self, inputs: &mut Inputs, what: &str, store: &Object, wanted: &Item, value: &Value) {
        let spec = self.asker.spec;
        let whole = spec.data_from.iter().filter_map(|entry| entry.extract.as_ref());
        let named = spec.data.iter().map(|entry| &entry.remote_ref).chain(whole.clone());
        let session = self.fetched.sessions.get(store);
        let asked = |reference: &RemoteRef| asked_of(item(reference), session.map(Arc::as_ref));
        for reference in named.filter(|reference| asked(reference) == *wanted) {
            let found = session.and_then(|session| property(value, reference, session).ok().flatten());
            match found.filter(|_| !whole.clone().any(|extract| extract == reference)) {
                Some(found) => inputs.add(&format!("{what} {:?}", reference.property), found.expose()),
                None => inputs.add(what, value.data.expose()),
            }
        }
    }

    /// Everything that can be read again.
    pub(super) fn inputs(&self, sources: &Sources, generators: &[Generator<'_>]) -> Inputs {
        let mut inputs = Inputs::default();
        inputs.add("version", self.asker.version.as_bytes());
        for ((store, item), value) in &self.fetched.values {
            let mut what =
                format!("{} {store} {:?} {:?} {:?}", store.kind(), item.key, item.version, item.facet);
            if let Some(property) = &item.property {
                what.push_str(&format!(" of {property:?}"));
            }
            match value {
                Got::There(value)
                    if value.dynamic && (value.lease.is_some() || self.asker.keeps_unleased) => {}
                Got::There(value) if value.dynamic => {
                    self.add_used(&mut inputs, &what, store, item, value);
                }
                Got::There(value) => {
                    inputs.add(&what, value.data.expose());
                    for (key, entry) in value.entries.iter().flatten() {
                        inputs.add(&format!("{what} {key:?}"), entry.expose());
                    }
                }
                // What is not made any more is not looked for before something is made.
                _ if nature(self.asker, store, item) == Nature::Dynamic => {}
                Got::Missing | Got::Unasked | Got::Failed(_) => inputs.add(&format!("no {what}"), &[]),
            }
        }
        for (index, values) in &self.fetched.found {
            let Got::There(values) = values else { continue };
            for (key, value) in values {
                inputs.add(&format!("found {index} {key:?}"), value.expose());
            }
        }
        for ((kind, name), texts) in sources {
            for (key, text) in texts {
                inputs.add(&format!("{} {name:?} {key:?}", kind.as_str()), text.expose());
            }
        }
        for Generator { reference, view, .. } in generators {
            let what = format!("{} {:?}", reference.kind, reference.name);
            inputs.add(&what, format!("{} {}", view.uid, view.generation).as_bytes());
        }
        inputs
    }
}
