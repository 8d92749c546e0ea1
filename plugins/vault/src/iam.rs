//! The `iam` login: a signed question to AWS's STS ("who am I?") that is not asked by us but handed to Vault,
//! which asks it and learns who signed. Where the credentials come from is `claviger-plugin-aws-credentials`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_credentials::{Access, Credentials, Places, Service, endpoint};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::json::given;
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::{Value, json};

const AT: &str = "/auth/iam";
const REGION_AT: &str = "/auth/iam/region";
const PLACES: Places = Places { auth: AT, role: AT, plugin: "vault" };
/// As ESO.
const DEFAULT_REGION: &str = "us-east-1";
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
const SERVER_ID: &str = "X-Vault-AWS-IAM-Server-ID";

/// Regions whose STS was there before regional endpoints. Vault's own clients go on naming the global
/// endpoint for them, and Vault compares with its own `sts_endpoint` by what is signed; so what works with
/// ESO works here.
const GLOBAL: [&str; 15] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// The region that is signed for, and whose STS changes credentials.
///
/// # Errors
/// If what is given is none.
pub fn region(config: &Value) -> Result<String, Error> {
    if !given(config, REGION_AT) || config.pointer(REGION_AT).and_then(Value::as_str) == Some("") {
        return Ok(DEFAULT_REGION.to_owned());
    }
    endpoint::region(config, REGION_AT).map(ToOwned::to_owned)
}

/// Where the credentials come from.
///
/// # Errors
/// What is missing or given twice.
pub fn access(config: &Value, store: &StoreRef, requester: &Requester) -> Result<Access, Error> {
    Access::parse(config, PLACES, store, requester)
}

/// STS, for changing credentials (the signed question goes elsewhere).
///
/// # Errors
/// If the admin's settings are wrong.
pub fn sts(region: &str, settings: &str) -> Result<String, Error> {
    endpoint::url(Service::Sts, region, settings)
}

/// The body of the login: the signed question.
///
/// # Errors
/// If it cannot be signed.
pub fn body(
    role: Option<&str>,
    region: &str,
    server_id: Option<&str>,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Value, Error> {
    let failed = |_| Error::Other("the request for STS cannot be signed".to_owned());
    let url = if GLOBAL.contains(&region) {
        "https://sts.amazonaws.com/".to_owned()
    } else {
        format!("{}/", endpoint::url(Service::Sts, region, "")?)
    };
    let mut headers = BTreeMap::from([("Content-Type".to_owned(), CONTENT_TYPE.to_owned())]);
    if let Some(id) = server_id {
        if id.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) {
            return Err(invalid_config(
                "/auth/iam/vaultAwsIamServerID",
                "it must be printable ASCII: it is sent as a header field",
            ));
        }
        headers.insert(SERVER_ID.to_owned(), id.to_owned());
    }
    let Credentials { id, secret, token } = credentials;
    let identity = aws_credential_types::Credentials::new(id, secret, token.clone(), None, "session").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(Service::Sts.name())
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| failed(()))?
        .into();
    let signed = {
        let fields = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new("POST", &url, fields, SignableBody::Bytes(BODY.as_bytes()))
            .map_err(|_| failed(()))?;
        let (instructions, _) = sign(request, &params).map_err(|_| failed(()))?.into_parts();
        instructions.into_parts().0
    };
    headers.extend(signed.into_iter().map(|field| (field.name().to_owned(), field.value().to_owned())));
    let lists: BTreeMap<String, [String; 1]> =
        headers.into_iter().map(|(name, value)| (name, [value])).collect();
    Ok(json!({
        "role": role,
        "iam_http_request_method": "POST",
        "iam_request_url": STANDARD.encode(url),
        "iam_request_body": STANDARD.encode(BODY),
        "iam_request_headers": STANDARD.encode(json!(lists).to_string()),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    /// Signatures of botocore 1.45's SigV4Auth for the same requests, at 2026-01-02 03:04:05 UTC.
    #[test]
    fn signed_as_by_botocore() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        for (region, token, server_id, url, signature) in [
            (
                "us-east-1",
                None,
                None,
                "https://sts.amazonaws.com/",
                "SignedHeaders=content-type;host;x-amz-date, Signature=654c2f9b8e336b65ff3b2f7fc0c1c88d14f6f0efb2ec02ee24d0ea9a1cbd1a40",
            ),
            (
                "eu-west-1",
                Some("TOKEN"),
                Some("vault.example.com"),
                "https://sts.amazonaws.com/",
                "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-vault-aws-iam-server-id, Signature=16238086d8f828551a8a6232fa86d8d5b2cf39ad2d14bf8319dc85adc638d0f7",
            ),
            (
                "eu-south-1",
                None,
                Some("v"),
                "https://sts.eu-south-1.amazonaws.com/",
                "SignedHeaders=content-type;host;x-amz-date;x-vault-aws-iam-server-id, Signature=d3d5563686b994222ac0b98e27f844e6abf3c606385f88351090fe9c8a49283f",
            ),
        ] {
            let credentials = Credentials {
                id: "AKIDEXAMPLE".to_owned(),
                secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
                token: token.map(ToOwned::to_owned),
            };
            let body = body(Some("dev"), region, server_id, &credentials, now).unwrap();
            let decoded = |name: &str| {
                String::from_utf8(STANDARD.decode(body[name].as_str().unwrap()).unwrap()).unwrap()
            };
            assert_eq!((&body["role"], &body["iam_http_request_method"]), (&json!("dev"), &json!("POST")));
            assert_eq!(decoded("iam_request_url"), url);
            assert_eq!(decoded("iam_request_body"), BODY);
            let headers: BTreeMap<String, Vec<String>> =
                serde_json::from_str(&decoded("iam_request_headers")).unwrap();
            let header = |name: &str| {
                let found = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
                found.map(|(_, values)| values.join(","))
            };
            let authorization = header("authorization").unwrap();
            assert!(authorization.contains(&format!("/20260102/{region}/sts/aws4_request")));
            assert!(authorization.ends_with(signature), "{authorization}");
            assert_eq!(header("x-amz-security-token").as_deref(), token);
            assert_eq!(header(SERVER_ID).as_deref(), server_id);
            assert_eq!(header("x-amz-date").as_deref(), Some("20260102T030405Z"));
        }
    }

    #[test]
    fn regions() {
        for (iam, expected) in [
            (json!({}), Ok("us-east-1")),
            (json!({"region": ""}), Ok("us-east-1")),
            (json!({"region": "eu-west-1"}), Ok("eu-west-1")),
            (json!({"region": "evil.example/"}), Err(())),
        ] {
            let found = region(&json!({"auth": {"iam": iam}}));
            assert_eq!(found.as_deref().map_err(|_| ()), expected, "{iam}");
        }
    }
}
