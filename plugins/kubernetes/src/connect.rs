//! What `connect` asks for, and where it goes then.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{
    ConnectInput, Material, Need, ObjectKind, ObjectNeed, Origin, Reach, Ready, Resolved, SlotPart, Step,
    TlsProfile, TokenNeed,
};

use crate::config::{
    ACCOUNT_AT, AUTH_REF, Access, Auth, CA_BUNDLE_AT, CA_PROVIDER_AT, CERT_AT, Ca, Config, KEY_AT, TOKEN_AT,
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

/// One round.
///
/// # Errors
/// A wrong config, or a kubeconfig that cannot be used.
pub fn connect(input: &ConnectInput) -> Result<Step, Error> {
    let config = Config::parse(&input.config, input.store.namespace.is_none())?;
    // No need depends on what another brings.
    if input.have.is_empty() {
        return Ok(Step::Need(needs(&config)));
    }
    let target = Target::of(&config, input)?;
    let before = &target.server.path;
    let paths = vec![
        format!("{before}/api/v1/namespaces/{}/secrets", config.namespace),
        format!("{before}/apis/authorization.k8s.io/v1/"),
    ];
    Ok(Step::Ready(Ready {
        origins: vec![Origin {
            tls: target.tls.filter(|_| target.server.is_tls()),
            url: target.server.origin,
            reach: Reach::Network,
            paths,
            purpose: "Kubernetes API server".to_owned(),
            max_response_bytes: None,
            max_header_bytes: None,
        }],
        partition: config.referent.then(|| input.requester.namespace.clone()),
        // An API server counts by user, and that is the credential.
        account: Some(String::new()),
    }))
}

fn needs(config: &Config) -> Vec<Need> {
    let Access::Direct { ca, auth, .. } = &config.access else {
        return vec![object(KUBECONFIG, AUTH_REF, ObjectKind::Secret, false)];
    };
    let mut needs = match auth {
        Auth::Token => vec![object(TOKEN, TOKEN_AT, ObjectKind::Secret, false)],
        Auth::Certificate => vec![
            object(CERT, CERT_AT, ObjectKind::Secret, true),
            object(KEY, KEY_AT, ObjectKind::Secret, true),
        ],
        Auth::Account { audiences } => vec![Need::Token(TokenNeed {
            slot: TOKEN.to_owned(),
            at: ACCOUNT_AT.to_owned(),
            audiences: audiences.clone(),
            audiences_at: None,
            expiration_seconds: Some(TOKEN_SECONDS),
        })],
    };
    if *ca == Ca::Referred {
        needs.push(object(CA, CA_PROVIDER_AT, ObjectKind::Either, true));
    }
    needs
}

fn object(slot: &str, at: &str, kind: ObjectKind, hidden: bool) -> Need {
    Need::Object(ObjectNeed {
        slot: slot.to_owned(),
        at: at.to_owned(),
        kind,
        default_key: None,
        hidden,
        optional: false,
    })
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
                let token = token.map(|token| header_text(token, AUTH_REF)).transpose()?;
                Ok(Self { server, tls, token })
            }
            Access::Direct { server, ca, auth } => {
                let at = match auth {
                    Auth::Token => Some(TOKEN_AT),
                    Auth::Account { .. } => Some(ACCOUNT_AT),
                    Auth::Certificate => None,
                };
                let token = |at: &str| {
                    let text = String::from_utf8_lossy(slot(TOKEN)?).trim().to_owned();
                    header_text(text, at)
                };
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

/// A token is sent in a header field.
fn header_text(token: String, at: &str) -> Result<String, Error> {
    if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(token);
    }
    let what = if token.is_empty() { "empty" } else { "not one word of ASCII, as tokens are" };
    Err(Error::Unauthenticated(format!("{at}: the token is {what}: is it the right key of the Secret?")))
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
