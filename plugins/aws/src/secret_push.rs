//! What is done about a push to Secrets Manager, or a deletion, from what `DescribeSecret` and `GetSecretValue` tell. The
//! requests are `secret_writer`'s.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::writer::Outcome;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::managed::{self, Tags};
use crate::push_metadata::SecretSpec;

const CURRENT: &str = "AWSCURRENT";

/// What is to be there.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// With the prefix.
    pub name: &'a str,
    /// The value, whole.
    pub value: &'a [u8],
    /// The metadata.
    pub spec: SecretSpec,
    /// See the interface.
    pub expected: Option<&'a str>,
    /// See the interface.
    pub replace: bool,
}

/// What `DescribeSecret` tells.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// All of them.
    pub tags: Tags,
    /// In words.
    pub description: Option<String>,
    /// Whether it waits for its deletion.
    pub deleted: bool,
    /// Staging labels by version.
    pub versions: BTreeMap<String, Vec<String>>,
    /// When something of it was changed last, to AWS's precision.
    pub changed: String,
    /// Regions that have it too.
    pub replicas: Vec<String>,
}

impl Stored {
    /// The version that is read, if there is a value.
    pub fn current(&self) -> Option<&str> {
        let current = |(_, labels): &(&String, &Vec<String>)| labels.iter().any(|label| label == CURRENT);
        self.versions.iter().find(current).map(|(version, _)| version.as_str())
    }

    /// Whether it is read: what waits for its deletion is as good as gone.
    pub fn is_there(&self) -> bool {
        !self.deleted && self.current().is_some()
    }
}

/// What comes before the value is compared.
#[derive(Debug, PartialEq, Eq)]
pub enum Begin {
    /// Nothing: it is there already.
    Unchanged,
    /// It is made.
    Create,
    /// It is compared, after it was brought back from its deletion if it waits for that.
    Compare {
        /// See there.
        restore: bool,
    },
}

/// Of what is there.
///
/// # Errors
/// [`Error::Denied`] for what is another's, [`Error::Conflict`] if it is not the version that is expected.
pub fn begin(stored: Option<&Stored>, wanted: &Wanted<'_>) -> Result<Begin, Error> {
    let there = stored.filter(|stored| stored.is_there());
    if there.is_some() && !wanted.replace {
        return Ok(Begin::Unchanged);
    }
    if let Some(expected) = wanted.expected
        && there.and_then(Stored::current) != Some(expected)
    {
        return Err(managed::other_version(wanted.name, expected));
    }
    match stored {
        None => Ok(Begin::Create),
        Some(stored) if managed::is_managed(&stored.tags) => Ok(Begin::Compare { restore: stored.deleted }),
        Some(_) => Err(managed::not_managed(wanted.name)),
    }
}

/// A value that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept<'a> {
    /// `SecretString`.
    Text(&'a [u8]),
    /// `SecretBinary`.
    Bytes(&'a [u8]),
}

/// How a value is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// `SecretString`.
    Text(String),
    /// `SecretBinary`.
    Bytes(Vec<u8>),
}

/// The value in its form: bytes, if no other is asked for, as in ESO.
///
/// # Errors
/// [`Error::Unsupported`] for bytes that are no text and should be.
pub fn sent(wanted: &Wanted<'_>) -> Result<Sent, Error> {
    if wanted.spec.secret_push_format.as_deref() != Some("string") {
        return Ok(Sent::Bytes(wanted.value.to_vec()));
    }
    String::from_utf8(wanted.value.to_vec()).map(Sent::Text).map_err(|_| {
        Error::Unsupported(format!("{}: secretPushFormat is string, and the value is no text", wanted.name))
    })
}

/// What is sent, in this order.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// Tags that are taken off.
    pub untag: Vec<String>,
    /// Tags that are set.
    pub tag: Tags,
    /// Another description.
    pub description: Option<String>,
    /// Another policy; an empty one is taken away.
    pub policy: Option<String>,
    /// Regions that it is taken from.
    pub unreplicate: Vec<String>,
    /// Regions that get it.
    pub replicate: Vec<String>,
    /// Another value.
    pub put: bool,
    /// What is said of it.
    pub outcome: Outcome,
}

/// Of what has the mark. `value` is the current one, if there is any, and `policy` the one that is there, if the metadata has one.
///
/// # Errors
/// A policy that is no JSON.
pub fn plan(
    stored: &Stored,
    value: Option<Kept<'_>>,
    policy: Option<&str>,
    wanted: &Wanted<'_>,
) -> Result<Plan, Error> {
    let spec = &wanted.spec;
    let (untag, tag) = managed::changes(&stored.tags, spec.tags.as_ref());
    let same = match (value, spec.secret_push_format.as_deref()) {
        (Some(Kept::Text(text)), Some("string") | None) => text == wanted.value,
        (Some(Kept::Bytes(bytes)), Some("binary") | None) => bytes == wanted.value,
        _ => false,
    };
    let regions = spec.replication_locations.as_deref();
    let not_in = |all: &[String], there: &[String]| -> Vec<String> {
        all.iter().filter(|region| !there.contains(region)).cloned().collect()
    };
    let mut plan = Plan {
        untag,
        tag,
        description: spec.description.clone().filter(|text| Some(text) != stored.description.as_ref()),
        policy: other_policy(policy, spec, wanted.name)?,
        unreplicate: regions.map(|regions| not_in(&stored.replicas, regions)).unwrap_or_default(),
        replicate: regions.map(|regions| not_in(regions, &stored.replicas)).unwrap_or_default(),
        put: !same,
        outcome: Outcome::Updated,
    };
    let nothing = Plan {
        untag: Vec::new(),
        tag: Tags::new(),
        description: None,
        policy: None,
        unreplicate: Vec::new(),
        replicate: Vec::new(),
        put: false,
        outcome: Outcome::Updated,
    };
    if !stored.is_there() {
        plan.outcome = Outcome::Created;
    } else if plan == nothing {
        plan.outcome = Outcome::Unchanged;
    }
    Ok(plan)
}

/// The policy that is wanted, if it is not the one that is there, however either is written.
fn other_policy(there: Option<&str>, spec: &SecretSpec, name: &str) -> Result<Option<String>, Error> {
    let Some(wanted) = spec.resource_policy.as_ref().and_then(|policy| policy.policy.as_deref()) else {
        return Ok(None);
    };
    let there = there.unwrap_or_default();
    let parsed = |text: &str| match text {
        "" => Ok(Value::Null),
        text => serde_json::from_str(text),
    };
    let document =
        parsed(wanted).map_err(|_| Error::Other(format!("{name}: resourcePolicy.policy is no JSON")))?;
    let same = parsed(there).is_ok_and(|there| there == document);
    Ok((!same).then(|| wanted.to_owned()))
}

/// The id of the version that a push makes. It follows from what was there, and so of two who push at once, AWS refuses the second
/// if its value is another; and a request that arrives twice makes one version. It tells nothing of the value, since who may
/// list versions sees it.
pub fn token(name: &str, stored: Option<&Stored>) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    add(name);
    if let Some(stored) = stored {
        add(&stored.changed);
        for (version, labels) in &stored.versions {
            add(version);
            labels.iter().for_each(|label| add(label));
        }
    }
    // In the form of a UUID, which AWS recommends.
    let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Whether a secret is to be deleted.
///
/// # Errors
/// As [`begin`].
pub fn removes(stored: &Stored, name: &str, expected: Option<&str>) -> Result<bool, Error> {
    if stored.deleted {
        return Ok(false);
    }
    if let Some(expected) = expected
        && stored.current() != Some(expected)
    {
        return Err(managed::other_version(name, expected));
    }
    if managed::is_managed(&stored.tags) { Ok(true) } else { Err(managed::not_managed(name)) }
}

#[cfg(test)]
#[path = "secret_push_tests.rs"]
mod tests;
