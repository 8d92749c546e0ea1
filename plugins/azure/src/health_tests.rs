//! Which stores are well. Only tests.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::fake::{Fake, entra_error, granted, kv_error, said, session};
use crate::world::Request;

#[test]
fn whoever_is_known_is_well() {
    let fine = (200, None, r#"{"value":[],"nextLink":null}"#.to_owned());
    let never_held_one = (200, None, r#"{"value":null,"nextLink":null}"#.to_owned());
    for (login, vault, expected) in [
        (granted("token-1"), fine.clone(), "ready"),
        (granted("token-1"), never_held_one, "ready"),
        (
            granted("token-1"),
            kv_error(403, "Forbidden", "Caller is not authorized", Some("ForbiddenByRbac")),
            "ready",
        ),
        (
            granted("token-1"),
            kv_error(403, "Forbidden", "does not have secrets list permission", Some("AccessDenied")),
            "ready",
        ),
        (
            granted("token-1"),
            kv_error(403, "Forbidden", "Client address is not authorized", Some("ForbiddenByFirewall")),
            "denied",
        ),
        (granted("token-1"), said(403, "<html>"), "unavailable"),
        (granted("token-1"), said(200, "<html>"), "unavailable"),
        (granted("token-1"), said(429, ""), "rate-limited"),
        (granted("token-1"), said(503, ""), "unavailable"),
        (
            granted("token-1"),
            kv_error(401, "Unauthorized", "AKV10032: Invalid issuer.", None),
            "unauthenticated",
        ),
        (entra_error(401, "invalid_client", "AADSTS7000215: x", 7_000_215), fine.clone(), "unauthenticated"),
        (said(429, ""), fine, "rate-limited"),
    ] {
        let fake = Fake::new(|request: &Request| match request.url.starts_with("https://login.") {
            true => login.clone(),
            false => {
                assert_eq!(request.url, "https://my.vault.azure.net/secrets?api-version=7.4&maxresults=1");
                vault.clone()
            }
        });
        let session = session();
        let found = match check(&Client::new(&session, &fake).unwrap()) {
            Ok(Health::Ready) => "ready",
            Ok(Health::Unknown(_)) => "unknown",
            other => crate::fake::kind(&other),
        };
        assert_eq!(found, expected, "{login:?} {vault:?}");
    }
}
