//! What has to hold once nothing happens: every difference between what there is and what the model says.
//!
//! Each is a sentence with a name in it. An empty list is what the soak is after.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::ground::Ground;
use super::manifests::MOUNT;
use super::model::{Data, Expected, MARKER, Model, Secret, THEIRS, leased_name, secret_name, source_name};
use super::plan::Creation;

/// A look at everything.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What is not as it should be, but for leases.
    pub(crate) wrong: Vec<String>,
    /// What is not as it should be of leases and the database's users.
    pub(crate) leases: Vec<String>,
    /// Secrets whose owner, by its uid, is not there any more: Kubernetes' to delete, and nobody else's.
    pub(crate) ownerless: BTreeSet<String>,
    /// Leases that live and that no Secret records.
    pub(crate) lost: BTreeSet<String>,
    /// Objects of the operator's kinds, and their Secrets.
    pub(crate) objects: usize,
    /// Passwords that were made.
    pub(crate) passwords: BTreeSet<String>,
}

/// Looks at everything.
///
/// # Errors
/// If a server does not answer.
pub(crate) async fn look(ground: &Ground<'_>, model: &Model) -> Result<Found> {
    let secrets = by_name(ground.list("Secret").await?);
    let external = by_name(ground.list("ExternalSecret").await?);
    let pushes = by_name(ground.list("PushSecret").await?);
    let mut found = Found { objects: secrets.len() + external.len() + pushes.len(), ..Found::default() };
    let wrong = &mut found.wrong;
    for (kind, objects) in [("Secret", &secrets), ("ExternalSecret", &external), ("PushSecret", &pushes)] {
        for (name, object) in objects {
            if let Some(since) = object["metadata"]["deletionTimestamp"].as_str() {
                wrong.push(format!(
                    "{kind} {name} is being deleted since {since}, with finalizers {}: {}",
                    object["metadata"]["finalizers"], object["status"]["conditions"]
                ));
            }
            if object["status"].to_string().contains(MARKER) {
                wrong.push(format!("a value stands in the status of {kind} {name}"));
            }
        }
    }
    for store in ground.list("SecretStore").await?.iter().chain(&ground.list("ClusterSecretStore").await?) {
        if condition(store).0 != "True" {
            wrong.push(format!("store {}: {}", store["metadata"]["name"], store["status"]["conditions"]));
        }
    }
    stored(model, &external, &secrets, wrong);
    extra(model, &external, &secrets, &pushes, wrong);
    found.ownerless = ownerless(&external, &secrets);
    pushed(ground, model, &pushes, &mut found.wrong)?;
    if ground.database.is_some() {
        leased(ground, model, &external, &secrets, &mut found)?;
    }
    Ok(found)
}

/// ExternalSecrets over stored keys, and what they wrote.
fn stored(
    model: &Model,
    external: &BTreeMap<String, Value>,
    secrets: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) {
    for (slot, secret) in &model.secrets {
        let name = secret_name(*slot);
        let Some(object) = external.get(&name) else {
            wrong.push(format!("ExternalSecret {name} is not there"));
            continue;
        };
        let (status, reason, message) = condition(object);
        let is = secrets.get(&secret.target).map(data);
        let said = format!("Ready is {status:?}, {reason}: {message}");
        match model.expected(*slot) {
            Some(Expected::Exactly(should)) => {
                if status != "True" || reason == "SecretDeleted" {
                    wrong.push(format!("ExternalSecret {name}: {said}"));
                }
                if is.as_ref() != Some(&should) {
                    wrong.push(format!(
                        "Secret {} of {name} has {is:?} and not {should:?} ({said})",
                        secret.target
                    ));
                }
            }
            Some(Expected::Deleted) if is.is_some() || reason != "SecretDeleted" => {
                wrong.push(format!("Secret {} of {name} should be deleted ({said})", secret.target));
            }
            Some(Expected::Kept) => {
                if (status.as_str(), reason.as_str()) != ("False", "RemoteKeyNotFound") {
                    wrong.push(format!("ExternalSecret {name} lacks a key: {said}"));
                }
                wrong.extend(kept(secret, is.as_ref()));
            }
            Some(Expected::Deleted) | None => {}
        }
    }
    for secret in model.left.values() {
        // It may never have been made.
        let left = Secret { certain: false, ..secret.clone() };
        wrong.extend(kept(&left, secrets.get(&secret.target).map(data).as_ref()));
    }
}

/// What is wrong with a Secret that is kept while a key is missing, or after its ExternalSecret.
fn kept(secret: &Secret, is: Option<&Data>) -> Vec<String> {
    let name = &secret.target;
    let Some(is) = is else {
        return match secret.certain {
            true => vec![format!("Secret {name} should be kept and is gone")],
            false => Vec::new(),
        };
    };
    let theirs = |key: &str, value: &str| secret.wish.creation == Creation::Merge && (key, value) == THEIRS;
    let known = |key: &str, value: &str| secret.had.get(key).is_some_and(|had| had.contains(value));
    is.iter()
        .filter(|(key, value)| !known(key, value) && !theirs(key, value))
        .map(|(key, value)| format!("Secret {name}, which is kept, has {key}: {value}"))
        .collect()
}

/// What nobody asked for.
fn extra(
    model: &Model,
    external: &BTreeMap<String, Value>,
    secrets: &BTreeMap<String, Value>,
    pushes: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) {
    let mut known: BTreeSet<String> = ["approle".to_owned()].into();
    for (slot, secret) in &model.secrets {
        known.insert(secret.target.clone());
        // What it had before goes when it writes the next.
        if model.expected(*slot) == Some(Expected::Kept) {
            known.extend(secret.before.iter().cloned());
        }
    }
    known.extend(model.left.keys().cloned());
    known.extend(model.sources.keys().map(|slot| source_name(*slot)));
    known.extend(model.leased.values().map(|leased| leased.target.clone()));
    let extra = secrets.keys().filter(|name| !known.contains(*name));
    wrong.extend(
        extra.map(|name| format!("Secret {name} should not be there: {}", secrets[name]["metadata"])),
    );
    let known: BTreeSet<String> = model
        .secrets
        .keys()
        .map(|slot| secret_name(*slot))
        .chain(model.leased.keys().map(|slot| leased_name(*slot)))
        .collect();
    let extra = external.keys().filter(|name| !known.contains(*name));
    wrong.extend(extra.map(|name| format!("ExternalSecret {name} should not be there")));
    let known: BTreeSet<&String> = model.pushes.values().map(|push| &push.name).collect();
    let extra = pushes.keys().filter(|name| !known.contains(name));
    wrong.extend(extra.map(|name| format!("PushSecret {name} should not be there")));
}

/// Secrets of ExternalSecrets that are gone, whether or not there is another of the same name.
fn ownerless(external: &BTreeMap<String, Value>, secrets: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let there: BTreeSet<&str> =
        external.values().filter_map(|object| object["metadata"]["uid"].as_str()).collect();
    let gone = |secret: &Value| {
        let owner = &secret["metadata"]["ownerReferences"][0]["uid"];
        owner.as_str().is_some_and(|uid| !there.contains(uid))
    };
    secrets.iter().filter(|(_, secret)| gone(secret)).map(|(name, _)| name.clone()).collect()
}

/// PushSecrets, and what they pushed.
fn pushed(
    ground: &Ground<'_>,
    model: &Model,
    pushes: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) -> Result<()> {
    for (slot, push) in &model.pushes {
        let Some(object) = pushes.get(&push.name) else {
            wrong.push(format!("PushSecret {} is not there", push.name));
            continue;
        };
        let (status, reason, message) = condition(object);
        let good = match model.sources.contains_key(slot) {
            true => status == "True" && reason == "Synced",
            // What never was there cannot be deleted.
            false => reason == "SourceDeleted" || reason == "Errored",
        };
        if !good {
            wrong.push(format!("PushSecret {}: Ready is {status:?}, {reason}: {message}", push.name));
        }
    }
    let should = model.pushed();
    let mut is = BTreeMap::new();
    for path in walk(ground, "pushed/")? {
        let (status, answer) =
            ground.place.bao.view().api("GET", &format!("{MOUNT}/data/{path}"), &Value::Null)?;
        let values = answer["data"]["data"].as_object().filter(|_| status == 200);
        let Some(values) = values else {
            wrong.push(format!("{path} of OpenBao has metadata and no version ({status})"));
            continue;
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        is.insert(path, values.iter().map(|(key, value)| (key.clone(), text(value))).collect::<Data>());
    }
    for path in is.keys().chain(should.keys()).collect::<BTreeSet<_>>() {
        let (is, should) = (is.get(path), should.get(path));
        if is != should {
            wrong.push(format!("{path} of OpenBao has {is:?} and not {should:?}"));
        }
    }
    Ok(())
}

/// Keys below a path, with it.
fn walk(ground: &Ground<'_>, path: &str) -> Result<Vec<String>> {
    let (status, answer) =
        ground.place.bao.view().api("LIST", &format!("{MOUNT}/metadata/{path}"), &Value::Null)?;
    match status {
        404 => return Ok(Vec::new()),
        200 => {}
        _ => bail!("OpenBao: list {path}: {status} {answer}"),
    }
    let mut keys = Vec::new();
    for key in answer["data"]["keys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let below = format!("{path}{key}");
        if key.ends_with('/') { keys.extend(walk(ground, &below)?) } else { keys.push(below) }
    }
    Ok(keys)
}

/// Credentials on lease: one lives for each ExternalSecret, the database takes it, and no other lives.
fn leased(
    ground: &Ground<'_>,
    model: &Model,
    external: &BTreeMap<String, Value>,
    secrets: &BTreeMap<String, Value>,
    found: &mut Found,
) -> Result<()> {
    let Some(database) = &ground.database else { return Ok(()) };
    let alive: BTreeSet<String> = database.leases(&ground.place.bao)?.into_iter().collect();
    let users: BTreeSet<String> = database.users()?.into_iter().collect();
    let (mut held, mut recorded, mut used) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (slot, leased) in &model.leased {
        let name = leased_name(*slot);
        let Some(object) = external.get(&name) else {
            found.wrong.push(format!("ExternalSecret {name} is not there"));
            continue;
        };
        let (status, reason, message) = condition(object);
        if status != "True" {
            found.wrong.push(format!("ExternalSecret {name}: Ready is {status:?}, {reason}: {message}"));
        }
        let Some(secret) = secrets.get(&leased.target) else {
            found.wrong.push(format!("Secret {} of {name} is not there", leased.target));
            continue;
        };
        let record = record(secret);
        let now = ids(&record["held"]);
        recorded.extend(ids(&record));
        let (user, password) = leased.keys();
        let data = data(secret);
        match (data.get(user), data.get(password), data.len()) {
            (Some(user), Some(password), 2) => {
                found.passwords.insert(password.clone());
                used.insert(user.clone());
                if let Err(error) = database.accepts(user, password) {
                    found.leases.push(format!("Secret {}: {error} (it records {record})", leased.target));
                }
            }
            _ => found.wrong.push(format!("Secret {} has keys {:?}", leased.target, data.keys())),
        }
        let role = format!("/creds/{}/", leased.role());
        if now.len() != 1 || !now.iter().all(|id| id.contains(&role)) {
            found
                .wrong
                .push(format!("Secret {} records {record}, and should a lease of {role}", leased.target));
        }
        held.extend(now);
    }
    found.lost = alive.difference(&recorded).cloned().collect();
    let told = alive.symmetric_difference(&held);
    found.leases.extend(told.map(|id| match held.contains(id) {
        true => format!("lease {id} is held and has ended"),
        false if recorded.contains(id) => format!("lease {id} was replaced and lives"),
        false => format!("lease {id} lives and nothing records it"),
    }));
    let more = users.difference(&used);
    found.leases.extend(more.map(|user| format!("user {user} of the database is nobody's")));
    Ok(())
}

/// The record of what a Secret holds on lease.
fn record(secret: &Value) -> Value {
    let annotations = secret["metadata"]["annotations"].as_object();
    let record = annotations.into_iter().flatten().find(|(name, _)| name.starts_with("lease.claviger.io/"));
    record.and_then(|(_, text)| serde_json::from_str(text.as_str()?).ok()).unwrap_or_default()
}

/// Every lease's id in a part of a record.
fn ids(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(object) => {
            let own = value["lease"]["id"].as_str().map(ToOwned::to_owned);
            own.into_iter().chain(object.values().flat_map(ids)).collect()
        }
        Value::Array(list) => list.iter().flat_map(ids).collect(),
        _ => BTreeSet::new(),
    }
}

fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let named = |object: Value| (object["metadata"]["name"].as_str().unwrap_or_default().to_owned(), object);
    objects.into_iter().map(named).collect()
}

/// Status, reason and message of the condition Ready.
fn condition(object: &Value) -> (String, String, String) {
    let conditions = object["status"]["conditions"].as_array();
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    let text = |field: &str| ready.and_then(|ready| ready[field].as_str()).unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

fn data(secret: &Value) -> Data {
    let decoded = |text: &Value| {
        let bytes = STANDARD.decode(text.as_str().unwrap_or_default()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let data = secret["data"].as_object().into_iter().flatten();
    data.map(|(key, value)| (key.clone(), decoded(value))).collect()
}

/// Forms in which a text shows: plain, in base64 at any of three alignments, in hex.
pub(crate) fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let mut forms = vec![value.to_owned(), bytes.iter().map(|byte| format!("{byte:02x}")).collect()];
    // Groups that hold only its own bytes are the same whatever stands around it.
    for skip in 0..3.min(bytes.len()) {
        let inner = &bytes[skip..];
        forms.push(STANDARD.encode(&inner[..inner.len() - inner.len() % 3]));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_of_an_earlier_object_of_the_same_name_has_no_owner() {
        let owned = |uid: &str| json!({"metadata": {"ownerReferences": [{"name": "es1", "uid": uid}]}});
        let named = |name: &str, object: Value| (name.to_owned(), object);
        let external = BTreeMap::from([named("es1", json!({"metadata": {"uid": "new"}}))]);
        let secrets = BTreeMap::from([
            named("mine", owned("new")),
            named("its", owned("old")),
            named("nobodys", json!({"metadata": {}})),
        ]);
        assert_eq!(ownerless(&external, &secrets), ["its".to_owned()].into());
    }

    #[test]
    fn a_records_leases_are_found_wherever_they_stand() {
        let lease = |id: &str| json!({"kind": "SecretStore", "lease": {"id": id, "duration": 1}});
        let record = json!({"salt": "s", "held": [lease("a")], "retired": [lease("b"), lease("c")]});
        assert_eq!(ids(&record), ["a", "b", "c"].map(ToOwned::to_owned).into());
        assert_eq!(ids(&record["held"]), ["a".to_owned()].into());
    }

    #[test]
    fn a_value_is_found_inside_of_base64() {
        for before in ["", "x", "xy"] {
            let text = STANDARD.encode(format!("{before}{MARKER}1f-3-key and more"));
            assert!(forms(MARKER).iter().any(|form| text.contains(form)), "{before}");
        }
    }
}
