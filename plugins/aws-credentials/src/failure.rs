//! AWS's errors, as the host understands them. The code in the answer decides and never the bare status:
//! Secrets Manager says 400 to a secret that does not exist, and a 404 of something in between must not
//! look like one.

use claviger_plugin_sdk::{Error, RateLimit, invalid_config};
use serde_json::Value;

use crate::credentials::Credentials;

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// AWS's code ("AccessDeniedException"); empty if the answer has none.
    pub code: String,
    /// AWS's own words, without the request that it quotes after them.
    pub message: String,
    /// `Retry-After`.
    pub retry_after_ms: Option<u64>,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The key or version does not exist.
    NotFound,
    /// Known, and not allowed.
    Denied,
    /// KMS does not let the value be decrypted.
    Undecryptable,
    /// The credentials are not valid (any more).
    Refused,
    /// Clock or region are wrong: other credentials would not help.
    Skewed,
    /// Too many requests.
    Throttled,
    /// Try again later.
    Unavailable,
    /// Anything else.
    Other,
}

const REFUSED: [&str; 13] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "UnrecognizedClient",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidIdentityToken",
    "IDPRejectedClaim",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
];
const THROTTLED: [&str; 6] = [
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "BandwidthLimitExceeded",
];
/// Not `InvalidResourceId`: `ListTagsForResource` says it of ids too that it does not understand.
const NOT_FOUND: [&str; 3] = ["ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"];
/// What of it `InvalidRequestException` says, it says of much else.
const CONFLICTS: [&str; 3] = ["ResourceExistsException", "ParameterAlreadyExists", "TooManyUpdates"];
const UNAVAILABLE: [&str; 6] = [
    "InternalServiceError",
    "InternalFailure",
    "InternalServerError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "IDPCommunicationError",
];

impl Failure {
    /// Reads an answer: JSON (`__type`, or the header `x-amzn-errortype`) or XML (`<Code>`), whichever it
    /// is. JSON services answer in XML too where something before them refuses.
    pub fn read(status: u16, error_type: Option<&str>, retry_after_ms: Option<u64>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let field =
            |names: &[&str]| names.iter().find_map(|name| json[*name].as_str()).map(ToOwned::to_owned);
        let code = error_type
            .map(ToOwned::to_owned)
            .or_else(|| field(&["__type", "code"]))
            .or_else(|| element(&text, "Code"));
        let message = field(&["message", "Message"]).or_else(|| element(&text, "Message"));
        Self {
            status,
            code: bare(&code.unwrap_or_default()).to_owned(),
            message: first_line(&message.unwrap_or_default()),
            retry_after_ms,
        }
    }

    /// The failure of one secret in an answer that is a success.
    pub fn of_item(code: &str, message: &str) -> Self {
        Self { status: 200, code: bare(code).to_owned(), message: first_line(message), retry_after_ms: None }
    }

    /// What it means.
    pub fn class(&self) -> Class {
        let code = self.code.as_str();
        // A proxy's page, or a load balancer's: whatever its status, it is not AWS that judges.
        if code.is_empty() {
            return if self.status == 429 { Class::Throttled } else { Class::Unavailable };
        }
        let said = |part: &str| self.message.contains(part);
        let skewed = said("not yet current") || said("Signature expired") || said("is now earlier than");
        if skewed || ["RequestExpired", "RequestTimeTooSkewed"].contains(&code) {
            Class::Skewed
        } else if REFUSED.contains(&code) {
            Class::Refused
        } else if code.starts_with("AccessDenied")
            || code == "UnauthorizedOperation"
            || code == "OptInRequired"
        {
            let kms = ["Access to KMS", "kms:", "AWSKMS", "The ciphertext"]
                .iter()
                .any(|part| self.message.contains(part));
            if kms { Class::Undecryptable } else { Class::Denied }
        } else if ["DecryptionFailure", "InvalidKeyId"].contains(&code) {
            Class::Undecryptable
        } else if code.starts_with("Throttl") || THROTTLED.contains(&code) || self.status == 429 {
            Class::Throttled
        } else if NOT_FOUND.contains(&code) || self.is_deleted() {
            Class::NotFound
        } else if UNAVAILABLE.contains(&code) || self.status >= 500 {
            Class::Unavailable
        } else {
            Class::Other
        }
    }

    /// Whether AWS says that these credentials, which are valid, may not do this: so it knows who asks, and
    /// another right may be there. Unlike a denial of the whole service ("OptInRequired").
    pub fn knows_signer(&self) -> bool {
        self.code.starts_with("AccessDenied")
    }

    /// A denial that no grant undoes: the policy that ends a role's earlier sessions denies so, and newer
    /// credentials of the same role may do it.
    pub fn is_explicit_deny(&self) -> bool {
        self.knows_signer() && self.message.contains("explicit deny")
    }

    /// Of a write: it is there already, or not there any more, or another write is not done yet.
    pub fn is_conflict(&self) -> bool {
        CONFLICTS.contains(&self.code.as_str()) || self.class() == Class::NotFound
    }

    /// Takes the credentials in use out of what AWS says: it may quote what was sent.
    #[must_use]
    pub fn clean(mut self, credentials: &Credentials) -> Self {
        self.code = credentials.clean(&self.code);
        self.message = credentials.clean(&self.message);
        self
    }

    /// A secret that waits for its deletion: its owner has deleted it, and what AWS keeps is for undoing
    /// that. So it is as good as gone, and the deletionPolicy applies.
    fn is_deleted(&self) -> bool {
        ["InvalidRequestException", "InvalidParameterException"].contains(&self.code.as_str())
            && (self.message.contains("marked for deletion") || self.message.contains("marked deleted"))
    }

    /// For the host. `action` is the right that is needed, `what` the key.
    pub fn error(&self, action: &str, what: &str) -> Error {
        let said = self.said();
        match self.class() {
            Class::NotFound => Error::NotFound(format!("{what}: {said}")),
            Class::Denied => Error::Denied(format!("{action} on {what} is not allowed: {said}")),
            Class::Undecryptable => Error::Denied(format!(
                "kms:Decrypt for {what} is not allowed, or its key is disabled: {said}"
            )),
            Class::Refused => Error::Unauthenticated(format!("AWS refuses the credentials: {said}")),
            Class::Skewed => Error::Unauthenticated(format!(
                "AWS refuses the time of the request: {said} (is the clock of the operator's node right?)"
            )),
            Class::Throttled => Error::RateLimited(RateLimit {
                retry_after_ms: self.retry_after_ms,
                detail: format!("{action}: {said}"),
            }),
            Class::Unavailable => Error::Unavailable(format!("{action}: {said}")),
            Class::Other => Error::Other(format!("{action} on {what}: {said}")),
        }
    }

    /// For the host, where STS says it: whatever is wrong with a role, there are no credentials.
    /// `at` is where the role stands in the manifest, if it does.
    pub fn sts_error(&self, action: &str, role: &str, step: &str, at: Option<&str>) -> Error {
        let said = self.said();
        match (self.class(), at) {
            (Class::Throttled | Class::Unavailable | Class::Skewed, _) => self.error(action, role),
            (_, Some(at)) if self.code == "ValidationError" => {
                invalid_config(at, format!("STS does not accept the role or its tags: {said}"))
            }
            _ => Error::Unauthenticated(format!("{action} of {role} ({step}) is refused: {said}")),
        }
    }

    /// Code and words, as far as there are any.
    pub fn said(&self) -> String {
        match (self.code.is_empty(), self.message.is_empty()) {
            (true, true) => format!("the answer is not AWS's (HTTP {})", self.status),
            (true, false) => format!("the answer is not AWS's (HTTP {}): {}", self.status, self.message),
            (false, true) => self.code.clone(),
            (false, false) => format!("{}: {}", self.code, self.message),
        }
    }
}

/// `com.amazonaws.ssm#ParameterNotFound:http://…` → `ParameterNotFound`.
fn bare(code: &str) -> &str {
    let code = code.split_once(':').map_or(code, |(code, _)| code);
    code.rsplit_once('#').map_or(code, |(_, code)| code).trim()
}

/// After a blank line AWS quotes the request that it could not verify, session token included.
fn first_line(message: &str) -> String {
    message.trim().lines().next().unwrap_or_default().trim().to_owned()
}

/// The text of the first element of that name, entities resolved.
fn element(xml: &str, name: &str) -> Option<String> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let end = start + xml[start..].find(&format!("</{name}>"))?;
    let text = &xml[start..end];
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character));
    Some(plain)
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
