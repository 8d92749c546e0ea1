//! A `Plugin` object: what an admin says of a plugin. Built-in ones can be given other grants; the other
//! sources are said to be unknown, in the object's own status.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::redact::Redactor;
use claviger_core::status;
use claviger_crds::plugin::{Grants as Granted, Plugin, PluginStatus, Source};
use claviger_plugins::{Grants, builtin_grants};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::{Context, Next};
use crate::cluster::status as status_writer;
use crate::registry::BUILT_IN;

/// Reconciles one.
pub(super) async fn reconcile(context: &Arc<Context>, name: &str) -> Next {
    let parsed = context.state.plugin(name);
    let Some(parsed) = parsed else {
        // The object is gone: a built-in has its default grants again.
        if let Some(built_in) = BUILT_IN.iter().find(|built_in| built_in.name == name) {
            let _ = context.registry.load(built_in, builtin_grants(name)).await;
            recheck(context);
        }
        return None;
    };
    let (old, generation, outcome) = match parsed.as_ref() {
        Ok(plugin) => (plugin.status.clone(), plugin.meta().generation, load(context, name, plugin).await),
        Err(_) => {
            context.metrics.unreadable("Plugin");
            (
                None,
                None,
                Err(("ManifestInvalid", "the object does not parse: correct its manifest".to_owned())),
            )
        }
    };
    let conditions = old.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let now = Timestamp::now();
    let new = match outcome {
        Ok(loaded) => {
            let message = format!("{} is loaded", loaded.id());
            PluginStatus {
                conditions: vec![status::ready(conditions, true, "Loaded", &message, now)],
                observed_generation: generation,
                digest: Some(loaded.id().digest.clone()),
                version: Some(loaded.id().version.clone()),
                worlds: vec![match loaded.kind() {
                    claviger_plugins::PluginKind::Provider => "provider".to_owned(),
                    claviger_plugins::PluginKind::TemplateEngine => "template-engine".to_owned(),
                }],
                ..PluginStatus::default()
            }
        }
        Err((reason, message)) => PluginStatus {
            conditions: vec![status::ready(conditions, false, reason, &message, now)],
            observed_generation: generation,
            ..PluginStatus::default()
        },
    };
    if old.as_ref() != Some(&new) {
        if let Ok(plugin) = parsed.as_ref() {
            let condition = new.conditions.first();
            let text = |part: Option<&String>| part.cloned().unwrap_or_default();
            let reason = text(condition.and_then(|condition| condition.reason.as_ref()));
            let message = text(condition.and_then(|condition| condition.message.as_ref()));
            let about = plugin.object_ref(&());
            if reason == "Loaded" {
                context.events.normal(&about, &reason, &message).await;
            } else {
                context.events.warning(&about, &reason, &message).await;
            }
        }
        if let Err(failure) = status_writer::write_cluster::<Plugin>(&context.client, name, &new).await {
            tracing::warn!(message = failure.message(&Redactor::default()), "status not written");
        }
    }
    recheck(context);
    None
}

async fn load(
    context: &Context,
    name: &str,
    plugin: &Plugin,
) -> Result<Arc<claviger_plugins::Plugin>, (&'static str, String)> {
    let Source { builtin: Some(source), .. } = &plugin.spec.source else {
        let why = "only source.builtin works in this version: ConfigMap, registry and file are refused";
        return Err(("SourceNotSupported", why.to_owned()));
    };
    let wanted = source.name.as_deref().unwrap_or(name);
    let built_in = BUILT_IN.iter().find(|built_in| built_in.name == wanted && wanted == name);
    let Some(built_in) = built_in else {
        let known: Vec<_> = BUILT_IN.iter().map(|built_in| built_in.name).collect();
        let why = format!(
            "there is no built-in plugin {wanted:?} that can be called {:?}: there are {}, each under its own name",
            plugin.name_any(),
            known.join(", ")
        );
        return Err(("SourceNotFound", why));
    };
    let grants = merged(builtin_grants(name), plugin.spec.grants.as_ref());
    let loaded = context.registry.load(built_in, grants).await.map_err(|why| ("LoadFailed", why))?;
    let digests = &plugin.spec.digest;
    if !digests.is_empty() && !digests.contains(&loaded.id().digest) {
        return Err((
            "DigestMismatch",
            format!("the built-in component is {}, which is not in spec.digest", loaded.id().digest),
        ));
    }
    Ok(loaded)
}

/// The built-in's own grants, with what the object says instead.
fn merged(defaults: Grants, granted: Option<&Granted>) -> Grants {
    let Some(granted) = granted else { return defaults };
    Grants {
        origins: granted.origins.clone(),
        loopback: granted.loopback,
        link_local: granted.link_local,
        api_server_audience: granted.api_server_audience,
        memory_mib: granted.memory_mib.map_or(defaults.memory_mib, u64::from),
        cpu: granted.cpu_milliseconds.map_or(defaults.cpu, Duration::from_millis),
        wall: granted.wall_seconds.map_or(defaults.wall, Duration::from_secs),
        concurrency: granted
            .concurrency
            .map_or(defaults.concurrency, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        ..defaults
    }
}

/// Stores were validated with the plugin as it was.
fn recheck(context: &Context) {
    for store in context.state.stores() {
        context.state.doubt(&store);
    }
}
