//! Credentials that the clouds' metadata services hand to whoever runs beside them.
//!
//! Named profiles with fixed requests, made by the host: a plugin that could reach these addresses itself
//! could ask them for anything. Whether a plugin may have a profile is its grant's to say, not decided here.

mod aws;
mod azure;
mod google;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::provider::NeedError;
use claviger_core::secret::{SecretBytes, Untrusted};
use reqwest::{Client, RequestBuilder, Response, StatusCode};

pub(crate) use self::google::ACCESS_TOKEN;
use crate::source::AmbientKind;

/// They answer from the same machine, within milliseconds. Where there is none, nothing answers at all, and a
/// store should say so soon.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A document of credentials is about 1 KiB.
const MAX_DOCUMENT: usize = 64 * 1024;
/// Stores that connect at about the same time share an answer. New credentials come minutes before the old
/// ones end; that nothing answers is known for a shorter time.
const KEPT: Duration = Duration::from_secs(30);
const FAILURE_KEPT: Duration = Duration::from_secs(10);
/// A client id is a UUID.
const MAX_ARGUMENT: usize = 128;
/// Answers kept at once: a store chooses the argument, so there may be as many as stores. The oldest goes.
const MAX_KEPT: usize = 1_000;

/// The services, and what they said last.
pub(crate) struct Ambient {
    client: Option<Client>,
    kept: Mutex<HashMap<String, (Answer, Instant)>>,
}

/// A document, or that there is none, or why it is not known.
type Answer = Result<Option<SecretBytes>, NeedError>;

impl Ambient {
    pub(crate) fn new() -> Self {
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT);
        Self { client: builder.build().ok(), kept: Mutex::default() }
    }

    /// What a profile of a metadata service says; `None` where the pod has no such profile. `argument` chooses
    /// within it: the client id of an Azure identity.
    pub(crate) async fn ask(
        &self,
        kind: AmbientKind,
        profile: &str,
        argument: Option<&str>,
    ) -> Result<Option<SecretBytes>, NeedError> {
        // The others have no choice within a profile, and what a store says is not theirs.
        let argument = argument.filter(|_| kind == AmbientKind::AzureMetadata);
        if argument.is_some_and(|argument| argument.len() > MAX_ARGUMENT) {
            return Err(
                Service { cloud: "Azure", profile }.refused("the client id of the identity is too long")
            );
        }
        let key = format!("{kind} {profile} {}", argument.unwrap_or_default());
        if let Some(kept) = self.kept(&key) {
            return kept;
        }
        let unusable = || Service { cloud: "the cloud", profile }.refused("the HTTP client cannot be set up");
        let client = self.client.as_ref().ok_or_else(unusable)?;
        let answer = match kind {
            AmbientKind::AwsMetadata => aws::ask(client, profile).await,
            AmbientKind::AzureMetadata => azure::ask(client, profile, argument).await,
            AmbientKind::GcpMetadata => google::ask(client, profile).await,
            AmbientKind::Env | AmbientKind::FileByEnv | AmbientKind::PodServiceAccountToken => Ok(None),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            let oldest = kept.iter().min_by_key(|(_, (_, at))| *at).map(|(key, _)| key.clone());
            oldest.map(|key| kept.remove(&key));
        }
        kept.insert(key, (copy(&answer), Instant::now()));
        answer
    }

    /// What was said lately.
    fn kept(&self, key: &str) -> Option<Answer> {
        self.sweep();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).map(|(answer, _)| copy(answer))
    }

    /// Drops what is too old.
    pub(crate) fn sweep(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (answer, at)| at.elapsed() < if answer.is_ok() { KEPT } else { FAILURE_KEPT });
    }
}

/// Whether a grant's name is a profile of that service.
///
/// # Errors
/// Which there are, in words.
pub(crate) fn check_profile(kind: AmbientKind, name: &str) -> Result<(), String> {
    let one_of = |known: &[&str]| {
        if known.contains(&name) { Ok(()) } else { Err(known.join(" or ")) }
    };
    match kind {
        AmbientKind::AwsMetadata => one_of(&aws::PROFILES),
        AmbientKind::GcpMetadata => one_of(&google::PROFILES),
        AmbientKind::AzureMetadata => azure::check(name).map_err(ToOwned::to_owned),
        AmbientKind::Env | AmbientKind::FileByEnv | AmbientKind::PodServiceAccountToken => Ok(()),
    }
}

fn copy(answer: &Answer) -> Answer {
    match answer {
        Ok(document) => Ok(document.as_ref().map(SecretBytes::duplicate)),
        Err(error) => Err(error.clone()),
    }
}

/// Who is asked, for messages.
struct Service<'a> {
    cloud: &'a str,
    profile: &'a str,
}

impl Service<'_> {
    /// It may be otherwise soon.
    fn failed(&self, why: &str) -> NeedError {
        self.unreadable(why, true)
    }

    /// Somebody has to mend something first.
    fn refused(&self, why: &str) -> NeedError {
        self.unreadable(why, false)
    }

    /// An answer that is no success. Around the start of a node these services answer 404, and 410 while they are
    /// renewed; with 429 they limit.
    fn answered(&self, status: StatusCode, said: Option<String>) -> NeedError {
        let said = said.map(|said| format!(": {said}")).unwrap_or_default();
        let why = format!("it answered HTTP {}{said}", status.as_u16());
        let final_word = status.is_client_error() && !matches!(status.as_u16(), 404 | 408 | 410 | 429);
        self.unreadable(&why, !final_word)
    }

    fn unreadable(&self, why: &str, transient: bool) -> NeedError {
        NeedError::Unreadable {
            what: format!("{}'s metadata service ({})", self.cloud, self.profile),
            detail: Untrusted::new(why),
            transient,
        }
    }
}

/// A variable of the process's environment that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn document(request: RequestBuilder, service: &Service<'_>) -> Result<SecretBytes, NeedError> {
    Ok(SecretBytes::new(body(request, service).await?))
}

async fn text(request: RequestBuilder, service: &Service<'_>) -> Result<String, NeedError> {
    let bytes = body(request, service).await?;
    String::from_utf8(bytes).map_err(|_| service.failed("the answer is not text"))
}

/// The body of a success.
async fn body(request: RequestBuilder, service: &Service<'_>) -> Result<Vec<u8>, NeedError> {
    let response = send(request, service).await?;
    let status = response.status();
    if !status.is_success() {
        return Err(service.answered(status, None));
    }
    whole(response, service).await
}

async fn send(request: RequestBuilder, service: &Service<'_>) -> Result<Response, NeedError> {
    // The error's own words name the URL, and no more.
    request.send().await.map_err(|error| service.failed(&error.without_url().to_string()))
}

/// A body, up to what a document may have.
async fn whole(mut response: Response, service: &Service<'_>) -> Result<Vec<u8>, NeedError> {
    let mut body = Vec::new();
    let broken = |error: reqwest::Error| service.failed(&error.without_url().to_string());
    while let Some(piece) = response.chunk().await.map_err(broken)? {
        if body.len() + piece.len() > MAX_DOCUMENT {
            return Err(service.failed("the answer is too large"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
