//! A test's part of Azure: one of the vaults under its real name, applications that may do something in it, and
//! stores and ExternalSecrets for them.

use claviger_testenv::{AzureApp, AzureView, Mark};
use serde_json::{Value, json};

use super::World;

/// A vault, for one test.
pub(crate) struct Vault<'a> {
    pub(crate) world: &'a World,
    pub(crate) azure: AzureView,
    /// Its name, the first label of its host.
    pub(crate) name: &'static str,
}

impl<'a> Vault<'a> {
    /// One under its real name; none, loudly, where the tests have no network of their own.
    pub(crate) fn new(world: &'a World, name: &'static str) -> Option<Self> {
        if world.env.clouds.is_none() {
            let message = "SKIPPED: Azure's real names need a network of their own, run it by `cargo xtask test` as root";
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
            eprintln!("{message}");
            return None;
        }
        Some(Self { world, azure: world.env.azure.clone(), name })
    }

    /// `vaultUrl`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}.vault.azure.net", self.name)
    }

    /// An application with these permissions here.
    pub(crate) fn app(&self, permissions: &[&str]) -> AzureApp {
        let app = self.azure.app(&self.world.name).unwrap();
        self.azure.allow(&app, self.name, permissions).unwrap();
        app
    }

    /// One that may get secrets, with its client secret in the Secret `login` (`id`, `secret`).
    pub(crate) fn login(&self, permissions: &[&str]) -> AzureApp {
        let app = self.app(permissions);
        self.login_secret(&app.client_id, &self.azure.client_secret(&app).unwrap());
        app
    }

    /// The Secret `login`.
    pub(crate) fn login_secret(&self, id: &str, secret: &str) {
        self.secret("login", json!({"id": id, "secret": secret}));
    }

    /// A Secret of Kubernetes.
    pub(crate) fn secret(&self, name: &str, data: Value) {
        self.world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.world.name},
            "stringData": data,
        }));
    }

    /// `authSecretRef` with the Secret `login`.
    pub(crate) fn auth() -> Value {
        json!({"clientId": {"name": "login", "key": "id"}, "clientSecret": {"name": "login", "key": "secret"}})
    }

    /// A value under a name of this test's.
    pub(crate) fn put(&self, name: &str, value: &str) -> String {
        self.azure.set_secret(self.name, name, value, &Value::Null).unwrap()
    }

    /// A SecretStore for this vault, by what else stands in the provider's object; null leaves a field out.
    pub(crate) fn store(&self, name: &str, rest: Value) {
        self.store_every(name, 5, rest);
    }

    /// The same, validated every so many seconds: each time it lists a secret.
    pub(crate) fn store_every(&self, name: &str, seconds: u64, rest: Value) {
        let mut azure = json!({"vaultUrl": self.url(), "tenantId": AzureView::TENANT});
        for (field, value) in rest.as_object().unwrap() {
            azure[field] = value.clone();
        }
        azure.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": name, "namespace": self.world.name},
            "spec": {"controller": self.world.name, "refreshInterval": seconds, "provider": {"azurekv": azure}},
        }));
    }

    /// An ExternalSecret: `spec` beside store and interval.
    pub(crate) fn external_secret(&self, name: &str, store: &str, interval: &str, spec: Value) {
        let mut whole = json!({"refreshInterval": interval, "secretStoreRef": {"name": store}});
        for (field, value) in spec.as_object().unwrap() {
            whole[field] = value.clone();
        }
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": self.world.name}, "spec": whole,
        }));
    }

    /// One key as `v`, for an hour.
    pub(crate) fn one(&self, name: &str, store: &str, key: &str) {
        self.external_secret(
            name,
            store,
            "1h",
            json!({"data": [{"secretKey": "v", "remoteRef": {"key": key}}]}),
        );
    }

    /// How many requests of the store's since then had that action and status.
    pub(crate) fn count(&self, since: Mark, action: &str, status: u16) -> usize {
        let requests = self.azure.requests(since).unwrap();
        let ours = |it: &&claviger_testenv::AzureRequest| {
            it.action == action && it.status == status && it.principal == self.world.name
        };
        requests.iter().filter(ours).count()
    }
}
