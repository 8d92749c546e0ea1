//! Application default credentials: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, which is the operator's
//! own. The files that stores refer to are `key`'s and `external`'s alone: what a store brings is what its field is
//! for.

use claviger_plugin_sdk::{Error, invalid_config};
use serde::Deserialize;
use serde_json::Value;

use crate::credential::{Credential, HOUR, Hidden, Impersonation, Plan};
use crate::endpoint::split;
use crate::external::{self, Manifest};
use crate::key::{self, DEFAULT_TOKEN_URI, Key};
use crate::needs::plain;

#[derive(Deserialize)]
struct User {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    #[serde(default)]
    token_uri: String,
    #[serde(default)]
    universe_domain: String,
}

#[derive(Deserialize)]
struct Impersonated {
    service_account_impersonation_url: String,
    #[serde(default)]
    delegates: Vec<String>,
    source_credentials: Value,
}

/// Reads the file; `at` is where to say what is wrong with it.
///
/// # Errors
/// If it is none, or of a kind that is not supported, without a word of it but the URLs of a credential configuration.
pub fn read(json: &[u8], at: &str) -> Result<Plan, Error> {
    let value: Value = serde_json::from_slice(json).map_err(|_| wrong(at, "it is not JSON"))?;
    // As Google's libraries: of the file itself, and not of source_credentials in it.
    let quota_project = value["quota_project_id"].as_str().filter(|project| !project.is_empty());
    if quota_project.is_some_and(|project| !plain(project)) {
        return Err(wrong(at, "quota_project_id is no project"));
    }
    let plan = match value["type"].as_str() {
        Some("impersonated_service_account") => acting(&value, at)?,
        _ => direct(&value, at)?,
    };
    Ok(Plan { quota_project: quota_project.map(ToOwned::to_owned), ..plan })
}

fn acting(value: &Value, at: &str) -> Result<Plan, Error> {
    let file = Impersonated::deserialize(value)
        .map_err(|_| wrong(at, "it is not of the form of impersonated_service_account"))?;
    let Some(email) = external::impersonated(&file.service_account_impersonation_url) else {
        return Err(wrong(at, "service_account_impersonation_url is not one of Google's"));
    };
    let (email, url) = (email.to_owned(), file.service_account_impersonation_url.clone());
    let mut plan = direct(&file.source_credentials, at)?;
    if plan.impersonation.is_some() {
        return Err(wrong(at, "source_credentials act as another service account themselves"));
    }
    plan.impersonation = Some(Impersonation { email, url, delegates: file.delegates, seconds: HOUR });
    Ok(plan)
}

fn direct(value: &Value, at: &str) -> Result<Plan, Error> {
    let json = value.to_string().into_bytes();
    let alone = |credential| Ok(Plan::of(credential, None));
    match value["type"].as_str() {
        Some("service_account") => alone(Credential::Key(Key::read(&json, at)?)),
        Some("authorized_user") => {
            let user: User = serde_json::from_slice(&json)
                .map_err(|_| wrong(at, "it is not of the form of authorized_user"))?;
            key::universe(&user.universe_domain)?;
            let token_uri = Some(user.token_uri).filter(|uri| !uri.is_empty());
            let token_uri = token_uri.unwrap_or_else(|| DEFAULT_TOKEN_URI.to_owned());
            if split(&token_uri).is_none() {
                return Err(wrong(at, "token_uri is no URL"));
            }
            alone(Credential::Refresh {
                client_id: user.client_id,
                client_secret: Hidden(user.client_secret),
                refresh_token: Hidden(user.refresh_token),
                token_uri,
            })
        }
        Some("external_account") => {
            let (exchange, impersonation) = external::read(&json, at, Manifest::default())?;
            Ok(Plan::of(Credential::Exchange(exchange), impersonation))
        }
        _ => Err(wrong(
            at,
            "its type is not service_account, authorized_user, external_account or impersonated_service_account",
        )),
    }
}

fn wrong(at: &str, what: &str) -> Error {
    invalid_config(at, format!("the operator's GOOGLE_APPLICATION_CREDENTIALS: {what}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::key::tests::file as key_file;

    const URL: &str = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/gsa@p.iam.gserviceaccount.com:generateAccessToken";

    fn parse(file: &Value) -> Result<Plan, String> {
        read(file.to_string().as_bytes(), "/auth").map_err(|error| match error {
            Error::InvalidConfig(error) => format!("{} {}", error.path, error.detail),
            other => format!("{other:?}"),
        })
    }

    /// The forms that `gcloud auth application-default login` and the console write.
    #[test]
    fn each_kind_of_file() {
        let user = json!({"type": "authorized_user", "account": "", "client_id": "c", "client_secret": "s3cr3t-1",
            "refresh_token": "s3cr3t-2", "universe_domain": "googleapis.com", "quota_project_id": "quota-p"});
        let by_user = Credential::Refresh {
            client_id: "c".to_owned(),
            client_secret: Hidden("s3cr3t-1".to_owned()),
            refresh_token: Hidden("s3cr3t-2".to_owned()),
            token_uri: "https://oauth2.googleapis.com/token".to_owned(),
        };
        assert_eq!(
            parse(&user).unwrap(),
            Plan { quota_project: Some("quota-p".to_owned()), ..Plan::of(by_user.clone(), None) }
        );
        let plan = parse(&key_file()).unwrap();
        assert!(matches!(plan.credential, Credential::Key(key) if key.email.starts_with("vault@")));
        let external = json!({"type": "external_account", "audience": "//iam/p",
            "credential_source": {"url": "https://token.example/t"}});
        let plan = parse(&external).unwrap();
        assert!(matches!(plan.credential, Credential::Exchange(exchange) if exchange.audience == "//iam/p"));
        let acting = json!({"type": "impersonated_service_account", "service_account_impersonation_url": URL,
            "delegates": ["projects/-/serviceAccounts/d@p.iam.gserviceaccount.com"], "source_credentials": user});
        let plan = parse(&acting).unwrap();
        assert_eq!(plan.credential, by_user);
        assert_eq!(plan.quota_project, None, "that of source_credentials is theirs");
        let impersonation = plan.impersonation.unwrap();
        assert_eq!(
            (impersonation.email.as_str(), impersonation.delegates.len()),
            ("gsa@p.iam.gserviceaccount.com", 1)
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_it() {
        let user = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s3cr3t"});
        let quota = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s3cr3t",
            "refresh_token": "s3cr3t", "quota_project_id": "s3cr3t\r\nx: y"});
        let mut foreign = key_file();
        foreign["universe_domain"] = json!("other.example");
        let mut acting = json!({"type": "impersonated_service_account", "source_credentials": key_file(),
            "service_account_impersonation_url": "https://evil.example/s3cr3t"});
        for (file, said) in [
            (json!("s3cr3t"), "its type is not"),
            (
                json!({"type": "external_account_authorized_user", "refresh_token": "s3cr3t"}),
                "its type is not",
            ),
            (user, "form of authorized_user"),
            (foreign, "other.example"),
            (quota, "quota_project_id"),
            (acting.clone(), "service_account_impersonation_url"),
        ] {
            let error = parse(&file).unwrap_err();
            assert!(error.contains(said) && !error.contains("s3cr3t"), "{error}");
        }
        acting["service_account_impersonation_url"] = json!(URL);
        let twice = json!({"type": "impersonated_service_account", "source_credentials": acting,
            "service_account_impersonation_url": URL});
        assert!(parse(&twice).unwrap_err().contains("its type is not"));
        assert!(read(b"{", "/auth").is_err());
    }
}
