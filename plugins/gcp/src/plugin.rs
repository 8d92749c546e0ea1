//! Google Secret Manager behind the plugin interface.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Ready, Step};
use claviger_plugin_sdk::provider::generator::{Generated, Guest as Generator, Kind, Options};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Guest as Provider, Health, Item, Page, PropertyStep, Query, Session, Value,
};
use claviger_plugin_sdk::provider::writer::{Guest as Writer, Outcome, Removal, Write};
use google_credentials::{Endpoints, Service, endpoint};

use crate::client::Client;
use crate::config::Config;
use crate::world::Host;
use crate::{find, health, read, token, writer};

struct Plugin;

impl Connection for Plugin {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        if input.store.kind == token::KIND {
            return token::connect(&input);
        }
        let config = Config::parse(&input.config)?;
        let endpoints = Endpoints::parse(&input.settings)?;
        let needs = config.access.needs(config.lacks_project(), &input.have)?;
        if !needs.is_empty() {
            return Ok(Step::Need(needs));
        }
        let parent = config.parent(&input.have)?;
        let plan = config.access.plan(&input.have)?;
        let url = endpoints.secret_manager(config.location.as_deref());
        let mut origins = vec![endpoint::origin_for(&url, Service::SecretManager)];
        origins.extend(plan.origins(&endpoints));
        let partition = config.access.depends_on_requester(&config.json, &input.store);
        Ok(Step::Ready(Ready {
            origins,
            partition: partition.then_some(input.requester.namespace),
            // Secret Manager counts by the project of the secrets, unless another pays.
            account: Some(match plan.quota_project {
                Some(project) => format!("projects/{project}"),
                None => parent.path(),
            }),
        }))
    }
}

impl Provider for Plugin {
    fn describe() -> Description {
        Description {
            name: "gcpsm".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: include_str!("../config-schema.json").to_owned(),
            push_metadata_schema: Some(include_str!("../push-metadata-schema.json").to_owned()),
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::FIND_BY_PATH
                | Capability::FIND_BY_TAGS
                | Capability::METADATA
                | Capability::VERSIONS
                | Capability::WRITER
                | Capability::GENERATOR,
            // As ESO: with its dots escaped first, then as it stands; annotations.x and labels.x by their very
            // names.
            property_order: vec![PropertyStep::EscapedPath, PropertyStep::Path],
            metadata_order: vec![PropertyStep::Nested],
            origins: [
                "https://secretmanager.googleapis.com (secrets)",
                "https://secretmanager.LOCATION.rep.googleapis.com (secrets of a location)",
                "https://oauth2.googleapis.com (keys)",
                "https://securetoken.googleapis.com (workloadIdentity)",
                "https://sts.googleapis.com (workloadIdentityFederation)",
                "https://iamcredentials.googleapis.com (acting as a service account)",
                "the store's externalTokenEndpoint",
            ]
            .map(ToOwned::to_owned)
            .to_vec(),
            max_batch: read::BATCH as u32,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        health::check(&Client::new(&session, &Host)?)
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        read::get(&Client::new(&session, &Host)?, &items)
    }

    fn find(session: Session, query: Query, cursor: Option<String>) -> Result<Page, Error> {
        find::find(&Client::new(&session, &Host)?, &query, cursor.as_deref())
    }
}

impl Writer for Plugin {
    fn push(session: Session, writes: Vec<Write>) -> Result<Vec<Result<Outcome, Error>>, Error> {
        writer::push(&Client::new(&session, &Host)?, &writes)
    }

    fn delete(session: Session, removals: Vec<Removal>) -> Result<Vec<Result<(), Error>>, Error> {
        writer::delete(&Client::new(&session, &Host)?, &removals)
    }

    fn exists(session: Session, keys: Vec<String>) -> Result<Vec<Result<bool, Error>>, Error> {
        writer::exists(&Client::new(&session, &Host)?, &keys)
    }
}

impl Generator for Plugin {
    fn kinds() -> Vec<Kind> {
        vec![token::kind()]
    }

    fn generate(
        session: Session,
        _kind: String,
        _spec: String,
        _previous: Option<String>,
        _options: Options,
    ) -> Result<Generated, Error> {
        token::generate(&session, &Host)
    }

    /// There is nothing to clean up after a token.
    fn cleanup(_session: Session, _kind: String, _spec: String, _state: String) -> Result<(), Error> {
        Ok(())
    }
}

claviger_plugin_sdk::provider::export_managing_provider!(Plugin);
