//! A `Plugin` object: puts in place what an admin named, and says in its status what came of it, what the
//! plugin asks for, what it was granted and what it has used.
//!
//! Runs beside the other reconciles and not among them: loading may take a minute, and what uses the plugin
//! goes on with the one before. A replica that stands by loads like the one that leads, and says nothing. How bytes are read and plugins kept is in `plugins/`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::redact::Redactor;
use claviger_core::scheduler::Class;
use claviger_core::status;
use claviger_crds::plugin::{Plugin, PluginStatus, Reach};
use claviger_plugins::{PluginKind, Used};
use jiff::Timestamp;
use kube::Resource;

use super::{Context, Next};
use crate::cluster::config_maps::ConfigMaps;
use crate::cluster::status as status_writer;
use crate::plugins::{
    self, BUILT_IN, BuiltIn, InstallError, Installed, built_in, object_of, plugin_of, reach, shown,
};
use crate::state::Parsed;
use crate::watch::Object;

/// How often a status says anew what the plugin has used.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// After a status that could not be written.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Says of every plugin that one is coming, before anybody asks for one; and has the built-ins that are in use loaded like
/// all others, so that what an admin says of one in a Plugin object holds before its defaults are ever used.
/// Returns their names.
pub(super) fn announce_all(context: &Context) -> Vec<String> {
    let objects = context.state.plugins().into_iter().filter(|(_, parsed)| is_ours(context, parsed));
    let mut names: Vec<String> = objects.map(|(name, _)| plugin_of(&name).to_owned()).collect();
    for name in &names {
        context.registry.announce(name);
    }
    let mut built_ins = in_use(context);
    built_ins
        .extend(BUILT_IN.iter().map(|one| one.name).filter(|name| names.iter().any(|object| object == name)));
    context.registry.announce_built_in(&built_ins);
    for built_in in built_ins {
        context.state.push(Object::Plugin(object_of(built_in)), Class::Fresh);
        if !names.iter().any(|name| name == built_in) {
            names.push(built_in.to_owned());
        }
    }
    names
}

/// Asks for the built-ins that came in use since the start. Who stands by is asked for nothing, and would compile at its
/// takeover.
pub(crate) fn ask_for_used(context: &Context) {
    for name in in_use(context) {
        context.registry.want(name);
    }
}

/// The built-ins that are in use.
fn in_use(context: &Context) -> BTreeSet<&'static str> {
    let named = context.state.plugins_in_use(|class| context.config.serves(class));
    let makes = |built_in: &BuiltIn| built_in.generators.iter().any(|kind| named.contains(*kind));
    let used = BUILT_IN.iter().filter(|one| named.contains(one.name) || makes(one));
    used.map(|one| one.name).collect()
}

/// Has the built-ins loaded that somebody asked for in vain.
pub(crate) fn load_asked(context: &Context) {
    for built_in in context.registry.asked() {
        context.state.push(Object::Plugin(object_of(built_in)), Class::Fresh);
    }
}

/// Whether we serve it: what names no controller class is everybody's.
fn is_ours(context: &Context, parsed: &Parsed<Plugin>) -> bool {
    context.config.serves(parsed.as_ref().ok().and_then(|plugin| plugin.spec.controller.as_deref()))
}

/// Reconciles one, by the name of its object.
pub(super) async fn reconcile(context: &Arc<Context>, object: &str, class: Class) -> Next {
    let ours = context.state.plugin(object).filter(|parsed| is_ours(context, parsed));
    let name = plugin_of(object);
    let before = context.registry.installed(name);
    let Some(parsed) = ours else {
        context.metrics.forget(&Object::Plugin(object.to_owned()));
        context.state.forget_reads(&Object::Plugin(object.to_owned()));
        let failed = without_object(context, name).await.err();
        wake(context, name, before.as_ref());
        return failed?.try_again().map(|wait| (Class::Retry, Instant::now() + wait));
    };
    let (plugin, outcome) = match parsed.as_ref() {
        Ok(plugin) if class == Class::Refresh && is_current(plugin, digest_of(before.as_ref())) => {
            let installed = before?;
            let written = report(context, object, plugin, &Ok(installed)).await;
            return Some((Class::Refresh, Instant::now() + if written { LOOK_AGAIN } else { WRITE_AGAIN }));
        }
        Ok(plugin) => (plugin.clone(), install(context, object, plugin).await),
        Err(invalid) => {
            context.metrics.unreadable("Plugin");
            let error = InstallError::ManifestInvalid;
            context.registry.refuse(name, &error);
            // The others wait for the built-ins, and this one comes to nothing.
            context.registry.settled(name);
            let metadata = invalid.metadata.clone();
            (Plugin { metadata, ..Plugin::default() }, Err(error))
        }
    };
    if matches!(outcome, Err(InstallError::Superseded)) {
        return None;
    }
    let written = report(context, object, &plugin, &outcome).await;
    wake(context, name, before.as_ref());
    match outcome {
        _ if !written => Some((Class::Retry, Instant::now() + WRITE_AGAIN)),
        Ok(_) => Some((Class::Refresh, Instant::now() + LOOK_AGAIN)),
        Err(error) => error.try_again().map(|wait| (Class::Retry, Instant::now() + wait)),
    }
}

/// A built-in without an object has its default grants; anything else is not there any more.
async fn without_object(context: &Context, name: &str) -> Result<(), InstallError> {
    match built_in(name) {
        // The reason is kept in the registry and shown by whoever asks for the plugin.
        Some(built_in) => {
            let outcome = context.registry.load_built_in(built_in).await;
            context.registry.settled(name);
            outcome.map(drop)
        }
        None => {
            context.registry.remove(name);
            Ok(())
        }
    }
}

async fn install(context: &Context, object: &str, plugin: &Plugin) -> Result<Installed, InstallError> {
    let maps = ConfigMaps {
        client: &context.client,
        namespace: &context.config.operator_namespace,
        state: &context.state,
        reader: Object::Plugin(object.to_owned()),
    };
    let version = |plugin: &Plugin| (plugin.metadata.uid.clone(), plugin.metadata.generation);
    let still = || {
        let now = context.state.plugin(object);
        now.is_some_and(|now| now.as_ref().as_ref().is_ok_and(|now| version(now) == version(plugin)))
    };
    plugins::install(&context.registry, object, &plugin.spec, &maps, &still).await
}

/// Whether the object's status is about this generation, good, and about what is loaded here: another replica may have
/// loaded what this one could not.
fn is_current(plugin: &Plugin, loaded: Option<&str>) -> bool {
    plugin.status.as_ref().is_some_and(|status| {
        status.observed_generation == plugin.metadata.generation
            && loaded.is_some()
            && status.digest.as_deref() == loaded
            && status.conditions.iter().any(|condition| condition.status == "True")
    })
}

fn digest_of(loaded: Option<&Installed>) -> Option<&str> {
    loaded.map(|loaded| loaded.plugin.id().digest.as_str())
}

/// Writes status and event if they say something new, and if it is for this replica to say it. Whether that worked.
async fn report(
    context: &Context,
    object: &str,
    plugin: &Plugin,
    outcome: &Result<Installed, InstallError>,
) -> bool {
    // Whoever leads next looks at all of them.
    context.leadership.during(write(context, object, plugin, outcome)).await.unwrap_or(true)
}

async fn write(
    context: &Context,
    object: &str,
    plugin: &Plugin,
    outcome: &Result<Installed, InstallError>,
) -> bool {
    let running = context.registry.installed(plugin_of(object));
    let (ready, reason, message) = verdict(outcome, running.as_ref());
    let conditions = plugin.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let condition = status::ready(conditions, ready, reason, &message, Timestamp::now());
    context.metrics.ready(&Object::Plugin(object.to_owned()), ready, (!ready).then_some(reason));
    let mut new = PluginStatus {
        conditions: vec![condition],
        observed_generation: plugin.metadata.generation,
        ..PluginStatus::default()
    };
    if let Some(Installed { plugin: running, .. }) = &running {
        let inspection = running.inspection();
        new.digest = Some(running.id().digest.clone());
        new.version = Some(running.id().version.clone());
        new.worlds = inspection.worlds.iter().map(|world| short(world)).collect();
        new.asked = Some(Reach { origins: inspection.origins.clone(), ..Reach::default() });
        new.granted = Some(reach(running.grants()));
        new.used = Some(used(&running.used(), plugin.status.as_ref()));
    }
    if plugin.status.as_ref() == Some(&new) {
        return true;
    }
    let said = |status: &PluginStatus| {
        status.conditions.first().map(|condition| (condition.reason.clone(), condition.message.clone()))
    };
    if plugin.status.as_ref().and_then(said) != said(&new) {
        let about = plugin.object_ref(&());
        if ready {
            context.events.normal(&about, reason, &message);
        } else {
            context.events.warning(&about, reason, &message);
        }
    }
    let old = plugin.status.as_ref();
    match status_writer::write_cluster::<Plugin>(&context.client, object, old, &new).await {
        Ok(()) => true,
        Err(failure) => {
            tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
            false
        }
    }
}

fn verdict(
    outcome: &Result<Installed, InstallError>,
    running: Option<&Installed>,
) -> (bool, &'static str, String) {
    match (outcome, running) {
        (Ok(installed), _) => (true, "Loaded", format!("{} is loaded", installed.plugin.id())),
        (Err(error), None) => (false, error.reason(), shown(error)),
        (Err(error), Some(Installed { plugin, .. })) => {
            let why = shown(error);
            let message = format!("{why}; meanwhile {} goes on ({})", plugin.id(), plugin.id().digest);
            (false, error.reason(), message)
        }
    }
}

/// `claviger:plugin/provider-plugin@1.0.0` as `provider-plugin@1.0.0`.
fn short(world: &str) -> String {
    world.rsplit('/').next().unwrap_or(world).to_owned()
}

/// What was used, and what a status of before says was: a plugin's history does not end with a process.
/// CPU time is said in steps, or every status would differ a little from the last.
fn used(now: &Used, before: Option<&PluginStatus>) -> Reach {
    /// Milliseconds.
    const STEP: u64 = 50;
    let before = before.and_then(|status| status.used.as_ref());
    let mut origins: BTreeSet<String> = now.origins.iter().cloned().collect();
    // As many as the plugin host remembers.
    origins.extend(before.into_iter().flat_map(|before| before.origins.iter().cloned()));
    let memory = u32::try_from(now.memory.div_ceil(1024 * 1024)).ok();
    let cpu = Some(now.cpu_ms.div_ceil(STEP) * STEP);
    Reach {
        origins: origins.into_iter().take(32).collect(),
        memory_mib: memory.max(before.and_then(|before| before.memory_mib)),
        cpu_milliseconds: cpu.max(before.and_then(|before| before.cpu_milliseconds)),
        ..Reach::default()
    }
}

/// If something else is in place than before: its stores are validated with it, and who waits for an engine
/// looks again.
fn wake(context: &Context, name: &str, before: Option<&Installed>) {
    let now = context.registry.installed(name);
    let same = match (before, &now) {
        (Some(before), Some(now)) => {
            Arc::ptr_eq(&before.plugin, &now.plugin) && before.namespaces == now.namespaces
        }
        // Nothing in place, but perhaps for another reason.
        (None, None) | (Some(_), None) | (None, Some(_)) => false,
    };
    if same {
        return;
    }
    context.state.recheck_stores(name);
    if let Some(Installed { plugin, .. }) = &now {
        context.state.wake_generator_users(|kind| plugin.generates(kind));
    }
    if now.is_none_or(|now| now.plugin.kind() == PluginKind::TemplateEngine) {
        context.state.wake_engine_users(name);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_used_only_grows() {
        let now = Used {
            memory: 3 << 20,
            cpu_ms: 10,
            origins: vec!["https://b:443".to_owned()],
            ..Used::default()
        };
        let first = used(&now, None);
        assert_eq!((first.memory_mib, first.cpu_milliseconds), (Some(3), Some(50)));
        let before = PluginStatus {
            used: Some(Reach {
                origins: vec!["https://a:443".to_owned()],
                memory_mib: Some(9),
                cpu_milliseconds: Some(0),
                ..Reach::default()
            }),
            ..PluginStatus::default()
        };
        let both = used(&now, Some(&before));
        assert_eq!((both.memory_mib, both.cpu_milliseconds), (Some(9), Some(50)));
        assert_eq!(both.origins, ["https://a:443", "https://b:443"]);
    }

    #[test]
    fn another_replica_s_plugin_is_not_taken_for_the_one_that_is_loaded() {
        let status = json!({"observedGeneration": 2, "digest": "sha256:2", "conditions": [
            {"type": "Ready", "status": "True", "reason": "Loaded", "message": "", "lastTransitionTime": null}]});
        let mut plugin: Plugin = serde_json::from_value(json!({
            "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "p", "generation": 2},
            "spec": {"source": {"file": {"path": "p.wasm"}}}, "status": status,
        }))
        .unwrap();
        assert!(is_current(&plugin, Some("sha256:2")));
        assert!(!is_current(&plugin, Some("sha256:1")), "what the one before this had loaded");
        assert!(!is_current(&plugin, None));
        plugin.metadata.generation = Some(3);
        assert!(!is_current(&plugin, Some("sha256:2")), "the manifest has changed");
    }

    #[test]
    fn worlds_are_short() {
        assert_eq!(short("claviger:plugin/provider-plugin@1.0.0"), "provider-plugin@1.0.0");
    }
}
