//! What `connect` asks for, and where it goes then.

use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::connection::{ConnectInput, Need, ObjectNeed, Resolved};
use go_template::Object;

use crate::config::{CA_BUNDLE_AT, CA_PROVIDER_AT, Ca, Config, Manifest};

const CA: &str = "authorities";

/// The slot of a key of a Secret, by their places in the config.
fn slot(secret: usize, key: usize) -> String {
    format!("secret {secret} key {key}")
}

/// What a store needs, and where it goes.
///
/// # Errors
/// A wrong config.
pub fn connect(store: &mut Store<Manifest>) -> Result<Ready, Error> {
    let config = Config::of(&store.config, store.is_cluster())?;
    for need in needs(&config) {
        store.need(need);
    }
    if store.is_met() {
        objects(&config, store.input())?;
    }
    let ca = match config.ca {
        Ca::Public => None,
        Ca::Inline => Some(Material::InlineBase64(CA_BUNDLE_AT.to_owned())),
        Ca::Referred => Some(Material::Slot(CA.to_owned())),
    };
    let partition = config.apart.then(|| store.input().requester.namespace.clone());
    let origin = Origin::new(config.origin, "the store's server").ca(ca);
    // Whom a server counts, it tells by the credentials.
    Ok(Ready { partition, ..Ready::to([origin]).counted_by_credential() })
}

fn needs(config: &Config) -> Vec<Need> {
    let mut needs = Vec::new();
    for (nth, secret) in config.secrets.iter().enumerate() {
        for (key, name) in secret.keys.iter().enumerate() {
            needs.push(Need::Object(ObjectNeed {
                default_key: (!secret.named).then(|| name.clone()),
                // Of those that only may be meant, most are not there.
                optional: !secret.named,
                ..need::secret(&slot(nth, key), &secret.at)
            }));
        }
    }
    if config.ca == Ca::Referred {
        needs.push(Need::Object(ObjectNeed { hidden: true, ..need::object(CA, CA_PROVIDER_AT) }));
    }
    needs
}

/// The Secrets as templates see them.
///
/// # Errors
/// One that is not there.
pub fn objects(config: &Config, session: &ConnectInput) -> Result<Vec<Object>, Error> {
    let mut objects: Vec<Object> = Vec::new();
    for (nth, secret) in config.secrets.iter().enumerate() {
        let mut values = Vec::new();
        for (key, name) in secret.keys.iter().enumerate() {
            let slot = slot(nth, key);
            let given = session.have.iter().find(|given| given.slot == slot).map(|given| &given.value);
            if let Some(Resolved::Bytes(bytes)) = given {
                values.push((name.clone(), bytes.clone()));
            }
        }
        if values.is_empty() && !secret.keys.is_empty() {
            return Err(invalid_config(
                &secret.at,
                "there is no such Secret, or it has none of the keys that the templates ask for",
            ));
        }
        // As ESO: two of one name are one.
        match objects.iter_mut().find(|(known, _)| *known == secret.name) {
            Some((_, known)) => {
                known.retain(|(key, _)| values.iter().all(|(new, _)| new != key));
                known.extend(values);
            }
            None => objects.push((secret.name.clone(), values)),
        }
    }
    Ok(objects)
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
