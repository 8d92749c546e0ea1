//! Key Vault's refusals. Only tests. Messages are of Azure's documentation, or were seen.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};

use super::*;
use crate::fake::{Said, kind, kv_error, said};

fn get(key: &str) -> Asked {
    let item = Item {
        key: key.to_owned(),
        version: None,
        facet: Facet::Value,
        property: None,
        known_version: None,
        nature: Nature::Stored,
    };
    Asked::Get(Object::of(&item).unwrap())
}

fn refusal(said: &Said, asked: &Asked) -> Error {
    let (status, retry_after_ms, body) = said;
    error(&Refused { status: *status, retry_after_ms: *retry_after_ms, body: body.as_bytes() }, asked)
}

const NOT_AUTHORIZED: &str = "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid=1;oid=2;iss=https://sts.windows.net/3/\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nVault: my;location=westeurope\r\n";
const FIREWALL: &str = "Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.7\r\n";

#[test]
fn the_code_decides() {
    let db = get("db");
    for (said, asked, expected) in [
        (
            kv_error(
                404,
                "SecretNotFound",
                "A secret with (name/id) db was not found in this key vault. If you recently deleted this secret you may be able to recover it.",
                None,
            ),
            &db,
            "not-found",
        ),
        (kv_error(404, "CertificateNotFound", "", None), &get("cert/x"), "not-found"),
        (kv_error(404, "KeyNotFound", "", None), &get("key/x"), "not-found"),
        (kv_error(404, "SecretNotFound", "", None), &Asked::List, "other"),
        (kv_error(404, "ResourceNotFound", "", None), &db, "other"),
        (said(404, "<html>"), &db, "unavailable"),
        (said(404, "{}"), &db, "unavailable"),
        (said(404, r#"{"error":"not found"}"#), &db, "unavailable"),
        (kv_error(403, "Forbidden", NOT_AUTHORIZED, Some("ForbiddenByRbac")), &db, "denied"),
        (
            kv_error(
                403,
                "Forbidden",
                "The user, group or application does not have secrets get permission",
                Some("AccessDenied"),
            ),
            &db,
            "denied",
        ),
        (kv_error(403, "Forbidden", FIREWALL, Some("ForbiddenByFirewall")), &db, "denied"),
        (
            kv_error(
                403,
                "Forbidden",
                "Operation get is not allowed on a disabled secret.",
                Some("SecretDisabled"),
            ),
            &db,
            "denied",
        ),
        (said(403, "<html>"), &db, "unavailable"),
        (
            kv_error(
                401,
                "Unauthorized",
                "[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'.",
                None,
            ),
            &db,
            "unauthenticated",
        ),
        (said(401, ""), &db, "unauthenticated"),
        (
            kv_error(
                429,
                "Throttled",
                "Request was not processed because too many requests were received.",
                None,
            ),
            &db,
            "rate-limited",
        ),
        (said(429, ""), &db, "rate-limited"),
        (kv_error(500, "InternalServerError", "x", None), &db, "unavailable"),
        (said(503, "<html>"), &db, "unavailable"),
        (said(408, ""), &db, "unavailable"),
        (said(301, ""), &db, "unavailable"),
        (kv_error(400, "BadParameter", "x", None), &db, "other"),
        (kv_error(409, "Conflict", "x", None), &db, "other"),
    ] {
        assert_eq!(kind::<()>(&Err(refusal(&said, asked))), expected, "{said:?}");
    }
    let limited = refusal(&(429, Some(7_000), String::new()), &db);
    assert!(matches!(limited, Error::RateLimited(limit) if limit.retry_after_ms == Some(7_000)));
}

/// Some servers have no inner code, so the message counts too.
#[test]
fn what_a_403_is_about() {
    for (message, inner, expected) in [
        (NOT_AUTHORIZED, Some("ForbiddenByRbac"), Forbidden::Right),
        ("", Some("AccessDenied"), Forbidden::Right),
        ("", Some("ForbiddenByPolicy"), Forbidden::Right),
        ("The principal is not permitted to perform secrets/get on this vault.", None, Forbidden::Right),
        (FIREWALL, Some("ForbiddenByFirewall"), Forbidden::Network),
        (FIREWALL, None, Forbidden::Network),
        (
            "Public network access is disabled and request is not from a trusted service nor via an approved private link.",
            Some("ForbiddenByConnection"),
            Forbidden::Network,
        ),
        ("Public network access is disabled", None, Forbidden::Network),
        ("Operation get is not allowed on a disabled secret.", Some("SecretDisabled"), Forbidden::State),
        ("Operation get is not allowed on a disabled secret.", None, Forbidden::State),
        ("", Some("SecretExpired"), Forbidden::State),
        ("Operation get is not allowed on a secret that is not yet valid.", None, Forbidden::State),
    ] {
        let (_, _, body) = kv_error(403, "Forbidden", message, inner);
        assert_eq!(forbidden(body.as_bytes()), expected, "{message} {inner:?}");
    }
    assert_eq!(forbidden(b"<html>"), Forbidden::Foreign);
}

#[test]
fn messages_name_what_to_do() {
    let rbac = kv_error(403, "Forbidden", NOT_AUTHORIZED, Some("ForbiddenByRbac"));
    for (said, asked, parts) in [
        (
            &rbac,
            get("db"),
            &[
                "secret/db: the role Key Vault Secrets User (or, where the vault has access policies, the secret permission Get) is needed",
                "HTTP 403 Forbidden (ForbiddenByRbac)",
                "; Caller: appid=1;oid=2",
            ][..],
        ),
        (&rbac, get("cert/tls"), &["cert/tls: the role Key Vault Reader", "certificate permission Get"]),
        (&rbac, get("key/sign"), &["key/sign: the role Key Vault Reader", "key permission Get"]),
        (
            &rbac,
            Asked::List,
            &["the list of secrets: the role Key Vault Secrets User", "secret permission List"],
        ),
        (
            &kv_error(403, "Forbidden", FIREWALL, Some("ForbiddenByFirewall")),
            get("db"),
            &["the vault's firewall", "203.0.113.7"],
        ),
        (
            &kv_error(
                403,
                "Forbidden",
                "Operation get is not allowed on a disabled secret.",
                Some("SecretDisabled"),
            ),
            get("db"),
            &["secret/db: it is there", "disabled secret"],
        ),
    ] {
        let Error::Denied(text) = refusal(said, &asked) else { panic!("{said:?}") };
        assert!(parts.iter().all(|part| text.contains(part)) && !text.contains(['\n', '\r']), "{text}");
    }
    let issuer = "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/1/, found https://sts.windows.net/2/.";
    let Error::Unauthenticated(text) = refusal(&kv_error(401, "Unauthorized", issuer, None), &get("db"))
    else {
        panic!()
    };
    assert!(text.contains("another tenant than the vault's") && text.contains("found https://sts"), "{text}");
}
