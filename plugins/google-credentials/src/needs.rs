//! What `connect` asks for, round by round, and what it comes to.

use claviger_plugin_sdk::provider::connection::{
    AccountNeed, AmbientKind, AmbientNeed, Annotation, Need, ObjectKind, ObjectNeed, Resolved, SlotValue,
    TokenNeed,
};
use claviger_plugin_sdk::{Error, invalid_config};
use serde::Deserialize;

use crate::credential::{Credential, Exchange, Hidden, Impersonation, Plan, Shown};
use crate::endpoint::is_project_id;
use crate::external::{self, Manifest};
use crate::key::Key;
use crate::source::{Access, Federation, Gke, Source, Subject};
use crate::{aws, file};

const KEY: &str = "google-key";
const ACCOUNT: &str = "google-account";
const ACCOUNT_TOKEN: &str = "google-account-token";
const CONFIG: &str = "google-credential-config";
const AWS_ID: &str = "google-aws-access-key-id";
const AWS_SECRET: &str = "google-aws-secret-access-key";
const AWS_SESSION: &str = "google-aws-session-token";
const FILE: &str = "google-application-credentials";
const TOKEN: &str = "google-access-token";
const PROJECT: &str = "google-project-id";
const CLUSTER: &str = "google-cluster-name";
const LOCATION: &str = "google-cluster-location";

/// Names the Google service account of a ServiceAccount.
const EMAIL_ANNOTATION: &str = "iam.gke.io/gcp-service-account";

/// How long a ServiceAccount's token should live, in seconds (as ESO): it is changed at once.
const ACCOUNT_TOKEN_SECONDS: u64 = 900;

impl Access {
    /// What is asked for next; nothing when all is there. Each round asks what the answers so far leave open, so
    /// the caller may ask for things of its own at the same time. `project`: the caller needs to know in which
    /// project the operator runs, if that can be told.
    ///
    /// # Errors
    /// If what has come shows that there will be no token.
    pub fn needs(&self, project: bool, have: &[SlotValue]) -> Result<Vec<Need>, Error> {
        let mut needs = match &self.source {
            Source::Key { at } => vec![object(KEY, at, ObjectKind::Secret, None, false)],
            Source::Gke(gke) => self.gke_needs(gke, have)?,
            Source::Federation(federation) => federation_needs(federation),
            // As Google's libraries, the file counts first: where there is one, there need be no metadata server.
            Source::Ambient => match find(have, FILE) {
                None => vec![ambient(FILE, AmbientKind::FileByEnv, "GOOGLE_APPLICATION_CREDENTIALS")],
                Some(Resolved::Absent) => vec![ambient(TOKEN, AmbientKind::GcpMetadata, "access-token")],
                Some(_) => Vec::new(),
            },
        };
        if project {
            needs.push(ambient(PROJECT, AmbientKind::GcpMetadata, "project-id"));
        }
        let mut wanted: Vec<Need> = Vec::new();
        for need in needs {
            let twice = wanted.iter().any(|other| slot(other) == slot(&need));
            if !twice && find(have, slot(&need)).is_none() {
                wanted.push(need);
            }
        }
        Ok(wanted)
    }

    /// The way to a token, in a complete session.
    ///
    /// # Errors
    /// If something in it is missing, or is not what it should be.
    pub fn plan(&self, have: &[SlotValue]) -> Result<Plan, Error> {
        match &self.source {
            Source::Key { at } => {
                let credential = Credential::Key(Key::read(bytes(have, KEY)?, at)?);
                Ok(Plan::of(credential, None))
            }
            Source::Gke(gke) => {
                let (project, location, cluster) = self.cluster(gke, have)?;
                let provider = format!(
                    "https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{cluster}"
                );
                let token = Hidden(needed(have, ACCOUNT_TOKEN)?);
                let credential = Credential::Binding { token, pool: pool(&project), provider };
                let email = email(have, &gke.account_at())?;
                Ok(Plan::of(credential, email.as_deref().map(Impersonation::of)))
            }
            Source::Federation(federation) => federated(federation, have),
            Source::Ambient => self.own(have),
        }
    }

    /// The Google service account that a ServiceAccount names, in a complete session.
    ///
    /// # Errors
    /// If what it names is none.
    pub fn service_account(&self, have: &[SlotValue]) -> Result<Option<String>, Error> {
        email(have, &self.reference().unwrap_or_default())
    }

    fn gke_needs(&self, gke: &Gke, have: &[SlotValue]) -> Result<Vec<Need>, Error> {
        let mut needs = vec![account(&gke.account_at())];
        for (slot, name, given) in [
            (PROJECT, "project-id", &gke.project),
            (LOCATION, "cluster-location", &gke.location),
            (CLUSTER, "cluster-name", &gke.cluster),
        ] {
            if given.is_none() {
                needs.push(ambient(slot, AmbientKind::GcpMetadata, name));
            }
        }
        if needs.iter().all(|need| find(have, slot(need)).is_some()) {
            // Said now, since without them the token would be made for nothing.
            let (project, ..) = self.cluster(gke, have)?;
            email(have, &gke.account_at())?;
            let mut audiences = vec![pool(&project)];
            audiences.extend(gke.audiences.iter().cloned());
            needs.push(account_token(&gke.account_at(), audiences));
        }
        Ok(needs)
    }

    /// Project, location and name of the cluster.
    fn cluster(&self, gke: &Gke, have: &[SlotValue]) -> Result<(String, String, String), Error> {
        let part = |given: &Option<String>, slot: &str, last: Option<&String>, field: &str, name: &str| {
            let found = match given {
                Some(given) => Some(given.clone()),
                None => text(have, slot)?.or_else(|| last.cloned()),
            };
            let at = format!("{}/{field}", gke.base);
            let found = found.ok_or_else(|| {
                invalid_config(
                    &at,
                    format!(
                        "it is needed, or have the metadata server's granted (spec.grants.ambient of the Plugin {}: {{kind: gcpMetadata, name: {name}}})",
                        self.places.plugin
                    ),
                )
            })?;
            if plain(&found) {
                Ok(found)
            } else {
                Err(invalid_config(&at, format!("{found:?} is no {name}")))
            }
        };
        let project = part(&gke.project, PROJECT, self.project.as_ref(), "clusterProjectID", "project-id")?;
        if !is_project_id(&project) {
            return Err(invalid_config(
                &format!("{}/clusterProjectID", gke.base),
                format!(
                    "{project:?} is not the id of a project, by which the cluster's identity pool is named: give the id here, not the number"
                ),
            ));
        }
        Ok((
            project,
            part(&gke.location, LOCATION, None, "clusterLocation", "cluster-location")?,
            part(&gke.cluster, CLUSTER, None, "clusterName", "cluster-name")?,
        ))
    }

    fn own(&self, have: &[SlotValue]) -> Result<Plan, Error> {
        #[derive(Deserialize)]
        struct Metadata {
            access_token: String,
        }
        let at = self.places.auth;
        if let Some(Resolved::Bytes(json)) = find(have, FILE) {
            return file::read(json, at);
        }
        if let Some(Resolved::Bytes(json)) = find(have, TOKEN) {
            let token = serde_json::from_slice::<Metadata>(json).ok().map(|answer| answer.access_token);
            let token = token.filter(|token| !token.is_empty()).ok_or_else(|| {
                Error::Unauthenticated("the metadata server's answer holds no access token".to_owned())
            })?;
            return Ok(Plan::of(Credential::Token(Hidden(token)), None));
        }
        Err(invalid_config(
            at,
            format!(
                "no credentials: give secretRef, workloadIdentity or workloadIdentityFederation here, or have the operator's own granted (spec.grants.ambient of the Plugin {}: {{kind: gcpMetadata, name: access-token}} or {{kind: fileByEnv, name: GOOGLE_APPLICATION_CREDENTIALS}})",
                self.places.plugin
            ),
        ))
    }
}

/// For how long the host keeps an answer of the metadata server's, in seconds.
const KEPT_SECONDS: u64 = 30;

/// How long the metadata server's token of a session lives at least, in seconds: none, if there is none.
pub fn metadata_seconds(have: &[SlotValue]) -> u64 {
    #[derive(Deserialize)]
    struct Metadata {
        expires_in: u64,
    }
    let Some(Resolved::Bytes(json)) = find(have, TOKEN) else { return 0 };
    let answer = serde_json::from_slice::<Metadata>(json);
    answer.map_or(0, |answer| answer.expires_in.saturating_sub(KEPT_SECONDS))
}

/// In which project the operator runs, as far as the metadata server told it.
///
/// # Errors
/// If that is no project.
pub fn project_id(have: &[SlotValue]) -> Result<Option<String>, Error> {
    match text(have, PROJECT)? {
        Some(project) if !plain(&project) => {
            Err(Error::Other("the metadata server's project-id is no project".to_owned()))
        }
        found => Ok(found),
    }
}

/// Whether it is built as names of projects and clusters are: they go into paths. Projects of a domain have a
/// colon ("example.com:shop").
pub fn plain(name: &str) -> bool {
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with('.')
        && !name.contains("..")
        && name.bytes().all(byte)
}

fn pool(project: &str) -> String {
    format!("{project}.svc.id.goog")
}

fn federation_needs(federation: &Federation) -> Vec<Need> {
    let at = format!("{}/{}", federation.base, federation.subject.field());
    match &federation.subject {
        Subject::Config { .. } => vec![object(CONFIG, &at, ObjectKind::ConfigMap, None, false)],
        Subject::Account { audiences: own } => {
            // As ESO: those beside the reference and no other, since a provider with a list of its own may mind
            // any that is not on it. Without a list Google takes a token that is for the provider.
            let audiences: Vec<String> = match own.is_empty() {
                true => federation.audience.iter().cloned().collect(),
                false => own.clone(),
            };
            let mut needs = vec![account_token(&at, audiences)];
            if federation.email.is_none() {
                needs.push(account(&at));
            }
            needs
        }
        Subject::Aws { .. } => vec![
            object(AWS_ID, &at, ObjectKind::Secret, Some("aws_access_key_id"), false),
            object(AWS_SECRET, &at, ObjectKind::Secret, Some("aws_secret_access_key"), false),
            object(AWS_SESSION, &at, ObjectKind::Secret, Some("aws_session_token"), true),
        ],
    }
}

fn federated(federation: &Federation, have: &[SlotValue]) -> Result<Plan, Error> {
    let at = format!("{}/{}", federation.base, federation.subject.field());
    let exchange = |token_type: &str, subject: Shown| Exchange {
        audience: federation.audience.clone().unwrap_or_default(),
        token_type: token_type.to_owned(),
        token_url: external::TOKEN_URL.to_owned(),
        client: None,
        subject,
    };
    let named = federation.email.as_deref();
    let (exchange, impersonation) = match &federation.subject {
        Subject::Config { endpoint } => {
            let place = format!("{}/externalTokenEndpoint", federation.base);
            let manifest = Manifest {
                audience: federation.audience.as_deref(),
                email: named,
                endpoint: Some((&place, endpoint.as_deref().unwrap_or_default())),
            };
            external::read(bytes(have, CONFIG)?, &at, manifest)?
        }
        Subject::Account { .. } => {
            let token = Shown::Token(Hidden(needed(have, ACCOUNT_TOKEN)?));
            let annotated = if named.is_none() { email(have, &at)? } else { None };
            let acting = named.or(annotated.as_deref()).map(Impersonation::of);
            (exchange(external::JWT, token), acting)
        }
        Subject::Aws { region } => {
            let subject = Shown::Aws {
                region: region.clone(),
                id: needed(have, AWS_ID)?,
                secret: Hidden(needed(have, AWS_SECRET)?),
                session: text(have, AWS_SESSION)?.map(Hidden),
            };
            (exchange(aws::TOKEN_TYPE, subject), named.map(Impersonation::of))
        }
    };
    Ok(Plan::of(Credential::Exchange(exchange), impersonation))
}

/// The annotation's service account.
fn email(have: &[SlotValue], at: &str) -> Result<Option<String>, Error> {
    let Some(Resolved::Account(annotations)) = find(have, ACCOUNT) else { return Ok(None) };
    let found = annotations.iter().find(|Annotation { name, .. }| name == EMAIL_ANNOTATION);
    let email = found.map(|found| found.value.trim()).filter(|email| !email.is_empty());
    if email.is_some_and(|email| !external::is_service_account(email)) {
        return Err(invalid_config(
            at,
            format!(
                "the ServiceAccount's annotation {EMAIL_ANNOTATION} is not the address of a service account (NAME@PROJECT.iam.gserviceaccount.com)"
            ),
        ));
    }
    Ok(email.map(ToOwned::to_owned))
}

fn object(slot: &str, at: &str, kind: ObjectKind, default_key: Option<&str>, optional: bool) -> Need {
    Need::Object(ObjectNeed {
        slot: slot.to_owned(),
        at: at.to_owned(),
        kind,
        default_key: default_key.map(ToOwned::to_owned),
        hidden: false,
        optional,
    })
}

fn account(at: &str) -> Need {
    let annotations = vec![EMAIL_ANNOTATION.to_owned()];
    Need::Account(AccountNeed { slot: ACCOUNT.to_owned(), at: at.to_owned(), annotations })
}

fn account_token(at: &str, audiences: Vec<String>) -> Need {
    Need::Token(TokenNeed {
        slot: ACCOUNT_TOKEN.to_owned(),
        at: at.to_owned(),
        audiences,
        audiences_at: None,
        expiration_seconds: Some(ACCOUNT_TOKEN_SECONDS),
    })
}

fn ambient(slot: &str, kind: AmbientKind, name: &str) -> Need {
    Need::Ambient(AmbientNeed {
        slot: slot.to_owned(),
        kind,
        name: name.to_owned(),
        audience: None,
        argument_at: None,
        optional: true,
    })
}

fn slot(need: &Need) -> &str {
    match need {
        Need::Object(need) => &need.slot,
        Need::Account(need) => &need.slot,
        Need::Token(need) => &need.slot,
        Need::Ambient(need) => &need.slot,
    }
}

fn find<'a>(have: &'a [SlotValue], slot: &str) -> Option<&'a Resolved> {
    have.iter().find(|value| value.slot == slot).map(|value| &value.value)
}

fn bytes<'a>(have: &'a [SlotValue], slot: &str) -> Result<&'a [u8], Error> {
    match find(have, slot) {
        Some(Resolved::Bytes(bytes)) => Ok(bytes),
        _ => Err(Error::Other(format!("the host gave no {slot}"))),
    }
}

/// A slot's text without white space around it: files and hand-made Secrets end in a newline.
fn text(have: &[SlotValue], slot: &str) -> Result<Option<String>, Error> {
    let Some(Resolved::Bytes(bytes)) = find(have, slot) else { return Ok(None) };
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::Unauthenticated(format!("the value for {slot} is not text")))?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn needed(have: &[SlotValue], slot: &str) -> Result<String, Error> {
    text(have, slot)?.ok_or_else(|| Error::Unauthenticated(format!("the value for {slot} is empty")))
}

#[cfg(test)]
#[path = "needs_tests.rs"]
mod tests;
