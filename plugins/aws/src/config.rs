//! The provider's object: the fields that are not about credentials.

use aws_credentials::{Places, Service, endpoint};
use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// Where the fields about credentials stand.
pub const PLACES: Places = Places { auth: "/auth", role: "", plugin: "aws" };

/// A store's config, ready for use.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is read.
    pub service: Service,
    /// A label of the hosts that are called.
    pub region: String,
    /// Put before every key.
    pub prefix: String,
    /// How secrets are deleted.
    pub deletion: Deletion,
    /// The URL of the queue that tells of changes.
    pub queue: Option<String>,
    /// Everything.
    pub json: Value,
}

/// The store's `secretsManager`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// Without a time in which it can be undone.
    pub at_once: bool,
    /// That time; AWS's 30 days, if nothing is said.
    pub window_days: Option<i64>,
}

impl Deletion {
    /// By the rules of `DeleteSecret`, as ESO checks them.
    fn parse(json: &Value) -> Result<Self, Error> {
        let at = |name: &str| json.pointer(&format!("/secretsManager/{name}"));
        let at_once = at("forceDeleteWithoutRecovery").and_then(Value::as_bool).unwrap_or(false);
        let window_days = at("recoveryWindowInDays").and_then(Value::as_i64).filter(|days| *days != 0);
        let wrong = |detail: &str| Err(invalid_config("/secretsManager/recoveryWindowInDays", detail));
        match window_days {
            Some(_) if at_once => wrong("forceDeleteWithoutRecovery leaves no time for it: one of the two"),
            Some(days) if !(7..=30).contains(&days) => wrong("7 to 30 days, or 0 for AWS's own"),
            _ => Ok(Self { at_once, window_days }),
        }
    }
}

/// The queue of `events`. It is one of the store's region at AWS's own host, whatever endpoint is asked for it: nothing else
/// may be named here, for the store's credentials sign what goes there.
fn queue(json: &Value, region: &str) -> Result<Option<String>, Error> {
    const AT: &str = "/events/queueURL";
    if json.get("events").is_none_or(Value::is_null) {
        return Ok(None);
    }
    let host = endpoint::url(Service::Sqs, region, "")?;
    let wrong = || {
        let detail = format!("a queue in the store's region is needed: {host}/ACCOUNT/NAME");
        invalid_config(AT, detail)
    };
    let url = text(json, AT).ok_or_else(wrong)?;
    let path = url.strip_prefix(host.as_str()).and_then(|rest| rest.strip_prefix('/')).ok_or_else(wrong)?;
    let (account, name) = path.split_once('/').ok_or_else(wrong)?;
    // "A queue name can have up to 80 characters": alphanumeric ones, hyphens and underscores, and `.fifo` at the end.
    let letters = name.strip_suffix(".fifo").unwrap_or(name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_queue = account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !letters.is_empty()
        && name.len() <= 80
        && letters.bytes().all(plain);
    if is_queue { Ok(Some(url.to_owned())) } else { Err(wrong()) }
}

impl Config {
    /// Parses.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(config: &str) -> Result<Self, Error> {
        let json: Value =
            serde_json::from_str(config).map_err(|_| invalid_config("", "the config is not JSON"))?;
        let service = match text(&json, "/service") {
            Some("SecretsManager") => Service::SecretsManager,
            Some("ParameterStore") => Service::Ssm,
            Some("CertificateManager") => {
                return Err(Error::Unsupported(
                    "service CertificateManager is not supported; SecretsManager and ParameterStore are"
                        .to_owned(),
                ));
            }
            _ => {
                return Err(invalid_config("/service", "SecretsManager or ParameterStore is needed"));
            }
        };
        let region = endpoint::region(&json, "/region")?.to_owned();
        let prefix = text(&json, "/prefix").unwrap_or_default().to_owned();
        let deletion = Deletion::parse(&json)?;
        let queue = queue(&json, &region)?;
        Ok(Self { service, region, prefix, deletion, queue, json })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn service_and_region_are_needed() {
        let parse = |config: Value| Config::parse(&config.to_string());
        let config =
            parse(json!({"service": "ParameterStore", "region": "eu-west-1", "prefix": "/a/"})).unwrap();
        assert_eq!((config.service, config.prefix.as_str()), (Service::Ssm, "/a/"));
        let path = |config| match parse(config) {
            Err(Error::InvalidConfig(error)) => error.path,
            other => format!("{other:?}"),
        };
        assert_eq!(path(json!({"region": "eu-west-1"})), "/service");
        assert_eq!(path(json!({"service": "SecretsManager"})), "/region");
        let certificates = parse(json!({"service": "CertificateManager", "region": "eu-west-1"}));
        assert!(
            matches!(certificates, Err(Error::Unsupported(detail)) if detail.contains("CertificateManager"))
        );
    }

    /// Names as the developer guide of SQS has them.
    #[test]
    fn a_queue_is_one_of_the_store_s_region() {
        let found = |url: Value, region: &str| {
            let config = json!({"service": "SecretsManager", "region": region, "events": {"queueURL": url}});
            match Config::parse(&config.to_string()) {
                Ok(config) => config.queue.unwrap_or_default(),
                Err(Error::InvalidConfig(error)) => error.path,
                Err(other) => format!("{other:?}"),
            }
        };
        for (region, url) in [
            ("eu-west-1", "https://sqs.eu-west-1.amazonaws.com/111122223333/changes"),
            ("eu-west-1", "https://sqs.eu-west-1.amazonaws.com/111122223333/Changes_1-x.fifo"),
            ("cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/changes"),
        ] {
            assert_eq!(found(json!(url), region), url);
        }
        for wrong in [
            "https://sqs.eu-central-1.amazonaws.com/111122223333/changes",
            "http://sqs.eu-west-1.amazonaws.com/111122223333/changes",
            "https://sqs.eu-west-1.amazonaws.com.evil.example/111122223333/changes",
            "https://sqs.eu-west-1.amazonaws.com@evil.example/111122223333/changes",
            "https://sqs.eu-west-1.amazonaws.com:8443/111122223333/changes",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/a/b",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/../x",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/",
            "https://sqs.eu-west-1.amazonaws.com/1111/changes",
            "https://sqs.eu-west-1.amazonaws.com/changes",
            "https://127.0.0.1/111122223333/changes",
            "changes",
            "",
        ] {
            assert_eq!(found(json!(wrong), "eu-west-1"), "/events/queueURL", "{wrong}");
        }
        assert_eq!(found(Value::Null, "eu-west-1"), "/events/queueURL");
    }

    /// The ranges of the API reference of `DeleteSecret`.
    #[test]
    fn how_secrets_are_deleted() {
        for (given, expected) in [
            (json!({}), Ok((false, None))),
            (json!({"forceDeleteWithoutRecovery": true}), Ok((true, None))),
            (json!({"forceDeleteWithoutRecovery": true, "recoveryWindowInDays": 0}), Ok((true, None))),
            (json!({"recoveryWindowInDays": 7}), Ok((false, Some(7)))),
            (json!({"recoveryWindowInDays": 30}), Ok((false, Some(30)))),
            (json!({"recoveryWindowInDays": 6}), Err(())),
            (json!({"recoveryWindowInDays": 31}), Err(())),
            (json!({"recoveryWindowInDays": -1}), Err(())),
            (json!({"forceDeleteWithoutRecovery": true, "recoveryWindowInDays": 7}), Err(())),
        ] {
            let config = json!({"service": "SecretsManager", "region": "eu-west-1", "secretsManager": given});
            let found = Config::parse(&config.to_string()).map(|config| config.deletion);
            let found = found.map(|deletion| (deletion.at_once, deletion.window_days)).map_err(|_| ());
            assert_eq!(found, expected, "{given}");
        }
    }

    /// Every field of ESO's, as its definition of SecretStore lists them, is one that the schema takes.
    #[test]
    fn the_schema_takes_every_field_of_eso() {
        let schema: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap();
        let fields = include_str!("../../../crds/tests/eso-fields/provider-aws.txt");
        let mut count = 0;
        for line in fields.lines().filter(|line| !line.starts_with('#')) {
            let (path, _) = line.split_once(" : ").unwrap();
            let mut place = &schema;
            for step in path.split('.') {
                let name = step.trim_end_matches('*').trim_end_matches("[]");
                place = &place["properties"][name];
                assert!(place.is_object(), "{path}");
                if step.trim_end_matches('*').ends_with("[]") {
                    place = &place["items"];
                }
            }
            count += 1;
        }
        assert_eq!(count, 22);
    }
}
