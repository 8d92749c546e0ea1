//! What `connect` asks for, and where it goes then.

use claviger_plugin_sdk::login::word;
use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::connection::{
    ConnectInput, Material, Need, ObjectNeed, Resolved, SlotPart, TlsProfile, TokenNeed,
};

use crate::config::{
    ACCOUNT_AT, AUTH_REF, Access, Auth, CA_BUNDLE_AT, CA_PROVIDER_AT, CERT_AT, Ca, Config, KEY_AT, Manifest,
    TOKEN_AT,
};
use crate::kubeconfig::Kubeconfig;
use crate::server::Server;

/// Slot of a bearer token, be it a ServiceAccount's.
pub const TOKEN: &str = "token";
const KUBECONFIG: &str = "kubeconfig";
const CA: &str = "authorities";
const CERT: &str = "client certificate";
const KEY: &str = "client key";

/// As ESO.
const TOKEN_SECONDS: u64 = 3600;

/// What a store needs, and where it goes.
///
/// # Errors
/// A wrong config, or a kubeconfig that cannot be used.
pub fn connect(store: &mut Store<Manifest>) -> Result<Ready, Error> {
    let config = Config::of(&store.config, store.is_cluster())?;
    for need in needs(&config) {
        store.need(need);
    }
    if !store.is_met() {
        return Ok(Ready::to([]));
    }
    let target = Target::of(&config, store.input())?;
    let before = &target.server.path;
    let paths = vec![
        format!("{before}/api/v1/namespaces/{}/secrets", config.namespace),
        format!("{before}/apis/authorization.k8s.io/v1/"),
    ];
    let origin = Origin {
        tls: target.tls.filter(|_| target.server.is_tls()),
        paths,
        ..Origin::new(target.server.origin, "Kubernetes API server")
    };
    // An API server counts by user, and that is the credential.
    Ok(Ready::to([origin]).counted_by_credential())
}

fn needs(config: &Config) -> Vec<Need> {
    let Access::Direct { ca, auth, .. } = &config.access else {
        return vec![need::secret(KUBECONFIG, AUTH_REF).into()];
    };
    let hidden = |need: ObjectNeed| Need::Object(ObjectNeed { hidden: true, ..need });
    let mut needs = match auth {
        Auth::Token => vec![need::secret(TOKEN, TOKEN_AT).into()],
        Auth::Certificate => {
            vec![hidden(need::secret(CERT, CERT_AT)), hidden(need::secret(KEY, KEY_AT))]
        }
        Auth::Account { audiences } => vec![Need::Token(TokenNeed {
            audiences: audiences.clone(),
            expiration_seconds: Some(TOKEN_SECONDS),
            ..need::token(TOKEN, ACCOUNT_AT, &[])
        })],
    };
    if *ca == Ca::Referred {
        needs.push(hidden(need::object(CA, CA_PROVIDER_AT)));
    }
    needs
}

/// Where a session goes, and as whom.
pub struct Target {
    /// The API server.
    pub server: Server,
    /// Other than the default.
    pub tls: Option<TlsProfile>,
    /// Without one a certificate says who asks.
    pub token: Option<String>,
}

impl Target {
    /// Of a session that has what it needs.
    ///
    /// # Errors
    /// A kubeconfig or token that cannot be used.
    pub fn of(config: &Config, session: &ConnectInput) -> Result<Self, Error> {
        let slot =
            |name: &str| match session.have.iter().find(|slot| slot.slot == name).map(|slot| &slot.value) {
                Some(Resolved::Bytes(bytes)) => Ok(bytes),
                _ => Err(Error::Other(format!("the host gave no {name}"))),
            };
        match &config.access {
            Access::Kubeconfig => {
                let Kubeconfig { server, ca, server_name, token, certificate } =
                    Kubeconfig::parse(slot(KUBECONFIG)?)?;
                let part =
                    |base64: String| Material::InSlot(SlotPart { slot: KUBECONFIG.to_owned(), base64 });
                let plain = ca.is_none() && certificate.is_none() && server_name.is_none();
                let (cert, key) = certificate.unzip();
                let tls = (!plain).then(|| TlsProfile {
                    ca: ca.map(part).into_iter().collect(),
                    client_cert: cert.map(part),
                    client_key: key.map(part),
                    server_name,
                    insecure: None,
                });
                let token = token.map(|token| word(token.as_bytes(), TOKEN, AUTH_REF)).transpose()?;
                Ok(Self { server, tls, token })
            }
            Access::Direct { server, ca, auth } => {
                let at = match auth {
                    Auth::Token => Some(TOKEN_AT),
                    Auth::Account { .. } => Some(ACCOUNT_AT),
                    Auth::Certificate => None,
                };
                let token = |at: &str| word(slot(TOKEN)?, TOKEN, at);
                Ok(Self {
                    server: server.clone(),
                    tls: profile(*ca, auth),
                    token: at.map(token).transpose()?,
                })
            }
        }
    }
}

fn profile(ca: Ca, auth: &Auth) -> Option<TlsProfile> {
    let ca = match ca {
        Ca::Public => None,
        Ca::Inline => Some(Material::InlineBase64(CA_BUNDLE_AT.to_owned())),
        Ca::Referred => Some(Material::Slot(CA.to_owned())),
    };
    let certificate = *auth == Auth::Certificate;
    (certificate || ca.is_some()).then(|| TlsProfile {
        ca: ca.into_iter().collect(),
        client_cert: certificate.then(|| Material::Slot(CERT.to_owned())),
        client_key: certificate.then(|| Material::Slot(KEY.to_owned())),
        server_name: None,
        insecure: None,
    })
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
