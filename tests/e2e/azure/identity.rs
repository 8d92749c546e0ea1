//! The operator's own identity in Azure: managed identities of the node and of App Service, and the pod's own
//! federated token. By grant only, and its token goes to no host that a tenant chooses.

use serde_json::{Value, json};

use crate::support::{Operator, Vault, World, assert_no_value_left, world};

const RESOURCE: &str = "https://vault.azure.net";

fn plugin(world: &World, ambient: &Value) {
    world.apply_json(&json!({
        "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "azurekv"},
        "spec": {
            "controller": world.name, "source": {"builtin": {}}, "grants": {"ambient": ambient},
            "namespaces": {"names": [world.name]},
        },
    }));
    world.wait("the grants to hold", || {
        let loaded = world.plugin("azurekv").filter(|(ready, ..)| ready == "True");
        let found = loaded.map(|(.., status)| status["granted"]["ambient"].clone());
        if found.as_ref() == Some(ambient) { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

/// One test, because there is one Plugin of that name.
#[test]
fn by_grant_and_to_key_vault_alone() {
    let world = world!("azure-ambient");
    let Some(vault) = Vault::new(&world, "identity-vault") else { return };
    vault.put("azure-ambient-key", "MARKED-by-managed");
    let (assigned, header) = vault.azure.identity(Some("azure-ambient-assigned")).unwrap();
    vault.azure.allow(&assigned, vault.name, &["secrets/get"]).unwrap();
    let operator = Operator::start(&world);
    let managed = |client: Value| {
        let mut config = json!({"authType": "ManagedIdentity"});
        for (field, value) in client.as_object().unwrap() {
            config[field] = value.clone();
        }
        config
    };
    vault.store("managed", managed(json!({"identityId": assigned.client_id})));
    let message = world.wait_reason("secretstore", "managed", "ReferenceForbidden");
    assert!(message.contains("spec.grants.ambient") && message.contains(RESOURCE), "{message}");

    let node = json!([{"kind": "azureMetadata", "name": RESOURCE}]);
    let mark = vault.azure.mark();
    plugin(&world, &node);
    world.wait_ready("secretstore", "managed");
    vault.one("es", "managed", "azure-ambient-key");
    world.wait_data("es", &[("v", "MARKED-by-managed")]);
    let requests = vault.azure.requests(mark).unwrap();
    assert!(requests.iter().any(|it| it.action == "imds" && it.status == 200));
    // The reference document's form of it, its placeholder a client id.
    let mut seed = world.seed("azure-managed-identity");
    seed["spec"]["provider"]["azurekv"]["clientId"] = assigned.client_id.as_str().into();
    seed["spec"]["provider"]["azurekv"]["vaultUrl"] = format!("{}/", vault.url()).into();
    world.apply_json(&seed);
    world.wait_ready("secretstore", "azure-keyvault");
    // An identity that the node has not.
    vault.store("unknown", managed(json!({"identityId": "11111111-2222-3333-4444-555555555555"})));
    let message =
        world.wait("a word on the unknown identity", || match world.ready("secretstore", "unknown") {
            Some((status, _, message)) if status == "False" => Ok(message),
            other => Err(format!("{other:?}")),
        });
    assert!(message.contains("Identity not found"), "{message}");

    // Hosts that are not the cloud's: refused, and nothing was sent there.
    let mark = vault.azure.mark();
    let receiver = vault.azure.login_url();
    for (name, config) in [
        ("evil", managed(json!({"vaultUrl": "https://evil.example"}))),
        ("evil-http", managed(json!({"vaultUrl": receiver.as_str()}))),
        (
            "evil-stack",
            managed(json!({
                "vaultUrl": receiver.as_str(), "environmentType": "AzureStackCloud",
                "customCloudConfig": {"activeDirectoryEndpoint": receiver.as_str(), "keyVaultEndpoint": RESOURCE},
            })),
        ),
    ] {
        vault.store(name, config);
        world.wait_reason("secretstore", name, "InvalidProviderConfig");
    }
    let requests = vault.azure.requests(mark).unwrap();
    let there: Vec<_> = requests.iter().filter(|it| it.host.starts_with("127.0.0.1")).collect();
    assert!(
        there.iter().all(|it| it.principal == "administrator" || it.path.starts_with("/_test/")),
        "{there:?}"
    );
    assert_no_value_left(&world, &operator, &["MARKED-by-managed"]);
    drop(operator);

    // In App Service the platform says where, and with which secret.
    let endpoint = vault.azure.identity_endpoint();
    let mark = vault.azure.mark();
    let operator = Operator::start_in(
        &world,
        &[("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", header.as_str())],
    );
    vault.one("in-app-service", "managed", "azure-ambient-key");
    world.wait_data("in-app-service", &[("v", "MARKED-by-managed")]);
    let requests = vault.azure.requests(mark).unwrap();
    assert!(requests.iter().any(|it| it.action == "app-service" && it.status == 200));
    assert!(!requests.iter().any(|it| it.action == "imds"));
    assert_no_value_left(&world, &operator, &["MARKED-by-managed", &header]);
    drop(operator);

    the_pods_own(&world, &vault);
    world.kubectl(&["delete", "plugin", "azurekv"]);
}

/// What the workload identity webhook puts into the operator's pod.
fn the_pods_own(world: &World, vault: &Vault<'_>) {
    let app = vault.azure.app(&world.name).unwrap();
    vault.azure.allow(&app, vault.name, &["secrets/get"]).unwrap();
    let account = format!("operator-{}", world.name);
    let subject = format!("system:serviceaccount:{}:{account}", world.name);
    vault.azure.federate(&app, &subject, "api://AzureADTokenExchange").unwrap();
    let token =
        world.env.cluster.service_account_token(&world.name, &account, "api://AzureADTokenExchange").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, &token).unwrap();
    let operator = Operator::start_in(
        world,
        &[
            ("AZURE_CLIENT_ID", app.client_id.as_str()),
            ("AZURE_TENANT_ID", app.tenant_id.as_str()),
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
            ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
        ],
    );
    let pod = json!({"authType": "WorkloadIdentity"});
    vault.store("pod", pod.clone());
    let message = world.wait_reason("secretstore", "pod", "ReferenceForbidden");
    assert!(message.contains("AZURE_"), "{message}");
    let env = |name: &str| json!({"kind": "env", "name": name});
    plugin(
        world,
        &json!([
            env("AZURE_CLIENT_ID"),
            env("AZURE_TENANT_ID"),
            {"kind": "fileByEnv", "name": "AZURE_FEDERATED_TOKEN_FILE"},
        ]),
    );
    world.wait_ready("secretstore", "pod");
    vault.one("by-pod", "pod", "azure-ambient-key");
    world.wait_data("by-pod", &[("v", "MARKED-by-managed")]);
    // A login of a tenant's would get the token, and could be the operator with it.
    let mark = vault.azure.mark();
    let receiver = vault.azure.login_url();
    let mut stolen = pod;
    stolen["environmentType"] = "AzureStackCloud".into();
    stolen["customCloudConfig"] = json!({"activeDirectoryEndpoint": receiver, "keyVaultEndpoint": RESOURCE});
    vault.store("stolen", stolen);
    world.wait_reason("secretstore", "stolen", "InvalidProviderConfig");
    let requests = vault.azure.requests(mark).unwrap();
    assert!(!requests.iter().any(|it| it.service == "entra" && it.host.starts_with("127.0.0.1")));
    assert_no_value_left(world, &operator, &[&token]);
}
