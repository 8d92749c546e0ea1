//! The reference document's Azure manifests as they stand: its store, and the pair of ExternalSecrets that keeps
//! the same keys in AWS and in Azure.

use claviger_testenv::{Aws, AwsOptions};
use serde_json::json;

use crate::support::{Account, ENDPOINTS, Operator, Vault, allow, assert_no_value_left, seed_values, world};

/// The document's placeholder, which is a tenant here.
const TENANT: &str = "tenant-id-here";

#[test]
fn the_documents_cross_cloud_pair() {
    let world = world!("azure-seed");
    let Some(vault) = Vault::new(&world, "my-keyvault") else { return };
    // Azure, the copy: its vault is of the document's tenant, and the store's application may read secrets.
    vault.azure.control("vault", &json!({"name": "my-keyvault", "tenant": TENANT})).unwrap();
    let app = vault.azure.app_in(TENANT, &world.name).unwrap();
    vault.azure.allow(&app, "my-keyvault", &["secrets/get"]).unwrap();
    let copied = seed_values("azure-keyvault");
    for (key, value) in &copied {
        vault.put(key, value);
    }
    // AWS, the primary: a server of its own, since other tests have the document's keys too.
    let dir = tempfile::tempdir().unwrap();
    let cluster = &world.env.cluster;
    let options = AwsOptions {
        jwks: cluster.jwks().unwrap(),
        issuer: cluster.issuer().to_owned(),
        metadata: Vec::new(),
    };
    let server = Aws::start(&world.env.tools, dir.path(), &options).unwrap();
    let account = Account::at(&world, server.view().in_region("us-east-1"));
    let trust = account.trust_in_account(&world.name, "external-secrets-sa");
    let reads = allow(
        &["secretsmanager:GetSecretValue"],
        &["arn:aws:secretsmanager:us-east-1:123456789012:secret:external-apis/*"],
    );
    let role = account.role("external-secrets-role", &trust, &json!([reads]));
    let primary = seed_values("aws-secrets-manager");
    let apis = primary.iter().filter(|(key, _)| key.starts_with("external-apis/"));
    for (key, value) in apis {
        account.secret(key, value);
    }
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
            "name": "external-secrets-sa", "namespace": world.name,
            "annotations": {"eks.amazonaws.com/role-arn": role},
        },
    }));
    let operator = Operator::start_in(&world, &ENDPOINTS.map(|name| (name, account.aws.address())));
    world.apply_json(&world.seed("aws-secrets-manager"));
    world.apply_json(&world.seed("api-keys-aws"));
    let mut store = world.seed("azure-keyvault");
    assert_eq!(store["spec"]["provider"]["azurekv"]["tenantId"], TENANT);
    store["spec"]["provider"]["azurekv"]["clientId"] = app.client_id.as_str().into();
    world.apply_json(&store);
    let secret = vault.azure.client_secret(&app).unwrap();
    vault.secret("azure-secret-sp", json!({"ClientSecret": secret}));
    world.apply_json(&world.seed("api-keys-azure-backup"));
    world.wait_ready("secretstore", "azure-keyvault");
    world.wait_seed("api-keys-aws", &[]);
    world.wait_seed("api-keys-azure-backup", &[]);
    assert_eq!(
        world.data("external-api-keys"),
        world.data("external-api-keys-backup"),
        "one has the other's"
    );
    assert_no_value_left(&world, &operator, &[&copied[0].1, &copied[1].1, &secret]);
}
