//! Kubernetes events about the objects that users look at.
//!
//! Texts are made by us from typed reasons and cleaned of untrusted parts before they come here. An
//! event that cannot be written is logged and forgotten: it is news, not state.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

/// The API server's limit for a note, in bytes.
const MAX_NOTE: usize = 1024;

/// Writes events.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
}

impl Events {
    /// `instance` is shown as the reporting instance, normally the pod's name.
    pub fn new(client: Client, instance: Option<String>) -> Self {
        // ESO's recorder goes by this name too; `kubectl get events --field-selector` keeps working.
        let reporter = Reporter { controller: "external-secrets".to_owned(), instance };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Something happened as it should.
    pub async fn normal(&self, about: &ObjectReference, reason: &str, note: &str) {
        self.publish(about, EventType::Normal, reason, note).await;
    }

    /// Something needs attention.
    pub async fn warning(&self, about: &ObjectReference, reason: &str, note: &str) {
        self.publish(about, EventType::Warning, reason, note).await;
    }

    async fn publish(&self, about: &ObjectReference, type_: EventType, reason: &str, note: &str) {
        let mut end = note.len().min(MAX_NOTE);
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note[..end].to_owned()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, about).await {
            tracing::warn!(
                kind = about.kind,
                name = about.name,
                namespace = about.namespace,
                reason,
                error = %error,
                "event not written"
            );
        }
    }
}
