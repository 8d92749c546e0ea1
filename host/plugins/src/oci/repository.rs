//! One repository of one registry: requests with their login, redirects and limits. What a refusal means is in `refusal`.
//!
//! By the plugins' own HTTP side (`egress`): its proxies, authorities and checks of addresses hold for each hop. A
//! registry may send us to where its blobs lie; it may not send us to a link-local address, nor from TLS to plain
//! HTTP, and nobody but the registry itself and the token service that it names is told a password.

use std::net::IpAddr;

use bytes::Bytes;
use claviger_core::provider::{Fault, PluginId};
use claviger_core::redact::Redactor;
use claviger_core::secret::{SecretBytes, Untrusted};
use futures::StreamExt as _;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use reqwest::Response;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::challenge::{Challenge, choose};
use super::error::OciError;
use super::login::Login;
use super::reference::Reference;
use crate::egress::{EgressPool, Failure, Origin, OriginRule, Reach, Said};

/// Redirects of one request: to a storage service, and perhaps on from there.
const MAX_HOPS: usize = 5;
/// Of the answer of a token service, and of what a registry says when it refuses.
pub(super) const MAX_WORDS: usize = 64 * 1024;

/// What is done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Pull,
    Push,
}

/// A request to it.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: Option<&'static str>,
    /// With its type.
    pub(super) body: Option<(&'static str, Bytes)>,
}

impl Ask {
    pub(super) fn get(url: Url, accept: &'static str) -> Self {
        Self { method: Method::GET, url, accept: Some(accept), body: None }
    }
}

/// A repository, as somebody.
pub(super) struct Repository<'a> {
    pool: &'a EgressPool,
    reference: Reference,
    pub(super) login: Option<&'a Login>,
    pub(super) action: Action,
    origin: Origin,
    base: Url,
    /// What requests to the registry itself carry.
    authorization: Option<HeaderValue>,
    /// Knows what must not be shown.
    redactor: Redactor,
}

/// Whether a host is this machine by its very name.
fn beside_us(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host == "localhost", |address| address.is_loopback())
}

impl<'a> Repository<'a> {
    /// Nothing is asked yet. `plain`: without TLS.
    ///
    /// # Errors
    /// [`OciError::Address`] if the admin demands TLS everywhere.
    pub(super) fn new(
        pool: &'a EgressPool,
        reference: &Reference,
        login: Option<&'a Login>,
        plain: bool,
        action: Action,
    ) -> Result<Self, OciError> {
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/v2/{}/", reference.host(), reference.repository()));
        let origin = base.as_ref().ok().and_then(Origin::from_url);
        let (Ok(base), Some(origin)) = (base, origin) else {
            return Err(OciError::Reference { why: "its registry makes no URL".to_owned() });
        };
        if plain && pool.demands().encryption {
            let why = "it is not encrypted (source.oci.insecure), and the operator's setting \
                       security.encryptionInTransit allows https only";
            return Err(OciError::Address { place: origin.to_string(), why: why.to_owned() });
        }
        let mut redactor = Redactor::default();
        if let Some(login) = login {
            redactor.seed(&login.password);
            redactor.seed_text(&login.basic());
        }
        Ok(Self {
            pool,
            reference: reference.clone(),
            login,
            action,
            origin,
            base,
            authorization: None,
            redactor,
        })
    }

    /// The artifact.
    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// `https://HOST/v2/REPOSITORY/` and what follows.
    ///
    /// # Errors
    /// Never for digests and tags.
    pub(super) fn url(&self, rest: &str) -> Result<Url, OciError> {
        self.base.join(rest).map_err(|_| OciError::Reference { why: "it makes no URL".to_owned() })
    }

    /// The address that the registry gave for the next step of an upload.
    ///
    /// # Errors
    /// If there is none, or it leads from TLS to plain HTTP.
    pub(super) fn next(&self, from: &Url, response: &Response) -> Result<Url, OciError> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| from.join(location).ok());
        let Some(next) = next.filter(|next| next.username().is_empty() && next.password().is_none()) else {
            let why = "it answers with a redirect that leads nowhere".to_owned();
            return Err(OciError::Artifact { what: self.origin.to_string(), why });
        };
        if from.scheme() == "https" && next.scheme() != "https" {
            let why = "the registry leads there from https, and http is not encrypted".to_owned();
            return Err(OciError::Address { place: self.shown(&place(&next)), why });
        }
        Ok(next)
    }

    /// Asks, with a login as soon as it is asked for one, and follows redirects of what is only read.
    ///
    /// # Errors
    /// What stands in the way; an answer of any status is none.
    pub(super) async fn ask(&mut self, ask: &Ask) -> Result<Response, OciError> {
        let mut answered = false;
        loop {
            let mut url = ask.url.clone();
            let mut hops = 0;
            let response = loop {
                let response = self.send(ask, &url).await?;
                let reads = matches!(ask.method, Method::GET | Method::HEAD);
                if !reads || !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                    break response;
                }
                hops += 1;
                if hops > MAX_HOPS {
                    let why = format!("it redirects more than {MAX_HOPS} times");
                    return Err(OciError::Artifact { what: self.origin.to_string(), why });
                }
                url = self.next(&url, &response)?;
            };
            let ours = Origin::from_url(&url).as_ref() == Some(&self.origin);
            if answered || !ours || response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            answered = true;
            let fields = response.headers().get_all(WWW_AUTHENTICATE);
            match choose(fields.iter().filter_map(|field| field.to_str().ok())) {
                Some(Challenge::Basic) => match self.login {
                    Some(login) => self.authorize("Basic ", &login.basic())?,
                    None => return Ok(response),
                },
                Some(Challenge::Bearer { realm, service }) => {
                    self.fetch_token(&realm, service.as_deref()).await?
                }
                None => return Ok(response),
            }
        }
    }

    /// One request, to an address that is checked.
    async fn send(&self, ask: &Ask, url: &Url) -> Result<Response, OciError> {
        let authorization =
            self.authorization.clone().filter(|_| Origin::from_url(url).as_ref() == Some(&self.origin));
        self.request(&ask.method, url, ask.accept, ask.body.clone(), authorization).await
    }

    async fn request(
        &self,
        method: &Method,
        url: &Url,
        accept: Option<&'static str>,
        body: Option<(&'static str, Bytes)>,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, OciError> {
        let refused = |why: &str| OciError::Address {
            place: self.shown(&place(url)),
            // What grants open for a plugin, they do not open for a pull.
            why: self.shown(why.split(" (allowed").next().unwrap_or_default()),
        };
        let origin = Origin::from_url(url).ok_or_else(|| refused("it is no http or https URL"))?;
        // `insecure` is said of the registry, and of nobody that it names or leads to.
        if !origin.is_tls() && origin.host() != self.origin.host() {
            return Err(refused("the registry leads there, and http is not encrypted"));
        }
        // A registry may be at private addresses; beside us, only if its own name says so.
        let reach = Reach { loopback: beside_us(self.origin.host()), link_local: false, api_server: false };
        let rule = OriginRule {
            origin,
            link_local: false,
            paths: Vec::new(),
            tls: None,
            max_response_bytes: None,
            max_header_bytes: None,
        };
        let us = PluginId { name: "registry".to_owned(), version: String::new(), digest: String::new() };
        let session = self.pool.session(&us, "", vec![rule], reach);
        let unusable =
            |_| self.unavailable("TLS cannot be set up: the authorities of the operator, or its proxy");
        let session = session.map_err(unusable)?;
        let target = match session.admit(url) {
            Ok(target) => target,
            Err(Fault::EgressDenied { why, .. }) => return Err(refused(&why)),
            Err(fault) => return Err(refused(&fault.to_string())),
        };
        let client = session.client(target).map_err(unusable)?;
        let mut request = client.request(method.clone(), url.clone());
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some((media_type, bytes)) = body {
            request = request.header(CONTENT_TYPE, media_type).body(bytes);
        }
        request.send().await.map_err(|error| match Failure::of(&error, &target.place()).said {
            Said::Trouble(why) => self.unavailable(&why),
            Said::Refused(why) => refused(&why),
        })
    }

    /// Asks the token service that the registry names (distribution specification, "Token Authentication").
    async fn fetch_token(&mut self, realm: &str, service: Option<&str>) -> Result<(), OciError> {
        #[derive(Deserialize)]
        struct Tokens {
            token: Option<String>,
            access_token: Option<String>,
        }
        let odd = |why: &str| OciError::Artifact { what: self.origin.to_string(), why: why.to_owned() };
        let mut url = Url::parse(realm).map_err(|_| odd("it names a token service that is no URL"))?;
        if self.base.scheme() == "https" && url.scheme() != "https" {
            let why = "the registry names it as its token service, and http is not encrypted".to_owned();
            return Err(OciError::Address { place: self.shown(&place(&url)), why });
        }
        let actions = if self.action == Action::Push { "pull,push" } else { "pull" };
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", &format!("repository:{}:{actions}", self.reference.repository()));
        }
        let authorization = self.login.map(|login| header("Basic ", &login.basic())).transpose()?;
        let response = self.request(&Method::GET, &url, None, None, authorization).await?;
        let what = format!("a token for {}", self.reference);
        if response.status() != StatusCode::OK {
            return Err(self.refused(&what, response).await);
        }
        let words = Zeroizing::new(self.read(response, MAX_WORDS, &what).await?);
        let tokens: Tokens = serde_json::from_slice(&words)
            .map_err(|_| odd("the answer of its token service is not JSON with a token"))?;
        let token = tokens.token.or(tokens.access_token).map(Zeroizing::new);
        let token = token.ok_or_else(|| odd("the answer of its token service is not JSON with a token"))?;
        self.authorize("Bearer ", &token)
    }

    fn authorize(&mut self, scheme: &str, secret: &Zeroizing<String>) -> Result<(), OciError> {
        self.redactor.seed(&SecretBytes::copied_from(secret.as_bytes()));
        self.authorization = Some(header(scheme, secret)?);
        Ok(())
    }

    /// A body to its end, if that comes before the limit.
    ///
    /// # Errors
    /// If there is more, or it breaks off.
    pub(super) async fn read(
        &self,
        response: Response,
        limit: usize,
        what: &str,
    ) -> Result<Vec<u8>, OciError> {
        let more = || OciError::Artifact {
            what: what.to_owned(),
            why: format!("there is more of it than the {limit} bytes that are expected at most"),
        };
        let said = response.content_length().map(usize::try_from);
        if said.is_some_and(|said| said.is_err() || said.is_ok_and(|said| said > limit)) {
            return Err(more());
        }
        let (mut bytes, mut pieces) = (Vec::new(), response.bytes_stream());
        while let Some(piece) = pieces.next().await {
            let broke_off = |_| self.unavailable(&format!("{} broke off half-way with {what}", self.origin));
            let piece = piece.map_err(broke_off)?;
            if bytes.len() + piece.len() > limit {
                return Err(more());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    pub(super) fn unavailable(&self, why: &str) -> OciError {
        OciError::Unavailable { why: self.shown(why) }
    }

    /// Words that are not ours, as they may be shown.
    pub(super) fn shown(&self, words: &str) -> String {
        self.cleaned(&Untrusted::new(words))
    }

    /// The same for words that were marked before.
    pub(super) fn cleaned(&self, words: &Untrusted) -> String {
        self.redactor.clean(words)
    }
}

/// An origin, without what a URL may hold besides.
pub(super) fn place(url: &Url) -> String {
    Origin::from_url(url).map_or_else(|| url.scheme().to_owned(), |origin| origin.to_string())
}

fn header(scheme: &str, secret: &Zeroizing<String>) -> Result<HeaderValue, OciError> {
    let text = Zeroizing::new(format!("{scheme}{}", secret.as_str()));
    let value = HeaderValue::from_str(&text).map_err(|_| OciError::Login {
        registry: "the registry".to_owned(),
        why: "its token has characters that no header field can hold".to_owned(),
    });
    value.map(|mut value| {
        value.set_sensitive(true);
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_this_machine_is_beside_us() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("localhost", true),
            ("registry.example.com", false),
            ("10.0.0.1", false),
            ("localhost.example.com", false),
        ] {
            assert_eq!(beside_us(host), expected, "{host}");
        }
    }
}
