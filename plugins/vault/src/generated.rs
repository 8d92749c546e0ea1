//! What a generator makes of an answer: which part of it, as which values. All as ESO has it, field by field; its rules
//! are those of Vault's Go client and of how ESO turns what that decodes into bytes.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answer::odd;
use crate::dynamic::Told;

/// Which part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What the engine made.
    Data,
    /// A token.
    Auth,
    /// Everything.
    Raw,
}

/// An answer's fields as the server wrote them.
pub(crate) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Keys of a Secret with their values.
pub(crate) type Values = Vec<(String, Vec<u8>)>;

/// The fields that there are whatever the server sends, with what they are if it does not.
const RAW: [(&str, &str); 6] = [
    ("request_id", "\"\""),
    ("lease_id", "\"\""),
    ("lease_duration", "0"),
    ("renewable", "false"),
    ("data", "null"),
    ("warnings", "null"),
];
/// Those that there are if the server sends them.
const RAW_IF_SENT: [&str; 3] = ["auth", "wrap_info", "mount_type"];
/// Of a token.
const AUTH: [(&str, &str); 11] = [
    ("client_token", "\"\""),
    ("accessor", "\"\""),
    ("policies", "null"),
    ("token_policies", "null"),
    ("identity_policies", "null"),
    ("metadata", "null"),
    ("orphan", "false"),
    ("entity_id", "\"\""),
    ("lease_duration", "0"),
    ("renewable", "false"),
    ("mfa_requirement", "null"),
];

/// The fields of an answer; none if there is nothing in it.
///
/// # Errors
/// If it is none of Vault's.
pub(crate) fn parse(body: &[u8]) -> Result<Option<Fields<'_>>, Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(body).map(Some).map_err(|_| odd())
}

/// The values of a part; none if the answer does not have it.
///
/// # Errors
/// If it has something else in its place.
pub(crate) fn values(answer: &Fields<'_>, part: Part) -> Result<Option<Values>, Error> {
    let always = |fields: &Fields<'_>, known: &[(&str, &str)]| {
        let value = |(name, default): &(&str, &str)| {
            let text = fields.get(*name).map_or(*default, |value| value.get());
            bytes(text).map(|bytes| ((*name).to_owned(), bytes))
        };
        known.iter().map(value).collect::<Result<Vec<_>, Error>>()
    };
    // `sys/health` and the like have no envelope: what they answer with is the data.
    let bare = !RAW.iter().map(|(name, _)| name).chain(&RAW_IF_SENT).any(|name| answer.contains_key(*name));
    match part {
        Part::Data if bare => all(answer).map(Some),
        Part::Data => object(answer, "data")?.map(|data| all(&data)).transpose(),
        Part::Auth => object(answer, "auth")?.map(|auth| always(&auth, &AUTH)).transpose(),
        Part::Raw => {
            let mut values = always(answer, &RAW)?;
            for name in RAW_IF_SENT {
                if let Some(text) = sent(answer, name).filter(|text| *text != "\"\"") {
                    values.push((name.to_owned(), bytes(text)?));
                }
            }
            Ok(Some(values))
        }
    }
}

/// What an answer says of a lease.
pub(crate) fn lease(answer: &Fields<'_>) -> Option<Told> {
    let field =
        |name: &str| answer.get(name).and_then(|value| serde_json::from_str::<Value>(value.get()).ok());
    let id = field("lease_id")?.as_str().filter(|id| !id.is_empty())?.to_owned();
    let seconds = field("lease_duration").and_then(|value| value.as_u64()).unwrap_or_default();
    let renewable = field("renewable").and_then(|value| value.as_bool()).unwrap_or_default();
    Some(Told { id, seconds, renewable })
}

/// Whether a token is in it, or the key to one.
pub(crate) fn has_tokens(answer: &Fields<'_>) -> bool {
    ["auth", "wrap_info"].iter().any(|name| sent(answer, name).is_some())
}

/// That what is wanted is not there, and what is.
pub(crate) fn empty(path: &str, answer: Option<&Fields<'_>>, part: Part) -> Error {
    let other = answer.and_then(|answer| match part {
        Part::Data => sent(answer, "auth").map(|_| "Auth"),
        _ => sent(answer, "data").map(|_| "Data"),
    });
    let wanted = if part == Part::Auth { "no auth" } else { "no data" };
    Error::Other(match other {
        Some(other) => {
            format!("{path}: the answer has {wanted}: set resultType to {other}, whose part it has")
        }
        None => format!("{path}: the answer has {wanted}; set allowEmptyResponse if it need not"),
    })
}

fn sent<'a>(answer: &Fields<'a>, name: &str) -> Option<&'a str> {
    answer.get(name).map(|value| value.get()).filter(|text| *text != "null")
}

fn object<'a>(answer: &Fields<'a>, name: &str) -> Result<Option<Fields<'a>>, Error> {
    sent(answer, name).map(|text| serde_json::from_str(text).map_err(|_| odd())).transpose()
}

fn all(fields: &Fields<'_>) -> Result<Values, Error> {
    fields.iter().map(|(name, value)| Ok((name.clone(), bytes(value.get())?))).collect()
}

/// A string without its quotes, nothing for null, and everything else as the server wrote it: whose encoder is the one that
/// ESO would use again.
fn bytes(text: &str) -> Result<Vec<u8>, Error> {
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(text).map(String::into_bytes).map_err(|_| odd()),
        Some(b'n') => Ok(Vec::new()),
        _ => Ok(text.as_bytes().to_vec()),
    }
}
