//! Entra's refusals. Only tests. Messages are of its reference of error codes, or were seen.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::connection::SlotValue;
use serde_json::{Value, json};

use super::*;
use crate::fake::{Said, bytes, entra_error, kind_at, said, store};
use crate::identity;
use crate::needs::CLIENT_SECRET;
use crate::slots::Slots;

fn refusal(config: &Value, said: &Said) -> Error {
    let config = Config::parse(&config.to_string(), "").unwrap();
    let have = [(CLIENT_SECRET, "x"), (identity::CLIENT_ID, "c"), (identity::TENANT_ID, "t")]
        .map(|(slot, text)| SlotValue { slot: slot.to_owned(), value: bytes(text) });
    let identity = identity::of(&config.auth, Slots(&have)).unwrap().unwrap();
    let (status, retry_after_ms, body) = said;
    let refused = Refused { status: *status, retry_after_ms: *retry_after_ms, body: body.as_bytes() };
    error(&refused, &config, &identity)
}

fn kind(config: &Value, said: &Said) -> String {
    kind_at::<()>(&Err(refusal(config, said)))
}

#[test]
fn each_number_says_what_to_change() {
    let reference = json!({"name": "s", "key": "k"});
    let plain = store(json!({}));
    let referred = json!({
        "vaultUrl": "https://my.vault.azure.net",
        "authSecretRef": {"clientId": reference, "tenantId": reference, "clientSecret": reference},
    });
    let custom = json!({"activeDirectoryEndpoint": "https://l", "keyVaultEndpoint": "https://vault.example"});
    let custom = store(json!({
        "vaultUrl": "https://my.vault.example", "environmentType": "AzureStackCloud", "customCloudConfig": custom,
    }));
    for (status, error, message, plain_kind, referred_kind, custom_kind) in [
        (
            401,
            "invalid_client",
            "AADSTS7000215: Invalid client secret provided.",
            "unauthenticated",
            "unauthenticated",
            "unauthenticated",
        ),
        (
            401,
            "invalid_client",
            "AADSTS7000222: The provided client secret keys are expired.",
            "unauthenticated",
            "unauthenticated",
            "unauthenticated",
        ),
        (
            401,
            "invalid_client",
            "AADSTS700027: The certificate is not registered.",
            "unauthenticated",
            "unauthenticated",
            "unauthenticated",
        ),
        (
            400,
            "unauthorized_client",
            "AADSTS700016: Application with identifier 'c' was not found in the directory.",
            "/clientId",
            "unauthenticated",
            "/clientId",
        ),
        (
            400,
            "invalid_request",
            "AADSTS90002: Tenant 't' not found.",
            "/tenantId",
            "unauthenticated",
            "/tenantId",
        ),
        (
            400,
            "invalid_request",
            "AADSTS900023: Specified tenant identifier 't' is neither valid.",
            "/tenantId",
            "unauthenticated",
            "/tenantId",
        ),
        (
            400,
            "invalid_resource",
            "AADSTS500011: The resource principal was not found.",
            "unauthenticated",
            "unauthenticated",
            RESOURCE_AT,
        ),
        (
            401,
            "invalid_client",
            "AADSTS700213: No matching federated identity record found.",
            "unauthenticated",
            "unauthenticated",
            "unauthenticated",
        ),
        (
            401,
            "invalid_client",
            "AADSTS700024: Client assertion is not within its valid time range. Current time: 1.",
            "unauthenticated",
            "unauthenticated",
            "unauthenticated",
        ),
        (
            400,
            "invalid_grant",
            "AADSTS53003: Access has been blocked by Conditional Access policies.",
            "unauthenticated",
            "unauthenticated",
            "unauthenticated",
        ),
        (
            400,
            "invalid_request",
            "AADSTS50196: The server terminated an operation because it encountered a loop.",
            "rate-limited",
            "rate-limited",
            "rate-limited",
        ),
        (
            429,
            "temporarily_unavailable",
            "AADSTS90055: Too many requests.",
            "rate-limited",
            "rate-limited",
            "rate-limited",
        ),
        (
            400,
            "temporarily_unavailable",
            "The service is temporarily unavailable.",
            "unavailable",
            "unavailable",
            "unavailable",
        ),
        (
            400,
            "invalid_request",
            "AADSTS90033: A transient error has occurred.",
            "unavailable",
            "unavailable",
            "unavailable",
        ),
        (
            503,
            "server_error",
            "AADSTS90033: A transient error has occurred.",
            "unavailable",
            "unavailable",
            "unavailable",
        ),
        (500, "invalid_client", "AADSTS7000215: odd", "unavailable", "unavailable", "unavailable"),
    ] {
        // The list of numbers has the class only, as some servers write it.
        let said = entra_error(status, error, message, 7_000_215);
        assert_eq!(kind(&plain, &said), plain_kind, "{message}");
        assert_eq!(kind(&referred, &said), referred_kind, "{message}");
        assert_eq!(kind(&custom, &said), custom_kind, "{message}");
    }
    let numbered = json!({"error": "unauthorized_client", "error_description": "", "error_codes": [700_016]});
    assert_eq!(kind(&plain, &(400, None, numbered.to_string())), "/clientId");
}

#[test]
fn what_is_not_entras_says_nothing_of_the_credential() {
    let custom =
        store(json!({"customCloudConfig": {"activeDirectoryEndpoint": "https://login.own.example"}}));
    for (status, body, expected, with_custom) in [
        (400, "<html>", "unavailable", "unavailable"),
        (401, "{}", "unavailable", "unavailable"),
        (403, "denied", "unavailable", "unavailable"),
        (404, "<html>", "unavailable", LOGIN_AT),
        (302, "", "unavailable", "unavailable"),
        (429, "", "rate-limited", "rate-limited"),
        (500, "", "unavailable", "unavailable"),
        (503, "<html>", "unavailable", "unavailable"),
    ] {
        assert_eq!(kind(&store(json!({})), &said(status, body)), expected, "{status}");
        assert_eq!(kind(&custom, &said(status, body)), with_custom, "{status}");
    }
    let limited = refusal(&store(json!({})), &(429, Some(7_000), String::new()));
    assert!(matches!(limited, Error::RateLimited(limit) if limit.retry_after_ms == Some(7_000)));
}

/// What differs each time would write the status each time.
#[test]
fn words_stay_the_same() {
    let said =
        entra_error(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.", 7_000_215);
    let Error::Unauthenticated(text) = refusal(&store(json!({})), &said) else { panic!() };
    assert_eq!(
        text,
        "login at login.microsoftonline.com: HTTP 401: AADSTS7000215: Invalid client secret provided"
    );
    let lines = "AADSTS700016: Not found.\r\nTrace ID: 1\r\nCorrelation ID: 2\r\nTimestamp: 3";
    assert_eq!(words(lines), "AADSTS700016: Not found");
    let clock =
        entra_error(401, "invalid_client", "AADSTS700024: Current time: 2026-11-25T22:00:00Z", 700_024);
    let Error::Unauthenticated(text) = refusal(&store(json!({})), &clock) else { panic!() };
    assert!(text.contains("clock") && !text.contains("2026"), "{text}");
}

/// The host cuts a text at 512 bytes, and AKS alone has issuers of 120.
#[test]
fn what_to_change_stands_before_entras_words() {
    const KEPT: usize = 512;
    let reference = json!({"name": "s", "key": "k"});
    let referred = json!({"authSecretRef": {"clientId": reference, "tenantId": reference, "clientSecret": reference}, "clientId": null, "tenantId": null});
    let issuer = "https://westeurope.oic.prod-aks.azure.com/66666666-7777-8888-9999-000000000000/11111111-2222-3333-4444-555555555555/";
    let federation = format!(
        "AADSTS700211: No matching federated identity record found for presented assertion issuer '{issuer}'. Please make sure that the issuer of the federated identity credential is the very same, and that subject and audience of the credential are those of the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
    );
    let client = format!(
        "AADSTS700016: Application with identifier '11111111-2222-3333-4444-555555555555' was not found in the directory '{}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
        "Contoso ".repeat(30)
    );
    let tenant = format!("AADSTS90002: Tenant '{}' not found.", "t".repeat(500));
    let resource = format!("AADSTS500011: The resource principal named {} was not found.", "r".repeat(500));
    let account = json!({"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa"}});
    for (more, message, number, remedy) in [
        (
            account,
            &federation,
            700_211,
            "the application needs a federated credential with the token's issuer and subject, and the audience api://AzureADTokenExchange: HTTP 401: AADSTS700211",
        ),
        (
            referred.clone(),
            &client,
            700_016,
            "the client id is that of a Secret (authSecretRef.clientId): HTTP 401: AADSTS700016",
        ),
        (
            referred,
            &tenant,
            90_002,
            "the tenant is that of a Secret (authSecretRef.tenantId): HTTP 401: AADSTS90002",
        ),
        (json!({}), &resource, 500_011, "is environmentType right? HTTP 401: AADSTS500011"),
    ] {
        let said = entra_error(401, "invalid_client", message, number);
        let Error::Unauthenticated(text) = refusal(&store(more), &said) else { panic!("{message}") };
        assert!(text.len() > KEPT && text[..KEPT].contains(remedy), "{text}");
    }
}

#[test]
fn a_missing_federated_credential_names_the_audience() {
    let account =
        json!({"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa", "audiences": ["x"]}});
    let message = "AADSTS700213: No matching federated identity record found for presented assertion subject 'system:serviceaccount:team:sa'.";
    let said = entra_error(401, "invalid_client", message, 700_213);
    let Error::Unauthenticated(text) = refusal(&store(account), &said) else { panic!() };
    assert!(text.contains("system:serviceaccount:team:sa"), "{text}");
    assert!(text.contains("the audience api://AzureADTokenExchange or x"), "{text}");
}
