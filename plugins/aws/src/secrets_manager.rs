//! Reading Secrets Manager: current values by the twenty, everything else one by one.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::Tag;
use claviger_plugin_sdk::provider::interface::{Facet, Item, Value};
use claviger_plugin_sdk::{Error, memo};
use futures_util::StreamExt as _;

use crate::aws::{AT_ONCE, Aws, Batch, DENIED_MS};
use crate::batch;
use crate::secret::{self, Version};

/// Set while the store's credentials have no right to `BatchGetSecretValue`.
const BATCH_DENIED: &str = "batch-denied";
const GET: &str = "secretsmanager:GetSecretValue";

type Answer = Result<Value, Error>;

/// One answer per item, in order, for keys that the prefix is put before.
pub(crate) async fn read(aws: &Aws, items: &[Item], prefix: &str) -> Vec<Answer> {
    let client = &aws.secrets_manager();
    let mut answers: BTreeMap<usize, Answer> = BTreeMap::new();
    let batches = secret::batches(items, prefix);
    let mut denied = Vec::new();
    if !batches.is_empty() && memo::peek(BATCH_DENIED).is_none() {
        for indices in batches {
            let names: Vec<String> =
                indices.iter().map(|index| format!("{prefix}{}", items[*index].key)).collect();
            match batch_of(aws, client, &names).await {
                Ok(read) => answers.extend(read.into_iter().map(|(at, answer)| (indices[at], answer))),
                Err(()) => denied.extend(indices),
            }
        }
    }
    let left: Vec<usize> = (0..items.len()).filter(|index| !answers.contains_key(index)).collect();
    let singles =
        left.into_iter().map(|index| async move { (index, one(aws, client, prefix, &items[index]).await) });
    let singles: Vec<_> = futures_util::stream::iter(singles).buffer_unordered(AT_ONCE).collect().await;
    answers.extend(singles);
    // What is forbidden in a batch has its own error there, so it is the right to batches that is missing;
    // unless nothing can be read, as with a session that was ended.
    if denied.iter().any(|index| answers.get(index).is_some_and(batch::may_read)) {
        memo::keep(BATCH_DENIED, b"1", DENIED_MS);
    }
    answers.into_values().collect()
}

/// What a batch brings, by the names' index; what it does not bring is read by itself. `Err` if
/// it is denied.
async fn batch_of(aws: &Aws, client: &Client, names: &[String]) -> Result<Vec<(usize, Answer)>, ()> {
    let request = client.batch_get_secret_value().set_secret_id_list(Some(names.to_vec()));
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            return match Batch::of(aws.trouble(&error), "secretsmanager:BatchGetSecretValue") {
                Batch::Single { denied: true } => Err(()),
                Batch::Single { denied: false } => Ok(Vec::new()),
                Batch::Over(error) => Ok((0..names.len()).map(|at| (at, Err(error.clone()))).collect()),
            };
        }
    };
    let mut found = Vec::new();
    let place = |name: Option<&str>| names.iter().position(|own| Some(own.as_str()) == name);
    for secret in answer.secret_values.unwrap_or_default() {
        if let Some(at) = place(secret.name.as_deref()) {
            found.push((at, value(secret.secret_string, secret.secret_binary, secret.version_id)));
        }
    }
    for error in answer.errors.unwrap_or_default() {
        let code = error.error_code.as_deref().unwrap_or_default();
        let message = error.message.as_deref().unwrap_or_default();
        // A batch asks for the same right to each secret as a read of its own: no second try.
        if let Some(at) = place(error.secret_id.as_deref()) {
            found.push((at, Err(aws.item_error(code, message, GET, &names[at]))));
        }
    }
    Ok(found)
}

async fn one(aws: &Aws, client: &Client, prefix: &str, item: &Item) -> Answer {
    let name = format!("{prefix}{}", item.key);
    if item.facet == Facet::Metadata {
        let answer = client.describe_secret().secret_id(&name).send().await;
        let answer = answer.map_err(|error| aws.error(&error, "secretsmanager:DescribeSecret", &name))?;
        return Ok(plain(tags(answer.tags.unwrap_or_default()).into_bytes(), None));
    }
    let request = client.get_secret_value().secret_id(&name);
    let request = match secret::version(item.version.as_deref()) {
        Version::Current => request,
        Version::Id(id) => request.version_id(id),
        Version::Stage(stage) => request.version_stage(stage),
    };
    let answer = request.send().await.map_err(|error| aws.error(&error, GET, &name))?;
    value(answer.secret_string, answer.secret_binary, answer.version_id)
}

fn value(text: Option<String>, binary: Option<Blob>, version: Option<String>) -> Answer {
    let data = text.map(String::into_bytes).or_else(|| binary.map(Blob::into_inner));
    let data = data.ok_or_else(|| Error::Other("it has neither SecretString nor SecretBinary".to_owned()))?;
    Ok(plain(data, version))
}

/// A value that everyone with the same session may have.
pub(crate) fn plain(data: Vec<u8>, version: Option<String>) -> Value {
    Value { data, entries: None, version, metadata: None, lease: None, shareable: true, dynamic: false }
}

fn tags(tags: Vec<Tag>) -> String {
    let pairs: BTreeMap<String, String> =
        tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect();
    serde_json::json!(pairs).to_string()
}
