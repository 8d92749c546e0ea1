//! What is done about a push or a deletion, from what stands there: whose it is, whether it is the same, which version
//! must still be current. Nothing is sent here.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::writer::Outcome;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::answer;
use crate::path::Kv;

/// The mark, as ESO spells it.
const MARK: (&str, &str) = ("managed-by", "external-secrets");
/// Where version 1 keeps it, which has no metadata: in the value.
const IN_VALUE: &str = "custom_metadata";

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// What is to stand under a key.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// The JSON object, as it was given.
    pub(crate) json: &'a RawValue,
    /// More custom metadata than the mark.
    pub(crate) custom: BTreeMap<String, String>,
    /// See the interface.
    pub(crate) expected: Option<&'a str>,
    /// See the interface.
    pub(crate) replace: bool,
}

impl<'a> Wanted<'a> {
    /// Of a write.
    ///
    /// # Errors
    /// A value that is no JSON object, metadata that is none. They quote neither.
    pub(crate) fn parse(
        value: &'a [u8],
        metadata: Option<&str>,
        expected: Option<&'a str>,
        replace: bool,
    ) -> Result<Self, Error> {
        let none = |_| {
            Error::Other(
                "Vault keeps JSON objects, and the value is none: name a property, or push a Secret as a whole"
                    .to_owned(),
            )
        };
        // Parsed whole, so that nothing is nested deeper than what compares it bears.
        serde_json::from_slice::<Map<String, Value>>(value).map_err(none)?;
        Ok(Self {
            json: serde_json::from_slice(value).map_err(none)?,
            custom: custom(metadata)?,
            expected,
            replace,
        })
    }
}

/// `spec.customMetadata`; what else stands there is for other providers.
fn custom(metadata: Option<&str>) -> Result<BTreeMap<String, String>, Error> {
    let wrong = |what: &str| Error::Other(format!("the push's metadata: spec.customMetadata {what}"));
    let metadata: Value = match metadata {
        Some(text) => serde_json::from_str(text).map_err(|_| wrong("cannot be read"))?,
        None => return Ok(BTreeMap::new()),
    };
    let Some(custom) = metadata.pointer("/spec/customMetadata") else { return Ok(BTreeMap::new()) };
    let custom: BTreeMap<String, String> =
        serde_json::from_value(custom.clone()).map_err(|_| wrong("must be texts by name"))?;
    if custom.contains_key(MARK.0) {
        return Err(wrong("cannot have managed-by: it says whose the key is"));
    }
    Ok(custom)
}

/// A key of version 2, as its metadata and its value tell.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// 0 before the first.
    pub(crate) version: u64,
    /// Whether one of its versions is there, or could be brought back.
    pub(crate) kept: bool,
    /// Of OpenBao's: what metadata can be checked and set by.
    pub(crate) metadata_version: Option<u64>,
    pub(crate) custom: BTreeMap<String, String>,
    /// The current version's JSON; none if that is deleted.
    pub(crate) json: Option<String>,
}

impl Stored {
    /// From the answers to both reads; without metadata there is nothing.
    ///
    /// # Errors
    /// If they are not Vault's; [`Error::Conflict`] if somebody wrote between them.
    pub(crate) fn parse(metadata: Option<&[u8]>, data: Option<&[u8]>) -> Result<Option<Self>, Error> {
        let between = || Error::Conflict("it was written while it was read".to_owned());
        let found = data.map(|body| answer::secret(body, Kv::V2));
        let found = match found {
            Some(Err(Error::NotFound(_))) | None => None,
            Some(found) => Some(found?),
        };
        let Some(metadata) = metadata else {
            return if found.is_some() { Err(between()) } else { Ok(None) };
        };
        #[derive(Deserialize)]
        struct Answer {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            current_version: u64,
            current_metadata_version: Option<u64>,
            custom_metadata: Option<BTreeMap<String, String>>,
            #[serde(default)]
            versions: BTreeMap<String, Version>,
        }
        #[derive(Deserialize)]
        struct Version {
            #[serde(default)]
            destroyed: bool,
        }
        let Answer { data } = serde_json::from_slice(metadata).map_err(|_| answer::odd())?;
        let stored = Self {
            version: data.current_version,
            kept: data.versions.values().any(|version| !version.destroyed),
            metadata_version: data.current_metadata_version,
            custom: data.custom_metadata.unwrap_or_default(),
            json: None,
        };
        match found {
            Some(found) if found.version != Some(stored.version.to_string()) => Err(between()),
            found => Ok(Some(Self { json: found.map(|found| found.json), ..stored })),
        }
    }

    fn is_managed(&self) -> bool {
        self.custom.get(MARK.0).is_some_and(|by| by == MARK.1)
    }

    /// Whether it is still the version that `get` told, which tells of none that is deleted.
    fn is_version(&self, expected: &str) -> bool {
        self.json.is_some() && self.version.to_string() == expected
    }
}

/// What is sent to version 2, metadata first: who dies in between leaves what is his.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// All of the custom metadata, and OpenBao's check-and-set (Vault does not look at it).
    pub(crate) metadata: Option<(BTreeMap<String, String>, Option<u64>)>,
    /// The value, if this is still the current version.
    pub(crate) cas: Option<u64>,
    pub(crate) outcome: Outcome,
}

const UNCHANGED: Plan = Plan { metadata: None, cas: None, outcome: Outcome::Unchanged };

/// Of a key of version 2.
///
/// # Errors
/// [`Error::Denied`] for what is another's, [`Error::Conflict`].
pub(crate) fn plan(stored: Option<&Stored>, wanted: &Wanted<'_>) -> Result<Plan, Error> {
    let nothing = Stored { metadata_version: Some(0), ..Stored::default() };
    let stored = stored.unwrap_or(&nothing);
    let live = stored.json.is_some();
    if live && !wanted.replace {
        return Ok(UNCHANGED);
    }
    if let Some(expected) = wanted.expected.filter(|expected| !stored.is_version(expected)) {
        return Err(other_version(expected));
    }
    if stored.kept && !stored.is_managed() {
        return Err(not_managed());
    }
    let mut custom = stored.custom.clone();
    custom.extend(wanted.custom.clone());
    custom.insert(MARK.0.to_owned(), MARK.1.to_owned());
    let same = match &stored.json {
        Some(json) => same(raw(json)?, wanted.json, Kv::V2),
        None => false,
    };
    let metadata = (custom != stored.custom).then_some((custom, stored.metadata_version));
    let outcome = match (live, same, &metadata) {
        (false, ..) => Outcome::Created,
        (true, true, None) => Outcome::Unchanged,
        (true, ..) => Outcome::Updated,
    };
    Ok(Plan { metadata, cas: (!same).then_some(stored.version), outcome })
}

/// Whether a key of version 2 is to be deleted, with all of its versions.
///
/// # Errors
/// As [`plan`].
pub(crate) fn plan_removal(stored: &Stored, expected: Option<&str>) -> Result<bool, Error> {
    if let Some(expected) = expected.filter(|expected| !stored.is_version(expected)) {
        return Err(other_version(expected));
    }
    match (stored.is_managed(), stored.kept) {
        (true, _) => Ok(true),
        (false, true) => Err(not_managed()),
        (false, false) => Ok(false),
    }
}

/// What is done about a key of version 1.
#[derive(Debug)]
pub(crate) enum PlanV1 {
    /// Nothing.
    Unchanged,
    /// This is written.
    Write(Box<RawValue>, Outcome),
    /// Nothing but the mark would be left.
    Delete,
}

/// Of a key of version 1.
///
/// # Errors
/// As [`plan`]; and what version 1 does not have.
pub(crate) fn plan_v1(stored: Option<&str>, wanted: &Wanted<'_>) -> Result<PlanV1, Error> {
    if !wanted.custom.is_empty() {
        return Err(Error::Unsupported("KV version 1 has no metadata: leave customMetadata out".to_owned()));
    }
    if wanted.expected.is_some() {
        return Err(no_versions());
    }
    if stored.is_some() && !wanted.replace {
        return Ok(PlanV1::Unchanged);
    }
    let mut custom = match stored {
        Some(json) => managed_v1(json)?,
        None => BTreeMap::new(),
    };
    let mut value: Object<'_> = serde_json::from_str(wanted.json.get()).map_err(|_| answer::odd())?;
    let mark = to_raw_value(MARK.1).map_err(|_| answer::odd())?;
    let whole = value.remove(IN_VALUE);
    if let Some(whole) = whole {
        let said = "KV version 1 has no metadata, so the mark of who manages it stands in the value's own key custom_metadata: there must be an object, or nothing";
        let given: Object<'_> =
            serde_json::from_str(whole.get()).map_err(|_| Error::Other(said.to_owned()))?;
        // The host took its last property away, and ESO deletes such a thing too.
        if value.is_empty() && given.get(MARK.0).is_some_and(|by| same(by, &mark, Kv::V1)) {
            return Ok(if stored.is_some() { PlanV1::Delete } else { PlanV1::Unchanged });
        }
        custom.extend(given);
    }
    custom.insert(MARK.0.to_owned(), &mark);
    let custom = to_raw_value(&custom).map_err(|_| answer::odd())?;
    value.insert(IN_VALUE.to_owned(), &custom);
    let value = to_raw_value(&value).map_err(|_| answer::odd())?;
    match stored {
        None => Ok(PlanV1::Write(value, Outcome::Created)),
        Some(json) if same(raw(json)?, &value, Kv::V1) => Ok(PlanV1::Unchanged),
        Some(_) => Ok(PlanV1::Write(value, Outcome::Updated)),
    }
}

/// The custom metadata in a value of version 1.
///
/// # Errors
/// [`Error::Denied`] if the mark is not there.
pub(crate) fn managed_v1(json: &str) -> Result<Object<'_>, Error> {
    let value: Object<'_> = serde_json::from_str(json).map_err(|_| answer::odd())?;
    let custom = value.get(IN_VALUE).and_then(|custom| serde_json::from_str::<Object<'_>>(custom.get()).ok());
    let by = |custom: &Object<'_>| text(custom.get(MARK.0)?);
    custom.filter(|custom| by(custom).as_deref() == Some(MARK.1)).ok_or_else(not_managed)
}

pub(crate) fn no_versions() -> Error {
    Error::Unsupported("KV version 1 keeps no versions".to_owned())
}

/// ESO's words first.
fn not_managed() -> Error {
    Error::Denied(format!(
        "secret not managed by external-secrets: its custom metadata lacks {}: {}",
        MARK.0, MARK.1
    ))
}

fn other_version(expected: &str) -> Error {
    Error::Conflict(format!("its version is not {expected} any more"))
}

fn raw(json: &str) -> Result<&RawValue, Error> {
    serde_json::from_str(json).map_err(|_| answer::odd())
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether two documents are the same, however they are written. Version 2 answers with numbers that went through a
/// floating point number, so there two texts of the same one are the same; in version 1 they stand as they were written.
fn same(a: &RawValue, b: &RawValue, kv: Kv) -> bool {
    let (a, b) = (a.get(), b.get());
    if a == b {
        return true;
    }
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => {
            let of = |text| serde_json::from_str::<BTreeMap<String, &RawValue>>(text);
            let (Ok(a), Ok(b)) = (of(a), of(b)) else { return false };
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b, kv)))
        }
        (Some(b'['), Some(b'[')) => {
            let of = |text| serde_json::from_str::<Vec<&RawValue>>(text);
            let (Ok(a), Ok(b)) = (of(a), of(b)) else { return false };
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, kv))
        }
        (Some(b'"'), Some(b'"')) => {
            let of = |text| serde_json::from_str::<String>(text).ok();
            of(a).is_some_and(|a| of(b) == Some(a))
        }
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) if kv == Kv::V2 => {
            let of = |text: &str| text.parse::<f64>().ok();
            of(a).is_some_and(|a| of(b) == Some(a))
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "push_tests.rs"]
mod tests;
