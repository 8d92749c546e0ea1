//! Between the generated types of the interface and the host's own. Every text from a guest becomes
//! `Untrusted` here, every value `SecretBytes`; what is too long is cut.

use std::collections::BTreeMap;
use std::time::Duration;

use claviger_core::provider::{
    CallError, Facet, Fault, Found, Generated, Health, Item, Lease, LeaseHolder, Nature, PropertyStep,
    ProviderError, Query, Value,
};
use claviger_core::redact::Redactor;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_core::shape::{self, Values};

use crate::guest::{connection, generator, provider as guest, types as wit};
use crate::source::AmbientKind;

/// Longest remote key, version or lease id that a guest may make up, bytes.
pub(crate) const MAX_NAME: usize = 4096;
const MAX_POINTER: usize = 200;

pub(crate) fn error(error: wit::Error) -> ProviderError {
    match error {
        wit::Error::NotFound(detail) => ProviderError::NotFound(Untrusted::new(detail)),
        wit::Error::Unauthenticated(detail) => ProviderError::Unauthenticated(Untrusted::new(detail)),
        wit::Error::Denied(detail) => ProviderError::Denied(Untrusted::new(detail)),
        wit::Error::RateLimited(limit) => ProviderError::RateLimited {
            retry_after: limit.retry_after_ms.map(Duration::from_millis),
            detail: Untrusted::new(limit.detail),
        },
        wit::Error::Unavailable(detail) => ProviderError::Unavailable(Untrusted::new(detail)),
        wit::Error::InvalidConfig(config) => ProviderError::InvalidConfig {
            path: pointer(&config.path),
            detail: Untrusted::new(config.detail),
        },
        wit::Error::Conflict(detail) => ProviderError::Conflict(Untrusted::new(detail)),
        wit::Error::NotModified => ProviderError::NotModified,
        wit::Error::Unsupported(detail) => ProviderError::Unsupported(Untrusted::new(detail)),
        wit::Error::Other(detail) => ProviderError::Other(Untrusted::new(detail)),
    }
}

/// An error as it may leave the host: what the guest wrote into it is cleaned of what it was handed.
pub(crate) fn cleaned(error: CallError, redactor: &Redactor) -> CallError {
    match error {
        CallError::Provider(error) => cleaned_item(error, redactor).into(),
        CallError::Fault(Fault::EgressDenied { origin, why }) => {
            // A host name is the guest's to choose.
            Fault::EgressDenied { origin: redactor.clean_text(&origin), why }.into()
        }
        CallError::Fault(fault) => fault.into(),
        CallError::Need(need) => need.into(),
        unsent @ (CallError::Held { .. } | CallError::Full(_)) => unsent,
    }
}

/// The same for the error of one item.
pub(crate) fn cleaned_item(error: ProviderError, redactor: &Redactor) -> ProviderError {
    let clean = |detail: Untrusted| redactor.cleaned(&detail);
    match error {
        ProviderError::NotFound(detail) => ProviderError::NotFound(clean(detail)),
        ProviderError::Unauthenticated(detail) => ProviderError::Unauthenticated(clean(detail)),
        ProviderError::Denied(detail) => ProviderError::Denied(clean(detail)),
        ProviderError::RateLimited { retry_after, detail } => {
            ProviderError::RateLimited { retry_after, detail: clean(detail) }
        }
        ProviderError::Unavailable(detail) => ProviderError::Unavailable(clean(detail)),
        ProviderError::InvalidConfig { path, detail } => {
            ProviderError::InvalidConfig { path: redactor.clean_text(&path), detail: clean(detail) }
        }
        ProviderError::Conflict(detail) => ProviderError::Conflict(clean(detail)),
        ProviderError::NotModified => ProviderError::NotModified,
        ProviderError::Unsupported(detail) => ProviderError::Unsupported(clean(detail)),
        ProviderError::Other(detail) => ProviderError::Other(clean(detail)),
    }
}

/// A pointer is shown in messages, so it may hold only what names of fields are made of.
pub(crate) fn pointer(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '~' | '-' | '_' | '.'))
        .take(MAX_POINTER)
        .collect()
}

pub(crate) fn capped(text: String) -> String {
    if text.len() <= MAX_NAME { text } else { text.chars().take(MAX_NAME / 4).collect() }
}

pub(crate) fn item(item: &Item) -> guest::Item {
    guest::Item {
        key: item.key.clone(),
        version: item.version.clone(),
        property: item.property.clone(),
        facet: match item.facet {
            Facet::Value => guest::Facet::Value,
            Facet::Metadata => guest::Facet::Metadata,
        },
        known_version: None,
        nature: match item.nature {
            Nature::Any => guest::Nature::Any,
            Nature::Stored => guest::Nature::Stored,
            Nature::Dynamic => guest::Nature::Dynamic,
        },
    }
}

pub(crate) fn value(value: guest::Value, facet: Facet) -> Value {
    // A provider may put metadata beside the value or answer it as the value; asked for metadata, both
    // are the answer.
    let data = match (facet, value.metadata) {
        (Facet::Metadata, Some(metadata)) if value.data.is_empty() => metadata.into_bytes(),
        _ => value.data,
    };
    let entries: Option<Values> = value
        .entries
        .map(|entries| entries.into_iter().map(|(key, value)| (key, SecretBytes::new(value))).collect());
    let data = match &entries {
        Some(entries) if data.is_empty() => shape::whole(entries),
        _ => SecretBytes::new(data),
    };
    let made = value.dynamic || value.lease.is_some();
    Value {
        data,
        entries,
        version: value.version.map(capped),
        lease: value.lease.map(lease),
        // Whatever a plugin says: what was made for one belongs to one.
        shareable: value.shareable && !made,
        dynamic: made,
    }
}

/// A lease from a guest. What its id or accessor would be cut to names nothing: without an id it cannot be taken back,
/// and is left to run out.
pub(crate) fn lease(lease: guest::Lease) -> Lease {
    Lease {
        id: capped(lease.id),
        duration: Duration::from_millis(lease.duration_ms),
        renewable: lease.renewable,
        holder: lease.holder.map(|holder| LeaseHolder {
            accessor: holder.accessor.map(capped),
            ttl: Duration::from_millis(holder.ttl_ms),
            renewable: holder.renewable,
        }),
    }
}

pub(crate) fn lease_to_guest(lease: &Lease) -> guest::Lease {
    let millis = |life: Duration| u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
    guest::Lease {
        id: lease.id.clone(),
        duration_ms: millis(lease.duration),
        renewable: lease.renewable,
        holder: lease.holder.as_ref().map(|holder| guest::Holder {
            accessor: holder.accessor.clone(),
            ttl_ms: millis(holder.ttl),
            renewable: holder.renewable,
        }),
    }
}

pub(crate) fn generated(generated: generator::Generated) -> Generated {
    let values = generated.values.into_iter().map(|(key, value)| (key, SecretBytes::new(value)));
    Generated { values: values.collect::<BTreeMap<_, _>>(), lease: generated.lease.map(lease), state: None }
}

/// Bytes that a value brings over the boundary.
pub(crate) fn size(value: &guest::Value) -> u64 {
    let metadata = value.metadata.as_ref().map_or(0, String::len);
    let entries = value.entries.iter().flatten().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    u64::try_from(value.data.len() + metadata + entries).unwrap_or(u64::MAX)
}

pub(crate) fn query(query: &Query) -> guest::Query {
    guest::Query {
        path: query.path.clone(),
        tags: query.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        name_regexp: query.name_regexp.clone(),
    }
}

pub(crate) fn found(found: guest::Found) -> Found {
    Found { key: found.key, value: found.value.map(|found| value(found, Facet::Value)) }
}

pub(crate) fn health(health: guest::Health) -> Health {
    match health {
        guest::Health::Ready => Health::Ready,
        guest::Health::Unknown(detail) => Health::Unknown(Untrusted::new(detail)),
    }
}

pub(crate) fn ambient(kind: connection::AmbientKind) -> AmbientKind {
    match kind {
        connection::AmbientKind::Env => AmbientKind::Env,
        connection::AmbientKind::FileByEnv => AmbientKind::FileByEnv,
        connection::AmbientKind::GcpMetadata => AmbientKind::GcpMetadata,
        connection::AmbientKind::AwsMetadata => AmbientKind::AwsMetadata,
        connection::AmbientKind::AzureMetadata => AmbientKind::AzureMetadata,
        connection::AmbientKind::PodServiceAccountToken => AmbientKind::PodServiceAccountToken,
    }
}

pub(crate) fn step(step: guest::PropertyStep) -> PropertyStep {
    match step {
        guest::PropertyStep::Literal => PropertyStep::Literal,
        guest::PropertyStep::Path => PropertyStep::Path,
        guest::PropertyStep::EscapedPath => PropertyStep::EscapedPath,
        guest::PropertyStep::Nested => PropertyStep::Nested,
    }
}
