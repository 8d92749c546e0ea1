//! The generator ACRAccessToken: Entra's token, changed at the registry into one of its own: a refresh token of all rights
//! that the identity has there, or, with a scope, an access token for that. Nothing has to be taken back: they end by
//! themselves.
//!
//! What is shown to the registry is a token for the cloud's management. Of the operator's own identity it goes to
//! registries of the cloud alone, whatever the spec names; of an identity that is the tenant's where the tenant says.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::provider::connection::{ConnectInput, Ready, Session, Step};
use claviger_plugin_sdk::provider::generator::{Generated, Kind};
use claviger_plugin_sdk::{Error, RateLimit, invalid_config};
use serde_json::{Value, json};

use crate::auth::{Auth, Id, audiences};
use crate::client::Client;
use crate::cloud::{Cloud, Url};
use crate::config::{Config, admins_login, environment};
use crate::ready::{depends_on_requester, origin};
use crate::refusal::one_line;
use crate::slots::Slots;
use crate::world::{Reply, Request, World};
use crate::{identity, login, needs};

/// Its name.
pub const KIND: &str = "ACRAccessToken";
/// Whose password a registry's token is ("Authenticate with an Azure container registry").
const USER: &str = "00000000-0000-0000-0000-000000000000";

const REGISTRY_AT: &str = "/registry";
const TENANT_AT: &str = "/tenantId";
const CLIENT_ID_AT: &str = "/auth/servicePrincipal/secretRef/clientId";
const CLIENT_SECRET_AT: &str = "/auth/servicePrincipal/secretRef/clientSecret";
const IDENTITY_AT: &str = "/auth/managedIdentity/identityId";
const ACCOUNT_AT: &str = "/auth/workloadIdentity/serviceAccountRef";
const EXCHANGE: &str = "/oauth2/exchange";
const TOKEN: &str = "/oauth2/token";

/// The kind.
pub fn kind() -> Kind {
    Kind { name: KIND.to_owned(), spec_schema: schema().to_string(), config_at: String::new() }
}

fn schema() -> Value {
    let store: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap_or_default();
    let secret = json!({"$ref": "#/$defs/secretRef"});
    let account = store["properties"]["serviceAccountRef"].clone();
    let object = |properties: Value, required: &[&str]| json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required});
    let principal = object(json!({"clientId": secret, "clientSecret": secret}), &[]);
    let auth = json!({
        "servicePrincipal": object(json!({"secretRef": principal}), &["secretRef"]),
        "managedIdentity": object(json!({"identityId": {"type": "string"}}), &[]),
        "workloadIdentity": object(json!({"serviceAccountRef": account}), &[]),
    });
    let fields = json!({
        "auth": object(auth, &[]),
        "tenantId": {"type": "string"},
        "registry": {"type": "string", "minLength": 1},
        "scope": {"type": "string"},
        "environmentType": {"type": "string"},
    });
    let mut schema = object(fields, &["auth", "registry"]);
    schema["$schema"] = store["$schema"].clone();
    schema["$defs"] = store["$defs"].clone();
    schema
}

/// The spec as the config of a vault would be: the registry is where the vault would be.
fn config(spec: &str, settings: &str) -> Result<Config, Error> {
    let json: Value = serde_json::from_str(spec).map_err(|_| invalid_config("", "it is not JSON"))?;
    let auth = auth(&json)?;
    let cloud = environment(&json)?.ok_or_else(|| {
        invalid_config("/environmentType", "registries of an Azure Stack have no token of this kind")
    })?;
    let host = text(&json, REGISTRY_AT).unwrap_or_default();
    let registry = Url::read(&format!("https://{host}")).filter(|url| url.path.is_empty());
    let registry = registry.filter(|_| !host.contains('/')).ok_or_else(|| {
        invalid_config(REGISTRY_AT, "it must be the host of a registry, like example.azurecr.io")
    })?;
    let below = |suffix: &str| registry.is_below(suffix) && registry.port.is_empty();
    if auth.is_ambient() && !cloud.registries.is_some_and(below) {
        let detail = match cloud.registries {
            Some(suffix) => format!(
                "with the operator's own identity it must be NAME.{suffix}, a registry of {}",
                cloud.name
            ),
            None => format!("{} has no registries", cloud.name),
        };
        return Err(invalid_config(REGISTRY_AT, detail));
    }
    let admins = admins_login(settings)?.filter(|login| !Cloud::owns_login(&login.text()));
    let login = admins.or_else(|| Url::read(cloud.login));
    let login = login.ok_or_else(|| Error::Other(format!("{} has no login", cloud.name)))?;
    let resource = cloud.management.to_owned();
    Ok(Config { vault: registry, resource, login, auth, custom: false, json })
}

/// The first that is given counts, as in ESO.
fn auth(spec: &Value) -> Result<Auth, Error> {
    if given(spec, "/auth/servicePrincipal") {
        for at in [CLIENT_ID_AT, CLIENT_SECRET_AT] {
            if !given(spec, at) {
                return Err(invalid_config(at, "it is needed"));
            }
        }
        let tenant = text(spec, TENANT_AT).map(str::trim).filter(|tenant| !tenant.is_empty());
        let tenant = tenant
            .ok_or_else(|| invalid_config(TENANT_AT, "the tenant of the service principal is needed"))?;
        return Ok(Auth::ClientSecret {
            client_id: Id::Referred { at: CLIENT_ID_AT },
            tenant: vec![Id::Plain { at: TENANT_AT, value: tenant.to_owned() }],
            at: CLIENT_SECRET_AT,
        });
    }
    if given(spec, "/auth/managedIdentity") {
        let id = text(spec, IDENTITY_AT);
        if id.is_some_and(|id| id.contains('/')) {
            return Err(invalid_config(
                IDENTITY_AT,
                "the client id of the identity is meant, and not its resource id",
            ));
        }
        return Ok(Auth::Managed { at: id.map(|_| IDENTITY_AT) });
    }
    if given(spec, ACCOUNT_AT) {
        let audiences = audiences(spec, ACCOUNT_AT);
        return Ok(Auth::Account { at: ACCOUNT_AT, client_id: None, tenant: Vec::new(), audiences });
    }
    if given(spec, "/auth/workloadIdentity") {
        return Ok(Auth::Pod { tenant: None });
    }
    Err(invalid_config("/auth", "one of servicePrincipal, managedIdentity and workloadIdentity is needed"))
}

/// Connects one.
///
/// # Errors
/// What is wrong with its spec, or missing.
pub fn connect(input: &ConnectInput) -> Result<Step, Error> {
    let config = config(&input.config, &input.settings)?;
    let needs = needs::next(&config, &input.have)?;
    if !needs.is_empty() {
        return Ok(Step::Need(needs));
    }
    let paths = [EXCHANGE, TOKEN].map(ToOwned::to_owned).to_vec();
    let mut origins = vec![origin(config.vault.origin(), paths, "Azure Container Registry")];
    if let Some(identity) = identity::of(&config.auth, Slots(&input.have))? {
        let endpoint = login::endpoint(&config, &identity.tenant.value);
        let path = endpoint.strip_prefix(&config.login.origin()).unwrap_or_default().to_owned();
        origins.push(origin(config.login.origin(), vec![path], "Microsoft Entra ID (login)"));
    }
    Ok(Step::Ready(Ready {
        origins,
        partition: depends_on_requester(&config, input).then(|| input.requester.namespace.clone()),
        account: Some(String::new()),
    }))
}

/// Makes one.
///
/// # Errors
/// A refused login, or what the registry answers instead of a token.
pub fn generate(session: &Session, world: &dyn World) -> Result<Generated, Error> {
    let config = config(&session.config, &session.settings)?;
    let tenant = identity::of(&config.auth, Slots(&session.have))?.map(|identity| identity.tenant.value);
    let tenant = text(&config.json, TENANT_AT).map(ToOwned::to_owned).or(tenant).unwrap_or_default();
    let scope = text(&config.json, "/scope").map(ToOwned::to_owned);
    let client = Client::of(config, session, world);
    let registry = Registry { client: &client, world };
    let refresh = registry.exchange(&tenant)?;
    let token = match scope {
        None => refresh,
        Some(scope) => registry.access(&refresh, &scope)?,
    };
    let values = vec![("username".to_owned(), USER.into()), ("password".to_owned(), token.into_bytes())];
    Ok(Generated { values, state: None, lease: None })
}

struct Registry<'a> {
    client: &'a Client<'a>,
    world: &'a dyn World,
}

impl Registry<'_> {
    fn host(&self) -> &str {
        &self.client.config.vault.host
    }

    /// Entra's token for a refresh token; once more with another one if a token that was kept is refused.
    fn exchange(&self, tenant: &str) -> Result<String, Error> {
        let token = self.client.token()?;
        let ask = |token: &str| {
            let service = format!("{}{}", self.host(), self.client.config.vault.port);
            let form = [
                ("grant_type", "access_token"),
                ("service", service.as_str()),
                ("tenant", tenant),
                ("access_token", token),
            ];
            self.post(EXCHANGE, &form)
        };
        let mut reply = ask(&token)?;
        if reply.status == 401 && self.client.logs_in() {
            reply = ask(&self.client.renewed(&token)?)?;
        }
        self.token(&reply, "refresh_token", "the exchange of Entra's token")
    }

    fn access(&self, refresh: &str, scope: &str) -> Result<String, Error> {
        self.client.secrets.hide(refresh);
        let service = format!("{}{}", self.host(), self.client.config.vault.port);
        let form = [
            ("grant_type", "refresh_token"),
            ("service", service.as_str()),
            ("scope", scope),
            ("refresh_token", refresh),
        ];
        let reply = self.post(TOKEN, &form)?;
        self.token(&reply, "access_token", &format!("the access token for {scope}"))
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Reply, Error> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        let url = format!("{}{path}", self.client.config.vault.origin());
        let sent = self.world.send(vec![Request { method: "POST", url, headers, body: body.into_bytes() }]);
        let none = || Err(Error::Other("a request without an answer".to_owned()));
        sent.into_iter().next().unwrap_or_else(none).map_err(|error| self.client.secrets.clean(error))
    }

    fn token(&self, reply: &Reply, field: &str, what: &str) -> Result<String, Error> {
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let what = format!("{what} at {}", self.host());
        if !(200..=299).contains(&reply.status) {
            return Err(self.client.secrets.clean(refused(reply, &answer, what)));
        }
        let token = answer[field].as_str().filter(|token| !token.is_empty()).map(ToOwned::to_owned);
        token.ok_or_else(|| Error::Unavailable(format!("{what}: the answer has none: is it a registry's?")))
    }
}

/// A registry's refusal. Its errors are those of the registry API: `{"errors": [{"code", "message"}]}`.
fn refused(reply: &Reply, answer: &Value, what: String) -> Error {
    let said = &answer["errors"][0];
    let words: Vec<String> = ["code", "message"]
        .iter()
        .filter_map(|field| said[*field].as_str().map(one_line))
        .map(|text| text.trim_end_matches('.').to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    let detail = match words.is_empty() {
        true => format!("{what}: HTTP {}", reply.status),
        false => format!("{what}: HTTP {}: {}", reply.status, words.join(": ")),
    };
    match reply.status {
        429 => Error::RateLimited(RateLimit { retry_after_ms: reply.retry_after_ms, detail }),
        401 | 403 if !words.is_empty() => {
            Error::Denied(format!("{detail}: the identity needs a role on the registry, such as AcrPull"))
        }
        400 if !words.is_empty() => Error::Other(detail),
        _ => Error::Unavailable(detail),
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
