//! The `gcp` login of type `iam`: a JWT that says who a Google service account is. Its key signs it, or Google does
//! for a ServiceAccount that may act as it. Logins of instances (type `gce`) are not here: they would be the
//! operator's own. How one comes to Google is in `claviger-plugin-google-credentials`.

use claviger_plugin_sdk::provider::connection::{Session, SlotValue};
use claviger_plugin_sdk::{Error, invalid_config};
use google_credentials::credential::Credential;
use google_credentials::login::{issued_at, sign_jwt};
use google_credentials::source::Source;
use google_credentials::{Access, Endpoints, Places, Plan, login};
use serde_json::{Value, json};

use crate::world::World;

/// Vault takes no JWT that lives longer than the role's `max_jwt_exp`, which is 15 minutes if not set; it is
/// used at once.
const LIFE_SECONDS: u64 = 600;
const PLACES: Places = Places { auth: "/auth/gcp", projects: &["/auth/gcp/projectID"], plugin: "vault" };

/// Who logs in.
///
/// # Errors
/// What is missing, and that the operator's own credentials are not lent.
pub fn access(config: &Value) -> Result<Access, Error> {
    let access = Access::parse(config, PLACES)?;
    match access.source {
        Source::Key { .. } | Source::Gke(_) => Ok(access),
        _ => Err(invalid_config(
            "/auth/gcp/secretRef",
            "secretRef.secretAccessKeySecretRef (a service account's key) or workloadIdentity is needed: logins of instances (serviceAccountRef, or neither) would be by the operator's own identity, which is not lent to stores",
        )),
    }
}

/// What is needed to log in, in a complete session: the way to Google, and the service account.
///
/// # Errors
/// If the ServiceAccount names no service account, for whom alone a JWT can be signed.
pub fn plan(access: &Access, have: &[SlotValue]) -> Result<(Plan, String), Error> {
    let plan = access.plan(have)?;
    let email = match &plan.credential {
        Credential::Key(key) => Some(key.email.clone()),
        _ => access.service_account(have)?,
    };
    let email = email.ok_or_else(|| {
        invalid_config(
            "/auth/gcp/workloadIdentity/serviceAccountRef",
            "the ServiceAccount has no annotation iam.gke.io/gcp-service-account: it names the service account whose JWT Vault takes",
        )
    })?;
    Ok((plan, email))
}

/// The JWT that Vault's role is asked for with.
///
/// # Errors
/// If the key is none, or Google does not sign.
pub fn jwt(access: &Access, session: &Session, role: &str, world: &dyn World) -> Result<String, Error> {
    let (plan, email) = plan(access, &session.have)?;
    // Vault's clock, or that of a Google that signs, may be a little behind.
    let issued = issued_at(world.now());
    let claims = json!({
        "sub": email,
        "aud": format!("vault/{role}"),
        "iat": issued,
        "exp": issued.saturating_add(LIFE_SECONDS),
    });
    if let Credential::Key(key) = &plan.credential {
        return key.sign(&claims);
    }
    let (google, endpoints) = (Google(world), Endpoints::parse(&session.settings)?);
    let token = login(&google, &plan, &endpoints)?;
    sign_jwt(&google, &endpoints, &email, &claims, &token)
}

struct Google<'w>(&'w dyn World);

impl google_credentials::World for Google<'_> {
    fn send(
        &self,
        requests: Vec<google_credentials::Request>,
    ) -> Vec<Result<google_credentials::Reply, Error>> {
        self.0.send(requests)
    }

    fn now(&self) -> std::time::SystemTime {
        self.0.now()
    }
}

#[cfg(test)]
#[path = "gcp_tests.rs"]
mod tests;
