//! Which URL a service has in a region, unless the admin's settings name another. The SDK is given this
//! URL, so what `connect` names is what is called. No FIPS and no dual-stack endpoints.

use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::provider::connection::{Origin, Reach};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// A service of AWS that plugins call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Secrets Manager.
    SecretsManager,
    /// Systems Manager, of which Parameter Store is a part.
    Ssm,
    /// Security Token Service.
    Sts,
    /// Elastic Container Registry.
    Ecr,
    /// Its public registry, which is at us-east-1 alone.
    EcrPublic,
    /// Simple Queue Service.
    Sqs,
}

impl Service {
    /// As in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
            Self::Sts => "sts",
            Self::Ecr => "ecr",
            Self::EcrPublic => "ecr-public",
            Self::Sqs => "sqs",
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::SecretsManager => "AWS Secrets Manager",
            Self::Ssm => "AWS Systems Manager (Parameter Store)",
            Self::Sts => "AWS STS",
            Self::Ecr => "Amazon ECR",
            Self::EcrPublic => "Amazon ECR Public",
            Self::Sqs => "Amazon SQS",
        }
    }

    /// As hostnames begin: the registries' have their images, and another their API.
    pub fn host(self) -> &'static str {
        match self {
            Self::Ecr => "api.ecr",
            Self::EcrPublic => "api.ecr-public",
            _ => self.name(),
        }
    }
}

/// Partitions other than `aws`, by the beginning of their regions: as in the rules of the SDKs.
const SUFFIXES: [(&str, &str); 7] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isof-", "csp.hci.ic.gov"),
];

/// The region at a pointer.
///
/// # Errors
/// If there is none, or it is not built as AWS's names of regions are: words, the first of letters alone, and
/// a number (a region decides which host is called).
pub fn region<'a>(config: &'a Value, at: &str) -> Result<&'a str, Error> {
    let region = text(config, at).ok_or_else(|| invalid_config(at, "it is needed, e.g. eu-central-1"))?;
    if is_region(region) {
        Ok(region)
    } else {
        Err(invalid_config(at, "it is not the name of a region, e.g. eu-central-1"))
    }
}

/// `^[a-z]{2,}(-[a-z0-9]+)+-\d+$`, and no longer than a label of a hostname.
fn is_region(text: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase();
    let words: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = words.as_slice() else { return false };
    text.len() <= 63
        && first.len() >= 2
        && first.bytes().all(lower)
        && !middle.is_empty()
        && middle.iter().all(|word| !word.is_empty() && word.bytes().all(|b| lower(b) || b.is_ascii_digit()))
        && !last.is_empty()
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// The URL of a service: the one of the settings (`{"endpoints": {"sts": "https://…"}}`), else AWS's own.
///
/// # Errors
/// If the settings are no JSON, or what they name is no URL.
pub fn url(service: Service, region: &str, settings: &str) -> Result<String, Error> {
    let settings: Value = match settings.trim() {
        "" => Value::Null,
        settings => serde_json::from_str(settings)
            .map_err(|_| Error::Other("the settings of the plugin are not JSON".to_owned()))?,
    };
    if let Some(url) = text(&settings, &format!("/endpoints/{}", service.name())) {
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(Error::Other(format!(
                "the operator's endpoint for {} is not a URL: set AWS_{}_ENDPOINT to https://host",
                service.name(),
                service.name().replace('-', "_").to_uppercase()
            )));
        }
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let suffix = SUFFIXES.iter().find(|(start, _)| region.starts_with(start));
    let suffix = suffix.map_or("amazonaws.com", |(_, suffix)| suffix);
    Ok(format!("https://{}.{region}.{suffix}", service.host()))
}

/// What `connect` names for a service.
///
/// # Errors
/// As [`url`].
pub fn origin(service: Service, region: &str, settings: &str) -> Result<Origin, Error> {
    let url = url(service, region, settings)?;
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |end| host + end);
    Ok(Origin {
        url: url[..end].to_owned(),
        reach: Reach::Network,
        paths: Vec::new(),
        tls: None,
        purpose: service.purpose().to_owned(),
        max_response_bytes: None,
        max_header_bytes: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    /// Expected hosts from AWS's endpoint rules (`partitions.json` of the SDKs).
    #[test]
    fn hosts_of_partitions() {
        for (service, region, expected) in [
            (Service::SecretsManager, "eu-central-1", "https://secretsmanager.eu-central-1.amazonaws.com"),
            (Service::Ssm, "us-gov-west-1", "https://ssm.us-gov-west-1.amazonaws.com"),
            (Service::Sts, "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
            (Service::Sts, "us-iso-east-1", "https://sts.us-iso-east-1.c2s.ic.gov"),
            (Service::Sts, "us-isob-east-1", "https://sts.us-isob-east-1.sc2s.sgov.gov"),
            (Service::Sts, "eu-isoe-west-1", "https://sts.eu-isoe-west-1.cloud.adc-e.uk"),
            (Service::Sts, "us-isof-east-1", "https://sts.us-isof-east-1.csp.hci.ic.gov"),
            (Service::Sts, "eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu"),
            (Service::Ecr, "eu-central-1", "https://api.ecr.eu-central-1.amazonaws.com"),
            (Service::Ecr, "cn-north-1", "https://api.ecr.cn-north-1.amazonaws.com.cn"),
            (Service::EcrPublic, "us-east-1", "https://api.ecr-public.us-east-1.amazonaws.com"),
            (Service::Sqs, "eu-central-1", "https://sqs.eu-central-1.amazonaws.com"),
            (Service::Sqs, "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn"),
        ] {
            assert_eq!(url(service, region, "{}").unwrap(), expected);
            assert_eq!(origin(service, region, "").unwrap().url, expected);
        }
    }

    #[test]
    fn the_admin_s_endpoints_win() {
        let settings = json!({"endpoints": {"sts": "http://10.0.0.7:4566/base/", "ssm": ""}}).to_string();
        assert_eq!(url(Service::Sts, "eu-west-1", &settings).unwrap(), "http://10.0.0.7:4566/base");
        assert_eq!(origin(Service::Sts, "eu-west-1", &settings).unwrap().url, "http://10.0.0.7:4566");
        assert_eq!(url(Service::Ssm, "eu-west-1", &settings).unwrap(), "https://ssm.eu-west-1.amazonaws.com");
        let odd = json!({"endpoints": {"sts": "localhost"}}).to_string();
        assert!(
            matches!(url(Service::Sts, "eu-west-1", &odd), Err(Error::Other(detail)) if detail.contains("AWS_STS_ENDPOINT"))
        );
        let odd = json!({"endpoints": {"ecr-public": "localhost"}}).to_string();
        let found = url(Service::EcrPublic, "us-east-1", &odd);
        assert!(matches!(found, Err(Error::Other(detail)) if detail.contains("AWS_ECR_PUBLIC_ENDPOINT")));
    }

    #[test]
    fn a_region_is_named_as_aws_names_them() {
        let at = |region: Value| region_error(&json!({"region": region}));
        for right in [
            "ap-southeast-7",
            "us-east-1",
            "us-gov-west-1",
            "us-isob-east-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
            "cn-north-1",
            "xx-new2-east-12",
        ] {
            assert_eq!(at(json!(right)), None, "{right}");
        }
        let long = format!("eu-{}-1", "x".repeat(60));
        for wrong in [
            "",
            "EU-WEST-1",
            "eu-west-1.evil.example",
            "eu/x",
            "x@y",
            "-a",
            "a-",
            " eu-west-1",
            "eu-west-1\n",
            "eu",
            "eu-1",
            "e-west-1",
            "e2-west-1",
            "eu--1",
            "eu-west-",
            "eu-west-a",
            "eu-west-1a",
            "eu-west-\u{661}",
            "attacker",
            &long,
        ] {
            assert_eq!(at(json!(wrong)).as_deref(), Some("/region"), "{wrong}");
        }
        assert_eq!(region_error(&json!({})).as_deref(), Some("/region"));
    }

    fn region_error(config: &Value) -> Option<String> {
        match region(config, "/region") {
            Ok(_) => None,
            Err(Error::InvalidConfig(error)) => Some(error.path),
            Err(other) => Some(format!("{other:?}")),
        }
    }
}
