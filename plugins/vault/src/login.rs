//! A login: what is sent, and what is kept of the answer. Sending is the client's.

use claviger_plugin_sdk::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{Envelope, Login};
use crate::auth::{Auth, Credential};

/// A token that does not expire is logged in for again after an hour, so that a role that was taken away
/// is noticed.
const UNLIMITED_MS: u64 = 3_600_000;

/// What a login gives, as it is kept in the memo.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The token.
    pub token: String,
    /// `X-Vault-Index` of the login: a standby must know the token before it can serve it. Empty unless
    /// the store asks for it.
    #[serde(default)]
    pub index: Vec<String>,
}

/// Makes the body of a login of `iam` from the region and the server's id.
pub type Signed<'s> = dyn FnMut(&str, Option<&str>) -> Result<Value, Error> + 's;
/// Makes the JWT of a login of `gcp` from the role.
pub type SignedJwt<'s> = dyn FnMut(&str) -> Result<String, Error> + 's;

/// The body of the login request. `slot` gives what the manifest refers to; `aws` makes the body of `iam` and
/// `google` the JWT of `gcp`, which take requests of their own.
///
/// # Errors
/// A credential that is empty or no text, or none to log in with.
pub fn body(
    auth: &Auth,
    slot: &dyn Fn(&str) -> Result<Vec<u8>, Error>,
    aws: &mut Signed<'_>,
    google: &mut SignedJwt<'_>,
) -> Result<Value, Error> {
    // Tokens and identifiers have no blanks around them, but files they came from often end in a newline.
    let trimmed = |name: &str| Ok::<_, Error>(text(name, slot(name)?)?.trim().to_owned());
    let mut body = match &auth.credential {
        Credential::Nothing | Credential::Token => {
            return Err(Error::Unauthenticated("the store has no login".to_owned()));
        }
        Credential::Iam { region, server_id } => aws(region, server_id.as_deref())?,
        Credential::AppRole { role_id } => {
            let role_id = role_id.clone().map_or_else(|| trimmed("role-id"), Ok)?;
            json!({"role_id": role_id, "secret_id": trimmed("secret-id")?})
        }
        Credential::Jwt(_) => json!({"role": auth.role, "jwt": trimmed("jwt")?}),
        // A password may begin or end with a blank, but hardly with a newline.
        Credential::Password { .. } => {
            json!({"password": text("password", slot("password")?)?.trim_end_matches(['\r', '\n'])})
        }
        Credential::Certificate => json!({"name": auth.role}),
        Credential::Gcp => {
            json!({"role": auth.role, "jwt": google(auth.role.as_deref().unwrap_or_default())?})
        }
    };
    if let Some(fields) = body.as_object_mut() {
        // Without a role Vault takes the mount's default.
        fields.retain(|_, value| !value.is_null());
        if let Some((name, _)) = fields.iter().find(|(_, value)| value.as_str() == Some("")) {
            return Err(Error::Unauthenticated(format!("login by {}: the {name} is empty", auth.method)));
        }
    }
    Ok(body)
}

/// Whether a field of a login's body is a secret, and not what stands in the manifest or is said to everybody.
pub fn is_secret(field: &str, auth: &Auth) -> bool {
    match field {
        "role" | "name" | "iam_http_request_method" | "iam_request_url" | "iam_request_body" => false,
        "role_id" => !matches!(auth.credential, Credential::AppRole { role_id: Some(_) }),
        _ => true,
    }
}

/// Text of a slot.
///
/// # Errors
/// If it is none.
pub fn text(name: &str, bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|_| Error::Unauthenticated(format!("the {name} is not text")))
}

/// What a login's answer gives.
///
/// # Errors
/// If there is no token in it.
pub fn given(body: &[u8], auth: &Auth) -> Result<Login, Error> {
    let odd = || Error::Other(format!("the answer to the login by {} is not Vault's", auth.method));
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| odd())?;
    let login = envelope.auth.ok_or_else(odd)?;
    if login.client_token.is_empty() {
        return Err(Error::Unauthenticated(format!(
            "login by {} at auth/{}: it gives no token; does it ask for a second factor (MFA)?",
            auth.method, auth.mount
        )));
    }
    Ok(login)
}

impl Held {
    /// Of a login with this `X-Vault-Index`.
    pub fn of(login: &Login, index: Option<&str>) -> Self {
        Self { token: login.client_token.clone(), index: index.into_iter().map(ToOwned::to_owned).collect() }
    }
}

/// For how many milliseconds a login's token is kept: a tenth less than it lives, so that it does not end on the way.
pub fn keep_ms(login: &Login) -> u64 {
    match login.lease_duration {
        0 => UNLIMITED_MS,
        seconds => seconds.saturating_mul(900),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn auth(auth: Value) -> Auth {
        Auth::parse(&json!({"auth": auth})).unwrap()
    }

    /// Field names of Vault's API documentation.
    #[test]
    fn each_method_sends_its_fields() {
        let secret = json!({"name": "s"});
        let mut signed = |region: &str, id: Option<&str>| Ok(json!({"signed": region, "for": id}));
        let mut google = |role: &str| Ok(format!("signed for {role}"));
        for (manifest, held, expected) in [
            (
                json!({"iam": {"vaultRole": "dev", "region": "eu-west-1", "vaultAwsIamServerID": "v"}}),
                "",
                json!({"signed": "eu-west-1", "for": "v"}),
            ),
            (
                json!({"appRole": {"roleId": "r", "secretRef": secret}}),
                "id\n",
                json!({"role_id": "r", "secret_id": "id"}),
            ),
            (
                json!({"appRole": {"roleRef": secret, "secretRef": secret}}),
                "id",
                json!({"role_id": "id", "secret_id": "id"}),
            ),
            (
                json!({"kubernetes": {"role": "r", "serviceAccountRef": secret}}),
                "a.b.c",
                json!({"role": "r", "jwt": "a.b.c"}),
            ),
            (json!({"jwt": {"serviceAccountRef": secret}}), "a.b.c", json!({"jwt": "a.b.c"})),
            (json!({"ldap": {"username": "u", "secretRef": secret}}), " p \r\n", json!({"password": " p "})),
            (json!({"userPass": {"username": "u", "secretRef": secret}}), "p", json!({"password": "p"})),
            (json!({"cert": {"vaultRole": "web"}}), "", json!({"name": "web"})),
            (json!({"cert": {}}), "", json!({})),
            (
                json!({"gcp": {"role": "r", "workloadIdentity": {"serviceAccountRef": secret}}}),
                "",
                json!({"role": "r", "jwt": "signed for r"}),
            ),
        ] {
            let slot = |_: &str| Ok(held.as_bytes().to_vec());
            assert_eq!(
                body(&auth(manifest.clone()), &slot, &mut signed, &mut google).unwrap(),
                expected,
                "{manifest}"
            );
        }
        let none =
            body(&auth(json!({"tokenSecretRef": secret})), &|_| Ok(vec![b'x']), &mut signed, &mut google);
        assert!(none.is_err(), "there is no login to make a body for");
        let approle = auth(json!({"appRole": {"roleRef": secret, "secretRef": secret}}));
        for bytes in [&b"\n"[..], &[0xff]] {
            let found = body(&approle, &|_| Ok(bytes.to_vec()), &mut signed, &mut google);
            assert!(matches!(found, Err(Error::Unauthenticated(_))));
        }
    }

    /// The first from OpenBao 2.7.2.
    #[test]
    fn what_is_kept_of_the_answer() {
        let auth = auth(json!({"userPass": {"username": "u", "secretRef": {"name": "s"}}}));
        let body = br#"{"request_id":"53f4599f-3ef4-06df-819a-75aa2f25ffb2","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":null,"auth":{"client_token":"s.EHaEPWLMuAFUTRPJeLAtglEI","accessor":"EgrBQtZEbXU27EojJTrBd61p","policies":["default","seed"],"token_policies":["default","seed"],"metadata":{"role_name":"r"},"lease_duration":600,"renewable":true,"entity_id":"77046c0d-69b0-1859-5760-a98dafe780df","token_type":"service","orphan":true,"mfa_requirement":null,"num_uses":0}}"#;
        let token = "s.EHaEPWLMuAFUTRPJeLAtglEI".to_owned();
        let login = given(body, &auth).unwrap();
        for (index, expected) in [(None, &[][..]), (Some("x"), &["x".to_owned()])] {
            let held = Held::of(&login, index);
            assert_eq!((&held.token, &held.index[..]), (&token, expected));
        }
        assert_eq!((keep_ms(&login), login.renewable), (540_000, true));
        assert_eq!(login.accessor, "EgrBQtZEbXU27EojJTrBd61p");
        let unlimited = br#"{"auth":{"client_token":"t","lease_duration":0}}"#;
        assert_eq!(keep_ms(&given(unlimited, &auth).unwrap()), UNLIMITED_MS);
        let mfa = br#"{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"x"}}}"#;
        assert!(matches!(given(mfa, &auth), Err(Error::Unauthenticated(text)) if text.contains("MFA")));
        assert!(given(br#"{"auth":null}"#, &auth).is_err());
    }
}
