//! `writer` of the plugin interface, by the store's service. One key after the other, each with a login of its own from the
//! memo: what was done before a login was refused is not done again.

use aws_credentials::Service;
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::provider::writer::{Guest, Outcome, Removal, Write};
use wstd::runtime::block_on;

use crate::aws::Aws;
use crate::plugin::Plugin;
use crate::{parameter_writer, secret_writer};

impl Guest for Plugin {
    fn push(session: Session, writes: Vec<Write>) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let one = |write: &Write| {
            Aws::with(&session, |aws| {
                block_on(async {
                    match aws.config.service {
                        Service::SecretsManager => secret_writer::push(aws, write).await,
                        _ => parameter_writer::push(aws, write).await,
                    }
                })
            })
        };
        Ok(writes.iter().map(one).collect())
    }

    fn delete(session: Session, removals: Vec<Removal>) -> Result<Vec<Result<(), Error>>, Error> {
        let one = |removal: &Removal| {
            Aws::with(&session, |aws| {
                block_on(async {
                    match aws.config.service {
                        Service::SecretsManager => secret_writer::delete(aws, removal).await,
                        _ => parameter_writer::delete(aws, removal).await,
                    }
                })
            })
        };
        Ok(removals.iter().map(one).collect())
    }

    fn exists(session: Session, keys: Vec<String>) -> Result<Vec<Result<bool, Error>>, Error> {
        let one = |key: &String| {
            Aws::with(&session, |aws| {
                block_on(async {
                    match aws.config.service {
                        Service::SecretsManager => secret_writer::exists(aws, key).await,
                        _ => parameter_writer::exists(aws, key).await,
                    }
                })
            })
        };
        Ok(keys.iter().map(one).collect())
    }
}
