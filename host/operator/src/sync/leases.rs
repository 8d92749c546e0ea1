//! Renewing and taking back what stores and generators made. When, and what the status says of it, is the
//! reconcile's; this asks whoever made it.

use std::sync::Arc;

use claviger_core::access::Use;
use claviger_core::error::{Failure, StoreName};
use claviger_core::lease::{self, Held, Record, Source};
use claviger_core::provider::{CallError, Lease, ProviderError};
use claviger_crds::external_secret::StoreKind;
use claviger_plugins::Session;

use super::Pipeline;
use super::access::Opened;
use super::connect::{generator_name, store_name};
use super::told::Call;
use super::wanted::unusable;
use super::world::World;
use crate::watch::Object;

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
    /// Renews what was made, for as long as it was made for; what may not be asked for any more is not. Under an access
    /// policy that goes by the lease's own id: which key it came with says an annotation, which others may write.
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
        if maker.is_limited() && !lease::is_of_key(&lease.id, &held.source.key) {
            let why = "under a spec.accessPolicy a lease is renewed if its id begins with the key that it came with";
            return Ok(Renewal::Refused(unusable(&format!("lease of key {:?}", held.source.key), why)));
        }
        let session = maker.session;
        let name = maker_name(&held.source, namespace);
        let call = Call::begin(world, "renew", &name, &session).of(key_of(&held.source));
        let renewal = self.fetcher.call(session.as_ref(), session.renew(lease, lease.duration)).await;
        call.ended(&renewal);
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

    /// Takes back what was made, whatever may be asked for by now: the access policy, and who it is for, is not looked at.
    /// `spec.conditions` of a ClusterSecretStore are: a store that is not for the namespace any more is asked nothing for it,
    /// and the lease runs out.
    /// That it is not there any more is no error.
    ///
    /// # Errors
    /// Why not; it runs out then.
    pub async fn revoke(&self, held: &Held, namespace: &str, world: &dyn World) -> Result<(), Failure> {
        let Some(lease) = &held.lease else { return Ok(()) };
        let source = &held.source;
        let session = match maker_store(source, namespace) {
            Some(store) => {
                let view = world.store(&store, namespace).await?;
                self.session(&store, &view, namespace, world).await?
            }
            None => self.generator_of(source, namespace, world).await?,
        };
        let name = maker_name(&held.source, namespace);
        let call = Call::begin(world, "revoke", &name, &session).of(key_of(&held.source));
        let revoked = self.fetcher.call(session.as_ref(), session.revoke(lease)).await;
        call.ended(&revoked);
        revoked.map_err(|error| about(&held.source, namespace, &session, error))
    }

    /// What was made for an object is written now.
    pub fn written(&self, uid: &str) {
        self.unwritten.written(uid);
    }

    /// An object is not there any more: nothing is written for it, and what was made runs out.
    pub fn gone(&self, uid: &str) {
        self.unwritten.gone(uid);
    }

    /// These of what was lost are taken back, or there is no use in trying again.
    pub fn taken_back(&self, uid: &str, lost: &[Held]) {
        self.unwritten.taken_back(uid, lost);
    }

    /// Something was made and will not be written.
    #[cfg(test)]
    pub(crate) fn lose(&self, uid: &str, held: Held) {
        self.unwritten.lose(uid, held);
    }

    /// How much is lost and not taken back yet.
    #[cfg(test)]
    pub(crate) fn lost(&self, uid: &str) -> usize {
        self.unwritten.lost(uid, jiff::Timestamp::UNIX_EPOCH).len()
    }

    /// This process works no more: what it made and did not write is lost, and runs out.
    pub fn forget_unwritten(&self) {
        self.unwritten.clear(None);
    }

    /// What its Secret's record names is written, whether or not we heard of it.
    pub fn recorded(&self, uid: &str, record: &Record) {
        self.unwritten.forget(uid, &record.held);
    }

    /// Who made it, and what may be asked of it now.
    async fn maker(&self, source: &Source, namespace: &str, world: &dyn World) -> Result<Opened, Failure> {
        if let Some(store) = maker_store(source, namespace) {
            return self.open(&store, namespace, world).await;
        }
        let session = self.generator_of(source, namespace, world).await?;
        Ok(Opened::generator(session, maker_name(source, namespace)))
    }

    async fn generator_of(
        &self,
        source: &Source,
        namespace: &str,
        world: &dyn World,
    ) -> Result<Arc<Session>, Failure> {
        let view = self.generator(&source.kind, namespace, &source.name, world).await?;
        self.generator_session(source, &view, namespace, world).await
    }
}

/// The store that made it, if it was one.
pub(crate) fn maker_store(source: &Source, namespace: &str) -> Option<Object> {
    Some(Object::store(StoreKind::of(&source.kind)?, namespace, &source.name))
}

/// How messages name who made it.
fn maker_name(source: &Source, namespace: &str) -> StoreName {
    match maker_store(source, namespace) {
        Some(store) => store_name(&store),
        None => generator_name(&source.kind, namespace, &source.name),
    }
}

/// The key that it came with; a generator has none.
fn key_of(source: &Source) -> Option<&str> {
    Some(source.key.as_str()).filter(|key| !key.is_empty())
}

fn about(source: &Source, namespace: &str, session: &Session, error: CallError) -> Failure {
    let name = maker_name(source, namespace);
    Failure::from_call(&name, key_of(source), None, session.plugin().id(), error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use claviger_plugins::{HostConfig, PluginHost};
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::plugins::Registry;
    use crate::sync::Delimiters;
    use crate::sync::heard::Heard;

    /// There is no plugin: whoever comes as far as asking for one has passed everything else.
    #[tokio::test]
    async fn no_policy_keeps_a_lease_from_being_taken_back() {
        let host = PluginHost::new(HostConfig::default()).unwrap();
        let pipeline = Pipeline::new(Arc::new(Registry::new(host, "/nowhere")), Delimiters::default());
        let (id, duration) = ("database/creds/app/Zz1".to_owned(), Duration::from_secs(60));
        let lease = Lease { id, duration, renewable: true, holder: None };
        let held = Held {
            source: Source {
                kind: "ClusterSecretStore".into(),
                name: "s".into(),
                key: "database/creds/app".into(),
            },
            issued: Timestamp::UNIX_EPOCH,
            lease: Some(lease.clone()),
            state: None,
        };
        // One that cannot be meant.
        let spec = json!({"provider": {"vault": {}}, "accessPolicy": [{"name": "r", "keys": ["a/*/b"]}]});
        let world = Heard::with(serde_json::from_value(spec).unwrap());
        let revoked = pipeline.revoke(&held, "a", &world).await;
        assert!(matches!(revoked, Err(Failure::ProviderUnknown { .. })));
        let renewed = pipeline.renew(&held, &lease, "a", &world).await;
        assert!(matches!(renewed, Err(Failure::ManifestInvalid { .. })));
    }
}
