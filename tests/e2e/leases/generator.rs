//! VaultDynamicSecret: what is made by other requests than a read, from a real PKI and a real database.

use serde_json::json;

use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, world};

#[test]
fn generators_of_a_database_and_of_certificates() {
    let world = world!("leases-generator");
    let corner = Corner::new(&world, &[("app", "1h", "2h")], LEASE_RIGHTS);
    let pki = format!("{}-pki", world.name);
    let api = |method: &str, path: &str, body| corner.mount.api(method, path, body);
    api("POST", &format!("sys/mounts/{pki}"), json!({"type": "pki", "config": {"max_lease_ttl": "87600h"}}));
    api(
        "POST",
        &format!("{pki}/root/generate/internal"),
        json!({"common_name": "test root", "ttl": "8760h"}),
    );
    api(
        "POST",
        &format!("{pki}/roles/web"),
        json!({"allowed_domains": "example.com", "allow_subdomains": true, "max_ttl": "72h", "generate_lease": true}),
    );
    let rights = format!("{LEASE_RIGHTS}path \"{pki}/issue/web\" {{ capabilities = [\"update\"] }}\n");
    corner.database.policy(&corner.mount.path, &["app"], &rights);
    let operator = Operator::start(&world);
    let ns = &world.name;
    let role = api("GET", &format!("auth/{}/role/reader/role-id", corner.login), json!(null));
    let role = role["data"]["role_id"].as_str().unwrap();
    let provider = format!(
        "{{server: \"{}\", auth: {{appRole: {{path: {}, roleId: {role}, secretRef: {{name: approle, key: id}}}}}}}}",
        world.env.bao.address(),
        corner.login
    );
    let mark = world.env.bao.audit_mark();
    world.apply(&format!(
        "apiVersion: generators.external-secrets.io/v1alpha1\nkind: VaultDynamicSecret\nmetadata: {{name: database, namespace: {ns}}}\n\
         spec: {{controller: {ns}, path: {db}/creds/app, resultType: Raw, provider: {provider}}}\n---\n\
         apiVersion: generators.external-secrets.io/v1alpha1\nkind: VaultDynamicSecret\nmetadata: {{name: web, namespace: {ns}}}\n\
         spec: {{controller: {ns}, path: {pki}/issue/web, method: POST, parameters: {{common_name: a.example.com}}, provider: {provider}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: database, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 1s\n  target:\n    template:\n      data:\n\
         \x20       username: '{{{{ (.data | fromJson).username }}}}'\n        password: '{{{{ (.data | fromJson).password }}}}'\n\
         \x20       lease: '{{{{ .lease_id }}}}'\n\
         \x20 dataFrom: [{{sourceRef: {{generatorRef: {{kind: VaultDynamicSecret, name: database}}}}}}]\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: web, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 1s\n\
         \x20 dataFrom: [{{sourceRef: {{generatorRef: {{kind: VaultDynamicSecret, name: web}}}}}}]\n",
        db = corner.database.mount,
    ));
    for name in ["database", "web"] {
        world.wait_ready("externalsecret", name);
    }
    corner.database.accepts_secret("database").unwrap();
    let lease = String::from_utf8(world.data("database").unwrap()["lease"].clone()).unwrap();
    assert_eq!(vec![lease], corner.database.leases("app"));
    let web = world.data("web").unwrap();
    let certificate = String::from_utf8(web["certificate"].clone()).unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"), "{certificate}");
    assert!(web.contains_key("private_key") && web.contains_key("issuing_ca"), "{:?}", web.keys());

    // Both have leases: refreshes make nothing more, and the end of the ExternalSecret takes the certificate back.
    let serial = String::from_utf8(web["serial_number"].clone()).unwrap();
    let refreshes = |name: &str| {
        let labels = format!("externalsecret_sync_calls_total{{name=\"{name}\",namespace=\"{ns}\"}}");
        operator.metric(&labels).unwrap_or_default()
    };
    world.wait("refreshes", || match (refreshes("database"), refreshes("web")) {
        (database, web) if database >= 3.0 && web >= 3.0 => Ok(()),
        counts => Err(format!("{counts:?}")),
    });
    assert_eq!((corner.made(mark, "app"), corner.asked(mark, &format!("{pki}/issue/web"))), (1, 1));
    world.kubectl(&["-n", ns, "delete", "externalsecret", "web"]);
    world.wait("the certificate to be revoked", || {
        let about = api("GET", &format!("{pki}/cert/{serial}"), json!(null));
        match about["data"]["revocation_time"].as_u64() {
            Some(time) if time > 0 => Ok(()),
            _ => Err(about["data"]["revocation_time"].to_string()),
        }
    });

    // A generator that is changed makes another; one that is not there, and a kind that nobody answers to, are named.
    world.kubectl(&[
        "-n",
        ns,
        "patch",
        "vaultdynamicsecret",
        "database",
        "--type=merge",
        "-p",
        "{\"spec\":{\"getParameters\":{\"x\":[\"1\"]}}}",
    ]);
    world.wait("another credential", || match corner.made(mark, "app") {
        2 => Ok(()),
        count => Err(format!("{count}")),
    });
    for (name, kind, reason, said) in [
        ("nothing", "VaultDynamicSecret", "GeneratorNotFound", format!("VaultDynamicSecret {ns}/none")),
        ("nobody", "Grafana", "GeneratorUnknown", "generators of kind Grafana".to_owned()),
    ] {
        world.apply(&format!(
            "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, namespace: {ns}}}\n\
             spec:\n  secretStoreRef: {{name: vault}}\n  dataFrom: [{{sourceRef: {{generatorRef: {{kind: {kind}, name: none}}}}}}]\n"
        ));
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(&said), "{message}");
    }
}
