//! AWS credentials as Google's STS takes them: a signed question to AWS ("who am I?") that is not asked by us but
//! handed to Google, which asks it and learns who signed.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use claviger_plugin_sdk::Error;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// What Google calls such a token.
pub const TOKEN_TYPE: &str = "urn:ietf:params:aws:token-type:aws4_request";
/// Names the provider in the pool, and is signed: so the question is of no use elsewhere.
const TARGET: &str = "x-goog-cloud-target-resource";

/// The question as a token, percent-encoded, for a provider in a pool.
///
/// # Errors
/// If it cannot be signed.
pub fn subject_token(
    audience: &str,
    region: &str,
    (id, secret, session): (&str, &str, Option<&str>),
    now: SystemTime,
) -> Result<String, Error> {
    let failed = || Error::Other("the request for AWS cannot be signed".to_owned());
    let host = format!("sts.{region}.amazonaws.com");
    let url = format!("https://{host}?Action=GetCallerIdentity&Version=2011-06-15");
    let session = session.map(ToOwned::to_owned);
    let identity = aws_credential_types::Credentials::new(id, secret, session, None, "session").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| failed())?
        .into();
    let fields = [("host", host.as_str()), (TARGET, audience)];
    let request = SignableRequest::new("POST", &url, fields.into_iter(), SignableBody::Bytes(b""))
        .map_err(|_| failed())?;
    let (instructions, _) = sign(request, &params).map_err(|_| failed())?.into_parts();
    let field = |name: &str, value: &str| json!({"key": name, "value": value});
    let mut headers: Vec<_> = fields.iter().map(|(name, value)| field(name, value)).collect();
    headers.extend(instructions.into_parts().0.iter().map(|signed| field(signed.name(), signed.value())));
    let question = json!({"url": url, "method": "POST", "headers": headers}).to_string();
    Ok(utf8_percent_encode(&question, NON_ALPHANUMERIC).to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    /// Signatures of google-auth 2.63 (`google.auth.aws.RequestSigner`) for the same requests, at 2026-01-02
    /// 03:04:05 UTC.
    #[test]
    fn signed_as_by_google_auth() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let audience =
            "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/aws";
        for (region, session, signature) in [
            (
                "us-east-1",
                None,
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date;x-goog-cloud-target-resource, Signature=260e1ccb51d1bab5421006da1ea446005dabc07deac9fe94c68dcb3d034ee9e7",
            ),
            (
                "eu-central-1",
                Some("TOKEN"),
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-central-1/sts/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token;x-goog-cloud-target-resource, Signature=b1fdbe6d3ecd254cb82a7b1c2daa5e36e51e50d2852a653eb45ab40173d7cf68",
            ),
        ] {
            let keys = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", session);
            let token = subject_token(audience, region, keys, now).unwrap();
            let text = percent_encoding::percent_decode_str(&token).decode_utf8().unwrap();
            let question: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(question["method"], "POST");
            assert_eq!(
                question["url"],
                format!("https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15")
            );
            let header = |name: &str| {
                let found =
                    question["headers"].as_array().unwrap().iter().find(|field| {
                        field["key"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name))
                    });
                found.map(|field| field["value"].as_str().unwrap().to_owned())
            };
            assert_eq!(header("authorization").as_deref(), Some(signature));
            assert_eq!(header(TARGET).as_deref(), Some(audience));
            assert_eq!(header("host"), Some(format!("sts.{region}.amazonaws.com")));
            assert_eq!(header("x-amz-date").as_deref(), Some("20260102T030405Z"));
            assert_eq!(header("x-amz-security-token").as_deref(), session);
        }
    }
}
