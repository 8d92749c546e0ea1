//! What is asked for in which round. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::connection::{Annotation, Resolved};
use serde_json::{Value, json};

use super::*;
use crate::fake::{bytes, kind_at};

fn what(need: &Need) -> (String, String) {
    match need {
        Need::Object(need) => (need.slot.clone(), format!("secret {}", need.at)),
        Need::Account(need) => (need.slot.clone(), format!("account {}", need.annotations.join(" "))),
        Need::Token(need) => (need.slot.clone(), format!("token {}", need.audiences.join(" "))),
        Need::Ambient(need) => {
            let argument = need.argument_at.as_deref().unwrap_or("-");
            let optional = if need.optional { " optional" } else { "" };
            (need.slot.clone(), format!("{:?} {} {argument}{optional}", need.kind, need.name))
        }
    }
}

/// Plays all rounds: what was asked in each, and how it ends.
fn play(config: &Value, world: &[(&str, Resolved)]) -> (Vec<Vec<String>>, String) {
    let config = Config::parse(&config.to_string(), "").unwrap();
    let (mut have, mut rounds) = (Vec::new(), Vec::new());
    loop {
        let needs = next(&config, &have);
        let kind = kind_at(&needs);
        let needs: Vec<_> = needs.unwrap_or_default().iter().map(what).collect();
        if needs.is_empty() {
            return (rounds, kind);
        }
        for (slot, _) in &needs {
            let answer = world.iter().find(|(name, _)| name == slot).map(|(_, value)| value.clone());
            have.push(SlotValue { slot: slot.clone(), value: answer.unwrap_or(Resolved::Absent) });
        }
        rounds.push(needs.into_iter().map(|(_, detail)| detail).collect());
        assert!(rounds.len() <= 8, "the host ends it after eight rounds");
    }
}

fn account(annotations: &[(&str, &str)]) -> Resolved {
    let annotation =
        |(name, value): &(&str, &str)| Annotation { name: (*name).to_owned(), value: (*value).to_owned() };
    Resolved::Account(annotations.iter().map(annotation).collect())
}

const URL: &str = "https://my.vault.azure.net";
const ANNOTATIONS: &str = "account azure.workload.identity/client-id azure.workload.identity/tenant-id";
const DEFAULT: &str = "token api://AzureADTokenExchange";

#[test]
fn a_service_principal_is_one_round() {
    let reference = json!({"name": "s", "key": "k"});
    for (config, expected) in [
        (
            json!({"vaultUrl": URL, "tenantId": "t", "authSecretRef": {"clientId": reference, "clientSecret": reference}}),
            &["secret /authSecretRef/clientId", "secret /authSecretRef/clientSecret"][..],
        ),
        (
            json!({"vaultUrl": URL, "tenantId": "t", "clientId": "c", "clientSecret": {"secretRef": reference}}),
            &["secret /clientSecret/secretRef"],
        ),
        (
            json!({"vaultUrl": URL, "clientId": "c", "authSecretRef": {"tenantId": reference, "clientCertificate": reference}}),
            &["secret /authSecretRef/tenantId", "secret /authSecretRef/clientCertificate"],
        ),
    ] {
        let (rounds, end) = play(&config, &[]);
        assert_eq!(
            (rounds, end.as_str()),
            (vec![expected.iter().map(|at| (*at).to_owned()).collect()], "value")
        );
    }
}

/// Names of the contract with the host: the resource without a slash, and the place of the client id.
#[test]
fn ambient_identities_are_one_round() {
    for (config, expected) in [
        (
            json!({"vaultUrl": URL, "authType": "ManagedIdentity"}),
            &["AmbientKind::AzureMetadata https://vault.azure.net -"][..],
        ),
        (
            json!({"vaultUrl": URL, "authType": "ManagedIdentity", "identityId": "i"}),
            &["AmbientKind::AzureMetadata https://vault.azure.net /identityId"],
        ),
        (
            json!({"vaultUrl": "https://my.vault.azure.cn", "environmentType": "ChinaCloud", "authType": "ManagedIdentity", "clientId": "i"}),
            &["AmbientKind::AzureMetadata https://vault.azure.cn /clientId"],
        ),
        (
            json!({"vaultUrl": URL, "authType": "WorkloadIdentity"}),
            &[
                "AmbientKind::Env AZURE_CLIENT_ID -",
                "AmbientKind::Env AZURE_TENANT_ID -",
                "AmbientKind::FileByEnv AZURE_FEDERATED_TOKEN_FILE -",
            ],
        ),
    ] {
        let (rounds, end) = play(&config, &[]);
        assert_eq!(
            (rounds, end.as_str()),
            (vec![expected.iter().map(|at| (*at).to_owned()).collect()], "value")
        );
    }
}

#[test]
fn a_service_account_is_asked_for_its_annotations_first() {
    let reference = json!({"name": "s", "key": "k"});
    let config = |more: Value| {
        let mut config =
            json!({"vaultUrl": URL, "authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa"}});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let both = account(&[(CLIENT_ANNOTATION, "c"), (TENANT_ANNOTATION, "t")]);
    let client = account(&[(CLIENT_ANNOTATION, "c")]);
    let env = "AmbientKind::Env AZURE_TENANT_ID - optional";
    let slots = &["secret /authSecretRef/clientId", "secret /authSecretRef/tenantId"];
    for (config, world, expected, end) in [
        (config(json!({})), vec![(ACCOUNT, both.clone())], vec![vec![ANNOTATIONS], vec![DEFAULT]], "value"),
        (
            config(json!({"serviceAccountRef": {"name": "sa", "audiences": ["x"]}})),
            vec![(ACCOUNT, both)],
            vec![vec![ANNOTATIONS], vec!["token api://AzureADTokenExchange x"]],
            "value",
        ),
        (
            config(json!({})),
            vec![(ACCOUNT, client.clone()), (ENV_TENANT_ID, bytes("t"))],
            vec![vec![ANNOTATIONS], vec![env], vec![DEFAULT]],
            "value",
        ),
        (config(json!({})), vec![(ACCOUNT, client.clone())], vec![vec![ANNOTATIONS], vec![env]], "/tenantId"),
        (config(json!({})), vec![(ACCOUNT, account(&[]))], vec![vec![ANNOTATIONS]], "/serviceAccountRef"),
        (
            config(json!({"tenantId": "t"})),
            vec![(ACCOUNT, client)],
            vec![vec![ANNOTATIONS], vec![DEFAULT]],
            "value",
        ),
        (
            config(json!({"authSecretRef": {"clientId": reference, "tenantId": reference}})),
            vec![(ACCOUNT, account(&[])), (CLIENT_ID, bytes("c")), (TENANT_ID, bytes("t"))],
            vec![vec![ANNOTATIONS, slots[0], slots[1]], vec![DEFAULT]],
            "value",
        ),
    ] {
        let (rounds, ended) = play(&config, &world);
        assert_eq!(
            (rounds, ended.as_str()),
            (
                expected
                    .into_iter()
                    .map(|round| round.into_iter().map(ToOwned::to_owned).collect())
                    .collect(),
                end,
            ),
            "{config}"
        );
    }
}
