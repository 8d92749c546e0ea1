//! Credentials that a real PostgreSQL gives by way of OpenBao's database engine: made once for each ExternalSecret,
//! recorded, renewed, replaced and taken back, as both servers see it.

mod ends;
mod generator;
mod killed;
mod kv_first;
mod lives;
mod rollout;
mod samples;
mod seed;
mod steps;
mod ten_minutes;

use std::collections::BTreeSet;

use claviger_testenv::Mark;
use serde_json::json;

use crate::support::{Database, Mount, Operator, World};

/// The rights of docs/providers/vault.md besides the credentials' own.
pub(crate) const LEASE_RIGHTS: &str = "path \"sys/leases/renew\" { capabilities = [\"update\"] }\n\
    path \"sys/leases/revoke\" { capabilities = [\"update\"] }\n\
    path \"auth/token/renew-accessor\" { capabilities = [\"update\"] }\n\
    path \"auth/token/revoke-accessor\" { capabilities = [\"update\"] }\n";

/// A KV store whose role may also read a database's credentials.
pub(crate) struct Corner<'a> {
    pub world: &'a World,
    pub mount: Mount<'a>,
    pub database: Database<'a>,
    /// The AppRole login's mount.
    pub login: String,
}

impl<'a> Corner<'a> {
    /// In the shared OpenBao: KV under the world's name, the database under `NAME-db`, with these roles (name, TTL,
    /// maximum), an AppRole login, and a SecretStore `vault`.
    pub(crate) fn new(world: &'a World, roles: &[(&str, &str, &str)], rights: &str) -> Self {
        Self::at(world, roles, rights, world.env.bao.address())
    }

    /// The same, where the store finds OpenBao at another address.
    pub(crate) fn at(world: &'a World, roles: &[(&str, &str, &str)], rights: &str, server: &str) -> Self {
        let mount = Mount::kv2(world);
        let database = Database::start(world, &world.env.bao, &format!("{}-db", world.name));
        for (role, ttl, max) in roles {
            database.role(role, ttl, max);
        }
        let kv = format!(
            "path \"{p}/data/*\" {{ capabilities = [\"read\"] }}\npath \"{p}/metadata/*\" {{ capabilities = [\"read\", \"list\"] }}\n",
            p = mount.path
        );
        let names: Vec<&str> = roles.iter().map(|(role, ..)| *role).collect();
        database.policy(&mount.path, &names, &format!("{kv}{rights}"));
        let (login, role, secret) = mount.app_role("60m");
        world.apply(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: approle, namespace: {ns}}}\nstringData: {{id: {secret}}}\n---\n\
             apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: vault, namespace: {ns}}}\n\
             spec:\n  controller: {ns}\n  provider:\n    vault: {{server: \"{server}\", path: {path}, auth: {{appRole: \
             {{path: {login}, roleId: {role}, secretRef: {{name: approle, key: id}}}}}}}}\n",
            ns = world.name,
            path = mount.path,
        ));
        Self { world, mount, database, login }
    }

    /// An ExternalSecret of `username` and `password` of a role.
    pub(crate) fn external_secret(&self, name: &str, role: &str, interval: &str, annotations: &str) {
        self.world.apply(&self.manifest(name, role, interval, annotations));
    }

    pub(crate) fn manifest(&self, name: &str, role: &str, interval: &str, annotations: &str) -> String {
        let key = format!("{}/creds/{role}", self.database.mount);
        format!(
            "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, namespace: {ns}, \
             annotations: {{{annotations}}}}}\nspec:\n  refreshInterval: {interval}\n  secretStoreRef: {{name: vault}}\n  data:\n\
             \x20   - {{secretKey: username, remoteRef: {{key: {key}, property: username}}}}\n\
             \x20   - {{secretKey: password, remoteRef: {{key: {key}, property: password}}}}\n",
            ns = self.world.name,
        )
    }

    /// How often something was asked of OpenBao since then: requests whose path begins so.
    pub(crate) fn asked(&self, since: Mark, path: &str) -> usize {
        let entries = self.world.env.bao.audit_entries(since).unwrap();
        entries.iter().filter(|entry| entry.kind == "request" && entry.path.starts_with(path)).count()
    }

    /// How often an operator has done that with leases, by its own count: requests in the audit log do not say of whose
    /// leases they are, and other tests have leases too.
    pub(crate) fn counted(operator: &Operator, operation: &str, outcome: &str) -> usize {
        let labels = format!("{{operation=\"{operation}\",outcome=\"{outcome}\"}}");
        let count = operator.metric(&format!("claviger_lease_operations_total{labels}"));
        // A count that there is none of yet has no series.
        count.map_or(0, |count| count as usize)
    }

    /// How often credentials of a role were made since then.
    pub(crate) fn made(&self, since: Mark, role: &str) -> usize {
        self.asked(since, &format!("{}/creds/{role}", self.database.mount))
    }

    /// Leases of a role that were made since then, whether or not anybody heard of them.
    pub(crate) fn leases_made(&self, since: Mark, role: &str) -> BTreeSet<String> {
        let path = format!("{}/creds/{role}", self.database.mount);
        let entries = self.world.env.bao.audit_entries(since).unwrap().into_iter();
        let made = entries.filter(|entry| entry.kind == "response" && entry.path == path);
        made.map(|entry| entry.lease_id).filter(|id| !id.is_empty()).collect()
    }

    /// The record on a Secret.
    pub(crate) fn record(&self, secret: &str) -> serde_json::Value {
        let found = self.world.get("secret", secret).unwrap_or(json!({}));
        let annotations = found["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        let record = annotations.iter().find(|(name, _)| name.starts_with("lease.claviger.io/"));
        record.map_or(json!(null), |(_, text)| serde_json::from_str(text.as_str().unwrap()).unwrap())
    }

    /// The id of the one lease that a Secret's record says it holds.
    pub(crate) fn lease_of(&self, secret: &str) -> String {
        let record = self.record(secret);
        assert_eq!(record["held"].as_array().map(Vec::len), Some(1), "{record}");
        record["held"][0]["lease"]["id"].as_str().unwrap().to_owned()
    }
}
