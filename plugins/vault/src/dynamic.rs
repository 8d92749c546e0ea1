//! Reads of what is made for who asks (a database's credentials): whether a key names such a thing, the read, and the
//! value with its lease. KV is `read`'s.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Holder, Lease, Value};
use serde_json::value::RawValue;

use crate::answer::{Envelope, odd};
use crate::ask::{Ask, Of};
use crate::client::Client;
use crate::reserved;

/// Reads paths that make something, all with one login: they belong to one ExternalSecret. One answer for each, in
/// order.
pub(crate) fn read(client: &Client<'_>, paths: &[String]) -> Vec<Result<Value, Error>> {
    let maker = match client.maker() {
        Ok(maker) => maker,
        Err(error) => return paths.iter().map(|_| Err(error.clone())).collect(),
    };
    let asks: Vec<Ask> = paths.iter().map(|path| Ask { of: Of::Engine, ..Ask::get(path.clone()) }).collect();
    let answers = client.make(&maker, &asks).into_iter();
    let made: Vec<Result<Made, Error>> = answers.map(|answer| Made::parse(&answer?.body)).collect();
    // What has no lease does not end with its token (certificates, static roles); nor does what could not be read, and
    // nobody will know of it.
    let holder = if made.iter().flatten().any(|made| made.lease.is_some()) {
        client.holder(maker)
    } else {
        client.give_up(&maker);
        None
    };
    made.into_iter().map(|made| Ok(made?.value(holder.as_ref()))).collect()
}

/// Whether a key (clean) that is not in the store's KV may be made, and then from where: never from below the store's
/// own mount, and never from what is Vault's own, whatever the token may.
pub(crate) fn own_path<'k>(mount: Option<&str>, key: &'k str) -> Option<&'k str> {
    let stored = mount.is_some_and(|mount| key.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/')));
    Some(key).filter(|key| !stored && key.contains('/') && reserved::allowed(None, key).is_ok())
}

/// A lease as Vault tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) seconds: u64,
    pub(crate) renewable: bool,
}

impl Told {
    /// Of an answer, if it has one.
    pub(crate) fn of(envelope: &Envelope<'_>) -> Option<Self> {
        (!envelope.lease_id.is_empty()).then(|| Self {
            id: envelope.lease_id.clone(),
            seconds: envelope.lease_duration,
            renewable: envelope.renewable,
        })
    }

    /// With whom it ends besides.
    pub(crate) fn held_by(self, holder: Option<&Holder>) -> Lease {
        Lease {
            id: self.id,
            duration_ms: self.seconds.saturating_mul(1000),
            renewable: self.renewable,
            holder: holder.cloned(),
        }
    }
}

struct Made {
    json: String,
    lease: Option<Told>,
}

impl Made {
    fn parse(body: &[u8]) -> Result<Self, Error> {
        let envelope = Envelope::parse(body)?;
        let (data, lease) = (envelope.data()?, Told::of(&envelope));
        Ok(Self { json: with_lease(data, lease.as_ref())?, lease })
    }

    fn value(self, holder: Option<&Holder>) -> Value {
        Value {
            data: self.json.into_bytes(),
            entries: None,
            version: None,
            metadata: None,
            lease: self.lease.map(|lease| lease.held_by(holder)),
            shareable: false,
            dynamic: true,
        }
    }
}

/// The data as the server wrote it, and what is told of its lease under names that the data does not use.
fn with_lease(data: &RawValue, lease: Option<&Told>) -> Result<String, Error> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(data.get()).map_err(|_| odd())?;
    let Some(lease) = lease else { return Ok(data.get().to_owned()) };
    let told = [
        ("lease_id", serde_json::Value::from(lease.id.as_str())),
        ("lease_duration", lease.seconds.into()),
        ("renewable", lease.renewable.into()),
    ];
    let mut json = data.get().trim_end().strip_suffix('}').ok_or_else(odd)?.to_owned();
    let mut empty = fields.is_empty();
    for (name, value) in told.into_iter().filter(|(name, _)| !fields.contains_key(*name)) {
        json.push_str(&format!("{}\"{name}\":{value}", if empty { "" } else { "," }));
        empty = false;
    }
    json.push('}');
    Ok(json)
}

#[cfg(test)]
#[path = "dynamic_tests.rs"]
pub(crate) mod tests;
