//! Where a registry's tokens come from, and what may be told whom. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::connection::{Need, Resolved};

use super::*;
use crate::fake::{Fake, bytes, entra_error, granted, kind, kind_at, said, session_of};

fn principal() -> Value {
    json!({
        "auth": {"servicePrincipal": {"secretRef": {
            "clientId": {"name": "sp", "key": "id"}, "clientSecret": {"name": "sp", "key": "secret"},
        }}},
        "tenantId": "contoso.example",
        "registry": "example.azurecr.io",
    })
}

fn with(mut spec: Value, more: Value) -> Value {
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn session(spec: &Value, have: &[(&str, Resolved)]) -> Session {
    let mut session = session_of(spec, have);
    session.store.kind = KIND.to_owned();
    session
}

fn of_principal(spec: &Value) -> Session {
    session(spec, &[("client id", bytes("app-1")), ("client secret", bytes("hunter2"))])
}

fn form(request: &Request) -> Vec<(String, String)> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

fn field(request: &Request, name: &str) -> String {
    form(request).into_iter().find(|(own, _)| own == name).map(|(_, value)| value).unwrap_or_default()
}

/// Forms as Microsoft's "AAD integration" describes them.
fn registry(request: &Request) -> crate::fake::Said {
    match request.url.as_str() {
        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token" => {
            assert_eq!(field(request, "scope"), "https://management.azure.com/.default");
            granted("entra-token")
        }
        "https://example.azurecr.io/oauth2/exchange" => {
            let expected = [
                ("grant_type", "access_token"),
                ("service", "example.azurecr.io"),
                ("tenant", "contoso.example"),
                ("access_token", "entra-token"),
            ];
            assert_eq!(form(request), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
            said(200, r#"{"refresh_token":"acr-refresh"}"#)
        }
        "https://example.azurecr.io/oauth2/token" => {
            let expected = [
                ("grant_type", "refresh_token"),
                ("service", "example.azurecr.io"),
                ("scope", "repository:app:pull"),
                ("refresh_token", "acr-refresh"),
            ];
            assert_eq!(form(request), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
            said(200, r#"{"access_token":"acr-access"}"#)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_refresh_token_or_one_for_a_scope() {
    let fake = Fake::new(registry);
    for (more, expected) in
        [(json!({}), "acr-refresh"), (json!({"scope": "repository:app:pull"}), "acr-access")]
    {
        let made = generate(&of_principal(&with(principal(), more)), &fake).unwrap();
        let expected = [("username", "00000000-0000-0000-0000-000000000000"), ("password", expected)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        assert_eq!(made.values, expected);
    }
    assert_eq!((fake.count("v2.0/token"), fake.count("exchange")), (1, 2), "Entra's token is kept");
    let Step::Ready(ready) = connect(&of_principal(&principal())).unwrap() else { panic!("it has all") };
    let origins: Vec<(&str, Vec<String>)> =
        ready.origins.iter().map(|origin| (origin.url.as_str(), origin.paths.clone())).collect();
    let expected = [
        ("https://example.azurecr.io", vec!["/oauth2/exchange".to_owned(), "/oauth2/token".to_owned()]),
        ("https://login.microsoftonline.com", vec!["/contoso.example/oauth2/v2.0/token".to_owned()]),
    ];
    assert_eq!(origins, expected);
}

#[test]
fn a_kept_token_that_is_refused_is_made_anew_once() {
    let fake = Fake::new(|request| match request.url.ends_with("/exchange") {
        false => granted("entra-token"),
        true => said(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#),
    });
    let refused = generate(&of_principal(&principal()), &fake);
    let Err(Error::Denied(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("UNAUTHORIZED: authentication required") && text.contains("AcrPull"), "{text}");
    assert_eq!((fake.count("v2.0/token"), fake.count("exchange")), (2, 2));
}

#[test]
fn what_the_registry_may_answer() {
    for (status, body, expected) in [
        (200, "<html>", "unavailable"),
        (200, r#"{"refresh_token":""}"#, "unavailable"),
        (400, r#"{"errors":[{"code":"INVALID","message":"no tenant"}]}"#, "other"),
        (403, r#"{"errors":[{"code":"DENIED","message":"firewall"}]}"#, "denied"),
        (403, "<html>", "unavailable"),
        (404, "", "unavailable"),
        (429, "", "rate-limited"),
        (503, "", "unavailable"),
    ] {
        let fake = Fake::new(move |request| match request.url.ends_with("/exchange") {
            false => granted("entra-token"),
            true => said(status, body),
        });
        assert_eq!(kind(&generate(&of_principal(&principal()), &fake)), expected, "{status} {body}");
    }
    // What a registry quotes of what was sent is not said.
    let fake = Fake::new(|request| match request.url.ends_with("/exchange") {
        false => granted("entra-token"),
        true => said(400, r#"{"errors":[{"code":"X","message":"bad entra-token"}]}"#),
    });
    let Err(Error::Other(text)) = generate(&of_principal(&principal()), &fake) else { panic!("made") };
    assert!(!text.contains("entra-token"), "{text}");
    let fake =
        Fake::new(|_| entra_error(401, "invalid_client", "AADSTS7000215: Invalid client secret.", 7_000_215));
    assert_eq!(kind(&generate(&of_principal(&principal()), &fake)), "unauthenticated");
}

#[test]
fn what_the_operator_is_goes_to_its_cloud_s_registries_alone() {
    let managed = |id: Value| json!({"auth": {"managedIdentity": id}, "registry": "example.azurecr.io"});
    let pod = json!({"auth": {"workloadIdentity": {}}, "registry": "example.azurecr.io"});
    for spec in [managed(json!({})), pod.clone()] {
        for (registry, environment, fits) in [
            ("example.azurecr.io", "PublicCloud", true),
            ("example.azurecr.cn", "ChinaCloud", true),
            ("example.azurecr.us", "USGovernmentCloud", true),
            ("example.azurecr.cn", "PublicCloud", false),
            ("azurecr.io", "PublicCloud", false),
            ("azurecr.io.evil.example", "PublicCloud", false),
            ("evilazurecr.io", "PublicCloud", false),
            ("example.azurecr.io:8443", "PublicCloud", false),
            ("registry.internal", "PublicCloud", false),
            ("example.azurecr.de", "GermanCloud", false),
        ] {
            let spec = with(spec.clone(), json!({"registry": registry, "environmentType": environment}));
            let found = connect(&session(&spec, &[]));
            assert_eq!(found.is_ok(), fits, "{spec}");
            assert!(fits || kind_at(&found) == "/registry", "{spec}");
        }
    }
    // A tenant's own goes where the tenant says.
    let own = with(principal(), json!({"registry": "registry.internal:5000"}));
    let Step::Ready(ready) = connect(&of_principal(&own)).unwrap() else { panic!("it has all") };
    assert_eq!(ready.origins[0].url, "https://registry.internal:5000");

    // The metadata service is asked for the management's token, of the identity that the spec names.
    let chosen = managed(json!({"identityId": "11111111-2222-3333-4444-555555555555"}));
    let Step::Need(needs) = connect(&session(&chosen, &[])).unwrap() else { panic!("ready") };
    let [Need::Ambient(need)] = needs.as_slice() else { panic!("{needs:?}") };
    assert_eq!(need.name, "https://management.azure.com");
    assert_eq!(need.argument_at.as_deref(), Some("/auth/managedIdentity/identityId"));
}

#[test]
fn what_is_wrong_says_where() {
    let resource =
        "/subscriptions/1/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";
    for (spec, path) in [
        (with(principal(), json!({"auth": {}})), "/auth"),
        (with(principal(), json!({"tenantId": " "})), "/tenantId"),
        (with(principal(), json!({"registry": "https://example.azurecr.io"})), "/registry"),
        (with(principal(), json!({"registry": "example.azurecr.io/app"})), "/registry"),
        (with(principal(), json!({"registry": "example.azurecr.io/"})), "/registry"),
        (with(principal(), json!({"registry": "a@example.azurecr.io"})), "/registry"),
        (with(principal(), json!({"environmentType": "AzureStackCloud"})), "/environmentType"),
        (with(principal(), json!({"environmentType": "Mars"})), "/environmentType"),
        (
            with(
                principal(),
                json!({"auth": {"servicePrincipal": {"secretRef": {"clientId": {"name": "sp"}}}}}),
            ),
            "/auth/servicePrincipal/secretRef/clientSecret",
        ),
        (
            with(principal(), json!({"auth": {"managedIdentity": {"identityId": resource}}})),
            "/auth/managedIdentity/identityId",
        ),
    ] {
        assert_eq!(kind_at(&connect(&of_principal(&spec))), path, "{spec}");
    }
}

/// Every field of ESO's is one that the schema takes, and its references are marked.
#[test]
fn the_schema_takes_every_field_of_eso() {
    let schema = schema();
    let fields = include_str!("../../../crds/tests/eso-fields/acr-access-token-spec.txt");
    let mut count = 0;
    for line in fields.lines().filter(|line| !line.starts_with('#')) {
        let (path, of) = line.split_once(" : ").unwrap();
        let mut place = &schema;
        for step in path.split('.') {
            place = &place["properties"][step.trim_end_matches('*')];
            if let Some(at) = place["$ref"].as_str() {
                place = schema.pointer(at.trim_start_matches('#')).unwrap();
            }
        }
        assert!(place.is_object(), "{path}");
        assert_eq!(place["x-claviger"].is_string(), of.contains('{'), "{path}");
        count += 1;
    }
    assert_eq!(count, 13);
}
