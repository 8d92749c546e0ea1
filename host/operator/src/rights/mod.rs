//! Every right that the operator uses in a cluster, by its settings, and what for: one table, which `claviger doctor` asks
//! for and which the chart's roles are compared with. Pure.
//!
//! Not in it: what every ServiceAccount may (discovery, asking who it is, the issuer's public configuration), and kinds
//! that no setting names: targets other than Secrets ([`of_targets`]) and generators of somebody's own plugin.

mod manifests;

use crate::config::{CertificateSource, OperatorConfig};

pub use manifests::manifests;

const CORE: &str = "";
const OWN: &str = "external-secrets.io";
const GENERATORS: &str = "generators.external-secrets.io";
/// Neither a generator nor made by a person.
const LEFT_BEHIND: &str = "generatorstates";
/// The one that is of the cluster.
const CLUSTER_GENERATORS: &str = "clustergenerators";

/// What a right is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Secrets.
    Secrets,
    /// ExternalSecrets and stores.
    Objects,
    /// ConfigMaps.
    ConfigMaps,
    /// Generators' states, which are a list to wait for.
    LeftBehind,
    /// Plugins.
    Plugins,
    /// ClusterExternalSecrets.
    Spread,
    /// PushSecrets.
    Push,
    /// ClusterPushSecrets.
    SpreadPush,
    /// Which replica works.
    Election,
    /// The webhook's own authority.
    Webhook,
    /// Who calls `POST /refresh`, and what they may.
    Refresh,
    /// Targets that are no Secrets.
    Targets,
    /// Logins as a ServiceAccount.
    Accounts,
    /// The operator's own token.
    OwnAccount,
    /// Generators.
    Generators,
    /// Labels of namespaces.
    NamespaceLabels,
    /// Where the API server is.
    ApiServer,
    /// Events.
    Events,
    /// Owner references under an admission plugin.
    Owners,
    /// Restarts of workloads.
    Restarts,
}

impl Purpose {
    /// In words.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Secrets => "Secrets that ExternalSecrets make, and those that stores and PushSecrets read",
            Self::Objects => "ExternalSecrets and stores, and their status",
            Self::ConfigMaps => "ConfigMaps that stores and templates refer to, and those that hold plugins",
            Self::LeftBehind => "what generators leave behind (GeneratorStates)",
            Self::Plugins => "Plugins",
            Self::Spread => "ClusterExternalSecrets",
            Self::Push => "PushSecrets",
            Self::SpreadPush => "ClusterPushSecrets",
            Self::Election => "the election among replicas",
            Self::Webhook => "the webhook's own authority",
            Self::Refresh => "asking who calls POST /refresh, and what they may",
            Self::Targets => "targets of other kinds than Secret",
            Self::Accounts => "stores that log in as a ServiceAccount",
            Self::OwnAccount => "telling which tokens the API server takes itself",
            Self::Generators => "generators",
            Self::NamespaceLabels => "stores and plugins that choose namespaces by label",
            Self::ApiServer => "keeping stores from the API server's addresses",
            Self::Events => "events",
            Self::Owners => {
                "owner references, where the API server has OwnerReferencesPermissionEnforcement on"
            }
            Self::Restarts => "restarts of workloads (claviger.io/rollout-restart)",
        }
    }

    /// Whether nothing goes well without it; else only what it is for does not.
    pub const fn is_needed(self) -> bool {
        match self {
            Self::Secrets
            | Self::Objects
            | Self::ConfigMaps
            | Self::LeftBehind
            | Self::Plugins
            | Self::Spread
            | Self::Push
            | Self::SpreadPush
            | Self::Election
            | Self::Webhook => true,
            Self::Refresh
            | Self::Targets
            | Self::Accounts
            | Self::OwnAccount
            | Self::Generators
            | Self::NamespaceLabels
            | Self::ApiServer
            | Self::Events
            | Self::Owners
            | Self::Restarts => false,
        }
    }

    /// The flag that does without, where there is one.
    pub const fn spared_by(self) -> Option<&'static str> {
        match self {
            Self::Spread => Some("--enable-cluster-external-secret-reconciler=false"),
            Self::Push => Some("--enable-push-secret-reconciler=false"),
            Self::SpreadPush => Some("--enable-cluster-push-secret-reconciler=false"),
            Self::Webhook => Some("--webhook-cert-dir"),
            Self::Refresh => Some("--enable-refresh=false"),
            Self::Restarts => Some("--enable-rollouts=false"),
            _ => None,
        }
    }
}

/// Where a right has to hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In all namespaces, or of the cluster.
    Everywhere,
    /// In one.
    Namespace(String),
}

/// One right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// API group; empty: the core's.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// `status`, `token`; none: the object itself.
    pub subresource: Option<&'static str>,
    /// `get`, `list` …
    pub verb: &'static str,
    /// Where.
    pub place: Place,
    /// The one object that it is about; none: all.
    pub name: Option<String>,
    /// What for.
    pub purpose: Purpose,
}

impl Right {
    /// The resource as rules spell it.
    pub fn full_resource(&self) -> String {
        match self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.resource),
            None => self.resource.clone(),
        }
    }
}

/// A ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

#[derive(Default)]
struct Table {
    rights: Vec<Right>,
}

impl Table {
    /// Adds the verbs on each resource, unless they are there already for another purpose.
    fn add(
        &mut self,
        purpose: Purpose,
        place: &Place,
        group: &str,
        resources: &[&str],
        verbs: &[&'static str],
    ) {
        self.named(purpose, place, group, resources, verbs, None);
    }

    fn named(
        &mut self,
        purpose: Purpose,
        place: &Place,
        group: &str,
        resources: &[&str],
        verbs: &[&'static str],
        name: Option<&str>,
    ) {
        for (resource, &verb) in resources.iter().flat_map(|one| verbs.iter().map(move |verb| (one, verb))) {
            let (resource, subresource) = match resource.split_once('/') {
                Some((resource, "status")) => (resource, Some("status")),
                Some((resource, "token")) => (resource, Some("token")),
                Some((resource, _)) => (resource, Some("finalizers")),
                None => (*resource, None),
            };
            let right = Right {
                group: group.to_owned(),
                resource: resource.to_owned(),
                subresource,
                verb,
                place: place.clone(),
                name: name.map(str::to_owned),
                purpose,
            };
            let is_there = |known: &Right| Right { purpose, ..known.clone() } == right;
            if !self.rights.iter().any(is_there) {
                self.rights.push(right);
            }
        }
    }
}

/// Every right for these settings; `account` is who the operator runs as, if that is known.
pub fn rights(config: &OperatorConfig, account: Option<&Account>) -> Vec<Right> {
    let everywhere = Place::Everywhere;
    let work = config.namespace.clone().map_or(Place::Everywhere, Place::Namespace);
    let scoped = config.namespace.is_some();
    let mut table = Table::default();
    let all = &["get", "list", "watch", "create", "patch", "delete"];
    table.add(Purpose::Secrets, &work, CORE, &["secrets"], all);
    table.add(Purpose::ConfigMaps, &work, CORE, &["configmaps"], &["get", "list", "watch"]);
    table.add(Purpose::Accounts, &work, CORE, &["serviceaccounts"], &["get"]);
    table.add(Purpose::Accounts, &work, CORE, &["serviceaccounts/token"], &["create"]);
    table.add(Purpose::Events, &work, "events.k8s.io", &["events"], &["create", "patch"]);

    // Watched; single reads are nobody's.
    let watched = &["list", "watch"];
    table.add(Purpose::Objects, &work, OWN, &["externalsecrets", "secretstores"], watched);
    table.add(Purpose::Objects, &work, OWN, &["externalsecrets/status", "secretstores/status"], &["patch"]);
    if !scoped {
        table.add(Purpose::Objects, &everywhere, OWN, &["clustersecretstores"], watched);
        table.add(Purpose::Objects, &everywhere, OWN, &["clustersecretstores/status"], &["patch"]);
        table.add(Purpose::Plugins, &everywhere, "claviger.io", &["plugins"], watched);
        table.add(Purpose::Plugins, &everywhere, "claviger.io", &["plugins/status"], &["patch"]);
    }
    table.add(Purpose::Owners, &work, OWN, &["externalsecrets/finalizers"], &["update"]);
    spreads(&mut table, config, &work);

    for plural in generators().iter().filter(|plural| *plural != CLUSTER_GENERATORS || !scoped) {
        let place = if plural == CLUSTER_GENERATORS { &everywhere } else { &work };
        table.add(Purpose::Generators, place, GENERATORS, &[plural.as_str()], &["get"]);
    }
    let states = &["list", "watch", "create", "patch", "delete"];
    table.add(Purpose::LeftBehind, &work, GENERATORS, &[LEFT_BEHIND], states);
    table.add(Purpose::LeftBehind, &work, GENERATORS, &["generatorstates/status"], &["patch"]);

    if config.rollouts {
        let workloads = &["deployments", "statefulsets", "daemonsets"];
        table.add(Purpose::Restarts, &work, "apps", workloads, &["get", "list", "patch"]);
    }
    let default = Place::Namespace("default".to_owned());
    table.add(Purpose::ApiServer, &default, "discovery.k8s.io", &["endpointslices"], watched);
    let kubernetes = Some("kubernetes");
    table.named(Purpose::ApiServer, &default, CORE, &["services"], &["get"], kubernetes);

    if let Some(account) =
        account.filter(|account| scoped && Some(&account.namespace) != config.namespace.as_ref())
    {
        let place = Place::Namespace(account.namespace.clone());
        let (token, name) = (&["serviceaccounts/token"], Some(account.name.as_str()));
        table.named(Purpose::OwnAccount, &place, CORE, token, &["create"], name);
    }
    if let Some(election) = &config.election {
        let (place, lease) = (Place::Namespace(election.namespace.clone()), Some(election.name.as_str()));
        let group = "coordination.k8s.io";
        // Creating cannot be limited to a name.
        table.add(Purpose::Election, &place, group, &["leases"], &["create"]);
        table.named(Purpose::Election, &place, group, &["leases"], &["get", "update"], lease);
    }
    webhook(&mut table, config);
    if config.webhook.as_ref().is_some_and(|webhook| webhook.refresh.is_some()) {
        let create = &["create"];
        table.add(Purpose::Refresh, &everywhere, "authentication.k8s.io", &["tokenreviews"], create);
        table.add(Purpose::Refresh, &everywhere, "authorization.k8s.io", &["subjectaccessreviews"], create);
    }
    table.rights
}

/// What is made in many namespaces, and pushed.
fn spreads(table: &mut Table, config: &OperatorConfig, work: &Place) {
    let everywhere = &Place::Everywhere;
    let read = &["get", "list", "watch"];
    if config.spreads() {
        let kind = "clusterexternalsecrets";
        table.add(Purpose::Spread, everywhere, OWN, &[kind], read);
        table.add(Purpose::Spread, everywhere, OWN, &["clusterexternalsecrets/status"], &["patch"]);
        let made = &["get", "create", "patch", "delete"];
        table.add(Purpose::Spread, everywhere, OWN, &["externalsecrets"], made);
        table.add(Purpose::Spread, everywhere, CORE, &["namespaces"], read);
        table.add(Purpose::Owners, everywhere, OWN, &["clusterexternalsecrets/finalizers"], &["update"]);
    }
    if config.push_secrets {
        // Patched for their finalizer.
        table.add(Purpose::Push, work, OWN, &["pushsecrets"], &["get", "list", "watch", "patch"]);
        table.add(Purpose::Push, work, OWN, &["pushsecrets/status"], &["patch"]);
    }
    if config.spreads_pushes() {
        table.add(Purpose::SpreadPush, everywhere, OWN, &["clusterpushsecrets"], read);
        table.add(Purpose::SpreadPush, everywhere, OWN, &["clusterpushsecrets/status"], &["patch"]);
        table.add(Purpose::SpreadPush, everywhere, OWN, &["pushsecrets"], &["create", "delete"]);
        table.add(Purpose::SpreadPush, everywhere, CORE, &["namespaces"], read);
        table.add(Purpose::Owners, everywhere, OWN, &["clusterpushsecrets/finalizers"], &["update"]);
    }
    if config.namespace.is_none() {
        table.add(Purpose::NamespaceLabels, everywhere, CORE, &["namespaces"], &["get"]);
    }
}

/// What the webhook's own authority is kept in, and told by.
fn webhook(table: &mut Table, config: &OperatorConfig) {
    let Some(CertificateSource::Authority(names)) =
        config.webhook.as_ref().map(|webhook| &webhook.certificates)
    else {
        return;
    };
    let own = Place::Namespace(config.operator_namespace.clone());
    let (secret, configuration) = (Some(names.secret.as_str()), Some(names.configuration.as_str()));
    let verbs = &["get", "list", "watch", "patch"];
    table.add(Purpose::Webhook, &own, CORE, &["secrets"], &["create"]);
    table.named(Purpose::Webhook, &own, CORE, &["secrets"], verbs, secret);
    let (group, kind) = ("admissionregistration.k8s.io", "validatingwebhookconfigurations");
    table.named(Purpose::Webhook, &Place::Everywhere, group, &[kind], verbs, configuration);
    // About the Secret.
    if config.namespace.as_ref().is_some_and(|namespace| *namespace != config.operator_namespace) {
        table.add(Purpose::Events, &own, "events.k8s.io", &["events"], &["create", "patch"]);
    }
}

/// For targets of that kind in that namespace (`--unsafe-allow-generic-targets`).
pub fn of_targets(group: &str, plural: &str, namespace: &str) -> Vec<Right> {
    let mut table = Table::default();
    let place = Place::Namespace(namespace.to_owned());
    table.add(Purpose::Targets, &place, group, &[plural], &["get", "create", "patch", "delete"]);
    table.rights
}

/// Plurals of the kinds of generators that come with the operator.
fn generators() -> Vec<String> {
    let all = claviger_crds::generate::definitions().into_iter();
    let plurals = all.filter(|crd| crd.spec.group == GENERATORS).map(|crd| crd.spec.names.plural);
    plurals.filter(|plural| plural != LEFT_BEHIND).collect()
}

#[cfg(test)]
mod tests;
