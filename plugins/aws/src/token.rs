//! The generators ECRAuthorizationToken and STSSessionToken: what their specs ask for, and the values of the answers.
//! The requests are `token_calls`'. Nothing has to be taken back: each token ends by itself, twelve hours after it was
//! made if nothing else was asked for, and cannot be ended before.

use aws_credentials::{Access, Service, endpoint};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::provider::connection::{ConnectInput, Ready, Step};
use claviger_plugin_sdk::provider::generator::Kind;
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::{Value, json};

use crate::config::PLACES;

/// A login to a registry.
pub const ECR: &str = "ECRAuthorizationToken";
/// Temporary credentials.
pub const STS: &str = "STSSessionToken";

/// Keys of a Secret with their values.
pub type Values = Vec<(String, Vec<u8>)>;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The account's own registries in a region.
    Registry,
    /// The public registry.
    PublicRegistry,
    /// Temporary credentials of the user that asks.
    Session {
        /// Seconds.
        duration: Option<i32>,
        /// Of the MFA device.
        serial_number: Option<String>,
        /// Its code.
        token_code: Option<String>,
    },
}

/// A spec, ready for use.
#[derive(Clone, Debug)]
pub struct Token {
    /// What is asked for.
    pub asked: Asked,
    /// A label of the host that is called.
    pub region: String,
    /// Everything.
    pub json: Value,
}

/// Whether a generator's kind is one of these.
pub fn is(kind: &str) -> bool {
    [ECR, STS].contains(&kind)
}

/// Both.
pub fn kinds() -> Vec<Kind> {
    let kind = |name: &str, fields: Value| Kind {
        name: name.to_owned(),
        spec_schema: schema(fields).to_string(),
        config_at: String::new(),
    };
    let parameters = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "sessionDuration": {"type": "integer"},
            "serialNumber": {"type": "string"},
            "tokenCode": {"type": "string"}
        }
    });
    vec![kind(ECR, json!({"scope": {"type": "string"}})), kind(STS, json!({"requestParameters": parameters}))]
}

/// ESO's fields, those that both have and its own.
fn schema(fields: Value) -> Value {
    let store: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap_or_default();
    let secret = json!({"$ref": "#/$defs/secretRef"});
    let mut schema = json!({
        "$schema": store["$schema"],
        "type": "object",
        "required": ["region"],
        "additionalProperties": false,
        "properties": {
            "region": store["properties"]["region"],
            "role": {"type": "string"},
            "auth": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "jwt": store["properties"]["auth"]["properties"]["jwt"],
                    "secretRef": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "accessKeyIDSecretRef": secret,
                            "secretAccessKeySecretRef": secret,
                            "sessionTokenSecretRef": secret
                        }
                    }
                }
            }
        },
        "$defs": store["$defs"]
    });
    for (name, field) in fields.as_object().into_iter().flatten() {
        schema["properties"][name] = field.clone();
    }
    schema
}

impl Token {
    /// Reads the spec of a kind.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(kind: &str, spec: &str) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(spec).map_err(|_| invalid_config("", "it is not JSON"))?;
        let asked = if kind == STS {
            if given(&json, "/auth/jwt") {
                return Err(invalid_config(
                    "/auth/jwt",
                    "STS gives session tokens to a user's access key alone: use secretRef",
                ));
            }
            if !given(&json, "/auth/secretRef") {
                return Err(invalid_config(
                    "/auth/secretRef",
                    "the operator's own access key makes no session tokens for others: name a user's",
                ));
            }
            let field =
                |name: &str| text(&json, &format!("/requestParameters/{name}")).map(ToOwned::to_owned);
            let duration = json["requestParameters"]["sessionDuration"].as_i64().map(i32::try_from);
            let duration = duration.transpose().map_err(|_| {
                invalid_config("/requestParameters/sessionDuration", "it is 900 to 129600 seconds")
            })?;
            Asked::Session { duration, serial_number: field("serialNumber"), token_code: field("tokenCode") }
        } else {
            // As ESO: whatever else it says is the private one.
            match text(&json, "/scope") {
                Some("public") => Asked::PublicRegistry,
                _ => Asked::Registry,
            }
        };
        let region = endpoint::region(&json, "/region")?.to_owned();
        Ok(Self { asked, region, json })
    }

    /// Who makes it.
    pub fn service(&self) -> Service {
        match self.asked {
            Asked::Registry => Service::Ecr,
            Asked::PublicRegistry => Service::EcrPublic,
            Asked::Session { .. } => Service::Sts,
        }
    }

    /// The right that is needed.
    pub fn action(&self) -> &'static str {
        match self.asked {
            Asked::Registry => "ecr:GetAuthorizationToken",
            Asked::PublicRegistry => "ecr-public:GetAuthorizationToken",
            Asked::Session { .. } => "sts:GetSessionToken",
        }
    }
}

/// Connects one of these generators.
///
/// # Errors
/// What is wrong with its spec, or missing.
pub fn connect(input: &ConnectInput) -> Result<Step, Error> {
    let token = Token::parse(&input.store.kind, &input.config)?;
    let access = Access::parse(&token.json, PLACES, &input.store, &input.requester)?;
    let needs = access.needs(&token.json, &input.have)?;
    if !needs.is_empty() {
        return Ok(Step::Need(needs));
    }
    let mut services = vec![token.service()];
    if access.calls_sts(&input.have)? && token.service() != Service::Sts {
        services.push(Service::Sts);
    }
    let origins: Result<_, Error> = services
        .into_iter()
        .map(|service| endpoint::origin(service, &token.region, &input.settings))
        .collect();
    let partition = access.depends_on_requester(&token.json, &input.store);
    Ok(Step::Ready(Ready {
        origins: origins?,
        partition: partition.then(|| input.requester.namespace.clone()),
        account: Some(access.roles.iter().map(|role| role.arn.as_str()).collect::<Vec<_>>().join(" ")),
    }))
}

/// The login of a registry's token, as ESO names its parts. `expires` is in seconds since 1970.
///
/// # Errors
/// If the token is no user and password.
pub fn registry(token: &str, endpoint: Option<&str>, expires: i64) -> Result<Values, Error> {
    let odd = || Error::Other("the authorization token is not base64 of a user and a password".to_owned());
    let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(odd)?;
    let (user, password) = decoded.split_once(':').ok_or_else(odd)?;
    let mut values = pairs(&[("username", user), ("password", password)]);
    values.extend(endpoint.map(|endpoint| ("proxy_endpoint".to_owned(), endpoint.as_bytes().to_vec())));
    values.push(("expires_at".to_owned(), expires.to_string().into_bytes()));
    Ok(values)
}

/// A session's credentials, as ESO names its parts. `expires` as above.
pub fn session(id: &str, secret: &str, token: &str, expires: i64) -> Values {
    let parts = [
        ("access_key_id", id),
        ("expiration", &expires.to_string()),
        ("secret_access_key", secret),
        ("session_token", token),
    ];
    pairs(&parts)
}

fn pairs(parts: &[(&str, &str)]) -> Values {
    parts.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
