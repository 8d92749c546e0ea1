//! The servers of a soak, and what is sent to them: an effect is tried again until its server takes it.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{Bao, Postgres, Progress, Proxy, Tools};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::manifests::{self, DATABASE, Login, MOUNT, NAMESPACE};
use super::model::Effect;
use crate::Product;
use crate::place::Place;
use crate::vault::call;

/// Until a server that was started takes a request; it takes them within seconds.
const TAKES: Duration = Duration::from_secs(120);

/// Roles of the database: TTL, and the most that renewals make of it. Short, so that what a crash lost has run out when it
/// is looked for.
const ROLES: [(&str, &str, &str); 2] = [("brief", "30s", "60s"), ("long", "60s", "10m")];

/// The rights of docs/providers/vault.md.
const POLICY: &str = "path \"soak/data/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n\
    path \"soak/metadata/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }\n\
    path \"soak-db/creds/*\" { capabilities = [\"read\"] }\n\
    path \"sys/leases/renew\" { capabilities = [\"update\"] }\n\
    path \"sys/leases/revoke\" { capabilities = [\"update\"] }\n\
    path \"auth/token/renew-accessor\" { capabilities = [\"update\"] }\n\
    path \"auth/token/revoke-accessor\" { capabilities = [\"update\"] }\n\
    path \"auth/token/revoke-self\" { capabilities = [\"update\"] }\n";

/// The servers.
pub(crate) struct Ground<'a> {
    pub(crate) place: Place<'a>,
    /// What the operator takes for OpenBao.
    pub(crate) proxy: Proxy,
    pub(crate) database: Option<Database>,
    pub(crate) login: Login,
}

impl<'a> Ground<'a> {
    /// Starts them, and makes engines, rights and stores.
    ///
    /// # Errors
    /// If something does not start or is refused.
    pub(crate) async fn start(progress: &Progress, product: &'a Product) -> Result<Self> {
        let place = Place::start(progress, product, "soak").await?;
        let made = Self::prepare(progress, &place).await;
        if made.is_err() {
            place.keep();
        }
        let (proxy, database, login) = made?;
        Ok(Self { place, proxy, database, login })
    }

    async fn prepare(progress: &Progress, place: &Place<'_>) -> Result<(Proxy, Option<Database>, Login)> {
        let proxy = Proxy::start(place.bao.view().address())?;
        let login = prepare_bao(&place.bao)?;
        let tools = Tools::prepare(progress)?;
        let database = match Postgres::start(&tools, place.dir()) {
            Ok(postgres) => Some(Database::prepare(&place.bao, &tools, postgres)?),
            Err(error) if error.missing().is_some() => {
                progress.say(format_args!("LEASES ARE LEFT OUT: {error}"));
                None
            }
            Err(error) => return Err(error.into()),
        };
        for object in manifests::stores(&proxy.address(), &login) {
            send_to(&place.client, &Effect::Apply(object)).await?;
        }
        Ok((proxy, database, login))
    }

    /// Sends it, and goes on trying for as long as a server may need to be there again.
    ///
    /// # Errors
    /// If it is not taken.
    pub(crate) async fn send(&self, effect: &Effect) -> Result<()> {
        let begin = Instant::now();
        loop {
            let outcome = match effect {
                Effect::Write { key, data } => {
                    let path = format!("{MOUNT}/data/{key}");
                    call(self.place.bao.view(), "POST", &path, &json!({"data": data})).map(drop)
                }
                Effect::Remove { key } => {
                    call(self.place.bao.view(), "DELETE", &format!("{MOUNT}/metadata/{key}"), &Value::Null)
                        .map(drop)
                }
                other => send_to(&self.place.client, other).await,
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) if begin.elapsed() > TAKES => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
    }

    /// All objects of a kind in the namespace.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub(crate) async fn list(&self, kind: &str) -> Result<Vec<Value>> {
        let list = api(&self.place.client, kind)
            .list(&ListParams::default())
            .await
            .with_context(|| format!("list {kind}"))?;
        list.into_iter().map(|object| Ok(serde_json::to_value(object)?)).collect()
    }

    /// Waits until the API server reads and writes.
    ///
    /// # Errors
    /// If it does not.
    pub(crate) async fn wait_api(&self) -> Result<()> {
        let probe = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "approle", "namespace": NAMESPACE, "annotations": {"probe": "1"}}});
        self.send(&Effect::Apply(probe)).await
    }

    /// Revokes all tokens of the operator's logins.
    ///
    /// # Errors
    /// If that is refused.
    pub(crate) fn revoke_tokens(&self) -> Result<()> {
        call(self.place.bao.view(), "PUT", "sys/leases/revoke-prefix/auth/approle/login", &json!({}))
            .map(drop)
    }
}

/// Engine, rights and login.
fn prepare_bao(bao: &Bao) -> Result<Login> {
    let view = bao.view();
    view.mount_kv2(MOUNT)?;
    call(view, "PUT", "sys/policies/acl/soak", &json!({"policy": POLICY}))?;
    call(view, "POST", "sys/auth/approle", &json!({"type": "approle"}))?;
    call(view, "POST", "auth/approle/role/soak", &json!({"token_policies": ["soak"], "token_ttl": "60m"}))?;
    let role = call(view, "GET", "auth/approle/role/soak/role-id", &Value::Null)?;
    let secret = call(view, "POST", "auth/approle/role/soak/secret-id", &json!({}))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Login { role: text(&role["data"]["role_id"]), secret: text(&secret["data"]["secret_id"]) })
}

async fn send_to(client: &Client, effect: &Effect) -> Result<()> {
    match effect {
        Effect::Apply(object) => {
            let kind = object["kind"].as_str().unwrap_or_default();
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let params = PatchParams::apply("soak").force();
            api(client, kind)
                .patch(name, &params, &Patch::Apply(object))
                .await
                .with_context(|| format!("apply {kind} {name}"))?;
        }
        Effect::Merge { kind, name, patch } => {
            let merged = api(client, kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
            absent_or(merged.map(drop)).with_context(|| format!("patch {kind} {name}"))?;
        }
        Effect::Delete { kind, name } => {
            let deleted = api(client, kind).delete(name, &DeleteParams::background()).await;
            absent_or(deleted.map(drop)).with_context(|| format!("delete {kind} {name}"))?;
        }
        Effect::Write { key, .. } | Effect::Remove { key } => bail!("{key} is OpenBao's"),
    }
    Ok(())
}

/// What is not there is as good.
fn absent_or(outcome: kube::Result<()>) -> kube::Result<()> {
    match outcome {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}

fn api(client: &Client, kind: &str) -> Api<DynamicObject> {
    let (group, version, plural) = match kind {
        "Namespace" => ("", "v1", "namespaces"),
        "Secret" => ("", "v1", "secrets"),
        "Event" => ("events.k8s.io", "v1", "events"),
        "SecretStore" => ("external-secrets.io", "v1", "secretstores"),
        "ClusterSecretStore" => ("external-secrets.io", "v1", "clustersecretstores"),
        "PushSecret" => ("external-secrets.io", "v1alpha1", "pushsecrets"),
        _ => ("external-secrets.io", "v1", "externalsecrets"),
    };
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    match kind {
        "Namespace" | "ClusterSecretStore" => Api::all_with(client.clone(), &resource),
        _ => Api::namespaced_with(client.clone(), NAMESPACE, &resource),
    }
}

/// A PostgreSQL behind the database engine.
pub(crate) struct Database {
    psql: std::path::PathBuf,
    postgres: Postgres,
}

impl Database {
    fn prepare(bao: &Bao, tools: &Tools, postgres: Postgres) -> Result<Self> {
        let view = bao.view();
        call(view, "POST", &format!("sys/mounts/{DATABASE}"), &json!({"type": "database"}))?;
        let url = format!(
            "postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/postgres?sslmode=disable",
            postgres.view().port
        );
        let config = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url,
            "username": postgres.view().superuser, "password": "not asked for",
        });
        call(view, "POST", &format!("{DATABASE}/config/main"), &config)?;
        for (name, ttl, max) in ROLES {
            let statement =
                "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'";
            let role = json!({"db_name": "main", "default_ttl": ttl, "max_ttl": max, "creation_statements": [statement]});
            call(view, "POST", &format!("{DATABASE}/roles/{name}"), &role)?;
        }
        Ok(Self { psql: tools.postgres()?.join("psql"), postgres })
    }

    /// Ids of leases that have not ended.
    ///
    /// # Errors
    /// If OpenBao does not say.
    pub(crate) fn leases(&self, bao: &Bao) -> Result<Vec<String>> {
        let mut alive = Vec::new();
        for (role, ..) in ROLES {
            let (status, answer) = bao.view().api(
                "LIST",
                &format!("sys/leases/lookup/{DATABASE}/creds/{role}"),
                &Value::Null,
            )?;
            if status == 404 {
                continue;
            }
            if status != 200 {
                bail!("OpenBao's leases: {status} {answer}");
            }
            for key in answer["data"]["keys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let id = format!("{DATABASE}/creds/{role}/{key}");
                // It lists for longer than it keeps what nobody waited for.
                let (status, answer) =
                    bao.view().api("PUT", "sys/leases/lookup", &json!({"lease_id": id}))?;
                if status == 200 && answer["data"]["ttl"].as_i64().is_some_and(|ttl| ttl > 0) {
                    alive.push(id);
                }
            }
        }
        Ok(alive)
    }

    /// Users that may log in.
    ///
    /// # Errors
    /// If the server does not say.
    pub(crate) fn users(&self) -> Result<Vec<String>> {
        let said = self.ask(
            &self.postgres.view().superuser,
            "",
            "select rolname from pg_roles where rolcanlogin and rolvaliduntil > now()",
        )?;
        Ok(said.lines().map(ToOwned::to_owned).collect())
    }

    /// Whether it takes that user and password.
    ///
    /// # Errors
    /// What it says, if not.
    pub(crate) fn accepts(&self, user: &str, password: &str) -> Result<()> {
        let said = self.ask(user, password, "select current_user")?;
        if said.trim() != user {
            bail!("the database takes {user} for {}", said.trim());
        }
        Ok(())
    }

    fn ask(&self, user: &str, password: &str, statement: &str) -> Result<String> {
        let port = self.postgres.view().port.to_string();
        let output = Command::new(&self.psql)
            .args(["-h", "127.0.0.1", "-p", &port, "-U", user, "-d", "postgres", "-tAc", statement])
            .env("PGPASSWORD", password)
            .env("PGCONNECT_TIMEOUT", "5")
            .output()
            .context("psql")?;
        if !output.status.success() {
            bail!("the database refuses {user}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
