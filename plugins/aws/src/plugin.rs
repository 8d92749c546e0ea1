//! AWS behind the plugin interface.

use aws_credentials::client::Trouble;
use aws_credentials::{Access, Service, endpoint};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Ready, Step};
use claviger_plugin_sdk::provider::generator::{Generated, Guest as Generator, Kind, Options};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Guest as Provider, Health, Item, Page, PropertyStep, Query, Session, Value,
};
use wstd::runtime::block_on;

use crate::aws::Aws;
use crate::config::{Config, PLACES};
use crate::{find, health, parameter_store, secret, secrets_manager, token, token_calls};

pub(crate) struct Plugin;

impl Connection for Plugin {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        if token::is(&input.store.kind) {
            return token::connect(&input);
        }
        let config = Config::parse(&input.config)?;
        let access = Access::parse(&config.json, PLACES, &input.store, &input.requester)?;
        let needs = access.needs(&config.json, &input.have)?;
        if !needs.is_empty() {
            return Ok(Step::Need(needs));
        }
        let mut services = vec![config.service];
        services.extend(config.queue.as_ref().map(|_| Service::Sqs));
        if access.calls_sts(&input.have)? {
            services.push(Service::Sts);
        }
        let origins: Result<_, Error> = services
            .into_iter()
            .map(|service| endpoint::origin(service, &config.region, &input.settings))
            .collect();
        let partition = access.depends_on_requester(&config.json, &input.store);
        Ok(Step::Ready(Ready {
            origins: origins?,
            partition: partition.then(|| input.requester.namespace.clone()),
            // AWS counts by account, which the last role decides.
            account: Some(access.roles.iter().map(|role| role.arn.as_str()).collect::<Vec<_>>().join(" ")),
        }))
    }
}

impl Provider for Plugin {
    fn describe() -> Description {
        Description {
            name: "aws".to_owned(),
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
            // As ESO: with its dots escaped first, then as it stands; of tags too.
            property_order: vec![PropertyStep::EscapedPath, PropertyStep::Path],
            metadata_order: vec![PropertyStep::EscapedPath, PropertyStep::Path],
            origins: [
                Service::SecretsManager,
                Service::Ssm,
                Service::Sts,
                Service::Ecr,
                Service::EcrPublic,
                Service::Sqs,
            ]
            .map(|service| format!("https://{}.REGION.amazonaws.com", service.host()))
            .to_vec(),
            // What one BatchGetSecretValue takes.
            max_batch: secret::BATCH as u32,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        let config = Config::parse(&session.config)?;
        let access = Access::parse(&config.json, PLACES, &session.store, &session.requester)?;
        if access.tags_name_requester && session.requester.namespace.is_empty() {
            return Ok(Health::Unknown(
                "the session tags name the namespace of the ExternalSecret, and here is none".to_owned(),
            ));
        }
        Aws::with(&session, |aws| {
            block_on(async {
                let (trouble, action) = match aws.config.service {
                    Service::SecretsManager => {
                        let answer = aws.secrets_manager().list_secrets().max_results(1).send().await;
                        (answer.err().map(|error| aws.trouble(&error)), "secretsmanager:ListSecrets")
                    }
                    _ => {
                        let answer = aws.ssm().describe_parameters().max_results(1).send().await;
                        (answer.err().map(|error| aws.trouble(&error)), "ssm:DescribeParameters")
                    }
                };
                match trouble {
                    None => Ok(Health::Ready),
                    Some(Trouble::Answer(failure)) => health::refused(&failure, action),
                    Some(Trouble::Nothing(error)) => Err(error),
                }
            })
        })
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        Aws::with(&session, |aws| {
            Ok(block_on(async {
                match aws.config.service {
                    Service::SecretsManager => secrets_manager::read(aws, &items, &aws.config.prefix).await,
                    _ => parameter_store::read(aws, &items, &aws.config.prefix).await,
                }
            }))
        })
    }

    fn find(session: Session, query: Query, cursor: Option<String>) -> Result<Page, Error> {
        Aws::with(&session, |aws| block_on(find::find(aws, &query, cursor.clone())))
    }
}

impl Generator for Plugin {
    fn kinds() -> Vec<Kind> {
        token::kinds()
    }

    fn generate(
        session: Session,
        kind: String,
        spec: String,
        _previous: Option<String>,
        _options: Options,
    ) -> Result<Generated, Error> {
        token_calls::generate(&session, &kind, &spec)
    }

    /// There is no way to end a token, and nothing to clean up after one.
    fn cleanup(_session: Session, _kind: String, _spec: String, _state: String) -> Result<(), Error> {
        Ok(())
    }
}

claviger_plugin_sdk::provider::export_managing_provider!(Plugin);
