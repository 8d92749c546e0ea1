//! The generator VaultDynamicSecret: one request to any path, with a login of its own, and what comes of it as values.
//! The host says when, keeps the lease and revokes it.
//!
//! A spec may name every path that its token may use, and write there: that is what it is for (a secret id, a token for
//! somebody else). What can a tenant do with this that the login's credential alone does not give them? They choose
//! the path; so where the credential is not theirs (the operator's own AWS identity, which an administrator grants to the
//! plugin; a ServiceAccount whose tokens they may not ask for) they act with it as its policies allow, and the
//! policies are the limit. They do not get the token itself, with which they could go on from elsewhere and after the
//! manifest is gone: the paths that would answer with it are refused. One that may create other tokens is no secret
//! from them all the same.

use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::provider::generator::{Generated, Kind};
use claviger_plugin_sdk::{Error, invalid_config, json};
use serde_json::{Value, json};

use crate::ask::{Ask, Of};
use crate::client::Client;
use crate::dynamic::Told;
use crate::generated::{self, Part, Values};
use crate::own::Maker;
use crate::world::World;
use crate::{path, reserved};

/// The one kind.
pub const KIND: &str = "VaultDynamicSecret";
/// Where its spec has what a store has.
const CONFIG_AT: &str = "/provider";

/// See [`KIND`].
pub fn kind() -> Kind {
    Kind { name: KIND.to_owned(), spec_schema: schema().to_string(), config_at: CONFIG_AT.to_owned() }
}

/// ESO's fields; `provider` is a store's object, marks and all.
fn schema() -> Value {
    let mut provider: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap_or_default();
    let part = |name: &str, provider: &mut Value| {
        provider.as_object_mut().and_then(|fields| fields.remove(name)).unwrap_or_default()
    };
    // References in it are from the top of the document.
    let (dialect, definitions) = (part("$schema", &mut provider), part("$defs", &mut provider));
    json!({
        "$schema": dialect,
        "type": "object",
        "required": ["path", "provider"],
        "additionalProperties": false,
        "properties": {
            "controller": {"type": "string"},
            "provider": provider,
            "path": {"type": "string", "minLength": 1},
            "method": {"type": "string"},
            "parameters": {"type": ["object", "null"]},
            "getParameters": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": {"type": "string"}}
            },
            "resultType": {"enum": ["Data", "Auth", "Raw"]},
            "allowEmptyResponse": {"type": "boolean"},
            "retrySettings": {
                "type": "object",
                "properties": {"maxRetries": {"type": "integer"}, "retryInterval": {"type": "string"}},
                "additionalProperties": false
            }
        },
        "$defs": definitions
    })
}

/// What a spec asks for.
struct Spec {
    ask: Ask,
    part: Part,
    empty_will_do: bool,
}

impl Spec {
    /// `retrySettings` has no effect: a request that makes something is not sent again without being asked for, and the
    /// host asks again by itself.
    fn parse(spec: &str) -> Result<Self, Error> {
        let spec: Value = serde_json::from_str(spec).map_err(|_| invalid_config("", "it is not JSON"))?;
        let path = json::text(&spec, "/path").ok_or_else(|| invalid_config("/path", "a path is needed"))?;
        let path = path::clean(path)
            .map_err(|_| invalid_config("/path", "it cannot have . or .. between slashes"))?;
        reserved::not_the_own_token(&path)?;
        let get = Ask { of: Of::Engine, ..Ask::get(path.clone()) };
        let ask = match json::text(&spec, "/method").unwrap_or("GET").to_ascii_uppercase().as_str() {
            "GET" => Ask { query: query(&spec), ..get },
            "LIST" => Ask { method: "LIST", ..get },
            "DELETE" => Ask { method: "DELETE", ..get },
            // As ESO: whatever else it says, it writes.
            _ => match spec.get("parameters") {
                None | Some(Value::Null) => Ask::put(Of::Engine, path, &json!({})),
                Some(body) if body.is_object() => Ask::put(Of::Engine, path, body),
                Some(_) => return Err(invalid_config("/parameters", "it must be an object")),
            },
        };
        let part = match json::text(&spec, "/resultType") {
            None | Some("Data") => Part::Data,
            Some("Auth") => Part::Auth,
            Some("Raw") => Part::Raw,
            Some(_) => return Err(invalid_config("/resultType", "it must be Data, Auth or Raw")),
        };
        Ok(Self { ask, part, empty_will_do: spec["allowEmptyResponse"].as_bool().unwrap_or(false) })
    }
}

fn query(spec: &Value) -> String {
    let encoded = |text: &str| path::encode(text).replace('/', "%2F");
    let mut pairs = Vec::new();
    for (name, values) in spec["getParameters"].as_object().into_iter().flatten() {
        let values = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        pairs.extend(values.map(|value| format!("{}={}", encoded(name), encoded(value))));
    }
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Makes it.
///
/// # Errors
/// A spec that cannot be asked for (its pointers are into the spec), a refusal, or an answer without what is wanted.
pub fn generate(session: &Session, world: &dyn World, spec: &str) -> Result<Generated, Error> {
    let spec = Spec::parse(spec)?;
    let client = &Client::new(session, world).map_err(of_provider)?;
    let maker = client.maker().map_err(of_provider)?;
    match ask(client, &maker, &spec) {
        Ok(answer) if answer.depends_on_token => {
            let holder = answer.lease.is_some().then(|| client.holder(maker)).flatten();
            let lease = answer.lease.map(|lease| lease.held_by(holder.as_ref()));
            Ok(Generated { values: answer.values, state: None, lease })
        }
        Ok(answer) => {
            client.give_up(&maker);
            Ok(Generated { values: answer.values, state: None, lease: None })
        }
        // Whatever was made, nobody will know of it.
        Err(error) => {
            client.give_up(&maker);
            Err(of_provider(error))
        }
    }
}

/// What came of it.
struct Answer {
    values: Values,
    lease: Option<Told>,
    /// The token must live on: with it ends the lease, or a token that was made with it, or one that is wrapped.
    depends_on_token: bool,
}

fn ask(client: &Client<'_>, maker: &Maker, spec: &Spec) -> Result<Answer, Error> {
    let none = || Err(Error::Other("a request without an answer".to_owned()));
    let answer = client.make(maker, std::slice::from_ref(&spec.ask)).pop().unwrap_or_else(none);
    let body = match answer {
        Ok(reply) => reply.body,
        // Vault has no other way to say that there is nothing.
        Err(Error::NotFound(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let parsed = generated::parse(&body)?;
    let values = match &parsed {
        Some(envelope) => generated::values(envelope, spec.part)?,
        None => None,
    };
    let values = match values {
        Some(values) => values,
        None if spec.empty_will_do => Vec::new(),
        None => return Err(generated::empty(&spec.ask.path, parsed.as_ref(), spec.part)),
    };
    let lease = parsed.as_ref().and_then(generated::lease);
    let depends_on_token = lease.is_some() || parsed.as_ref().is_some_and(generated::has_tokens);
    Ok(Answer { values, lease, depends_on_token })
}

/// What a client finds wrong stands in the spec's `provider`.
fn of_provider(error: Error) -> Error {
    match error {
        Error::InvalidConfig(wrong) => invalid_config(&format!("{CONFIG_AT}{}", wrong.path), wrong.detail),
        other => other,
    }
}

#[cfg(test)]
#[path = "generator_tests.rs"]
mod tests;
