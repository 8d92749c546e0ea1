//! The provider `kubernetes`, with stores and ExternalSecrets as users write them. The other cluster is the tests' own API
//! server at another address, where a test has a namespace, and ServiceAccounts and users with rights in that alone.

mod find;
mod grants;
mod login;
mod rights;
mod secrets;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::Relay;
use serde_json::{Value, json};

use crate::support::World;

/// A test's part of the other cluster.
struct Remote<'a> {
    world: &'a World,
    relay: Relay,
    /// Its namespace there.
    namespace: String,
}

impl<'a> Remote<'a> {
    /// One with a ServiceAccount `reader` that may get and list Secrets.
    fn new(world: &'a World) -> Self {
        let relay = Relay::start(world.env.cluster.issuer().trim_start_matches("https://")).unwrap();
        let namespace = format!("{}-remote", world.name);
        world.apply_json(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        let remote = Self { world, relay, namespace };
        remote.account("reader", &["get", "list"]);
        remote
    }

    fn url(&self) -> String {
        format!("https://{}", self.relay.address())
    }

    /// A ServiceAccount there with these rights.
    fn account(&self, name: &str, verbs: &[&str]) {
        let metadata = json!({"name": name, "namespace": self.namespace});
        self.world.apply_json(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}));
        self.allow(
            json!({"kind": "ServiceAccount", "name": name, "namespace": self.namespace}),
            name,
            json!({ "verbs": verbs }),
        );
    }

    /// Rights to Secrets there, by a Role of that name.
    fn allow(&self, subject: Value, name: &str, rule: Value) {
        if rule["verbs"].as_array().unwrap().is_empty() {
            return;
        }
        let metadata = json!({"name": name, "namespace": self.namespace});
        let group = "rbac.authorization.k8s.io";
        let mut whole = json!({"apiGroups": [""], "resources": ["secrets"]});
        whole.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        self.world.apply_json(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata, "rules": [whole],
        }));
        self.world.apply_json(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name}, "subjects": [subject],
        }));
    }

    /// A token of a ServiceAccount there.
    fn token(&self, account: &str) -> String {
        let cluster = &self.world.env.cluster;
        cluster.service_account_token(&self.namespace, account, cluster.issuer()).unwrap()
    }

    /// A Secret there.
    fn put(&self, name: &str, data: Value, labels: Value) {
        self.world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "stringData": data,
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
        }));
    }

    /// `server` of a store.
    fn server(&self) -> Value {
        json!({"url": self.url(), "caBundle": STANDARD.encode(self.world.env.cluster.ca_pem())})
    }

    /// A Secret of the store's namespace.
    fn secret(&self, name: &str, data: Value) {
        self.world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.world.name},
            "stringData": data,
        }));
    }

    /// A store by its provider's object; `remoteNamespace` is the test's, if it says nothing else.
    fn store(&self, name: &str, mut kubernetes: Value) {
        if kubernetes.get("remoteNamespace").is_none() {
            kubernetes["remoteNamespace"] = self.namespace.as_str().into();
        }
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": name, "namespace": self.world.name},
            "spec": {"controller": self.world.name, "refreshInterval": 2, "provider": {"kubernetes": kubernetes}},
        }));
    }

    /// A store by the token of a ServiceAccount there, which is in a Secret of the store's name.
    fn store_as(&self, name: &str, account: &str) {
        self.secret(name, json!({"token": self.token(account)}));
        let auth = json!({"token": {"bearerToken": {"name": name, "key": "token"}}});
        self.store(name, json!({"server": self.server(), "auth": auth}));
    }

    /// An ExternalSecret by the rest of its spec.
    fn external_secret(&self, name: &str, store: &str, rest: Value) {
        let mut spec = json!({"refreshInterval": "2s", "secretStoreRef": {"name": store}});
        spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": self.world.name}, "spec": spec,
        }));
    }

    /// One key as `v`.
    fn one(&self, name: &str, store: &str, reference: Value) {
        self.external_secret(name, store, json!({"data": [{"secretKey": "v", "remoteRef": reference}]}));
    }

    /// Waits until a store is not ready for that reason; the message has all these words.
    fn refused(&self, kind: &str, name: &str, reason: &str, words: &[&str]) {
        let message = self.world.wait_reason(kind, name, reason);
        assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
    }
}
