//! What is done about a push to Parameter Store, or a deletion, from what `GetParameter` and `ListTagsForResource` tell. The
//! requests are `parameter_writer`'s.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::writer::Outcome;
use serde_json::Value;

use crate::managed::{self, Tags};
use crate::push_metadata::{ParameterSpec, Tier};

/// What is to be there.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// With the prefix.
    pub name: &'a str,
    /// The value, whole.
    pub value: &'a str,
    /// The metadata.
    pub spec: ParameterSpec,
    /// See the interface.
    pub expected: Option<&'a str>,
    /// See the interface.
    pub replace: bool,
}

/// What `GetParameter` tells.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Decrypted.
    pub value: String,
    /// `String` and so on.
    pub r#type: String,
    /// Its number.
    pub version: i64,
}

/// What comes before tags are asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Begin {
    /// Nothing: it is there already.
    Unchanged,
    /// It is made.
    Create,
    /// Whose it is, its tags tell.
    Compare,
}

/// Of what is there.
///
/// # Errors
/// [`Error::Conflict`] if it is not the version that is expected.
pub fn begin(stored: Option<&Stored>, wanted: &Wanted<'_>) -> Result<Begin, Error> {
    if stored.is_some() && !wanted.replace {
        return Ok(Begin::Unchanged);
    }
    let is = |expected: &str| stored.is_some_and(|stored| stored.version.to_string() == expected);
    match (wanted.expected, stored) {
        (Some(expected), _) if !is(expected) => Err(managed::other_version(wanted.name, expected)),
        (_, None) => Ok(Begin::Create),
        (_, Some(_)) => Ok(Begin::Compare),
    }
}

/// What is sent, in this order.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// Another value, or another type that is asked for.
    pub put: bool,
    /// Tags that are taken off.
    pub untag: Vec<String>,
    /// Tags that are set.
    pub tag: Tags,
    /// What is said of it.
    pub outcome: Outcome,
}

/// Of what is there.
///
/// # Errors
/// [`Error::Denied`] for what is another's.
pub fn plan(stored: &Stored, tags: &Tags, wanted: &Wanted<'_>) -> Result<Plan, Error> {
    if !managed::is_managed(tags) {
        return Err(managed::not_managed(wanted.name));
    }
    let type_is_other = wanted.spec.secret_type.as_ref().is_some_and(|wanted| *wanted != stored.r#type);
    let put = stored.value != wanted.value || type_is_other;
    let (untag, tag) = managed::changes(tags, wanted.spec.tags.as_ref());
    let changes = put || !untag.is_empty() || !tag.is_empty();
    let outcome = if changes { Outcome::Updated } else { Outcome::Unchanged };
    Ok(Plan { put, untag, tag, outcome })
}

/// Whether a parameter is to be deleted: it has the mark, and the version that is expected.
///
/// # Errors
/// As [`begin`] and [`plan`].
pub fn removes(version: i64, tags: &Tags, name: &str, expected: Option<&str>) -> Result<(), Error> {
    match expected.filter(|expected| version.to_string() != *expected) {
        Some(expected) => Err(managed::other_version(name, expected)),
        None if managed::is_managed(tags) => Ok(()),
        None => Err(managed::not_managed(name)),
    }
}

/// The fields of `PutParameter` that follow from the metadata.
#[derive(Debug, PartialEq, Eq)]
pub struct Put {
    /// `String`, if nothing is asked for and nothing is there.
    pub r#type: String,
    /// Of a SecureString.
    pub key_id: Option<String>,
    /// Only one that is not AWS's own choice.
    pub tier: Option<String>,
    /// As JSON.
    pub policies: Option<String>,
    /// ESO's, if none is asked for.
    pub description: Option<String>,
}

/// As they are sent; to a parameter of that type, if there is one.
pub fn put(spec: &ParameterSpec, there: Option<&str>) -> Put {
    let r#type = spec.secret_type.clone().or_else(|| there.map(ToOwned::to_owned));
    let r#type = r#type.unwrap_or_else(|| "String".to_owned());
    // What a parameter has, AWS does not lower; without a word it goes by the account's setting.
    let tier = spec
        .tier
        .as_ref()
        .filter(|tier| matches!(tier.r#type.as_deref(), Some("Advanced" | "Intelligent-Tiering")));
    let policies = |tier: &Tier| match tier.policies.as_ref()? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    // One that is there keeps its own.
    let default = there.is_none().then(managed::description);
    Put {
        key_id: spec.kms_key_id.clone().filter(|_| r#type == "SecureString"),
        r#type,
        tier: tier.and_then(|tier| tier.r#type.clone()),
        policies: tier.and_then(policies),
        description: spec.description.clone().or(default),
    }
}

#[cfg(test)]
#[path = "parameter_push_tests.rs"]
mod tests;
