//! Google's refusals, as the host understands them: the envelope of its APIs (`{"error": {"code", "message",
//! "status", "details"}}`), and that of its token endpoints (`{"error", "error_description"}`). An answer that has
//! neither is not Google's, whatever its status: a proxy's 404 must not look like a missing key.

use claviger_plugin_sdk::{Error, RateLimit};
use serde_json::Value;

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// Google's code ("PERMISSION_DENIED", "invalid_grant"); empty if the answer is not Google's.
    pub code: String,
    /// The reason in the details ("SERVICE_DISABLED"), or empty.
    pub reason: String,
    /// Google's own words, on one line.
    pub message: String,
    /// `Retry-After`, or what the details say for it.
    pub retry_after_ms: Option<u64>,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What was asked for does not exist.
    NotFound,
    /// Known, and not allowed.
    Denied,
    /// The API is not enabled in the project, or the project is none that can be used.
    Project,
    /// The token is for other APIs only.
    Scope,
    /// Refused whatever the rights are: by VPC Service Controls, or by a policy of the organization.
    Policy,
    /// The credential or token is not valid (any more).
    Refused,
    /// The clock is wrong: another credential would not help.
    Skewed,
    /// Too many requests.
    Throttled,
    /// Try again later.
    Unavailable,
    /// Not in the state that the request needs: a version that is disabled or destroyed.
    State,
    /// Anything else.
    Other,
}

/// `google.rpc.ErrorInfo` reasons about the project: the API is off, or it is not there, or nobody pays.
const PROJECT: [&str; 6] = [
    "SERVICE_DISABLED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "BILLING_DISABLED",
    "USER_PROJECT_DENIED",
    "RESOURCE_PROJECT_INVALID",
];

/// Those about a perimeter (VPC Service Controls) and the organization's policies.
const POLICY: [&str; 8] = [
    "SECURITY_POLICY_VIOLATED",
    "ORG_RESTRICTION_VIOLATION",
    "ORG_RESTRICTION_HEADER_INVALID",
    "LOCATION_POLICY_VIOLATED",
    "LOCATION_ORG_POLICY_VIOLATED",
    "RESOURCE_USAGE_RESTRICTION_VIOLATED",
    "ENDPOINT_USAGE_RESTRICTION_VIOLATED",
    "TLS_ORG_POLICY_VIOLATED",
];

impl Failure {
    /// Reads an answer.
    pub fn read(status: u16, retry_after_ms: Option<u64>, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
        let details = body["error"]["details"].as_array().into_iter().flatten();
        let (code, message) = match &body["error"] {
            Value::Object(error) => {
                let code = error.get("status").map(text).unwrap_or_default();
                (code, error.get("message").map(text).unwrap_or_default())
            }
            error => (text(error), text(&body["error_description"])),
        };
        let reason = details.clone().find_map(|detail| detail["reason"].as_str()).unwrap_or_default();
        let delay = details.clone().find_map(|detail| delay_ms(detail["retryDelay"].as_str()?));
        Self {
            status,
            code,
            reason: reason.to_owned(),
            message: message.split_whitespace().collect::<Vec<_>>().join(" "),
            retry_after_ms: retry_after_ms.or(delay),
        }
    }

    /// Takes what was sent out of what Google says: it may quote it.
    #[must_use]
    pub fn without(mut self, secrets: &[&str]) -> Self {
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            self.message = self.message.replace(secret, "[hidden]");
            self.code = self.code.replace(secret, "[hidden]");
            self.reason = self.reason.replace(secret, "[hidden]");
        }
        self
    }

    /// What it means.
    pub fn class(&self) -> Class {
        let said = |part: &str| self.message.contains(part);
        match (self.code.as_str(), self.status) {
            ("", 429) => Class::Throttled,
            // A proxy's page, or a load balancer's: it is not Google that judges.
            ("", _) => Class::Unavailable,
            ("RESOURCE_EXHAUSTED" | "rate_limit_exceeded" | "slow_down", _) | (_, 429) => Class::Throttled,
            (_, 403) if ["RATE_LIMIT_EXCEEDED", "rateLimitExceeded"].contains(&self.reason.as_str()) => {
                Class::Throttled
            }
            ("UNAVAILABLE" | "INTERNAL" | "DEADLINE_EXCEEDED" | "ABORTED" | "CANCELLED" | "UNKNOWN", _)
            | ("internal_failure" | "server_error" | "temporarily_unavailable", _) => Class::Unavailable,
            (_, 408 | 500..=599) => Class::Unavailable,
            ("invalid_grant", _) if said("iat and exp") || said("reasonable timeframe") => Class::Skewed,
            ("UNAUTHENTICATED", _) => Class::Refused,
            ("PERMISSION_DENIED", _) => match self.reason.as_str() {
                reason if PROJECT.contains(&reason) => Class::Project,
                "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => Class::Scope,
                reason if POLICY.contains(&reason) => Class::Policy,
                // Perimeters say so without a reason too.
                "" if said("organization's policy") => Class::Policy,
                _ => Class::Denied,
            },
            // Only what is said of a secret or a version: not of a method, a location or a project.
            ("NOT_FOUND", 404) if self.is_about_a_secret() => Class::NotFound,
            ("FAILED_PRECONDITION", _) if said("DISABLED state") || said("DESTROYED state") => Class::State,
            _ => Class::Other,
        }
    }

    /// Whether one right is missing, and that is all: Google knows who asks, and lets them ask.
    pub fn lacks_a_right(&self) -> bool {
        self.class() == Class::Denied && ["", "IAM_PERMISSION_DENIED"].contains(&self.reason.as_str())
    }

    /// "Secret [projects/…] not found or has no versions.", "Secret Version [projects/…] not found."
    fn is_about_a_secret(&self) -> bool {
        self.message.trim_start().to_ascii_lowercase().starts_with("secret")
    }

    /// For the host. `action` is the right that is needed, `what` the resource.
    pub fn error(&self, action: &str, what: &str) -> Error {
        let said = self.said();
        match self.class() {
            Class::NotFound => Error::NotFound(format!("{what}: {said}")),
            Class::Denied => Error::Denied(format!(
                "{action} on {what} is not allowed, or it does not exist (Google says the same to both): {said}"
            )),
            Class::Project => {
                Error::Denied(format!("{what}: the project cannot be used for Secret Manager: {said}"))
            }
            Class::Scope => Error::Denied(format!(
                "{what}: the token is for other APIs only; the node needs the scope cloud-platform: {said}"
            )),
            Class::Policy => {
                Error::Denied(format!("{action} on {what}: the organization's policy refuses it: {said}"))
            }
            Class::Refused => Error::Unauthenticated(format!("Google refuses the token: {said}")),
            Class::Skewed => Error::Unauthenticated(format!("{said} {CLOCK}")),
            Class::Throttled => Error::RateLimited(RateLimit {
                retry_after_ms: self.retry_after_ms,
                detail: format!("{action}: {said}"),
            }),
            Class::Unavailable => Error::Unavailable(format!("{action}: {said}")),
            Class::State | Class::Other => Error::Other(format!("{what}: {said}")),
        }
    }

    /// For the host, where a token is asked for: whatever is refused, there is none. `step` says what was
    /// tried, `hint` what might be wrong.
    pub fn login_error(&self, step: &str, hint: &str) -> Error {
        let said = self.said();
        match self.class() {
            Class::Throttled => Error::RateLimited(RateLimit {
                retry_after_ms: self.retry_after_ms,
                detail: format!("{step}: {said}"),
            }),
            Class::Unavailable => Error::Unavailable(format!("{step}: {said}")),
            Class::Skewed => Error::Unauthenticated(format!("{step} is refused: {said} {CLOCK}")),
            Class::Policy => {
                Error::Unauthenticated(format!("{step}: the organization's policy refuses it: {said}"))
            }
            _ => Error::Unauthenticated(format!("{step} is refused: {said}{hint}")),
        }
    }

    /// Code and words, as far as there are any.
    pub fn said(&self) -> String {
        let Self { status, message, .. } = self;
        // Words of a closed set, where it is Google that says them.
        let word = |text: &str| text.chars().take(100).collect::<String>();
        let (code, reason) = (word(&self.code), word(&self.reason));
        let code = if reason.is_empty() { code } else { format!("{code} ({reason})") };
        match (code.is_empty(), message.is_empty()) {
            (true, _) => format!("the answer is not Google's (HTTP {status})"),
            (false, true) => code,
            (false, false) => format!("{code}: {message}"),
        }
    }
}

const CLOCK: &str = "(is the clock of the operator's node right?)";

/// `google.rpc.RetryInfo` ("7s", "0.5s").
fn delay_ms(text: &str) -> Option<u64> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    // What is longer than a day is nobody's delay.
    (0.0..=86_400.0).contains(&seconds).then_some((seconds * 1000.0) as u64)
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
