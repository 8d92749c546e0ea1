//! What is put into the cluster: namespaces with a store each, ExternalSecrets over the keys, and how they are counted.
//!
//! Each ExternalSecret takes two properties of one key, as most do that hold a user and a password.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, DynamicObject, ListParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::place::PATIENCE;
use crate::vault::{self, Login, MOUNT};

/// Requests at once when objects are made: the API server is not the thing that is measured then.
const MAKERS: usize = 16;

/// A population of ExternalSecrets.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    /// Each namespace has one store.
    pub(crate) namespaces: Vec<String>,
    /// Number n reads key n modulo this.
    pub(crate) keys: usize,
    /// `spec.refreshInterval`.
    pub(crate) interval: &'static str,
}

impl Population {
    /// Ten namespaces with a store each, and fifty keys.
    pub(crate) fn usual(prefix: &str, interval: &'static str) -> Self {
        Self { namespaces: (0..10).map(|n| format!("{prefix}{n}")).collect(), keys: 50, interval }
    }

    /// Where number n lives.
    pub(crate) fn namespace(&self, number: usize) -> &str {
        &self.namespaces[number % self.namespaces.len()]
    }

    /// Which key it reads.
    pub(crate) fn key(&self, number: usize) -> usize {
        number % self.keys
    }

    /// Its manifest.
    pub(crate) fn external_secret(&self, number: usize) -> Value {
        let entry = |property: usize| {
            json!({"secretKey": format!("p{property}"),
                   "remoteRef": {"key": vault::name(self.key(number)), "property": format!("p{property}")}})
        };
        json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name(number), "namespace": self.namespace(number)},
            "spec": {"refreshInterval": self.interval, "secretStoreRef": {"name": "vault"},
                     "target": {"name": name(number)}, "data": [entry(0), entry(1)]},
        })
    }

    /// Makes namespaces, the login's Secrets and the stores.
    ///
    /// # Errors
    /// If one is refused.
    pub(crate) async fn stores(
        &self,
        client: &Client,
        server: &str,
        login: &Login,
        controller: Option<&str>,
    ) -> Result<()> {
        for namespace in &self.namespaces {
            let mut store = json!({
                "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
                "metadata": {"name": "vault", "namespace": namespace},
                "spec": {"provider": {"vault": {"server": server, "path": MOUNT, "auth": {"appRole": {
                    "path": "approle", "roleId": login.role, "secretRef": {"name": "approle", "key": "id"}}}}}},
            });
            if let Some(controller) = controller {
                store["spec"]["controller"] = json!(controller);
            }
            let made = [
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "approle", "namespace": namespace},
                       "stringData": {"id": login.secret}}),
                store,
            ];
            for object in made {
                create(client, object).await?;
            }
        }
        Ok(())
    }

    /// Makes the ExternalSecrets of these numbers.
    ///
    /// # Errors
    /// If one is refused.
    pub(crate) async fn create(&self, client: &Client, numbers: std::ops::Range<usize>) -> Result<()> {
        let made = futures::stream::iter(numbers.map(|number| create(client, self.external_secret(number))));
        made.buffer_unordered(MAKERS).try_collect::<Vec<_>>().await?;
        Ok(())
    }

    /// What their Secrets hold should be in these generations of the keys; the first that is not, if there is one.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub(crate) async fn wrong(
        &self,
        client: &Client,
        numbers: std::ops::Range<usize>,
        generation: impl Fn(usize) -> usize,
    ) -> Result<Option<String>> {
        let mut found: BTreeMap<(String, String), Secret> = BTreeMap::new();
        for namespace in &self.namespaces {
            for secret in
                Api::<Secret>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?
            {
                let name = secret.metadata.name.clone().unwrap_or_default();
                found.insert((namespace.clone(), name), secret);
            }
        }
        for number in numbers {
            let (key, at) = (self.key(number), (self.namespace(number).to_owned(), name(number)));
            let data = found.get(&at).and_then(|secret| secret.data.as_ref());
            for property in 0..2 {
                let is =
                    data.and_then(|data| data.get(&format!("p{property}"))).map(|value| value.0.as_slice());
                let should = vault::value(key, property, generation(key));
                if is != Some(should.as_bytes()) {
                    let is = is.map(|is| String::from_utf8_lossy(is).into_owned());
                    return Ok(Some(format!("Secret {}/{} has {is:?} and not {should:?}", at.0, at.1)));
                }
            }
        }
        Ok(None)
    }
}

/// Its name, and its Secret's.
pub(crate) fn name(number: usize) -> String {
    format!("es{number}")
}

/// The kind ExternalSecret.
pub(crate) fn external_secrets() -> ApiResource {
    resource("external-secrets.io", "v1", "ExternalSecret", "externalsecrets")
}

/// How many of them are Ready, and of how many.
///
/// # Errors
/// If they cannot be listed.
pub(crate) async fn ready(client: &Client, namespaces: &[String]) -> Result<(usize, usize)> {
    let (mut ready, mut all) = (0, 0);
    for namespace in namespaces {
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &external_secrets());
        for object in api.list(&ListParams::default()).await? {
            all += 1;
            let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            ready +=
                usize::from(conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"));
        }
    }
    Ok((ready, all))
}

/// Waits until all are ready.
///
/// # Errors
/// If that takes too long.
pub(crate) async fn wait_ready(client: &Client, population: &Population, count: usize) -> Result<()> {
    let begin = Instant::now();
    loop {
        let (ready, all) = ready(client, &population.namespaces).await?;
        if ready >= count {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            bail!("{ready} of {all} ExternalSecrets are Ready after {:?}", begin.elapsed());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn create(client: &Client, object: Value) -> Result<()> {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let resource = match kind.as_str() {
        "Namespace" => resource("", "v1", "Namespace", "namespaces"),
        "Secret" => resource("", "v1", "Secret", "secrets"),
        "SecretStore" => resource("external-secrets.io", "v1", "SecretStore", "secretstores"),
        _ => external_secrets(),
    };
    let object: DynamicObject = serde_json::from_value(object)?;
    let name = object.metadata.name.clone().unwrap_or_default();
    let api = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.create(&PostParams::default(), &object).await.with_context(|| format!("create {kind} {name}"))?;
    Ok(())
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version,
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}
