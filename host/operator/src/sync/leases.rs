//! Renewing and taking back what stores and generators made. When, and what the status says of it, is the
//! reconcile's; this asks whoever made it.

use claviger_core::access::Use;
use claviger_core::error::Failure;
use claviger_core::lease::{Held, Record, Source};
use claviger_core::provider::{CallError, Lease, ProviderError};
use claviger_plugins::Session;

use super::Pipeline;
use super::access::Opened;
use super::connect::{generator_name, store_name};
use super::world::{GeneratorView, World};
use crate::state::store_object;
use claviger_crds::external_secret::StoreKind;

/// What a renewal came to.
pub enum Renewal {
    /// It lives on, and its holder.
    Renewed(Lease),
    /// It is not there any more.
    Gone,
    /// It may not be renewed by us.
    Refused(Failure),
}

impl Pipeline {
    /// Renews what was made, for as long as it was made for; what may not be asked for any more is not.
    ///
    /// # Errors
    /// If it could not be told: trying again may help.
    pub async fn renew(
        &self,
        held: &Held,
        lease: &Lease,
        namespace: &str,
        world: &dyn World,
    ) -> Result<Renewal, Failure> {
        let maker = self.maker(&held.source, namespace, world).await?;
        if let Err(failure) = maker.check(&held.source.key, Use::Read) {
            return Ok(Renewal::Refused(failure));
        }
        let session = maker.session;
        let renewal = self.fetcher.call(session.as_ref(), session.renew(lease, lease.duration)).await;
        match renewal {
            Ok(lease) => Ok(Renewal::Renewed(lease)),
            Err(CallError::Provider(ProviderError::NotFound(_))) => Ok(Renewal::Gone),
            Err(error) => {
                let refused = matches!(
                    error,
                    CallError::Provider(ProviderError::Denied(_) | ProviderError::Unsupported(_))
                );
                let failure = about(&held.source, namespace, &session, error);
                if refused { Ok(Renewal::Refused(failure)) } else { Err(failure) }
            }
        }
    }

    /// Takes back what was made, whatever may be asked for by now. That it is not there any more is no error.
    ///
    /// # Errors
    /// Why not; it runs out then.
    pub async fn revoke(&self, held: &Held, namespace: &str, world: &dyn World) -> Result<(), Failure> {
        let Some(lease) = &held.lease else { return Ok(()) };
        let session = self.maker(&held.source, namespace, world).await?.session;
        let revoked = self.fetcher.call(session.as_ref(), session.revoke(lease)).await;
        revoked.map_err(|error| about(&held.source, namespace, &session, error))
    }

    /// Has a generator take back what it left behind, with the spec that it had then.
    ///
    /// # Errors
    /// Why not: trying again may help.
    pub async fn clean_up(
        &self,
        source: &Source,
        view: &GeneratorView,
        namespace: &str,
        world: &dyn World,
        state: &serde_json::Value,
    ) -> Result<(), Failure> {
        let session = self.generator_session(source, view, namespace, world).await?;
        let call = session.clean_up(&view.spec, state);
        let cleaned = self.fetcher.call(session.as_ref(), call).await;
        cleaned.map_err(|error| about(source, namespace, &session, error))
    }

    /// What was made for an object is written now, or it never will be: it is not there any more.
    pub fn written(&self, uid: &str) {
        self.unwritten.take(uid);
    }

    /// This process works no more: what it made and did not write is lost, and runs out.
    pub fn forget_unwritten(&self) {
        self.unwritten.clear(None);
    }

    /// What its Secret's record names is written, whether or not we heard of it.
    pub fn recorded(&self, uid: &str, record: &Record) {
        self.unwritten.forget(uid, &record.held);
    }

    /// Who made it.
    async fn maker(&self, source: &Source, namespace: &str, world: &dyn World) -> Result<Opened, Failure> {
        let kind = match source.kind.as_str() {
            "SecretStore" => StoreKind::SecretStore,
            "ClusterSecretStore" => StoreKind::ClusterSecretStore,
            kind => {
                // It comes from an annotation, and becomes part of a request's path.
                self.registry.may_generate(kind)?;
                let view = world.generator(&source.kind, namespace, &source.name).await?;
                let session = self.generator_session(source, &view, namespace, world).await?;
                return Ok(Opened::generator(session, generator_name(kind, namespace, &source.name)));
            }
        };
        self.open(&store_object(kind, namespace, &source.name), namespace, world).await
    }
}

fn about(source: &Source, namespace: &str, session: &Session, error: CallError) -> Failure {
    let name = match source.kind.as_str() {
        "SecretStore" => store_name(&store_object(StoreKind::SecretStore, namespace, &source.name)),
        "ClusterSecretStore" => {
            store_name(&store_object(StoreKind::ClusterSecretStore, namespace, &source.name))
        }
        kind => generator_name(kind, namespace, &source.name),
    };
    let key = Some(source.key.as_str()).filter(|key| !key.is_empty());
    Failure::from_call(&name, key, None, session.plugin().id(), error)
}
