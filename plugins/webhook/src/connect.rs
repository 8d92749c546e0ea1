//! What `connect` asks for, and where it goes then.

use claviger_plugin_sdk::provider::connection::{
    ConnectInput, Material, Need, ObjectKind, ObjectNeed, Origin, Reach, Ready, Resolved, Step, TlsProfile,
};
use claviger_plugin_sdk::{Error, invalid_config};
use go_template::Object;

use crate::config::{CA_BUNDLE_AT, CA_PROVIDER_AT, Ca, Config};

const CA: &str = "authorities";

/// The slot of a key of a Secret, by their places in the config.
fn slot(secret: usize, key: usize) -> String {
    format!("secret {secret} key {key}")
}

/// One round.
///
/// # Errors
/// A wrong config.
pub fn connect(input: &ConnectInput) -> Result<Step, Error> {
    let config = Config::parse(&input.config, input.store.namespace.is_none())?;
    // No need depends on what another brings.
    let needs = needs(&config);
    if input.have.is_empty() && !needs.is_empty() {
        return Ok(Step::Need(needs));
    }
    objects(&config, input)?;
    let material = match config.ca {
        Ca::Public => None,
        Ca::Inline => Some(Material::InlineBase64(CA_BUNDLE_AT.to_owned())),
        Ca::Referred => Some(Material::Slot(CA.to_owned())),
    };
    let tls = config.origin.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    Ok(Step::Ready(Ready {
        origins: vec![Origin {
            tls: material.filter(|_| tls).map(|ca| TlsProfile {
                ca: vec![ca],
                client_cert: None,
                client_key: None,
                server_name: None,
                insecure: None,
            }),
            url: config.origin,
            reach: Reach::Network,
            paths: Vec::new(),
            purpose: "the store's server".to_owned(),
            max_response_bytes: None,
            max_header_bytes: None,
        }],
        partition: config.apart.then(|| input.requester.namespace.clone()),
        // Whom a server counts, it tells by the credentials.
        account: Some(String::new()),
    }))
}

fn needs(config: &Config) -> Vec<Need> {
    let mut needs = Vec::new();
    for (nth, secret) in config.secrets.iter().enumerate() {
        for (key, name) in secret.keys.iter().enumerate() {
            needs.push(Need::Object(ObjectNeed {
                slot: slot(nth, key),
                at: secret.at.clone(),
                kind: ObjectKind::Secret,
                default_key: (!secret.named).then(|| name.clone()),
                hidden: false,
                // Of those that only may be meant, most are not there.
                optional: !secret.named,
            }));
        }
    }
    if config.ca == Ca::Referred {
        needs.push(Need::Object(ObjectNeed {
            slot: CA.to_owned(),
            at: CA_PROVIDER_AT.to_owned(),
            kind: ObjectKind::Either,
            default_key: None,
            hidden: true,
            optional: false,
        }));
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
