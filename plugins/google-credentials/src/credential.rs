//! What a complete session holds before Google is asked: the credential, and the service account to act as.

use std::collections::BTreeMap;

use claviger_plugin_sdk::provider::connection::Origin;

use crate::endpoint::{Endpoints, Service, origin, origin_for};
use crate::key::Key;

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// What is changed into an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing to change: the metadata server's token.
    Token(Hidden),
    /// A service account's key.
    Key(Key),
    /// A person's consent, as `gcloud auth application-default login` leaves it.
    Refresh {
        /// Of the program that asked for it.
        client_id: String,
        /// Its secret.
        client_secret: Hidden,
        /// The consent.
        refresh_token: Hidden,
        /// Where it is changed.
        token_uri: String,
    },
    /// A token of a GKE cluster's ServiceAccount.
    Binding {
        /// The token.
        token: Hidden,
        /// `PROJECT.svc.id.goog`.
        pool: String,
        /// The cluster's URL.
        provider: String,
    },
    /// An identity of another system.
    Exchange(Exchange),
}

/// A token exchange at Google's STS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The provider in the pool.
    pub audience: String,
    /// What kind of token is shown.
    pub token_type: String,
    /// Where, as the credential names it.
    pub token_url: String,
    /// Id and secret of the client that asks, if the credential has them.
    pub client: Option<(String, Hidden)>,
    /// What is shown.
    pub subject: Shown,
}

/// What is shown at an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A token that is there.
    Token(Hidden),
    /// A token that is fetched.
    Url(TokenUrl),
    /// A question to AWS ("who am I?") that these credentials sign.
    Aws {
        /// Whose STS is asked.
        region: String,
        /// The access key's id.
        id: String,
        /// The access key.
        secret: Hidden,
        /// Of temporary credentials.
        session: Option<Hidden>,
    },
}

/// Where a token of another system is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUrl {
    /// By GET.
    pub url: String,
    /// With these header fields.
    pub headers: BTreeMap<String, Hidden>,
    /// The field of the answer that is the token; without, the whole answer is.
    pub field: Option<String>,
}

/// A service account to act as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonation {
    /// Its address.
    pub email: String,
    /// Where, as the credential names it.
    pub url: String,
    /// Service accounts in between, by resource name.
    pub delegates: Vec<String>,
    /// How long the token should live.
    pub seconds: u64,
}

/// How long a token of a service account that is acted as lives, unless a credential says otherwise. Longer ones
/// need an organization policy.
pub const HOUR: u64 = 3600;

impl Impersonation {
    /// By Google's own endpoint, for an hour. The address must have been looked at
    /// (`external::is_service_account`).
    pub fn of(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            url: format!(
                "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
            ),
            delegates: Vec::new(),
            seconds: HOUR,
        }
    }
}

/// The way to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is there.
    pub credential: Credential,
    /// Who is acted as with it.
    pub impersonation: Option<Impersonation>,
    /// The project whose quota and enabled APIs count for requests with the token, if it is not the resource's own:
    /// of the operator's own file alone.
    pub quota_project: Option<String>,
}

impl Plan {
    /// One whose requests count for the resource's own project.
    pub fn of(credential: Credential, impersonation: Option<Impersonation>) -> Self {
        Self { credential, impersonation, quota_project: None }
    }

    /// Whether there is nothing to ask for: the token is the host's, who has it renewed.
    pub fn is_ready(&self) -> bool {
        matches!(self.credential, Credential::Token(_)) && self.impersonation.is_none()
    }

    /// What is called on the way.
    pub fn origins(&self, endpoints: &Endpoints) -> Vec<Origin> {
        let mut origins = Vec::new();
        let mut call = |service: Service, named: &str| {
            origins.push(origin_for(&endpoints.place(service, named), service));
        };
        match &self.credential {
            Credential::Token(_) => {}
            Credential::Key(key) => call(Service::OAuth2, &key.token_uri),
            Credential::Refresh { token_uri, .. } => call(Service::OAuth2, token_uri),
            Credential::Binding { .. } => {
                let url = endpoints.url(Service::SecureToken);
                origins.push(origin_for(&url, Service::SecureToken));
            }
            Credential::Exchange(exchange) => {
                call(Service::Sts, &exchange.token_url);
                if let Shown::Url(token) = &exchange.subject {
                    origins.push(origin(&token.url, "where the credential configuration fetches a token"));
                }
            }
        }
        if let Some(impersonation) = &self.impersonation {
            let url = endpoints.place(Service::IamCredentials, &impersonation.url);
            origins.push(origin_for(&url, Service::IamCredentials));
        }
        origins
    }
}
