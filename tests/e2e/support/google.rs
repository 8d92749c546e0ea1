//! A test's own project at Google: secrets, service accounts and grants, made by the API as an administrator.
//!
//! Stores reach it under Google's real names, which mean the stand-in inside the tests' network; where there is no
//! such network the tests say so and do nothing. Its id is the test's name, so counts are the test's own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use claviger_testenv::{GoogleAccount, GoogleRequest, GoogleView, Mark};
use serde_json::{Value, json};

use super::World;

/// Reads values, and nothing else.
pub(crate) const ACCESSOR: &str = "roles/secretmanager.secretAccessor";
/// Sees and lists everything but values.
pub(crate) const VIEWER: &str = "roles/secretmanager.viewer";
/// Acts as a service account.
pub(crate) const WORKLOAD: &str = "roles/iam.workloadIdentityUser";

/// The project, for one test.
pub(crate) struct Project<'a> {
    /// The test.
    pub world: &'a World,
    /// The server.
    pub google: GoogleView,
    /// Its id.
    pub id: String,
    /// `projects/ID`.
    pub parent: String,
}

impl<'a> Project<'a> {
    /// A project under Google's names, or a loud skip.
    pub(crate) fn new(world: &'a World) -> Option<Self> {
        if world.env.clouds.is_none() {
            let message = format!(
                "SKIPPED: {}: Google's names need a network of their own, run it by `cargo xtask test` as root",
                world.name
            );
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
            eprintln!("{message}");
            return None;
        }
        Some(Self::named(world, &world.name, world.env.google.clone()))
    }

    /// One of that id, at that server.
    pub(crate) fn named(world: &'a World, id: &str, google: GoogleView) -> Self {
        google.project(id).unwrap();
        Self { world, google, id: id.to_owned(), parent: format!("projects/{id}") }
    }

    /// A global secret with a text.
    pub(crate) fn secret(&self, name: &str, value: &str) {
        self.google.secret(&self.parent, name, value.as_bytes(), &json!({})).unwrap();
    }

    /// A further version of one.
    pub(crate) fn version(&self, name: &str, value: &str) {
        self.google.version(&format!("{}/secrets/{name}", self.parent), value.as_bytes()).unwrap();
    }

    /// Gives a member a role on the whole project.
    pub(crate) fn grant(&self, member: &str, role: &str) {
        self.google.grant(member, &self.parent, role).unwrap();
    }

    /// A service account that may read all values of the project.
    pub(crate) fn reader(&self, name: &str) -> GoogleAccount {
        let account = self.google.service_account(&self.id, name).unwrap();
        self.grant(&member(&account), ACCESSOR);
        account
    }

    /// A Kubernetes Secret with that file under `key.json`.
    pub(crate) fn key_secret(&self, name: &str, file: &Value) {
        self.world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.world.name},
            "stringData": {"key.json": file.to_string()},
        }));
    }

    /// `auth` with the key of [`Project::key_secret`].
    pub(crate) fn key_auth(secret: &str) -> Value {
        json!({"secretRef": {"secretAccessKeySecretRef": {"name": secret, "key": "key.json"}}})
    }

    /// A SecretStore of that provider object, in this project unless it says otherwise; null leaves a field out.
    pub(crate) fn store(&self, name: &str, rest: Value) {
        let mut gcpsm = json!({"projectID": self.id});
        for (field, value) in rest.as_object().unwrap() {
            gcpsm[field] = value.clone();
        }
        gcpsm.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": name, "namespace": self.world.name},
            "spec": {"controller": self.world.name, "refreshInterval": 5, "provider": {"gcpsm": gcpsm}},
        }));
    }

    /// A store that must say why it does not work; all of `words` are in it.
    pub(crate) fn refused(&self, name: &str, rest: Value, reason: &str, words: &[&str]) -> String {
        self.store(name, rest);
        let message = self.world.wait_reason("secretstore", name, reason);
        for word in words {
            assert!(message.contains(word), "{name}: {word:?} is not in: {message}");
        }
        message
    }

    /// An ExternalSecret: `spec` beside store and interval.
    pub(crate) fn external_secret(&self, name: &str, store: &str, spec: Value) {
        self.external_secret_every(name, store, "1h", spec);
    }

    /// The same with an interval.
    pub(crate) fn external_secret_every(&self, name: &str, store: &str, interval: &str, spec: Value) {
        let mut whole = json!({"refreshInterval": interval, "secretStoreRef": {"name": store}});
        for (field, value) in spec.as_object().unwrap() {
            whole[field] = value.clone();
        }
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": self.world.name}, "spec": whole,
        }));
    }

    /// The right to make the `Plugin` object of the built-in: there is one of that name, so tests take turns.
    pub(crate) fn turn(&self) -> MutexGuard<'static, ()> {
        static PLUGIN: Mutex<()> = Mutex::new(());
        PLUGIN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `Plugin` object of the built-in for this test's operator, with those grants and settings.
    pub(crate) fn plugin(&self, grants: &Value, settings: &Value, _turn: &MutexGuard<'static, ()>) {
        self.world.apply_json(&json!({
            "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "gcpsm"},
            "spec": {
                "controller": self.world.name, "source": {"builtin": {}}, "grants": grants,
                "settings": settings, "namespaces": {"names": [self.world.name]},
            },
        }));
    }

    /// Waits until the Plugin has those of the operator's own.
    pub(crate) fn granted_now(&self, ambient: &Value) {
        self.world.wait("the grants to hold", || {
            let loaded = self.world.plugin("gcpsm").filter(|(ready, ..)| ready == "True");
            let found = loaded.map(|(.., status)| status["granted"]["ambient"].clone());
            if found.as_ref() == Some(ambient) { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }

    /// Requests since then that are about this project: its secrets, its service accounts, its providers.
    pub(crate) fn requests(&self, since: Mark) -> Vec<GoogleRequest> {
        let ours = |request: &GoogleRequest| {
            let names = request.names.iter().chain([&request.path, &request.principal]);
            let mut parts = names.flat_map(|name| name.split(['/', '@', ':', '[', '.']));
            parts.any(|part| part == self.id)
        };
        self.google.requests(since).unwrap().into_iter().filter(ours).collect()
    }

    /// How often that was done since then (`AccessSecretVersion`, `jwt-bearer`).
    pub(crate) fn count(&self, since: Mark, action: &str) -> usize {
        self.requests(since).iter().filter(|request| request.action == action).count()
    }
}

/// How policies name an account.
pub(crate) fn member(account: &GoogleAccount) -> String {
    format!("serviceAccount:{}", account.email)
}

/// An ExternalSecret's `data` with one value, whole.
pub(crate) fn one(key: &str) -> Value {
    json!({"data": [{"secretKey": "v", "remoteRef": {"key": key}}]})
}
