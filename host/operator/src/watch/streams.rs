//! The watches, turned into calls on the shared state.
//!
//! Each stream backs off and resumes by itself; one that fails for ever (no right to watch) logs and
//! keeps trying, while the others go on. A stream never blocks on work: it updates a cache and queues.

use std::fmt::Debug;
use std::sync::Arc;

use claviger_core::template::SourceKind;
use claviger_crds::cluster_external_secret::ClusterExternalSecret;
use claviger_crds::cluster_push_secret::ClusterPushSecret;
use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::generators::GeneratorState;
use claviger_crds::plugin::Plugin;
use claviger_crds::push_secret::PushSecret;
use claviger_crds::store::{ClusterSecretStore, SecretStore};
use futures::{Stream, StreamExt, TryStreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::OperatorConfig;
use crate::state::{State, Unwatched};
use crate::watch::managed::ManagedSecret;
use crate::watch::relist::watched;

/// Starts every watch on `tasks`; each ends when `stop` is cancelled.
pub(crate) fn start(
    client: &Client,
    config: &OperatorConfig,
    state: &Arc<State>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let namespace = config.namespace.as_deref();
    let all = watcher::Config::default;
    let managed = all().labels(claviger_core::names::LABEL_MANAGED_SELECTOR);
    state.without(Unwatched {
        cluster_scope: namespace.is_some(),
        cluster_external_secrets: !config.spreads(),
        push_secrets: !config.push_secrets,
        cluster_push_secrets: !config.spreads_pushes(),
    });

    let external_secrets: Api<DeserializeGuard<ExternalSecret>> = scoped(client, namespace);
    run(
        tasks,
        stop,
        "externalsecrets",
        watched(external_secrets, all()),
        state,
        State::external_secret_event,
    );
    let left: Api<DeserializeGuard<GeneratorState>> = scoped(client, namespace);
    run(tasks, stop, "generatorstates", watched(left, all()), state, State::generator_state_event);
    let stores: Api<DeserializeGuard<SecretStore>> = scoped(client, namespace);
    run(tasks, stop, "secretstores", watched(stores, all()), state, State::store_event);
    if namespace.is_none() {
        let stores: Api<DeserializeGuard<ClusterSecretStore>> = Api::all(client.clone());
        run(tasks, stop, "clustersecretstores", watched(stores, all()), state, State::cluster_store_event);
        let plugins: Api<DeserializeGuard<Plugin>> = Api::all(client.clone());
        run(tasks, stop, "plugins", watched(plugins, all()), state, State::plugin_event);
    }
    if config.spreads() {
        let spreaders: Api<DeserializeGuard<ClusterExternalSecret>> = Api::all(client.clone());
        let event = State::cluster_external_secret_event;
        run(tasks, stop, "clusterexternalsecrets", watched(spreaders, all()), state, event);
    }
    if config.push_secrets {
        let pushers: Api<DeserializeGuard<PushSecret>> = scoped(client, namespace);
        run(tasks, stop, "pushsecrets", watched(pushers, all()), state, State::push_secret_event);
    }
    if config.spreads_pushes() {
        let spreaders: Api<DeserializeGuard<ClusterPushSecret>> = Api::all(client.clone());
        let event = State::cluster_push_secret_event;
        run(tasks, stop, "clusterpushsecrets", watched(spreaders, all()), state, event);
    }
    if config.spreads() || config.spreads_pushes() {
        let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
        run(tasks, stop, "namespaces", watched(namespaces, all()), state, State::namespace_event);
    }
    let secrets: Api<ManagedSecret> = scoped(client, namespace);
    run(tasks, stop, "managed secrets", watched(secrets, managed), state, State::managed_event);
    // The managed ones are seen already, and they are most of those that change.
    let others = all().labels(claviger_core::names::LABEL_NOT_MANAGED_SELECTOR);
    let secrets: Api<PartialObjectMeta<Secret>> = scoped(client, namespace);
    let others = watched(secrets, others).inspect_err({
        let state = state.clone();
        move |_| state.others_failed()
    });
    run(tasks, stop, "secrets", others, state, State::other_event);
    let maps: Api<PartialObjectMeta<ConfigMap>> = scoped(client, namespace);
    run(tasks, stop, "configmaps", watched(maps, all()), state, |state, event| {
        state.reference_event(SourceKind::ConfigMap, event);
    });
}

fn scoped<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn run<K, S>(
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
    what: &'static str,
    stream: S,
    state: &Arc<State>,
    on_event: impl Fn(&State, Event<K>) + Send + 'static,
) where
    K: Debug + Send + 'static,
    S: Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
{
    let (state, stop) = (state.clone(), stop.clone());
    tasks.spawn(async move {
        let mut stream = std::pin::pin!(stream.default_backoff().take_until(stop.cancelled()));
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => on_event(&state, event),
                // Metadata and status codes only: a watch error quotes no object.
                Err(error) => tracing::warn!(what, error = %error, "watch failed, retrying"),
            }
        }
    });
}
