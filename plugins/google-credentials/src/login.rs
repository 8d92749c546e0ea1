//! The way from what the session holds to an access token, step by step. Nothing is kept here.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws;
use crate::credential::{Credential, Exchange, Hidden, Impersonation, Plan, Shown, TokenUrl};
use crate::endpoint::{Endpoints, Service, split};
use crate::failure::Failure;
use crate::key::Key;
use crate::world::{Reply, Request, World, seconds, send_one};

/// What every token is asked for. IAM decides what it may do.
pub const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ASSERTION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Google takes no assertion that lives longer.
const ASSERTION_SECONDS: u64 = 3600;
/// A node whose clock is a little ahead would otherwise sign in Google's future (as Google's libraries).
const BACKDATED_SECONDS: u64 = 10;

/// The `iat` of a JWT that is signed now, in seconds since 1970.
pub fn issued_at(now: SystemTime) -> u64 {
    seconds(now).saturating_sub(BACKDATED_SECONDS)
}

/// The life of a token that does not say how long it lives: short enough for anything that Google makes.
const UNKNOWN_SECONDS: u64 = 300;

/// An access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// It.
    pub token: Hidden,
    /// How long it lives from now.
    pub seconds: u64,
}

/// Goes it.
///
/// # Errors
/// [`Error::Unauthenticated`] naming the step that was refused, and whatever keeps Google from answering.
pub fn login(world: &dyn World, plan: &Plan, endpoints: &Endpoints) -> Result<Token, Error> {
    let step = Step { world, endpoints };
    let first = match &plan.credential {
        // The host has it renewed, so how long this one lives decides nothing.
        Credential::Token(token) => Token { token: token.clone(), seconds: UNKNOWN_SECONDS },
        Credential::Key(key) => step.assertion(key)?,
        Credential::Refresh { client_id, client_secret, refresh_token, token_uri } => {
            step.refresh(client_id, client_secret, refresh_token, token_uri)?
        }
        Credential::Binding { token, pool, provider } => step.binding(token, pool, provider)?,
        Credential::Exchange(exchange) => step.exchange(exchange)?,
    };
    match &plan.impersonation {
        Some(impersonation) => step.act_as(impersonation, &first),
        None => Ok(first),
    }
}

struct Step<'a> {
    world: &'a dyn World,
    endpoints: &'a Endpoints,
}

impl Step<'_> {
    fn assertion(&self, key: &Key) -> Result<Token, Error> {
        let issued = issued_at(self.world.now());
        let jwt = key.sign(&json!({
            "iss": key.email,
            "scope": SCOPE,
            "aud": key.token_uri,
            "iat": issued,
            "exp": issued.saturating_add(ASSERTION_SECONDS),
        }))?;
        let url = self.endpoints.place(Service::OAuth2, &key.token_uri);
        let body = form(&[("grant_type", ASSERTION), ("assertion", &jwt)]);
        // Its address and what else is in its file is out of a Secret, of which nothing is said.
        let step = "the login with the service account's key";
        let reply = self.ask(form_request(url, body), &[&jwt, &key.email, &key.token_uri], step, "")?;
        granted(&reply, step)
    }

    fn refresh(&self, id: &str, secret: &Hidden, consent: &Hidden, token_uri: &str) -> Result<Token, Error> {
        let url = self.endpoints.place(Service::OAuth2, token_uri);
        let body = form(&[
            ("grant_type", "refresh_token"),
            ("client_id", id),
            ("client_secret", &secret.0),
            ("refresh_token", &consent.0),
        ]);
        let step = "the login with the refresh token";
        let reply = self.ask(form_request(url, body), &[&secret.0, &consent.0, id], step, "")?;
        granted(&reply, step)
    }

    fn binding(&self, token: &Hidden, pool: &str, provider: &str) -> Result<Token, Error> {
        let url = format!("{}/v1/identitybindingtoken", self.endpoints.url(Service::SecureToken));
        let body = json!({
            "grant_type": EXCHANGE,
            "subject_token_type": crate::external::JWT,
            "requested_token_type": ACCESS_TOKEN,
            "subject_token": token.0,
            "audience": format!("identitynamespace:{pool}:{provider}"),
            "scope": SCOPE,
        });
        let step = format!("the exchange of the ServiceAccount's token for {pool}");
        let hint = format!(". Is {provider} this cluster, with Workload Identity enabled?");
        let reply = self.ask(json_request(url, &body, None), &[&token.0], &step, &hint)?;
        granted(&reply, &step)
    }

    fn exchange(&self, exchange: &Exchange) -> Result<Token, Error> {
        let subject = match &exchange.subject {
            Shown::Token(token) => token.clone(),
            Shown::Url(token) => self.fetch(token)?,
            Shown::Aws { region, id, secret, session } => {
                let keys = (id.as_str(), secret.0.as_str(), session.as_ref().map(|token| token.0.as_str()));
                Hidden(aws::subject_token(&exchange.audience, region, keys, self.world.now())?)
            }
        };
        let url = self.endpoints.place(Service::Sts, &exchange.token_url);
        let body = form(&[
            ("grant_type", EXCHANGE),
            ("audience", &exchange.audience),
            ("scope", SCOPE),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token_type", &exchange.token_type),
            ("subject_token", &subject.0),
        ]);
        let mut request = form_request(url, body);
        let mut secrets = vec![subject.0.as_str()];
        if let Shown::Aws { secret, session, .. } = &exchange.subject {
            // The subject has the session's token in it, and Google says what AWS says.
            secrets.push(&secret.0);
            secrets.extend(session.as_ref().map(|token| token.0.as_str()));
        }
        if let Some((id, secret)) = &exchange.client {
            secrets.push(&secret.0);
            let basic = STANDARD.encode(format!("{id}:{}", secret.0));
            request.headers.push(("authorization".to_owned(), format!("Basic {basic}")));
        }
        let step = format!("the token exchange for {}", exchange.audience);
        let reply = self.ask(request, &secrets, &step, "")?;
        granted(&reply, &step)
    }

    /// A token of another system. Its answers are nobody's to quote.
    fn fetch(&self, from: &TokenUrl) -> Result<Hidden, Error> {
        let headers = from.headers.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect();
        let request = Request { method: "GET", url: from.url.clone(), headers, body: Vec::new() };
        let reply = send_one(self.world, request)?;
        let what = format!("the token of the credential configuration at {}", host(&from.url));
        match reply.status {
            200..=299 => {}
            429 | 500..=599 => return Err(Error::Unavailable(format!("{what}: HTTP {}", reply.status))),
            status => return Err(Error::Unauthenticated(format!("{what}: HTTP {status}"))),
        }
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(|text| text.trim().to_owned());
        let token = match &from.field {
            None => text(&reply.body),
            Some(field) => serde_json::from_slice::<Value>(&reply.body)
                .ok()
                .and_then(|answer| Some(answer.get(field)?.as_str()?.trim().to_owned())),
        };
        let token = token.filter(|token| !token.is_empty());
        token.map(Hidden).ok_or_else(|| Error::Unauthenticated(format!("{what}: the answer holds none")))
    }

    fn act_as(&self, impersonation: &Impersonation, with: &Token) -> Result<Token, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "accessToken")]
            access_token: String,
        }
        let Impersonation { email, url, delegates, seconds } = impersonation;
        let url = self.endpoints.place(Service::IamCredentials, url);
        let mut body = json!({"scope": [SCOPE], "lifetime": format!("{seconds}s")});
        if !delegates.is_empty() {
            body["delegates"] = json!(delegates);
        }
        let step = format!("acting as {email}");
        let hint = ". It needs iam.serviceAccounts.getAccessToken on it (roles/iam.workloadIdentityUser for a ServiceAccount or a federated identity, roles/iam.serviceAccountTokenCreator for a service account)";
        let reply = self.ask(json_request(url, &body, Some(&with.token)), &[&with.token.0], &step, hint)?;
        let answer = serde_json::from_slice::<Answer>(&reply.body).ok();
        let token = answer.map(|answer| answer.access_token).filter(|token| !token.is_empty());
        // It lives as long as was asked for, by Google's clock and not by ours.
        let token = token.map(|token| Token { token: Hidden(token), seconds: *seconds });
        token.ok_or_else(|| odd(&step))
    }

    fn ask(&self, request: Request, secrets: &[&str], step: &str, hint: &str) -> Result<Reply, Error> {
        let reply = send_one(self.world, request)?;
        if (200..=299).contains(&reply.status) {
            return Ok(reply);
        }
        let failure = Failure::read(reply.status, reply.retry_after_ms, &reply.body).without(secrets);
        Err(failure.login_error(step, hint))
    }
}

/// A JWT of these claims that Google signs for a service account.
///
/// # Errors
/// As [`login`].
pub fn sign_jwt(
    world: &dyn World,
    endpoints: &Endpoints,
    email: &str,
    claims: &Value,
    with: &Token,
) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "signedJwt")]
        signed_jwt: String,
    }
    let step = format!("signing a JWT as {email}");
    let hint = ". It needs iam.serviceAccounts.signJwt on itself (roles/iam.serviceAccountTokenCreator)";
    let base = endpoints.url(Service::IamCredentials);
    let url = format!("{base}/v1/projects/-/serviceAccounts/{email}:signJwt");
    let request = json_request(url, &json!({"payload": claims.to_string()}), Some(&with.token));
    let reply = Step { world, endpoints }.ask(request, &[&with.token.0], &step, hint)?;
    let answer = serde_json::from_slice::<Answer>(&reply.body).ok();
    answer.map(|answer| answer.signed_jwt).filter(|jwt| !jwt.is_empty()).ok_or_else(|| odd(&step))
}

/// The token of a token endpoint's answer.
fn granted(reply: &Reply, step: &str) -> Result<Token, Error> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
        #[serde(default)]
        expires_in: Value,
    }
    let answer = serde_json::from_slice::<Answer>(&reply.body).ok();
    let answer = answer.filter(|answer| !answer.access_token.is_empty()).ok_or_else(|| odd(step))?;
    let lives = &answer.expires_in;
    let text = || lives.as_str().and_then(|text| text.parse().ok());
    let seconds = lives.as_u64().or_else(text).unwrap_or(UNKNOWN_SECONDS);
    Ok(Token { token: Hidden(answer.access_token), seconds })
}

fn odd(step: &str) -> Error {
    Error::Unavailable(format!("{step}: the answer is not Google's: a proxy's?"))
}

fn host(url: &str) -> &str {
    split(url).map_or("", |(host, _)| host)
}

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

fn form_request(url: String, body: Vec<u8>) -> Request {
    let kind = ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    Request { method: "POST", url, headers: vec![kind], body }
}

fn json_request(url: String, body: &Value, token: Option<&Hidden>) -> Request {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {}", token.0))));
    Request { method: "POST", url, headers, body: body.to_string().into_bytes() }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
