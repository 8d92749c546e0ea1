//! The generator GCRAccessToken: an access token as the password of a login to Google's registries. It is asked for anew
//! each time, with the logins of a store; nothing has to be taken back: it ends by itself.

use claviger_plugin_sdk::provider::connection::{ConnectInput, Ready, Session, Step};
use claviger_plugin_sdk::provider::generator::{Generated, Kind};
use claviger_plugin_sdk::{Error, invalid_config};
use google_credentials::source::Source;
use google_credentials::{Access, Endpoints, Places, World, login, needs, world};
use serde_json::{Value, json};

/// Its name.
pub const KIND: &str = "GCRAccessToken";
/// Whose password an access token is, for every registry of Google's ("Set up authentication for Docker").
const USER: &str = "oauth2accesstoken";
/// Where the fields about logging in stand.
const PLACES: Places = Places { auth: "/auth", projects: &["/projectID"], plugin: "gcpsm" };

/// The kind.
pub fn kind() -> Kind {
    Kind { name: KIND.to_owned(), spec_schema: schema().to_string(), config_at: String::new() }
}

/// ESO's fields: of the store's those about logging in, without their second spellings.
fn schema() -> Value {
    let mut store: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap_or_default();
    let mut auth = store["properties"]["auth"].take();
    if let Some(key) = auth["properties"]["secretRef"]["properties"].as_object_mut() {
        key.remove("secretAccessKey");
    }
    auth["properties"]["workloadIdentity"]["required"] =
        json!(["serviceAccountRef", "clusterLocation", "clusterName"]);
    json!({
        "$schema": store["$schema"],
        "type": "object",
        "required": ["auth", "projectID"],
        "additionalProperties": false,
        "properties": {"auth": auth, "projectID": {"type": "string"}},
        "$defs": store["$defs"]
    })
}

struct Spec {
    access: Access,
    project: String,
    json: Value,
}

impl Spec {
    fn parse(spec: &str) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(spec).map_err(|_| invalid_config("", "it is not JSON"))?;
        let access = Access::parse(&json, PLACES)?;
        if matches!(access.source, Source::Ambient) {
            // A store reads by it what the operator lets it; a token would be the operator's identity itself.
            return Err(invalid_config(
                "/auth",
                "the operator's own identity makes no tokens for others: name a key or a ServiceAccount",
            ));
        }
        let project = access.project.clone().filter(|project| needs::plain(project));
        let project =
            project.ok_or_else(|| invalid_config("/projectID", "it is not the id or number of a project"))?;
        Ok(Self { access, project, json })
    }
}

/// Connects one.
///
/// # Errors
/// What is wrong with its spec, or missing.
pub fn connect(input: &ConnectInput) -> Result<Step, Error> {
    let spec = Spec::parse(&input.config)?;
    let endpoints = Endpoints::parse(&input.settings)?;
    let needs = spec.access.needs(false, &input.have)?;
    if !needs.is_empty() {
        return Ok(Step::Need(needs));
    }
    let plan = spec.access.plan(&input.have)?;
    let partition = spec.access.depends_on_requester(&spec.json, &input.store);
    Ok(Step::Ready(Ready {
        origins: plan.origins(&endpoints),
        partition: partition.then(|| input.requester.namespace.clone()),
        account: Some(format!("projects/{}", spec.project)),
    }))
}

/// Makes one.
///
/// # Errors
/// A refused login, or whatever keeps Google from answering.
pub fn generate(session: &Session, world: &dyn World) -> Result<Generated, Error> {
    let spec = Spec::parse(&session.config)?;
    let endpoints = Endpoints::parse(&session.settings)?;
    let plan = spec.access.plan(&session.have)?;
    // Before it was asked for: it lives until then at least.
    let asked = world::seconds(world.now());
    let token = login(world, &plan, &endpoints)?;
    let expiry = asked.saturating_add(token.seconds).to_string();
    let values = [("username", USER), ("password", token.token.0.as_str()), ("expiry", expiry.as_str())];
    let values = values.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    Ok(Generated { values, state: None, lease: None })
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
