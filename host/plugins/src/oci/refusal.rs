//! What a registry means that does not give what it was asked for, and what to do about it.

use std::time::Duration;

use http::header::RETRY_AFTER;
use reqwest::Response;
use serde::Deserialize;

use super::error::OciError;
use super::repository::{Action, MAX_WORDS, Repository, place};

impl Repository<'_> {
    /// What an answer means that is not the one that was asked for.
    pub(super) async fn refused(&self, what: &str, response: Response) -> OciError {
        let (status, what) = (response.status(), what.to_owned());
        let place = self.shown(&place(response.url()));
        let wait =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let words = self.read(response, MAX_WORDS, &what).await.unwrap_or_default();
        let status = match code(&words) {
            Some(code) => format!("{} {code}", status.as_u16()),
            None => status.as_u16().to_string(),
        };
        match status.get(..3).unwrap_or_default() {
            "401" | "403" => {
                OciError::Denied { what, place, status: status.clone(), remedy: self.remedy(&status) }
            }
            "404" => OciError::NotFound { what },
            "429" => OciError::Limited { place, wait: wait.map(Duration::from_secs) },
            "408" | "500" | "502" | "503" | "504" => self.unavailable(&format!("{place} answered {status}")),
            _ => OciError::Artifact { what, why: format!("{place} answered {status}") },
        }
    }

    fn remedy(&self, status: &str) -> &'static str {
        match (self.action, self.login.is_some(), status.starts_with("401")) {
            (Action::Pull, false, _) => {
                "name a Secret with a login in source.oci.pullSecretRef, if it is there at all: registries say the same of \
                 what does not exist"
            }
            (Action::Pull, true, true) => {
                "correct name and password in the Secret that source.oci.pullSecretRef names"
            }
            (Action::Pull, true, false) => "give the login the right to pull from this repository",
            (Action::Push, false, _) => "log in: docker login, or --username with --password-stdin",
            (Action::Push, true, true) => "correct name and password of the login",
            (Action::Push, true, false) => "give the login the right to push to this repository",
        }
    }
}

/// The code of a refusal, if it is one that the distribution specification names: others may be anything.
fn code(words: &[u8]) -> Option<&'static str> {
    const CODES: [&str; 14] = [
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "SIZE_INVALID",
        "UNAUTHORIZED",
        "DENIED",
        "UNSUPPORTED",
        "TOOMANYREQUESTS",
    ];
    #[derive(Deserialize)]
    struct Words {
        errors: Vec<Said>,
    }
    #[derive(Deserialize)]
    struct Said {
        code: String,
    }
    let words: Words = serde_json::from_slice(words).ok()?;
    let said = words.errors.first()?.code.as_str();
    CODES.into_iter().find(|code| *code == said)
}
