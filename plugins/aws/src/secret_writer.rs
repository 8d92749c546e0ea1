//! Pushing to Secrets Manager, and deleting there: what `secret_push` decided, sent.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, Tag};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::writer::{Outcome, Removal, Write};

use crate::aws::Aws;
use crate::managed::{self, Tags};
use crate::push_metadata::SecretSpec;
use crate::secret_push::{self, Begin, Kept, Sent, Stored, Wanted};

/// One secret.
pub(crate) async fn push(aws: &Aws, write: &Write) -> Result<Outcome, Error> {
    let name = format!("{}{}", aws.config.prefix, write.key);
    let wanted = Wanted {
        name: &name,
        value: &write.value,
        spec: SecretSpec::parse(write.metadata.as_deref())?,
        expected: write.expected_version.as_deref(),
        replace: write.replace,
    };
    // Before anything is written.
    let sent = secret_push::sent(&wanted)?;
    let client = &aws.secrets_manager();
    let stored = described(aws, client, &name).await?;
    let token = secret_push::token(&name, stored.as_ref());
    let restore = match secret_push::begin(stored.as_ref(), &wanted)? {
        Begin::Unchanged => return Ok(Outcome::Unchanged),
        Begin::Create => return create(aws, client, &wanted, sent, &token).await,
        Begin::Compare { restore } => restore,
    };
    let stored = stored.unwrap_or_default();
    if restore {
        let restored = client.restore_secret().secret_id(&name).send().await;
        restored.map_err(|error| aws.write_error(&error, "secretsmanager:RestoreSecret", &name))?;
    }
    let value = match stored.current() {
        None => None,
        Some(version) => {
            let answer = client.get_secret_value().secret_id(&name).send().await;
            let answer =
                answer.map_err(|error| aws.write_error(&error, "secretsmanager:GetSecretValue", &name))?;
            if answer.version_id.as_deref() != Some(version) {
                return Err(Error::Conflict(format!("{name}: it was written while it was read")));
            }
            Some(answer)
        }
    };
    let kept = value.as_ref().and_then(|answer| {
        let text = answer.secret_string.as_deref().map(|text| Kept::Text(text.as_bytes()));
        text.or_else(|| answer.secret_binary.as_ref().map(|bytes| Kept::Bytes(bytes.as_ref())))
    });
    let policy = match wanted.spec.resource_policy.as_ref().and_then(|policy| policy.policy.as_ref()) {
        None => None,
        Some(_) => {
            let answer = client.get_resource_policy().secret_id(&name).send().await;
            let action = "secretsmanager:GetResourcePolicy";
            answer.map_err(|error| aws.write_error(&error, action, &name))?.resource_policy
        }
    };
    let plan = secret_push::plan(&stored, kept, policy.as_deref(), &wanted)?;
    if !plan.untag.is_empty() {
        let answer = client.untag_resource().secret_id(&name).set_tag_keys(Some(plan.untag)).send().await;
        answer.map_err(|error| aws.write_error(&error, "secretsmanager:UntagResource", &name))?;
    }
    if !plan.tag.is_empty() {
        let answer = client.tag_resource().secret_id(&name).set_tags(Some(tags(plan.tag))).send().await;
        answer.map_err(|error| aws.write_error(&error, "secretsmanager:TagResource", &name))?;
    }
    if let Some(description) = plan.description {
        let request = client.update_secret().secret_id(&name).description(description);
        let answer = request.client_request_token(&token).send().await;
        answer.map_err(|error| aws.write_error(&error, "secretsmanager:UpdateSecret", &name))?;
    }
    if let Some(policy) = plan.policy {
        set_policy(aws, client, &wanted, policy).await?;
    }
    if !plan.unreplicate.is_empty() {
        unreplicate(aws, client, &name, plan.unreplicate).await?;
    }
    if !plan.replicate.is_empty() {
        let regions = replicas(&wanted.spec, &plan.replicate);
        let request = client.replicate_secret_to_regions().secret_id(&name);
        let answer = request.set_add_replica_regions(Some(regions)).send().await;
        answer.map_err(|error| aws.write_error(&error, "secretsmanager:ReplicateSecretToRegions", &name))?;
    }
    if plan.put {
        let request = client.put_secret_value().secret_id(&name).client_request_token(token);
        let request = match sent {
            Sent::Text(text) => request.secret_string(text),
            Sent::Bytes(bytes) => request.secret_binary(Blob::new(bytes)),
        };
        let answer = request.send().await;
        answer.map_err(|error| aws.write_error(&error, "secretsmanager:PutSecretValue", &name))?;
    }
    Ok(plan.outcome)
}

async fn create(
    aws: &Aws,
    client: &Client,
    wanted: &Wanted<'_>,
    sent: Sent,
    token: &str,
) -> Result<Outcome, Error> {
    let spec = &wanted.spec;
    let regions = spec.replication_locations.as_deref().filter(|regions| !regions.is_empty());
    let request = client
        .create_secret()
        .name(wanted.name)
        .set_tags(Some(tags(managed::new_tags(spec.tags.as_ref()))))
        .description(spec.description.clone().unwrap_or_else(managed::description))
        .set_kms_key_id(spec.kms_key_id.clone())
        .set_add_replica_regions(regions.map(|regions| replicas(spec, regions)))
        .client_request_token(token);
    let request = match sent {
        Sent::Text(text) => request.secret_string(text),
        Sent::Bytes(bytes) => request.secret_binary(Blob::new(bytes)),
    };
    let answer = request.send().await;
    answer.map_err(|error| aws.write_error(&error, "secretsmanager:CreateSecret", wanted.name))?;
    let policy = spec.resource_policy.as_ref().and_then(|policy| policy.policy.clone());
    if let Some(policy) = policy.filter(|policy| !policy.is_empty()) {
        set_policy(aws, client, wanted, policy).await?;
    }
    Ok(Outcome::Created)
}

/// One secret.
pub(crate) async fn delete(aws: &Aws, removal: &Removal) -> Result<(), Error> {
    let name = format!("{}{}", aws.config.prefix, removal.key);
    let client = &aws.secrets_manager();
    let Some(stored) = described(aws, client, &name).await? else { return Ok(()) };
    if !secret_push::removes(&stored, &name, removal.expected_version.as_deref())? {
        return Ok(());
    }
    // AWS deletes none that has replicas.
    if !stored.replicas.is_empty() {
        unreplicate(aws, client, &name, stored.replicas).await?;
    }
    let deletion = aws.config.deletion;
    let request = client.delete_secret().secret_id(&name);
    let request = request
        .set_force_delete_without_recovery(deletion.at_once.then_some(true))
        .set_recovery_window_in_days(deletion.window_days);
    match request.send().await.map_err(|error| aws.error(&error, "secretsmanager:DeleteSecret", &name)) {
        Ok(_) | Err(Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether it can be read.
pub(crate) async fn exists(aws: &Aws, key: &str) -> Result<bool, Error> {
    let name = format!("{}{key}", aws.config.prefix);
    let stored = described(aws, &aws.secrets_manager(), &name).await?;
    Ok(stored.is_some_and(|stored| stored.is_there()))
}

async fn described(aws: &Aws, client: &Client, name: &str) -> Result<Option<Stored>, Error> {
    let answer = client.describe_secret().secret_id(name).send().await;
    let answer = match answer.map_err(|error| aws.error(&error, "secretsmanager:DescribeSecret", name)) {
        Ok(answer) => answer,
        Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let tags = answer.tags.unwrap_or_default().into_iter();
    let versions = answer.version_ids_to_stages.unwrap_or_default();
    let replicas = answer.replication_status.unwrap_or_default();
    Ok(Some(Stored {
        tags: tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
        description: answer.description,
        deleted: answer.deleted_date.is_some(),
        versions: versions.into_iter().collect::<BTreeMap<_, _>>(),
        changed: answer.last_changed_date.map(|date| date.as_nanos().to_string()).unwrap_or_default(),
        replicas: replicas.into_iter().filter_map(|replica| replica.region).collect(),
    }))
}

async fn set_policy(aws: &Aws, client: &Client, wanted: &Wanted<'_>, policy: String) -> Result<(), Error> {
    let name = wanted.name;
    if policy.is_empty() {
        let answer = client.delete_resource_policy().secret_id(name).send().await;
        answer.map_err(|error| aws.write_error(&error, "secretsmanager:DeleteResourcePolicy", name))?;
        return Ok(());
    }
    let block = wanted.spec.resource_policy.as_ref().and_then(|policy| policy.block_public_policy);
    let request = client.put_resource_policy().secret_id(name).resource_policy(policy);
    let answer = request.set_block_public_policy(block).send().await;
    answer.map_err(|error| aws.write_error(&error, "secretsmanager:PutResourcePolicy", name))?;
    Ok(())
}

async fn unreplicate(aws: &Aws, client: &Client, name: &str, regions: Vec<String>) -> Result<(), Error> {
    let request = client.remove_regions_from_replication().secret_id(name);
    let answer = request.set_remove_replica_regions(Some(regions)).send().await;
    answer.map_err(|error| aws.write_error(&error, "secretsmanager:RemoveRegionsFromReplication", name))?;
    Ok(())
}

fn replicas(spec: &SecretSpec, regions: &[String]) -> Vec<ReplicaRegionType> {
    let replica = |region: &String| {
        ReplicaRegionType::builder().region(region).set_kms_key_id(spec.kms_key_id.clone()).build()
    };
    regions.iter().map(replica).collect()
}

fn tags(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
