//! The webhook's own authority: a Secret that every replica serves from and the leader alone writes, and the
//! `caBundle` of the ValidatingWebhookConfiguration.
//!
//! What is due is decided in `claviger_core::authority`. Here: `x509` makes and reads certificates, `content` is what the
//! Secret holds, `secret` and `configuration` are the two objects, `keeper` ties them together; `judge` is for who looks from
//! outside.

mod configuration;
mod content;
mod judge;
mod keeper;
mod secret;
#[cfg(test)]
mod tests;
mod x509;

pub use judge::{Flaw, Seen, judge};
pub(crate) use keeper::Keeper;

/// Who the API server shows as the writer of both objects.
const FIELD_MANAGER: &str = "claviger-webhook";

/// By which names the API server may ask for a Service. It uses the first; the others are for people and for clusters
/// whose domain is the usual one.
fn names(service: &str, namespace: &str) -> Vec<String> {
    vec![
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
        format!("{service}.{namespace}"),
    ]
}
