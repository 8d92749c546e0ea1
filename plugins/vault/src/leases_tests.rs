//! What is asked for a lease and its holder, and what the answers mean. Bodies of OpenBao 2.7.2, but for Vault's "lease
//! expired". Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::Cell;

use serde_json::Value;

use super::*;
use crate::dynamic::tests::{DENIED, app_role, vault};
use crate::fake::{Fake, session};
use crate::world::Request;

const ID: &str = "database/creds/readonly/2fTiJy4S77CFnEIoUeg4FvFp";
const LEASE: &str = r#"{"request_id":"8dcef7a9-f92a-0b83-40f8-cffcda9bf16c","lease_id":"database/creds/readonly/2fTiJy4S77CFnEIoUeg4FvFp","renewable":true,"lease_duration":5399,"data":null,"wrap_info":null,"warnings":["TTL of \"100h\" exceeded the effective max_ttl of \"1h29m59s\"; TTL value is capped accordingly"],"auth":null}"#;
const HOLDER: &str = r#"{"request_id":"639f5c3f-df85-839e-9440-a0768a959025","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":null,"auth":{"client_token":"","accessor":"ZLPE6EJufPmDWx6ooaD767pF","policies":["app"],"token_policies":["app"],"metadata":{"role_name":"app"},"lease_duration":3600,"renewable":true,"entity_id":"696a3c04-4d82-5eb8-e977-2ddcf0201270","token_type":"service","orphan":true,"mfa_requirement":null,"num_uses":0}}"#;
const UNKNOWN: &str = r#"{"errors":["lease not found"]}"#;
const FIXED: &str = r#"{"errors":["lease is not renewable"]}"#;
const NO_ACCESSOR: &str = "{\"errors\":[\"1 error occurred:\\n\\t* invalid accessor\\n\\n\"]}";
const GONE: &str = r#"{"request_id":"3d900545-a7df-e40b-09b2-b3c783d826dd","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":["No token found with this accessor"],"auth":null}"#;
const SEALED: &str = r#"{"errors":["Vault is sealed"]}"#;

/// As it is recorded: an hour, with a token of twenty minutes.
fn lease(renewable: bool, holder: Option<(Option<&str>, bool)>) -> Lease {
    let holder = holder.map(|(accessor, renewable)| Holder {
        accessor: accessor.map(ToOwned::to_owned),
        ttl_ms: 1_200_000,
        renewable,
    });
    Lease { id: ID.to_owned(), duration_ms: 3_600_000, renewable, holder }
}

/// A Vault that answers the four paths so; what it was sent is checked.
fn server(lease: (u16, &'static str), holder: (u16, &'static str)) -> impl Fn(&Request) -> (u16, String) {
    move |request| {
        let sent = || serde_json::from_slice::<Value>(&request.body).unwrap();
        let header =
            |name: &str| request.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        match request.url.split_once("/v1/").unwrap().1 {
            path @ ("sys/leases/renew" | "sys/leases/revoke") => {
                assert_eq!((request.method, header("x-vault-namespace")), ("PUT", Some("team")));
                assert_eq!(header("content-type"), Some("application/json"));
                let renewal = json!({"lease_id": ID, "increment": 7200});
                assert_eq!(sent(), if path.ends_with("renew") { renewal } else { json!({"lease_id": ID}) });
                (lease.0, lease.1.to_owned())
            }
            path @ ("auth/token/renew-accessor" | "auth/token/revoke-accessor") => {
                assert_eq!((request.method, header("x-vault-namespace")), ("PUT", Some("logins")));
                let renewal = json!({"accessor": "a", "increment": 7200});
                assert_eq!(
                    sent(),
                    if path.ends_with("renew-accessor") { renewal } else { json!({"accessor": "a"}) }
                );
                (holder.0, holder.1.to_owned())
            }
            _ => vault(&Cell::new(0))(request),
        }
    }
}

fn with<T>(fake: &Fake<'_>, act: impl FnOnce(&Client<'_>) -> T) -> T {
    let auth = json!({"namespace": "logins", "appRole": app_role()["appRole"]});
    let session =
        session(&json!({"server": "https://v", "path": "secret", "namespace": "team", "auth": auth}));
    act(&Client::new(&session, fake).unwrap())
}

fn kind(error: &Error) -> (&'static str, String) {
    match error {
        Error::NotFound(text) => ("not-found", text.clone()),
        Error::Denied(text) => ("denied", text.clone()),
        Error::Unavailable(text) => ("unavailable", text.clone()),
        error => panic!("{error:?}"),
    }
}

/// Lease and holder: how long each lives from now on (seconds), and whether it was renewed.
#[test]
fn renewals() {
    let (own, store) = (Some((Some("a"), true)), Some((None, false)));
    let denied = (403, DENIED);
    for (renewable, holder, lease_answer, holder_answer, expected) in [
        (true, own, (200, LEASE), (200, HOLDER), Ok((5399, true, Some((3600, true))))),
        // No right to renew the holder, or it cannot be: what was recorded stands.
        (true, own, (200, LEASE), denied, Ok((5399, true, Some((1200, false))))),
        (true, own, (200, LEASE), (400, NO_ACCESSOR), Ok((5399, true, Some((1200, false))))),
        (
            true,
            Some((Some("a"), false)),
            (200, LEASE),
            (500, "not asked"),
            Ok((5399, true, Some((1200, false)))),
        ),
        (true, Some((None, true)), (200, LEASE), (500, "not asked"), Ok((5399, true, Some((1200, false))))),
        (true, store, (200, LEASE), (500, "not asked"), Ok((5399, true, Some((1200, false))))),
        (true, None, (200, LEASE), (500, "not asked"), Ok((5399, true, None))),
        // The lease cannot be, and its holder can.
        (false, own, (500, "not asked"), (200, HOLDER), Ok((3600, false, Some((3600, true))))),
        (true, own, (400, FIXED), (200, HOLDER), Ok((3600, false, Some((3600, true))))),
        (true, own, (400, UNKNOWN), (200, HOLDER), Err(("not-found", "lease not found"))),
        (
            true,
            own,
            (400, r#"{"errors":["lease expired"]}"#),
            (200, HOLDER),
            Err(("not-found", "lease expired")),
        ),
        (
            true,
            own,
            denied,
            (200, HOLDER),
            Err(("denied", r#"path "sys/leases/renew" { capabilities = ["update"] }"#)),
        ),
        (true, own, (503, SEALED), (200, HOLDER), Err(("unavailable", "sealed"))),
        (true, own, (200, LEASE), (503, SEALED), Err(("unavailable", "sealed"))),
    ] {
        let fake = Fake::new(server(lease_answer, holder_answer));
        let found = with(&fake, |client| renew(client, lease(renewable, holder), 7_200_000));
        match (found, expected) {
            (Ok(found), Ok((seconds, renewed, holder))) => {
                assert_eq!(
                    (found.id.as_str(), found.duration_ms, found.renewable),
                    (ID, seconds * 1000, renewed)
                );
                let got = found.holder.map(|holder| (holder.ttl_ms, holder.renewable));
                assert_eq!(got, holder.map(|(seconds, renewed)| (seconds * 1000, renewed)));
            }
            (Err(error), Err((name, said))) => {
                let (got, text) = kind(&error);
                assert_eq!(got, name, "{text}");
                assert!(text.contains(said), "{text}");
            }
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
        let order = fake.asked();
        let at = |part: &str| order.iter().position(|asked| asked.contains(part));
        if let (Some(holder), Some(lease)) = (at("renew-accessor"), at("leases/renew")) {
            assert!(holder < lease, "a lease does not outlive its holder: {order:?}");
        }
    }
}

/// What is left at the server, and what is said of it.
#[test]
fn revocations() {
    let (own, store) = (Some((Some("a"), true)), Some((None, false)));
    let (done, denied) = ((204, ""), (403, DENIED));
    for (holder, lease_answer, holder_answer, expected, ended) in [
        (own, done, done, None, 1),
        (own, done, (200, GONE), None, 1),
        (own, done, denied, None, 1),
        (own, done, (503, SEALED), None, 1),
        // The token takes its leases with it.
        (own, denied, done, None, 1),
        (
            own,
            denied,
            denied,
            Some(("denied", r#"path "sys/leases/revoke" { capabilities = ["update"] }"#)),
            1,
        ),
        (own, denied, (503, SEALED), Some(("denied", "sys/leases/revoke")), 1),
        (own, (400, UNKNOWN), done, Some(("not-found", "lease not found")), 1),
        (own, (503, SEALED), done, Some(("unavailable", "sealed")), 0),
        // The store's own token.
        (store, done, (500, "not asked"), None, 0),
        (store, denied, (500, "not asked"), Some(("denied", "sys/leases/revoke")), 0),
        (None, done, (500, "not asked"), None, 0),
    ] {
        let fake = Fake::new(server(lease_answer, holder_answer));
        let found = with(&fake, |client| revoke(client, lease(true, holder)));
        let got = found.err().map(|error| kind(&error));
        assert_eq!(got.as_ref().map(|(name, _)| *name), expected.map(|(name, _)| name), "{lease_answer:?}");
        if let (Some((_, text)), Some((_, said))) = (&got, expected) {
            assert!(text.contains(said), "{text}");
        }
        assert_eq!(fake.count("revoke-accessor"), ended, "{lease_answer:?} {holder_answer:?}");
    }
}
