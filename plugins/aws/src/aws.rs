//! A connected AWS: credentials that sign, and what becomes of them when they are refused.

use std::cell::Cell;

use aws_credentials::client::{CallError, SdkConfig, Trouble, sdk_config};
use aws_credentials::failure::Class;
use aws_credentials::login::{Login, login};
use aws_credentials::{Access, Failure, Service, endpoint};
use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::{Error, memo};

use crate::config::{Config, PLACES};
use crate::renewal::{self, Logins, Seen};

/// For how long a right that is missing is not tried again, in milliseconds: an hour, in which thousands of
/// reads save a request each, and after which a right that was given is noticed.
pub(crate) const DENIED_MS: u64 = 3_600_000;

/// Requests of one call at once, of the host's 32.
pub(crate) const AT_ONCE: usize = 8;

/// For how long an explicit denial is not answered by a new login, in milliseconds. A minute of an hour's
/// session: an ended one is noticed soon, and a denial that is meant costs STS one request a minute.
const RENEWED_MS: u64 = 60_000;
/// Set while a login was made anew because of an explicit denial.
const RENEWED: &str = "renewed";

/// One call's access.
pub(crate) struct Aws {
    pub(crate) config: Config,
    login: Login,
    url: String,
    seen: Cell<Seen>,
}

struct OfSession<'a> {
    access: Access,
    session: &'a Session,
    region: String,
    sts: String,
}

impl Logins for OfSession<'_> {
    type Login = Login;

    fn enter(&self) -> Result<Login, Error> {
        login(&self.access, self.session, &self.region, &self.sts)
    }

    fn kept(&self, login: &Login) -> bool {
        login.kept
    }

    fn evict(&self, login: &Login) {
        login.evict();
    }

    fn may_renew(&self) -> bool {
        let mut mine = false;
        let kept = memo::get_or_make(RENEWED, || {
            mine = true;
            Ok((b"1".to_vec(), RENEWED_MS))
        });
        kept.is_ok() && mine
    }
}

/// Does something with a session's login, and once more with a newer one if that may help.
pub(crate) fn with_login<T>(
    session: &Session,
    access: Access,
    region: &str,
    work: impl Fn(&Login) -> (Result<T, Error>, Seen),
) -> Result<T, Error> {
    let sts = endpoint::url(Service::Sts, region, &session.settings)?;
    renewal::with(&OfSession { access, session, region: region.to_owned(), sts }, work)?
}

impl Aws {
    /// Does something with AWS. If credentials from the memo turn out not to be valid any more, or may have
    /// been revoked, they are made anew and it is done once more.
    pub(crate) fn with<T>(session: &Session, work: impl Fn(&Self) -> Result<T, Error>) -> Result<T, Error> {
        let config = Config::parse(&session.config)?;
        let access = Access::parse(&config.json, PLACES, &session.store, &session.requester)?;
        let url = endpoint::url(config.service, &config.region, &session.settings)?;
        with_login(session, access, &config.region, |login| {
            let (config, url) = (config.clone(), url.clone());
            let aws = Self { login: login.clone(), url, seen: Cell::default(), config };
            (work(&aws), aws.seen.get())
        })
    }

    pub(crate) fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk())
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.sdk())
    }

    fn sdk(&self) -> SdkConfig {
        self.sdk_at(&self.url)
    }

    /// For a service at another URL.
    pub(crate) fn sdk_at(&self, url: &str) -> SdkConfig {
        sdk_config(&self.config.region, url, Some(&self.login.credentials))
    }

    /// What a call that did not succeed was about.
    pub(crate) fn trouble<E>(&self, error: &CallError<E>) -> Trouble {
        let trouble = Trouble::of(error, Some(&self.login.credentials));
        if let Trouble::Answer(failure) = &trouble {
            self.note(failure);
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

    /// As [`Aws::error`] of what writes, or of what was there a moment ago: somebody else was there in between.
    pub(crate) fn write_error<E>(&self, error: &CallError<E>, action: &str, what: &str) -> Error {
        match self.trouble(error) {
            Trouble::Answer(failure) if failure.is_conflict() => {
                Error::Conflict(format!("{what}: {}", failure.said()))
            }
            Trouble::Answer(failure) => failure.error(action, what),
            Trouble::Nothing(error) => error,
        }
    }

    /// The failure of one secret in an answer that is a success, as an error.
    pub(crate) fn item_error(&self, code: &str, message: &str, action: &str, what: &str) -> Error {
        let failure = Failure::of_item(code, message).clean(&self.login.credentials);
        self.note(&failure);
        failure.error(action, what)
    }

    fn note(&self, failure: &Failure) {
        self.seen.set(self.seen.get().and(failure));
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
    pub(crate) fn of(trouble: Trouble, action: &str) -> Self {
        match trouble {
            Trouble::Nothing(error) => Self::Over(error),
            Trouble::Answer(failure) => match failure.class() {
                Class::Refused | Class::Skewed | Class::Throttled | Class::Unavailable => {
                    Self::Over(failure.error(action, "*"))
                }
                class => Self::Single { denied: class == Class::Denied },
            },
        }
    }
}
