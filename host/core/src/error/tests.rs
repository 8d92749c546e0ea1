//! Every failure as a user meets it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use super::*;
use crate::provider::{CallError, NeedError, PluginId, ProviderError};
use crate::secret::{SecretBytes, UNTRUSTED_CAP};

fn store() -> StoreName {
    StoreName {
        kind: "SecretStore".into(),
        namespace: Some("production".to_owned()),
        name: "vault".to_owned(),
    }
}

fn cluster_store() -> StoreName {
    StoreName { kind: "ClusterSecretStore".into(), namespace: None, name: "shared".to_owned() }
}

fn detail() -> Untrusted {
    Untrusted::new("the other side said: no")
}

/// The sample after `previous`, so that a new variant does not compile before it has one.
fn next(previous: Option<&Failure>) -> Option<Failure> {
    let (store, plugin, detail) = (store(), "vault@0.1.0".to_owned(), detail());
    let text = |text: &str| text.to_owned();
    let secret = text("Secret production/db");
    Some(match previous {
        None => Failure::ManifestInvalid { object: text("ExternalSecret production/db"), detail },
        Some(Failure::ManifestInvalid { .. }) => {
            Failure::PolicyInvalid { why: text("deletionPolicy=Delete needs creationPolicy=Owner") }
        }
        Some(Failure::PolicyInvalid { .. }) => Failure::StoreNotFound { store },
        Some(Failure::StoreNotFound { .. }) => {
            Failure::OtherController { object: store, class: text("blue") }
        }
        Some(Failure::OtherController { .. }) => {
            Failure::GeneratorNotFound { generator: StoreName { kind: "VaultDynamicSecret".into(), ..store } }
        }
        Some(Failure::GeneratorNotFound { .. }) => Failure::GeneratorUnknown { kind: text("Pasword") },
        Some(Failure::GeneratorUnknown { .. }) => Failure::StoreNotReady {
            store,
            reason: text("ProviderUnavailable"),
            message: text("the backend is unavailable"),
        },
        Some(Failure::StoreNotReady { .. }) => {
            Failure::StoreForbidden { store: cluster_store(), namespace: text("staging") }
        }
        Some(Failure::StoreForbidden { .. }) => Failure::KeyForbidden {
            store: cluster_store(),
            namespace: text("staging"),
            asked: Asked::Key(text("production/db")),
            why: Box::new(Refusal::Outside(text("\"staging/*\", \"common/ca\""))),
        },
        Some(Failure::KeyForbidden { .. }) => Failure::StoreReferent { store: cluster_store() },
        Some(Failure::StoreReferent { .. }) => {
            Failure::ProviderUnknown { name: text("valut"), known: vec![text("fake"), text("vault")] }
        }
        Some(Failure::ProviderUnknown { .. }) => {
            Failure::PluginNotLoaded { name: text("acme"), why: text("its digest is not the Plugin's") }
        }
        Some(Failure::PluginNotLoaded { .. }) => Failure::PluginLoading { name: text("acme") },
        Some(Failure::PluginLoading { .. }) => {
            Failure::PluginForbidden { name: text("acme"), namespace: text("staging") }
        }
        Some(Failure::PluginForbidden { .. }) => {
            Failure::InvalidProviderConfig { store, plugin, path: text("/auth"), detail }
        }
        Some(Failure::InvalidProviderConfig { .. }) => {
            Failure::ReferenceNotFound { store, what: text("Secret production/vault-approle") }
        }
        Some(Failure::ReferenceNotFound { .. }) => {
            Failure::ReferenceForbidden { store, why: text("the reference at /x names namespace \"y\"") }
        }
        Some(Failure::ReferenceForbidden { .. }) => Failure::ReferenceUnreadable {
            store,
            what: text("Secret production/vault-approle"),
            transient: true,
            detail,
        },
        Some(Failure::ReferenceUnreadable { .. }) => Failure::AuthenticationFailed { store, plugin, detail },
        Some(Failure::AuthenticationFailed { .. }) => {
            Failure::AccessDenied { store, plugin, key: Some(text("db/main")), detail }
        }
        Some(Failure::AccessDenied { .. }) => {
            Failure::RemoteKeyNotFound { store, key: text("db/main"), version: Some(text("7")), detail }
        }
        Some(Failure::RemoteKeyNotFound { .. }) => {
            Failure::PropertyNotFound { store, key: text("db/main"), property: text("pasword") }
        }
        Some(Failure::PropertyNotFound { .. }) => {
            Failure::ValueNotUsable { place: text("data[2] (key \"x\")"), why: text("it is not base64") }
        }
        Some(Failure::ValueNotUsable { .. }) => Failure::PartiallySynced {
            failed: 2,
            of: 5,
            first: Box::new(Failure::RemoteKeyNotFound {
                store,
                key: text("db/main"),
                version: None,
                detail,
            }),
        },
        Some(Failure::PartiallySynced { .. }) => Failure::Held { store, left: Duration::from_secs(20) },
        Some(Failure::Held { .. }) => {
            Failure::RateLimited { store, plugin, retry_after: Some(Duration::from_secs(30)), detail }
        }
        Some(Failure::RateLimited { .. }) => Failure::ProviderUnavailable { store, plugin, detail },
        Some(Failure::ProviderUnavailable { .. }) => {
            Failure::ProviderFailed { store, plugin, key: Some(text("db/main")), detail }
        }
        Some(Failure::ProviderFailed { .. }) => {
            Failure::PluginFault { plugin, fault: Fault::MemoryLimit { limit_mib: 64 } }
        }
        Some(Failure::PluginFault { .. }) => {
            Failure::TemplateFailed { template: text("data.url"), line: 3, column: 14, detail }
        }
        Some(Failure::TemplateFailed { .. }) => Failure::TemplateSourceNotFound {
            kind: "ConfigMap",
            namespace: text("production"),
            name: text("templates"),
            key: Some(text("url")),
        },
        Some(Failure::TemplateSourceNotFound { .. }) => {
            Failure::TargetOwned { secret, owner: text("ExternalSecret other") }
        }
        Some(Failure::TargetOwned { .. }) => Failure::TargetConflict {
            secret,
            managers: vec![text("conflict with \"externalsecrets.external-secrets.io/other\": .data.url")],
        },
        Some(Failure::TargetConflict { .. }) => Failure::TargetImmutable { secret },
        Some(Failure::TargetImmutable { .. }) => {
            Failure::TargetTypeFixed { secret, is: text("Opaque"), wanted: text("kubernetes.io/tls") }
        }
        Some(Failure::TargetTypeFixed { .. }) => Failure::TargetTerminating { secret },
        Some(Failure::TargetTerminating { .. }) => Failure::TargetForbidden {
            type_: text("bootstrap.kubernetes.io/token"),
            why: "let its holder join nodes to the cluster",
        },
        Some(Failure::TargetForbidden { .. }) => Failure::SourceNotFound { secret: text("a/db") },
        Some(Failure::SourceNotFound { .. }) => Failure::PlaceTaken {
            store,
            place: "property \"p\" of key \"app/db\"".to_owned(),
            owner: "PushSecret a/first".to_owned(),
        },
        Some(Failure::PlaceTaken { .. }) => Failure::StoreReadOnly { store, plugin },
        Some(Failure::StoreReadOnly { .. }) => {
            Failure::WriteRefused { store, plugin, key: Some(text("app/db")), detail }
        }
        Some(Failure::WriteRefused { .. }) => Failure::ApiServer {
            doing: "writing",
            object: text("Secret production/db"),
            code: Some(403),
            detail,
        },
        Some(Failure::ApiServer { .. }) => return None,
    })
}

fn samples() -> Vec<Failure> {
    std::iter::successors(next(None), |previous| next(Some(previous))).collect()
}

#[test]
fn every_failure_has_a_reason_of_its_own() {
    let mut seen = BTreeMap::new();
    for failure in samples() {
        let reason = failure.class().reason;
        assert!(reason.starts_with(|c: char| c.is_ascii_uppercase()), "{reason}");
        assert!(reason.chars().all(|c| c.is_ascii_alphabetic()), "{reason}");
        assert_eq!(seen.insert(reason, failure.to_string()), None, "{reason} twice");
        assert_eq!(failure.class().event, "UpdateFailed");
    }
    assert_eq!(seen.len(), 42);
}

#[test]
fn every_reason_is_some_failures_or_a_whole_objects() {
    let mut seen: Vec<&str> = samples().iter().map(|failure| failure.class().reason).collect();
    // Of PushSecrets, and of what is made in many namespaces.
    seen.extend([crate::push::ERRORED, crate::push::DELETED, crate::spread::FAILED, "ApiServerFailed"]);
    for reason in Reason::ALL {
        assert!(seen.contains(&reason.as_str()), "{reason} is never said");
    }
    assert_eq!(seen.len(), Reason::ALL.len());
}

#[test]
fn every_failure_reads_well() {
    let redactor = Redactor::default();
    let lines: Vec<String> = samples()
        .iter()
        .map(|failure| {
            let class = failure.class();
            let umbrella = failure.umbrella().map(|text| format!("{text}: ")).unwrap_or_default();
            format!("{} [{:?}]\n    {umbrella}{}", class.reason, class.retry, failure.message(&redactor))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn texts_from_outside_are_said_only_after_cleaning() {
    let mut redactor = Redactor::default();
    redactor.seed(&SecretBytes::copied_from(b"hunter2-hunter2"));
    let quoting = Failure::ProviderUnavailable {
        store: store(),
        plugin: "vault@0.1.0".to_owned(),
        detail: Untrusted::new("refused \"hunter2-hunter2\"\nand more"),
    };
    assert!(!quoting.to_string().contains("hunter2"), "Display has no untrusted text");
    assert!(!format!("{quoting:?}").contains("hunter2"), "nor has Debug");
    let message = quoting.message(&redactor);
    assert!(message.ends_with("refused \"[redacted]\" and more"), "{message}");

    let long = Failure::ApiServer {
        doing: "writing",
        object: "x".repeat(2 * MAX_MESSAGE),
        code: None,
        detail: Untrusted::new("é".repeat(UNTRUSTED_CAP)),
    };
    assert!(long.message(&redactor).len() <= MAX_MESSAGE);
}

#[test]
fn what_a_call_came_to_becomes_what_it_means() {
    let plugin =
        PluginId { name: "vault".to_owned(), version: "0.1.0".to_owned(), digest: "sha256:00".to_owned() };
    let reason = |key: Option<&str>, error: CallError| {
        Failure::from_call(&store(), key, None, &plugin, error).class().reason
    };
    let provider = |error: ProviderError| reason(Some("k"), error.into());
    assert_eq!(provider(ProviderError::NotFound(detail())), "RemoteKeyNotFound");
    assert_eq!(reason(None, ProviderError::NotFound(detail()).into()), "ProviderFailed");
    assert_eq!(provider(ProviderError::Unauthenticated(detail())), "AuthenticationFailed");
    assert_eq!(provider(ProviderError::Denied(detail())), "AccessDenied");
    assert_eq!(provider(ProviderError::Unavailable(detail())), "ProviderUnavailable");
    assert_eq!(provider(ProviderError::NotModified), "ProviderFailed");
    assert_eq!(provider(ProviderError::Other(detail())), "ProviderFailed");
    let config = ProviderError::InvalidConfig { path: "/auth".to_owned(), detail: detail() };
    assert_eq!(provider(config), "InvalidProviderConfig");
    let limited = ProviderError::RateLimited { retry_after: Some(Duration::from_secs(9)), detail: detail() };
    let limited = Failure::from_call(&store(), None, None, &plugin, limited.into());
    assert_eq!(limited.class().retry, Retry::After(Duration::from_secs(9)));

    assert_eq!(reason(None, Fault::CpuLimit { limit_ms: 1000 }.into()), "PluginFault");
    let missing =
        NeedError::NotFound { kind: "Secret", namespace: "a".to_owned(), name: "b".to_owned(), key: None };
    assert_eq!(reason(None, missing.into()), "ReferenceNotFound");
    let foreign = NeedError::ForeignNamespace { pointer: "/x".to_owned(), namespace: "b".to_owned() };
    assert_eq!(reason(None, foreign.into()), "ReferenceForbidden");
    let unreadable =
        NeedError::Unreadable { what: "Secret a/b".to_owned(), detail: detail(), transient: false };
    let unreadable = Failure::from_call(&store(), None, None, &plugin, unreadable.into());
    assert_eq!(unreadable.class().retry, Retry::Interval);
}
