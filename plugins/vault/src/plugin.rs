//! Vault behind the plugin interface.

use aws_credentials::Service;
use claviger_plugin_sdk::provider::connection::{
    ConnectInput, Guest as Connection, Material, Need, ObjectKind, ObjectNeed, Origin, Reach, Ready, Step,
    TlsProfile, TokenNeed,
};
use claviger_plugin_sdk::provider::generator::{Generated, Guest as Generator, Kind, Options};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Guest as Provider, Health, Item, Lease, Page, PropertyStep, Query, Session,
    Value,
};
use claviger_plugin_sdk::provider::leases::Guest as Leases;
use claviger_plugin_sdk::provider::writer::{Guest as Writer, Outcome, Removal, Write};
use claviger_plugin_sdk::{Error, invalid_config, json};
use google_credentials::Endpoints;

use crate::auth::{Auth, Credential, Jwt};
use crate::client::Client;
use crate::config::Config;
use crate::tls::Tls;
use crate::world::Host;
use crate::{find, gcp, generator, iam, leases, read, writer};

struct Vault;

/// As many as [`Tls::ca_at`] can have.
const CA: [&str; 2] = ["ca", "more-ca"];
const CERT: &str = "client-cert";
const KEY: &str = "client-key";

impl Connection for Vault {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        let config = Config::parse(&input.config, &input.settings)?;
        let auth = Auth::parse(&config.json)?;
        let tls = Tls::parse(&config.json, input.store.namespace.is_none())?;
        if auth.credential == Credential::Certificate && !config.server.starts_with("https://") {
            return Err(invalid_config("/server", "a login by certificate needs https://"));
        }
        let needs = needs(&auth, &tls);
        let referent = input.store.namespace.is_none()
            && needs.iter().any(|(_, at)| json::text(&config.json, &format!("{at}/namespace")).is_none());
        // No need of these depends on what another brings, so they are asked for in the first round.
        let mut missing: Vec<Need> = Vec::new();
        if input.have.is_empty() {
            missing.extend(needs.into_iter().map(|(need, _)| need));
        }
        let mut partition = referent;
        let mut origins = vec![Origin {
            url: config.origin(),
            reach: Reach::Network,
            paths: Vec::new(),
            tls: profile(&tls, &config),
            purpose: "Vault server".to_owned(),
            max_response_bytes: None,
            max_header_bytes: None,
        }];
        let aws = match &auth.credential {
            Credential::Iam { region, .. } => {
                Some((iam::access(&config.json, &input.store, &input.requester)?, region))
            }
            _ => None,
        };
        if let Some((access, _)) = &aws {
            missing.extend(access.needs(&config.json, &input.have)?);
            partition |= access.depends_on_requester(&config.json, &input.store);
        }
        let google = match &auth.credential {
            Credential::Gcp => Some(gcp::access(&config.json)?),
            _ => None,
        };
        if let Some(access) = &google {
            missing.extend(access.needs(false, &input.have)?);
            partition |= access.depends_on_requester(&config.json, &input.store);
        }
        if !missing.is_empty() {
            return Ok(Step::Need(missing));
        }
        if let Some((access, region)) = &aws
            && access.calls_sts(&input.have)?
        {
            origins.push(aws_credentials::endpoint::origin(Service::Sts, region, &input.settings)?);
        }
        if let Some(access) = &google {
            let (plan, _) = gcp::plan(access, &input.have)?;
            // A key signs by itself.
            if !matches!(plan.credential, google_credentials::Credential::Key(_)) {
                origins.extend(plan.origins(&Endpoints::parse(&input.settings)?));
            }
        }
        // Quotas of Vault's are by namespace, mount and role.
        let account = format!("{:?} {}", config.namespace, config.json["auth"]);
        Ok(Step::Ready(Ready {
            origins,
            partition: partition.then_some(input.requester.namespace),
            account: Some(account),
        }))
    }
}

/// What the config refers to, each with the place it stands at.
fn needs(auth: &Auth, tls: &Tls) -> Vec<(Need, String)> {
    let mut needs = Vec::new();
    let mut secret = |slot: &str, at: &str, kind: ObjectKind, default_key: Option<&str>, hidden: bool| {
        let need = ObjectNeed {
            slot: slot.to_owned(),
            at: at.to_owned(),
            kind,
            default_key: default_key.map(ToOwned::to_owned),
            hidden,
            optional: false,
        };
        needs.push((Need::Object(need), at.to_owned()));
    };
    match &auth.credential {
        Credential::Token => {
            secret("token", "/auth/tokenSecretRef", ObjectKind::Secret, Some("token"), false)
        }
        Credential::AppRole { role_id } => {
            secret("secret-id", "/auth/appRole/secretRef", ObjectKind::Secret, Some("secret-id"), false);
            if role_id.is_none() {
                secret("role-id", "/auth/appRole/roleRef", ObjectKind::Secret, Some("role-id"), false);
            }
        }
        Credential::Jwt(Jwt::Secret { at }) => {
            secret("jwt", at, ObjectKind::Secret, Some("token"), false);
        }
        Credential::Password { at } => {
            secret("password", at, ObjectKind::Secret, Some("password"), false);
        }
        Credential::Nothing
        | Credential::Gcp
        | Credential::Jwt(Jwt::Account { .. })
        | Credential::Certificate
        | Credential::Iam { .. } => {}
    }
    for (slot, at) in CA.into_iter().zip(&tls.ca_at) {
        secret(slot, at, ObjectKind::Either, Some("ca.crt"), false);
    }
    if let Some(at) = tls.cert_at {
        secret(CERT, at, ObjectKind::Secret, Some("tls.crt"), true);
    }
    if let Some(at) = tls.key_at {
        secret(KEY, at, ObjectKind::Secret, Some("tls.key"), true);
    }
    if let Credential::Jwt(Jwt::Account { at, audiences_at, audiences, expiration_seconds }) =
        &auth.credential
    {
        let need = TokenNeed {
            slot: "jwt".to_owned(),
            at: at.clone(),
            audiences: audiences.clone(),
            audiences_at: audiences_at.clone(),
            expiration_seconds: Some(*expiration_seconds),
        };
        needs.push((Need::Token(need), at.clone()));
    }
    needs
}

fn profile(tls: &Tls, config: &Config) -> Option<TlsProfile> {
    let mut ca = Vec::new();
    if tls.ca_bundle {
        ca.push(Material::InlineBase64("/caBundle".to_owned()));
    }
    ca.extend(CA.into_iter().zip(&tls.ca_at).map(|(slot, _)| Material::Slot(slot.to_owned())));
    let insecure =
        json::given(&config.json, "/tls/insecureSkipVerify").then(|| "/tls/insecureSkipVerify".to_owned());
    let plain = ca.is_empty() && tls.cert_at.is_none() && tls.server_name.is_none() && insecure.is_none();
    (!plain && config.server.starts_with("https://")).then(|| TlsProfile {
        ca,
        client_cert: tls.cert_at.map(|_| Material::Slot(CERT.to_owned())),
        client_key: tls.key_at.map(|_| Material::Slot(KEY.to_owned())),
        server_name: tls.server_name.clone(),
        insecure,
    })
}

impl Provider for Vault {
    fn describe() -> Description {
        Description {
            name: "vault".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: include_str!("../config-schema.json").to_owned(),
            push_metadata_schema: Some(include_str!("../push-metadata-schema.json").to_owned()),
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::FIND_BY_PATH
                | Capability::FIND_BY_TAGS
                | Capability::METADATA
                | Capability::VERSIONS
                | Capability::WRITER
                | Capability::LEASES
                | Capability::GENERATOR
                | Capability::DYNAMIC,
            property_order: vec![PropertyStep::Literal, PropertyStep::Path],
            metadata_order: vec![PropertyStep::Literal, PropertyStep::Path],
            origins: vec![
                "the store's server".to_owned(),
                "https://sts.REGION.amazonaws.com (iam with a role or a ServiceAccount)".to_owned(),
                "https://securetoken.googleapis.com, https://iamcredentials.googleapis.com (gcp with workloadIdentity)".to_owned(),
            ],
            max_batch: read::AT_ONCE as u32,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        Client::new(&session, &Host)?.check().map(|()| Health::Ready)
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        read::get(&Client::new(&session, &Host)?, &items)
    }

    fn find(session: Session, query: Query, cursor: Option<String>) -> Result<Page, Error> {
        find::find(&Client::new(&session, &Host)?, &query, cursor.as_deref())
    }
}

impl Writer for Vault {
    fn push(session: Session, writes: Vec<Write>) -> Result<Vec<Result<Outcome, Error>>, Error> {
        writer::push(&Client::new(&session, &Host)?, &writes)
    }

    fn delete(session: Session, removals: Vec<Removal>) -> Result<Vec<Result<(), Error>>, Error> {
        writer::delete(&Client::new(&session, &Host)?, &removals)
    }

    fn exists(session: Session, keys: Vec<String>) -> Result<Vec<Result<bool, Error>>, Error> {
        writer::exists(&Client::new(&session, &Host)?, &keys)
    }
}

impl Leases for Vault {
    fn renew(session: Session, lease: Lease, increment_ms: u64) -> Result<Lease, Error> {
        leases::renew(&Client::new(&session, &Host)?, lease, increment_ms)
    }

    fn revoke(session: Session, lease: Lease) -> Result<(), Error> {
        leases::revoke(&Client::new(&session, &Host)?, lease)
    }
}

impl Generator for Vault {
    fn kinds() -> Vec<Kind> {
        vec![generator::kind()]
    }

    fn generate(
        session: Session,
        _kind: String,
        spec: String,
        _previous: Option<String>,
        _options: Options,
    ) -> Result<Generated, Error> {
        generator::generate(&session, &Host, &spec)
    }

    /// There is no state to clean up after: what has a lease is revoked by that.
    fn cleanup(_session: Session, _kind: String, _spec: String, _state: String) -> Result<(), Error> {
        Ok(())
    }
}

claviger_plugin_sdk::provider::export_full_provider!(Vault);
