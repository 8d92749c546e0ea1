//! Pushing to Parameter Store, and deleting there: what `parameter_push` decided, sent.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{ParameterTier, ParameterType, ResourceTypeForTagging, Tag};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::writer::{Outcome, Removal, Write};

use crate::aws::Aws;
use crate::managed::{self, Tags};
use crate::parameter_push::{self, Begin, Stored, Wanted};
use crate::push_metadata::ParameterSpec;

const GET: &str = "ssm:GetParameter";

/// One parameter.
pub(crate) async fn push(aws: &Aws, write: &Write) -> Result<Outcome, Error> {
    let name = format!("{}{}", aws.config.prefix, write.key);
    let value = std::str::from_utf8(&write.value)
        .map_err(|_| Error::Unsupported(format!("{name}: a parameter is text, and the value is none")))?;
    let wanted = Wanted {
        name: &name,
        value,
        spec: ParameterSpec::parse(write.metadata.as_deref())?,
        expected: write.expected_version.as_deref(),
        replace: write.replace,
    };
    let client = &aws.ssm();
    let stored = got(aws, client, &name, true).await?;
    let there = match (parameter_push::begin(stored.as_ref(), &wanted)?, &stored) {
        (Begin::Unchanged, _) => return Ok(Outcome::Unchanged),
        (Begin::Create, _) | (_, None) => {
            put(aws, client, &wanted, None).await?;
            return Ok(Outcome::Created);
        }
        (Begin::Compare, Some(there)) => there,
    };
    let plan = parameter_push::plan(there, &tags(aws, client, &name).await?, &wanted)?;
    if plan.put {
        put(aws, client, &wanted, Some(there)).await?;
    }
    if !plan.untag.is_empty() {
        let request = client.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
        let answer = request.resource_id(&name).set_tag_keys(Some(plan.untag)).send().await;
        answer.map_err(|error| aws.write_error(&error, "ssm:RemoveTagsFromResource", &name))?;
    }
    if !plan.tag.is_empty() {
        let request = client.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
        let answer = request.resource_id(&name).set_tags(Some(built(plan.tag)?)).send().await;
        answer.map_err(|error| aws.write_error(&error, "ssm:AddTagsToResource", &name))?;
    }
    Ok(plan.outcome)
}

/// One parameter.
pub(crate) async fn delete(aws: &Aws, removal: &Removal) -> Result<(), Error> {
    let name = format!("{}{}", aws.config.prefix, removal.key);
    let client = &aws.ssm();
    let Some(stored) = got(aws, client, &name, false).await? else { return Ok(()) };
    let tags = tags(aws, client, &name).await?;
    parameter_push::removes(stored.version, &tags, &name, removal.expected_version.as_deref())?;
    let answer = client.delete_parameter().name(&name).send().await;
    match answer.map_err(|error| aws.error(&error, "ssm:DeleteParameter", &name)) {
        Ok(_) | Err(Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether it is there; its value is not decrypted for that.
pub(crate) async fn exists(aws: &Aws, key: &str) -> Result<bool, Error> {
    let name = format!("{}{key}", aws.config.prefix);
    Ok(got(aws, &aws.ssm(), &name, false).await?.is_some())
}

async fn got(aws: &Aws, client: &Client, name: &str, decrypted: bool) -> Result<Option<Stored>, Error> {
    let answer = client.get_parameter().name(name).with_decryption(decrypted).send().await;
    let answer = match answer.map_err(|error| aws.error(&error, GET, name)) {
        Ok(answer) => answer,
        Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let none = || Error::Other(format!("{name}: the answer has no parameter"));
    let parameter = answer.parameter.ok_or_else(none)?;
    Ok(Some(Stored {
        value: parameter.value.ok_or_else(none)?,
        r#type: parameter.r#type.map(|own| own.as_str().to_owned()).unwrap_or_default(),
        version: parameter.version,
    }))
}

async fn tags(aws: &Aws, client: &Client, name: &str) -> Result<Tags, Error> {
    let request = client.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
    let answer = request.resource_id(name).send().await;
    let answer = answer.map_err(|error| aws.write_error(&error, "ssm:ListTagsForResource", name))?;
    Ok(answer.tag_list.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Makes it, with its tags; or writes over it, which AWS does not do together with tags.
async fn put(aws: &Aws, client: &Client, wanted: &Wanted<'_>, there: Option<&Stored>) -> Result<(), Error> {
    let fields = parameter_push::put(&wanted.spec, there.map(|stored| stored.r#type.as_str()));
    let tags = match there {
        None => Some(built(managed::new_tags(wanted.spec.tags.as_ref()))?),
        Some(_) => None,
    };
    let answer = client
        .put_parameter()
        .name(wanted.name)
        .value(wanted.value)
        .r#type(ParameterType::from(fields.r#type.as_str()))
        .set_key_id(fields.key_id)
        .set_tier(fields.tier.as_deref().map(ParameterTier::from))
        .set_policies(fields.policies)
        .set_description(fields.description)
        .set_tags(tags)
        .overwrite(there.is_some())
        .send()
        .await;
    answer.map_err(|error| aws.write_error(&error, "ssm:PutParameter", wanted.name))?;
    Ok(())
}

fn built(tags: Tags) -> Result<Vec<Tag>, Error> {
    let one = |(key, value)| Tag::builder().key(key).value(value).build();
    tags.into_iter()
        .map(one)
        .collect::<Result<_, _>>()
        .map_err(|_| Error::Other("a tag cannot be built".to_owned()))
}
