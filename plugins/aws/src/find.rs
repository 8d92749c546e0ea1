//! `find`: names as AWS lists them, prefix of the store included, as ESO calls them.
//!
//! With a prefix the values are read here: the host would put the prefix before names that have it already.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use aws_sdk_ssm::types::ParameterStringFilter;
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Found, Item, Nature, Page, Query};
use regex_lite::Regex;

use aws_credentials::Service;
use aws_credentials::client::Trouble;

use crate::aws::Aws;
use crate::filter::{self, Kind};
use crate::parameter::Cursor;
use crate::{parameter_store, secrets_manager};

/// Names of a page.
const PAGE: i32 = 50;
/// Names of a page whose values are read here: what one batch takes, and far below the limit of an answer.
const PAGE_WITH_VALUES: i32 = 20;
/// AWS's own limit for `GetParametersByPath`.
const PAGE_BY_PATH: i32 = 10;

/// One page.
pub(crate) async fn find(aws: &Aws, query: &Query, cursor: Option<String>) -> Result<Page, Error> {
    match aws.config.service {
        Service::SecretsManager => secrets(aws, query, cursor).await,
        _ => parameters(aws, query, cursor).await,
    }
}

fn page_size(aws: &Aws) -> i32 {
    if aws.config.prefix.is_empty() { PAGE } else { PAGE_WITH_VALUES }
}

async fn secrets(aws: &Aws, query: &Query, cursor: Option<String>) -> Result<Page, Error> {
    let path = query.path.as_deref();
    let filters = filter::filters(path, &query.tags).into_iter().map(|(kind, text)| {
        let key = match kind {
            Kind::Name => FilterNameStringType::Name,
            Kind::TagKey => FilterNameStringType::TagKey,
            Kind::TagValue => FilterNameStringType::TagValue,
        };
        Filter::builder().key(key).values(text).build()
    });
    let filters: Vec<Filter> = filters.collect();
    let request = aws
        .secrets_manager()
        .list_secrets()
        .set_filters((!filters.is_empty()).then_some(filters))
        .set_next_token(cursor)
        .max_results(page_size(aws));
    let answer = request.send().await;
    let answer =
        answer.map_err(|error| aws.error(&error, "secretsmanager:ListSecrets", path.unwrap_or("*")))?;
    let mut names = Vec::new();
    for secret in answer.secret_list.unwrap_or_default() {
        let Some(name) = secret.name else { continue };
        let tags = secret.tags.unwrap_or_default();
        let own = tags
            .iter()
            .filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())));
        if filter::matches(&name, own, path, &query.tags) {
            names.push(name);
        }
    }
    let next = answer.next_token.filter(|token| !token.is_empty());
    Ok(Page { found: found(aws, query, names).await?, next })
}

async fn parameters(aws: &Aws, query: &Query, cursor: Option<String>) -> Result<Page, Error> {
    let mut cursor = Cursor::read(cursor.as_deref(), !query.tags.is_empty());
    loop {
        let (token, values) = match &cursor {
            Cursor::Path(token) => (token, true),
            Cursor::Names(token) => (token, false),
            Cursor::Describe(_) => return described(aws, query, cursor).await,
        };
        let path = query.path.as_deref().unwrap_or("/");
        let request = aws
            .ssm()
            .get_parameters_by_path()
            .path(path)
            .recursive(true)
            .with_decryption(values)
            .set_next_token(token.clone())
            .max_results(PAGE_BY_PATH);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => match aws.trouble(&error) {
                Trouble::Answer(failure) => match cursor.instead(failure.class()) {
                    Some(other) => {
                        cursor = other;
                        continue;
                    }
                    None => return Err(failure.error("ssm:GetParametersByPath", path)),
                },
                Trouble::Nothing(error) => return Err(error),
            },
        };
        let next = cursor.next(answer.next_token);
        let parameters = answer.parameters.unwrap_or_default();
        if !values {
            let names = parameters.into_iter().filter_map(|parameter| parameter.name);
            return Ok(Page { found: found(aws, query, names.collect()).await?, next });
        }
        let mut found = Vec::new();
        for parameter in parameters {
            if let Some(key) = parameter.name.clone() {
                found.push(Found { key, value: Some(parameter_store::value(parameter)?) });
            }
        }
        return Ok(Page { found, next });
    }
}

async fn described(aws: &Aws, query: &Query, cursor: Cursor) -> Result<Page, Error> {
    let (Cursor::Path(token) | Cursor::Names(token) | Cursor::Describe(token)) = &cursor;
    let filter = |key: String, option: &str, value: &str| {
        let filter = ParameterStringFilter::builder().key(key).option(option).values(value).build();
        filter.map_err(|_| Error::Other("a filter cannot be built".to_owned()))
    };
    let mut filters = Vec::new();
    for (key, value) in &query.tags {
        filters.push(filter(format!("tag:{key}"), "Equals", value)?);
    }
    if let Some(path) = &query.path {
        filters.push(filter("Path".to_owned(), "Recursive", path)?);
    }
    let request = aws
        .ssm()
        .describe_parameters()
        .set_parameter_filters((!filters.is_empty()).then_some(filters))
        .set_next_token(token.clone())
        .max_results(page_size(aws));
    let answer = request.send().await;
    let answer = answer
        .map_err(|error| aws.error(&error, "ssm:DescribeParameters", query.path.as_deref().unwrap_or("*")))?;
    let names = answer.parameters.unwrap_or_default().into_iter().filter_map(|parameter| parameter.name);
    Ok(Page { found: found(aws, query, names.collect()).await?, next: cursor.next(answer.next_token) })
}

/// Names for the host to read; with a prefix, names and values.
async fn found(aws: &Aws, query: &Query, names: Vec<String>) -> Result<Vec<Found>, Error> {
    if aws.config.prefix.is_empty() {
        return Ok(names.into_iter().map(|key| Found { key, value: None }).collect());
    }
    // What the host would drop is not read. An expression that is not understood here drops nothing.
    let regexp = query.name_regexp.as_deref().and_then(|regexp| Regex::new(regexp).ok());
    let wanted = names.into_iter().filter(|name| regexp.as_ref().is_none_or(|regexp| regexp.is_match(name)));
    let items: Vec<Item> = wanted
        .map(|key| Item {
            key,
            version: None,
            facet: Facet::Value,
            property: None,
            known_version: None,
            nature: Nature::Stored,
        })
        .collect();
    let answers = match aws.config.service {
        Service::SecretsManager => secrets_manager::read(aws, &items, "").await,
        _ => parameter_store::read(aws, &items, "").await,
    };
    let mut found = Vec::new();
    for (item, answer) in items.into_iter().zip(answers) {
        match answer {
            Ok(value) => found.push(Found { key: item.key, value: Some(value) }),
            // Deleted since it was listed.
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
