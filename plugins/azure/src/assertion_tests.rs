//! The assertion against OpenSSL's, and what is no certificate. Only tests. The keys were made for them, and are
//! known to nobody.

#![allow(clippy::unwrap_used)]
use std::time::Duration;

use super::*;

/// As `openssl pkcs12 -nodes` writes it, with its words between.
const PKCS8: &[u8] = include_bytes!("../tests/certificates/pkcs8.pem");
/// Another certificate before the key's own.
const PKCS1_CHAIN: &[u8] = include_bytes!("../tests/certificates/pkcs1-chain.pem");
/// Its thumbprint is of `openssl x509 -fingerprint -sha1`, its `jti` of `sha256sum`, and its signature of
/// `openssl dgst -sha256 -sign`.
const EXPECTED: &str = include_str!("../tests/certificates/assertion.jwt");
const AT: &str = "/authSecretRef/clientCertificate";

#[test]
fn signed_as_by_openssl() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    let windows = String::from_utf8(PKCS8.to_vec()).unwrap().replace('\n', "\r\n");
    for pem in [PKCS8, PKCS1_CHAIN, windows.as_bytes()] {
        let found = Certificate::read(pem, AT).unwrap().assertion(
            "11111111-2222-3333-4444-555555555555",
            "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
            now,
        );
        assert_eq!(found.unwrap(), EXPECTED.trim());
    }
}

#[test]
fn what_is_no_certificate_is_said_without_it() {
    let text = String::from_utf8(PKCS8.to_vec()).unwrap();
    let key = text[text.find("-----BEGIN PRIVATE").unwrap()..].to_owned();
    let other = include_str!("../tests/certificates/other.pem");
    for (pem, said) in [
        ("", "the key of the Secret is empty"),
        (" \n", "the key of the Secret is empty"),
        ("s3cr3t", "PEM with a certificate and its key is needed"),
        (other, "no key beside it"),
        (&key, "no certificate beside the key"),
        (&format!("{other}{key}"), "another one's"),
        ("-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----\n", "PEM"),
        ("-----BEGIN PRIVATE KEY-----\nczNjcjN0\n-----END PRIVATE KEY-----\n", "no RSA key"),
        (include_str!("../tests/certificates/elliptic.pem"), "no RSA key"),
        (include_str!("../tests/certificates/encrypted.pem"), "encrypted"),
        (include_str!("../tests/certificates/encrypted-pkcs1.pem"), "encrypted"),
    ] {
        let Err(Error::InvalidConfig(error)) = Certificate::read(pem.as_bytes(), AT) else {
            panic!("{said}")
        };
        assert_eq!(error.path, AT);
        let quoted = ["s3cr3t", "czNjcjN0", "MII"].iter().any(|part| error.detail.contains(part));
        assert!(error.detail.contains(said) && !quoted, "{}", error.detail);
    }
}
