//! How a call ended, in one word of a closed set: for labels of metrics and the audit log. No text from outside is in it.
//!
//! What follows from it for the object that asked is `error`'s business.

use crate::provider::{CallError, Fault, NeedError, ProviderError};

/// The word for a call that was answered.
pub const OK: &str = "ok";

impl ProviderError {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "notFound",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Denied(_) => "denied",
            Self::RateLimited { .. } => "rateLimited",
            Self::Unavailable(_) => "unavailable",
            Self::InvalidConfig { .. } => "invalidConfig",
            Self::Conflict(_) => "conflict",
            Self::NotModified => "notModified",
            Self::Unsupported(_) => "unsupported",
            Self::Other(_) => "failed",
        }
    }
}

impl Fault {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Trapped(_) => "trapped",
            Self::CpuLimit { .. } => "cpuLimit",
            Self::WallLimit { .. } => "wallLimit",
            Self::MemoryLimit { .. } | Self::MemoryShare { .. } => "memoryLimit",
            Self::OutputLimit { .. } => "outputLimit",
            Self::EgressDenied { .. } => "egressDenied",
            Self::NotLoaded(_) => "notLoaded",
            Self::BadAnswer(_) => "badAnswer",
        }
    }
}

impl NeedError {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "referenceNotFound",
            Self::NoRequester { .. } => "noRequester",
            Self::Unreadable { .. } => "referenceUnreadable",
            Self::ForeignNamespace { .. }
            | Self::BadReference { .. }
            | Self::AudienceRefused { .. }
            | Self::AmbientRefused { .. }
            | Self::Withheld { .. } => "referenceForbidden",
        }
    }
}

impl CallError {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Provider(error) => error.word(),
            Self::Fault(fault) => fault.word(),
            Self::Need(need) => need.word(),
            Self::Held { .. } => "held",
            Self::Full(_) => "full",
        }
    }
}

/// The word of an outcome.
pub fn word<T>(outcome: &Result<T, CallError>) -> &'static str {
    outcome.as_ref().map_or_else(CallError::word, |_| OK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Untrusted;

    #[test]
    fn words_say_nothing_of_what_came_from_outside() {
        let said = || Untrusted::new("MARKED");
        let errors = [
            CallError::from(ProviderError::NotFound(said())),
            ProviderError::RateLimited { retry_after: None, detail: said() }.into(),
            ProviderError::InvalidConfig { path: "/MARKED".to_owned(), detail: said() }.into(),
            Fault::Trapped("MARKED".to_owned()).into(),
            Fault::EgressDenied { origin: "https://MARKED".to_owned(), why: "MARKED".to_owned() }.into(),
            NeedError::BadReference { pointer: "/MARKED".to_owned(), why: "MARKED".to_owned() }.into(),
        ];
        let words: Vec<_> = errors.into_iter().map(|error| word::<()>(&Err(error))).collect();
        let expected =
            ["notFound", "rateLimited", "invalidConfig", "trapped", "egressDenied", "referenceForbidden"];
        assert_eq!(words, expected);
        assert_eq!(word(&Ok(())), "ok");
    }
}
