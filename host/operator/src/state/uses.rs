//! Who uses which plugin: what has to be there at a start, and who is woken when one comes, changes, or serves others.

use std::collections::BTreeSet;
use std::time::Instant;

use claviger_core::generator::CLUSTER_GENERATOR;
use claviger_core::scheduler::Class;
use claviger_crds::external_secret::ExternalSecret;

use super::{State, Store};
use crate::sync::collect::TRANSFORM_ENGINE;
use crate::watch::Object;

impl State {
    /// Names of the plugins that stores of the controller classes that `serves` takes, and templates, name, and the kinds of
    /// generators.
    pub(crate) fn plugins_in_use(&self, serves: impl Fn(Option<&str>) -> bool) -> BTreeSet<String> {
        let inner = self.lock();
        let mut names: BTreeSet<String> = inner
            .stores()
            .filter_map(|(_, store)| store.spec.as_ref().ok())
            .filter(|spec| serves(spec.controller.as_deref()))
            .filter_map(|spec| Some(spec.provider.entry()?.0.to_owned()))
            .collect();
        for es in inner.external_secrets.iter().filter_map(|(_, es)| es.as_ref().as_ref().ok()) {
            names.extend(engines(es).map(ToOwned::to_owned));
            names.extend(generator_kinds(es).map(ToOwned::to_owned));
        }
        for ps in inner.push_secrets.iter().filter_map(|(_, ps)| ps.as_ref().as_ref().ok()) {
            names.extend(ps.spec.template.as_ref().map(|template| template.engine_version.clone()));
            names.extend(ps.spec.selector.generator_ref.as_ref().map(|generator| generator.kind.clone()));
        }
        names
    }

    /// A plugin that answers to these kinds of generators is there: who failed for want of it looks again.
    pub(crate) fn wake_generator_users(&self, answers: impl Fn(&str) -> bool) {
        // What a ClusterGenerator is of stands in it.
        let wanted = |kind: &str| kind == CLUSTER_GENERATOR || answers(kind);
        let mut inner = self.lock();
        let makers = inner.external_secrets.iter().filter_map(|(name, es)| {
            let es = es.as_ref().as_ref().ok()?;
            generator_kinds(es).any(wanted).then(|| Object::ExternalSecret(name.clone()))
        });
        let pushers = inner.push_secrets.iter().filter_map(|(name, ps)| {
            let generator = ps.as_ref().as_ref().ok()?.spec.selector.generator_ref.as_ref()?;
            wanted(&generator.kind).then(|| Object::PushSecret(name.clone()))
        });
        for user in makers.chain(pushers).collect::<Vec<_>>() {
            inner.queue.push(user, Class::Fresh, Instant::now());
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// The plugin of that name is another, is there at last, or serves others: its stores are validated with
    /// it, and who uses one looks whether there is something to do.
    pub(crate) fn recheck_stores(&self, plugin: &str) {
        let mut inner = self.lock();
        let of_plugin = |store: &Store| {
            let provider = store.spec.as_ref().ok().and_then(|spec| spec.provider.entry());
            provider.is_some_and(|(name, _)| name == plugin)
        };
        let stores = inner.stores().filter(|(_, store)| of_plugin(store)).map(|(object, _)| object);
        let stores: Vec<Object> = stores.collect();
        for store in stores {
            inner.wake_users(&store);
            inner.queue.push(store, Class::Fresh, Instant::now());
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// The template engine of that name is another, or is there at last: who failed for want of it looks
    /// again.
    pub(crate) fn wake_engine_users(&self, engine: &str) {
        let mut inner = self.lock();
        let rendered = inner.external_secrets.iter().filter_map(|(name, es)| {
            let es = es.as_ref().as_ref().ok()?;
            engines(es).any(|used| used == engine).then(|| Object::ExternalSecret(name.clone()))
        });
        let pushed = inner.push_secrets.iter().filter_map(|(name, ps)| {
            let template = ps.as_ref().as_ref().ok()?.spec.template.as_ref()?;
            (template.engine_version == engine).then(|| Object::PushSecret(name.clone()))
        });
        for user in rendered.chain(pushed).collect::<Vec<_>>() {
            inner.queue.push(user, Class::Fresh, Instant::now());
        }
        drop(inner);
        self.wake.notify_one();
    }
}

fn generator_kinds(es: &ExternalSecret) -> impl Iterator<Item = &str> {
    let refs = es.spec.data_from.iter().filter_map(|entry| entry.source_ref.as_ref()?.generator_ref.as_ref());
    refs.map(|generator| generator.kind.as_str())
}

/// The template engines that it is rendered with.
fn engines(es: &ExternalSecret) -> impl Iterator<Item = &str> {
    let template = es.spec.target.template.as_ref().map(|template| template.engine_version.as_str());
    let mut rewrites = es.spec.data_from.iter().flat_map(|entry| &entry.rewrite);
    let transforms = rewrites.any(|rewrite| rewrite.transform.is_some()).then_some(TRANSFORM_ENGINE);
    template.into_iter().chain(transforms)
}
