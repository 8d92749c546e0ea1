//! One reconcile per kind. Each reads the caches, decides with `claviger-core`, then acts, and says when
//! to look again.

mod cluster_external_secret;
mod cluster_push_secret;
mod effects;
mod external_secret;
mod freshness;
mod generic;
mod leases;
pub(crate) mod left;
mod namespace_labels;
mod patience;
mod plugin;
mod push_secret;
mod refresh;
mod revoke;
mod rollout;
#[cfg(test)]
mod sim;
mod spread;
mod store;
mod world;

use std::sync::Arc;
use std::time::Instant;

use claviger_core::scheduler::Class;
use kube::Client;

use crate::audit::AuditLog;
use crate::cluster::credentials::Credentials;
use crate::cluster::events::Events;
use crate::config::OperatorConfig;
use crate::election::Leadership;
use crate::metrics::Metrics;
use crate::plugins::Registry;
use crate::readiness::Readiness;
use crate::state::State;
use crate::sync::Pipeline;
use crate::watch::Object;
use crate::webhook::certificate::Certificates;

pub(crate) use external_secret::is_ours;
pub(crate) use namespace_labels::NamespaceLabels;
pub(crate) use plugin::{ask_for_used, load_asked};
pub(crate) use store::{connect as connect_store, reference as store_reference};

/// Everything a reconcile works with.
pub(crate) struct Context {
    /// For effects: it sends no write while another replica leads.
    pub client: Client,
    /// Settings.
    pub config: OperatorConfig,
    /// Caches and queue.
    pub state: Arc<State>,
    /// Plugins.
    pub registry: Arc<Registry>,
    /// The way of a secret.
    pub pipeline: Pipeline,
    /// What stores refer to.
    pub credentials: Arc<Credentials>,
    /// Events.
    pub events: Events,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Who had what read, and what was written.
    pub audit: AuditLog,
    /// Labels of namespaces, for those stores and plugins that choose by them.
    pub namespace_labels: NamespaceLabels,
    /// Whether this process may act: to be asked before what is no request to the API server, such as a call of a
    /// provider, and not in the midst of a reconcile, which ends by itself when it may not.
    pub leadership: Leadership,
    /// What the webhook serves with, if there is one.
    pub(crate) certificates: Option<Arc<Certificates>>,
    /// How far the start has come.
    pub(crate) readiness: Readiness,
}

/// When to look at an object again; `None`: when it changes.
pub(crate) type Next = Option<(Class, Instant)>;

/// What is done once, when the caches are filled, whoever leads: the plugins are loaded.
pub(crate) fn prepare(context: &Context) {
    let plugins = plugin::announce_all(context);
    context.readiness.listed(plugins);
}

/// What is done when this process begins to work.
pub(crate) fn begin(context: &Context) {
    // Nobody told them of what has changed while another replica worked.
    for store in context.state.stores() {
        context.pipeline.forget_sessions(&store);
    }
    context.state.begin_work();
}

/// What is done when this process works no more, and stands by.
pub(crate) fn cease(context: &Context) {
    context.state.end_work();
    context.events.forget();
    context.pipeline.forget_unwritten();
    context.metrics.forget_work();
}

/// Reconciles one object.
pub(crate) async fn reconcile(context: &Arc<Context>, object: &Object, class: Class) -> Next {
    let next = look_at(context, object, class).await;
    // It may have gone in the midst of it.
    if context.state.uid_of(object).is_none() {
        context.metrics.forget(object);
    }
    next
}

async fn look_at(context: &Arc<Context>, object: &Object, class: Class) -> Next {
    match object {
        Object::ExternalSecret(name) => external_secret::reconcile(context, name, class).await,
        Object::SecretStore(_) | Object::ClusterSecretStore(_) => store::reconcile(context, object).await,
        Object::ClusterExternalSecret(name) => cluster_external_secret::reconcile(context, name).await,
        Object::PushSecret(name) => push_secret::reconcile(context, name).await,
        Object::ClusterPushSecret(name) => cluster_push_secret::reconcile(context, name).await,
        Object::Plugin(name) => plugin::reconcile(context, name, class).await,
    }
}

/// A success, with the credentials that came from the operator's namespace because the store names none and the
/// asker's has no such object: an admin must see as whom it works.
fn said<'a>(success: &str, stand_ins: impl IntoIterator<Item = &'a String>) -> String {
    let stand_ins: Vec<&str> = stand_ins.into_iter().map(String::as_str).collect();
    if stand_ins.is_empty() {
        return success.to_owned();
    }
    format!("{success}, as {} (--operator-namespace-fallback)", stand_ins.join(" and "))
}

/// A success, with the proxies that requests go by: what is reached is then theirs to decide.
fn through(success: String, proxies: impl IntoIterator<Item = String>) -> String {
    let proxies: Vec<String> = proxies.into_iter().collect();
    if proxies.is_empty() {
        success
    } else {
        format!("{success}, through the proxy {}", proxies.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_says_by_which_proxy() {
        let said =
            |proxies: &[&str]| through("ok".to_owned(), proxies.iter().map(|proxy| (*proxy).to_owned()));
        assert_eq!(said(&[]), "ok");
        assert_eq!(said(&["10.0.0.1:3128"]), "ok, through the proxy 10.0.0.1:3128");
        assert_eq!(said(&["a:1", "b:2"]), "ok, through the proxy a:1 and b:2");
    }

    #[test]
    fn a_condition_says_as_whom() {
        let none: [String; 0] = [];
        assert_eq!(said("secret synced", &none), "secret synced");
        let two = ["Secret ops/id".to_owned(), "ServiceAccount ops/gcp".to_owned()];
        assert_eq!(
            said("secret synced", &two),
            "secret synced, as Secret ops/id and ServiceAccount ops/gcp (--operator-namespace-fallback)"
        );
    }
}
