//! Reading Parameter Store: values by the ten, tags one by one.

use std::collections::BTreeMap;

use aws_credentials::client::Trouble;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{Parameter, ResourceTypeForTagging};
use claviger_plugin_sdk::provider::interface::{Facet, Item, Value};
use claviger_plugin_sdk::{Error, memo};
use futures_util::StreamExt as _;

use crate::aws::{AT_ONCE, Aws, Batch, DENIED_MS};
use crate::batch;
use crate::parameter::{self, Answered};
use crate::secrets_manager::plain;
use crate::tags::{self, Known, Untagged};

/// Set while the store's credentials have no right to `GetParameters`.
const BATCH_DENIED: &str = "batch-denied";

const NO_PARAMETER: &str = "the answer has no parameter";

type Answer = Result<Value, Error>;

/// One answer per item, in order, for keys that the prefix is put before.
pub(crate) async fn read(aws: &Aws, items: &[Item], prefix: &str) -> Vec<Answer> {
    let client = &aws.ssm();
    let names: Vec<String> = items.iter().map(|item| format!("{prefix}{}", item.key)).collect();
    let values: Vec<(usize, &str)> = (0..items.len())
        .filter(|index| items[*index].facet == Facet::Value)
        .map(|index| (index, names[index].as_str()))
        .collect();
    let batches = parameter::batches(&values);
    let mut answers: BTreeMap<usize, Answer> = BTreeMap::new();
    let mut denied = Vec::new();
    if !batches.is_empty() && memo::peek(BATCH_DENIED).is_none() {
        for indices in batches {
            let asked: Vec<String> = indices
                .iter()
                .map(|index| parameter::selector(&names[*index], items[*index].version.as_deref()))
                .collect();
            match batch_of(aws, client, &asked).await {
                Ok(read) => answers.extend(read.into_iter().map(|(at, answer)| (indices[at], answer))),
                Err(()) => denied.extend(indices),
            }
        }
    }
    let left: Vec<usize> = (0..items.len()).filter(|index| !answers.contains_key(index)).collect();
    let singles = left.into_iter().map(|index| {
        let name = &names[index];
        async move { (index, one(aws, client, name, &items[index]).await) }
    });
    let singles: Vec<_> = futures_util::stream::iter(singles).buffer_unordered(AT_ONCE).collect().await;
    answers.extend(singles);
    // One forbidden parameter forbids its whole batch. Only if each may be read by itself, it is the right
    // to batches that is missing.
    if !denied.is_empty() && denied.iter().all(|index| answers.get(index).is_some_and(batch::may_read)) {
        memo::keep(BATCH_DENIED, b"1", DENIED_MS);
    }
    answers.into_values().collect()
}

/// What a batch brings, by the index of what was asked; what it does not bring is read by itself. `Err` if
/// it is denied.
async fn batch_of(aws: &Aws, client: &Client, asked: &[String]) -> Result<Vec<(usize, Answer)>, ()> {
    let request = client.get_parameters().set_names(Some(asked.to_vec())).with_decryption(true);
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            return match Batch::of(aws.trouble(&error), "ssm:GetParameters") {
                Batch::Single { denied: true } => Err(()),
                Batch::Single { denied: false } => Ok(Vec::new()),
                Batch::Over(error) => Ok((0..asked.len()).map(|at| (at, Err(error.clone()))).collect()),
            };
        }
    };
    let parameters = answer.parameters.unwrap_or_default();
    let answered: Vec<Answered<'_>> = parameters
        .iter()
        .map(|parameter| Answered {
            name: parameter.name.as_deref().unwrap_or_default(),
            selector: parameter.selector.as_deref().unwrap_or_default(),
            version: parameter.version,
        })
        .collect();
    let places = parameter::places(asked, &answered);
    // AWS's list of invalid ones is of those that do not exist and of those that it cannot read: which of
    // them are not there, GetParameter says.
    let mut parameters: Vec<Option<Parameter>> = parameters.into_iter().map(Some).collect();
    let mut take = |(at, index): (usize, usize)| Some((at, value(parameters.get_mut(index)?.take()?)));
    Ok(places.into_iter().filter_map(&mut take).collect())
}

async fn one(aws: &Aws, client: &Client, name: &str, item: &Item) -> Answer {
    if item.facet == Facet::Metadata {
        let get = async |name: &str| known(aws, client, name).await;
        let list = async |name: &str| listed(aws, client, name).await;
        return tags::tags(name, &aws.config.region, get, list).await;
    }
    let asked = parameter::selector(name, item.version.as_deref());
    let answer = client.get_parameter().name(&asked).with_decryption(true).send().await;
    let answer = answer.map_err(|error| aws.error(&error, "ssm:GetParameter", &asked))?;
    value(answer.parameter.ok_or_else(|| Error::Other(NO_PARAMETER.to_owned()))?)
}

/// What is said of a parameter without its value being decrypted, so without a right to its key.
async fn known(aws: &Aws, client: &Client, name: &str) -> Result<Known, Error> {
    let answer = client.get_parameter().name(name).with_decryption(false).send().await;
    let answer = answer.map_err(|error| aws.error(&error, "ssm:GetParameter", name))?;
    let parameter = answer.parameter.ok_or_else(|| Error::Other(NO_PARAMETER.to_owned()))?;
    Ok(Known { name: parameter.name.unwrap_or_default(), arn: parameter.arn.unwrap_or_default() })
}

async fn listed(aws: &Aws, client: &Client, name: &str) -> Result<Value, Untagged> {
    let request =
        client.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
    match request.send().await {
        Ok(answer) => {
            let tags = answer.tag_list.unwrap_or_default();
            let pairs: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
            Ok(plain(serde_json::json!(pairs).to_string().into_bytes(), None))
        }
        Err(error) => Err(match aws.trouble(&error) {
            Trouble::Answer(failure) if failure.code == "InvalidResourceId" => {
                Untagged::Unsure(failure.said())
            }
            Trouble::Answer(failure) => Untagged::Failed(failure.error("ssm:ListTagsForResource", name)),
            Trouble::Nothing(error) => Untagged::Failed(error),
        }),
    }
}

/// A parameter's value, with the number of its version.
pub(crate) fn value(parameter: Parameter) -> Answer {
    let version = (parameter.version > 0).then(|| parameter.version.to_string());
    let data = parameter.value.ok_or_else(|| Error::Other("the parameter has no value".to_owned()))?;
    Ok(plain(data.into_bytes(), version))
}
