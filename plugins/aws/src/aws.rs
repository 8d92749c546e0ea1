//! A connected AWS: credentials that sign, and what becomes of them when they are refused.

use std::cell::Cell;

use aws_credentials::client::{CallError, SdkConfig, Trouble, sdk_config};
use aws_credentials::failure::Class;
use aws_credentials::login::{Login, login};
use aws_credentials::{Access, Failure, Service, endpoint};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::Session;

use crate::config::{Config, PLACES};

/// For how long a right that is missing is not tried again, in milliseconds: an hour, in which thousands of
/// reads save a request each, and after which a right that was given is noticed.
pub(crate) const DENIED_MS: u64 = 3_600_000;

/// Requests of one call at once, of the host's 32.
pub(crate) const AT_ONCE: usize = 8;

/// One call's access.
pub(crate) struct Aws {
    pub(crate) config: Config,
    login: Login,
    url: String,
    refused: Cell<bool>,
}

impl Aws {
    /// Does something with AWS. If it turns out that credentials from the memo are not valid any more, they
    /// are made anew and it is done once more.
    pub(crate) fn with<T>(session: &Session, work: impl Fn(&Self) -> Result<T, Error>) -> Result<T, Error> {
        let config = Config::parse(&session.config)?;
        let access = Access::parse(&config.json, PLACES, &session.store, &session.requester)?;
        let region = config.region.clone();
        let sts = endpoint::url(Service::Sts, &region, &session.settings)?;
        let url = endpoint::url(config.service, &region, &session.settings)?;
        let enter = || login(&access, session, &region, &sts);
        let mut aws = Self { login: enter()?, url, refused: Cell::new(false), config };
        let answer = work(&aws);
        if !aws.refused.get() || !aws.login.kept {
            return answer;
        }
        aws.login.evict();
        aws.login = enter()?;
        aws.refused.set(false);
        let answer = work(&aws);
        if aws.refused.get() {
            aws.login.evict();
        }
        answer
    }

    pub(crate) fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk())
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.sdk())
    }

    fn sdk(&self) -> SdkConfig {
        sdk_config(&self.config.region, &self.url, Some(&self.login.credentials))
    }

    /// What a call that did not succeed was about.
    pub(crate) fn trouble<E>(&self, error: &CallError<E>) -> Trouble {
        let trouble = Trouble::of(error, Some(&self.login.credentials));
        if let Trouble::Answer(failure) = &trouble {
            self.seen(failure);
        }
        trouble
    }

    /// The same as an error: `action` is the right that is needed, `what` the key.
    pub(crate) fn error<E>(&self, error: &CallError<E>, action: &str, what: &str) -> Error {
        match self.trouble(error) {
            Trouble::Answer(failure) => failure.error(action, what),
            Trouble::Nothing(error) => error,
        }
    }

    fn seen(&self, failure: &Failure) {
        if failure.class() == Class::Refused {
            self.refused.set(true);
        }
    }
}

/// What a failed batch means for the reads that were in it.
pub(crate) enum Batch {
    /// One by one it may work: one of them is wrong, or the right to batches is missing.
    Single { denied: bool },
    /// One by one it would not work either.
    Over(Error),
}

impl Batch {
    pub(crate) fn of(trouble: Trouble, action: &str, what: &str) -> Self {
        match trouble {
            Trouble::Nothing(error) => Self::Over(error),
            Trouble::Answer(failure) => match failure.class() {
                Class::Refused | Class::Skewed | Class::Throttled | Class::Unavailable => {
                    Self::Over(failure.error(action, what))
                }
                class => Self::Single { denied: class == Class::Denied },
            },
        }
    }
}
