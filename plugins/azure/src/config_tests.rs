//! Where vaults and logins may be, and for whom. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;
use crate::fake::{kind_at, store};

fn parse(config: &Value, settings: &str) -> Result<Config, Error> {
    Config::parse(&config.to_string(), settings)
}

/// Hosts from go-autorest's `azure/environments.go`.
#[test]
fn each_cloud_has_its_vaults_resource_and_login() {
    for (environment, vault, resource, login) in [
        (json!(null), "my.vault.azure.net", "https://vault.azure.net", "https://login.microsoftonline.com"),
        (
            json!("PublicCloud"),
            "my.vault.azure.net",
            "https://vault.azure.net",
            "https://login.microsoftonline.com",
        ),
        (
            json!("USGovernmentCloud"),
            "my.vault.usgovcloudapi.net",
            "https://vault.usgovcloudapi.net",
            "https://login.microsoftonline.us",
        ),
        (
            json!("ChinaCloud"),
            "my.vault.azure.cn",
            "https://vault.azure.cn",
            "https://login.chinacloudapi.cn",
        ),
        (
            json!("GermanCloud"),
            "my.vault.microsoftazure.de",
            "https://vault.microsoftazure.de",
            "https://login.microsoftonline.de",
        ),
    ] {
        let config = store(json!({"environmentType": environment, "vaultUrl": format!("https://{vault}/")}));
        let config = parse(&config, "{}").unwrap();
        assert_eq!(config.vault.origin(), format!("https://{vault}"));
        assert_eq!((config.resource.as_str(), config.login.text().as_str()), (resource, login));
    }
    assert_eq!(kind_at(&parse(&store(json!({"environmentType": "Moon"})), "")), "/environmentType");
}

/// A token for a cloud's vaults goes nowhere else, whoever logs in.
#[test]
fn vaults_are_the_clouds() {
    let logins = [
        json!({}),
        json!({"authType": "ManagedIdentity", "clientId": null}),
        json!({"authType": "WorkloadIdentity", "clientId": null}),
        json!({"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa"}}),
    ];
    let own = json!({"activeDirectoryEndpoint": "https://login.microsoftonline.com"});
    for login in logins {
        for custom in [&json!(null), &own] {
            for (environment, url, fine) in [
                ("PublicCloud", "https://my.vault.azure.net", true),
                ("PublicCloud", "https://MY.VAULT.AZURE.NET/", true),
                ("PublicCloud", "https://my.vault.azure.net:443", true),
                ("PublicCloud", "http://my.vault.azure.net", false),
                ("PublicCloud", "https://vault.azure.net", false),
                ("PublicCloud", "https://evil.example", false),
                ("PublicCloud", "https://my.vault.azure.net.evil.example", false),
                ("PublicCloud", "https://evil.example/.vault.azure.net", false),
                ("PublicCloud", "https://evil.example#.vault.azure.net", false),
                ("PublicCloud", "https://evil.example?.vault.azure.net", false),
                ("PublicCloud", "https://evil.example\\.vault.azure.net", false),
                ("PublicCloud", "https://my.vault.azure.net@evil.example", false),
                ("PublicCloud", "https://evil.example@my.vault.azure.net", false),
                ("PublicCloud", "https://myvault.azure.net", false),
                ("PublicCloud", "https://127.0.0.1", false),
                ("PublicCloud", "https://my.vault.usgovcloudapi.net", false),
                ("PublicCloud", "https://my.vault.azure.net/x", false),
                ("PublicCloud", "my.vault.azure.net", false),
                ("PublicCloud", "", false),
                ("USGovernmentCloud", "https://my.vault.usgovcloudapi.net", true),
                ("USGovernmentCloud", "https://my.vault.azure.net", false),
                ("ChinaCloud", "https://my.vault.azure.cn", true),
                ("ChinaCloud", "https://my.vault.azure.net", false),
                ("GermanCloud", "https://my.vault.microsoftazure.de", true),
                ("GermanCloud", "https://my.vault.azure.net", false),
            ] {
                let mut config = store(login.clone());
                config["environmentType"] = json!(environment);
                config["vaultUrl"] = json!(url);
                config["customCloudConfig"] = custom.clone();
                let found = kind_at(&parse(&config, ""));
                assert_eq!(found, if fine { "value" } else { "/vaultUrl" }, "{config}");
            }
        }
    }
}

/// What is the operator's goes below the resource only; what is the store's own, wherever the store says.
#[test]
fn custom_clouds() {
    let ad = "https://login.stack.example";
    let endpoint = json!({"activeDirectoryEndpoint": ad, "keyVaultEndpoint": "https://vault.stack.example/"});
    let public = json!({"activeDirectoryEndpoint": ad, "keyVaultEndpoint": "https://vault.azure.net"});
    let suffix = json!({"activeDirectoryEndpoint": ad, "keyVaultDNSSuffix": ".vault.stack.example"});
    let adfs =
        json!({"activeDirectoryEndpoint": ad, "keyVaultEndpoint": "https://vault.adfs.stack.example/4711"});
    let bare = json!({"activeDirectoryEndpoint": ad});
    let within = "https://vault.stack.example";
    for (custom, vault, resource, own, ambient) in [
        (&endpoint, "https://my.vault.stack.example", within, true, true),
        (&endpoint, "http://my.vault.stack.example", within, true, false),
        (&endpoint, "https://vault.stack.example", within, true, false),
        (&endpoint, "https://myvault.stack.example", within, true, false),
        (&endpoint, "https://evil.example", within, true, false),
        (&endpoint, "https://my.vault.stack.example.evil.example", within, true, false),
        (&public, "https://evil.example", "https://vault.azure.net", true, false),
        (&public, "https://my.vault.azure.net", "https://vault.azure.net", true, true),
        (&public, "http://127.0.0.1:8443", "https://vault.azure.net", true, false),
        (&suffix, "https://my.vault.stack.example", within, true, true),
        (&suffix, "https://my.vault.other.example", within, true, false),
        (&adfs, "https://my.vault.adfs.stack.example", "https://vault.adfs.stack.example/4711", true, true),
        (&bare, "https://my.vault.stack.example", within, true, true),
        (&bare, "https://localhost:8443", "/customCloudConfig/keyVaultEndpoint", false, false),
    ] {
        let more = json!({"environmentType": CUSTOM, "vaultUrl": vault, "customCloudConfig": custom});
        let config = parse(&store(more.clone()), "");
        match own {
            true => {
                let config = config.unwrap();
                assert_eq!(
                    (config.resource.as_str(), config.login.text().as_str()),
                    (resource, ad),
                    "{more}"
                );
            }
            false => assert_eq!(kind_at(&config), resource, "{more}"),
        }
        let mut managed = more.clone();
        managed["authType"] = json!("ManagedIdentity");
        assert_eq!(parse(&managed, "").is_ok(), ambient, "{managed}");
        // Its login is the store's, so it is refused whatever the vault.
        let mut pod = more;
        pod["authType"] = json!("WorkloadIdentity");
        let settings = json!({"endpoints": {"login": ad}}).to_string();
        assert!(parse(&pod, "").is_err(), "{pod}");
        assert_eq!(parse(&pod, &settings).is_ok(), ambient, "{pod}");
        // A ServiceAccount is the tenant's own.
        pod["serviceAccountRef"] = json!({"name": "sa"});
        assert_eq!(parse(&pod, "").is_ok(), own, "{pod}");
    }
}

/// The operator's own token could be changed into any of its rights by whoever gets it.
#[test]
fn the_pods_token_goes_to_known_endpoints_only() {
    let stack = json!({"endpoints": {"login": "https://login.stack.example/"}}).to_string();
    for (login, settings, fine) in [
        (None, "", true),
        (None, stack.as_str(), true),
        (Some("https://login.microsoftonline.com/"), "", true),
        (Some("https://login.microsoftonline.us"), "", true),
        (Some("https://login.partner.microsoftonline.cn"), "", true),
        (Some("https://partner.microsoftonline.cn"), "", false),
        (Some("https://login.stack.example"), &stack, true),
        (Some("https://login.stack.example"), "", false),
        (Some("http://login.microsoftonline.com"), "", false),
        (Some("https://login.microsoftonline.com.evil.example"), "", false),
        (Some("https://login.microsoftonline.com:8443"), "", false),
        (Some("https://login.microsoftonline.com/evil"), "", false),
        (Some("https://evil.example"), &stack, false),
    ] {
        let custom = login.map(|login| json!({"activeDirectoryEndpoint": login}));
        let config = json!({
            "vaultUrl": "https://my.vault.azure.net", "authType": "WorkloadIdentity", "customCloudConfig": custom,
        });
        let expected = if fine { "value" } else { LOGIN_AT };
        assert_eq!(kind_at(&parse(&config, settings)), expected, "{config} {settings}");
    }
}

/// Else a store could choose for what and for whom Microsoft's endpoints give tokens of the operator's application: any
/// tenant may have a name below azure-api.net.
#[test]
fn the_pods_token_is_changed_into_tokens_for_vaults_only() {
    let stack = json!({"endpoints": {"login": "https://login.stack.example"}}).to_string();
    let webhook = json!({"endpoints": {"login": "https://login.microsoftonline.com/"}}).to_string();
    let (microsofts, own) = ("https://login.microsoftonline.com", "https://login.stack.example");
    for (login, resource, vault, settings, expected) in [
        (microsofts, "https://vault.azure.net", "https://my.vault.azure.net", "", "value"),
        (microsofts, "https://vault.azure.net/", "https://my.vault.azure.net", "", "value"),
        (
            "https://login.partner.microsoftonline.cn",
            "https://vault.azure.cn",
            "https://my.vault.azure.cn",
            "",
            "value",
        ),
        (microsofts, "https://vault.azure.net", "http://my.vault.azure.net", "", VAULT_AT),
        (microsofts, "https://vault.azure.net", "https://my.vault.azure.cn", "", VAULT_AT),
        (microsofts, "https://vault.azure.net", "https://evil.example", "", VAULT_AT),
        (
            microsofts,
            "https://azure-api.net/authorization-manager",
            "https://evil.azure-api.net",
            "",
            RESOURCE_AT,
        ),
        (microsofts, "https://corp.example/api", "https://x.corp.example", "", RESOURCE_AT),
        (microsofts, "https://azure.net", "https://evil.azure.net", "", RESOURCE_AT),
        (microsofts, "https://azure.net", "https://my.vault.azure.net", "", RESOURCE_AT),
        (microsofts, "http://vault.azure.net", "https://my.vault.azure.net", "", RESOURCE_AT),
        (microsofts, "https://vault.azure.net/x", "https://my.vault.azure.net", "", RESOURCE_AT),
        (microsofts, "https://vault.azure.net:443", "https://my.vault.azure.net", "", RESOURCE_AT),
        // What the webhook sets is no stack of the admin's, and beside one Microsoft's are what they were.
        (microsofts, "https://corp.example/api", "https://x.corp.example", &webhook, RESOURCE_AT),
        (microsofts, "https://corp.example/api", "https://x.corp.example", &stack, RESOURCE_AT),
        (own, "https://corp.example/api", "https://x.corp.example", &stack, "value"),
        (own, "https://corp.example/api", "https://x.other.example", &stack, VAULT_AT),
    ] {
        let custom = json!({"activeDirectoryEndpoint": login, "keyVaultEndpoint": resource});
        let mut config = json!({
            "environmentType": CUSTOM, "vaultUrl": vault, "authType": "WorkloadIdentity", "customCloudConfig": custom,
        });
        assert_eq!(kind_at(&parse(&config, settings)), expected, "{config} {settings}");
        // What it is without keyVaultEndpoint is the store's choice too.
        if expected == RESOURCE_AT && !vault.contains("vault.azure.net") {
            let parent = vault.split_once('.').map(|(_, parent)| parent);
            for custom in [json!({"keyVaultDNSSuffix": parent}), json!({})] {
                config["customCloudConfig"] = custom;
                config["customCloudConfig"]["activeDirectoryEndpoint"] = json!(login);
                assert_eq!(kind_at(&parse(&config, settings)), RESOURCE_AT, "{config} {settings}");
            }
        }
        // The grant names the resource of a managed identity.
        config["authType"] = json!("ManagedIdentity");
        let fine = resource == "https://corp.example/api" && vault == "https://x.corp.example";
        assert!(!fine || parse(&config, settings).is_ok(), "{config}");
    }
}

#[test]
fn whose_login_counts() {
    let settings = |login: &str| json!({"endpoints": {"login": login}}).to_string();
    let own = json!({"activeDirectoryEndpoint": "https://login.own.example/base/"});
    for (environment, custom, settings, expected) in [
        ("PublicCloud", json!(null), settings("https://login.admin.example/"), "https://login.admin.example"),
        ("ChinaCloud", json!(null), settings("http://127.0.0.1:8080"), "http://127.0.0.1:8080"),
        // The webhook of workload identity sets this in every pod, and means nothing by it.
        (
            "USGovernmentCloud",
            json!(null),
            settings("https://login.microsoftonline.com/"),
            "https://login.microsoftonline.us",
        ),
        (
            "PublicCloud",
            json!(null),
            settings("https://login.partner.microsoftonline.cn"),
            "https://login.microsoftonline.com",
        ),
        (
            "PublicCloud",
            own.clone(),
            settings("https://login.admin.example"),
            "https://login.own.example/base",
        ),
        ("PublicCloud", own.clone(), String::new(), "https://login.own.example/base"),
        (CUSTOM, own, settings("https://login.admin.example"), "https://login.own.example/base"),
    ] {
        let cloud = CLOUDS.iter().find(|cloud| cloud.name == environment);
        let vault = format!("https://my{}", cloud.map_or(".vault.own.example", |cloud| cloud.suffix));
        let config = json!({"environmentType": environment, "vaultUrl": vault, "customCloudConfig": custom});
        let config = parse(&store(config), &settings).unwrap();
        assert_eq!(config.login.text(), expected, "{environment} {settings}");
    }
    for wrong in ["{", r#"{"endpoints":{"login":"login.example"}}"#] {
        let found = parse(&store(json!({})), wrong);
        assert!(matches!(found, Err(Error::Other(_))), "{wrong}");
    }
}

#[test]
fn a_custom_cloud_is_whole() {
    for (more, at) in [
        (json!({"environmentType": CUSTOM}), "/customCloudConfig"),
        (json!({"environmentType": CUSTOM, "customCloudConfig": {}}), LOGIN_AT),
        (json!({"customCloudConfig": {"keyVaultEndpoint": "https://vault.azure.net"}}), LOGIN_AT),
        (json!({"customCloudConfig": {"activeDirectoryEndpoint": "login.example"}}), LOGIN_AT),
        (json!({"customCloudConfig": {"activeDirectoryEndpoint": "http://login.example"}}), LOGIN_AT),
        (
            json!({"environmentType": CUSTOM, "customCloudConfig": {"activeDirectoryEndpoint": "https://x", "keyVaultEndpoint": "x"}}),
            RESOURCE_AT,
        ),
        (
            json!({"environmentType": CUSTOM, "customCloudConfig": {"activeDirectoryEndpoint": "https://x", "keyVaultDNSSuffix": "a/../b"}}),
            SUFFIX_AT,
        ),
    ] {
        // What the admin sets is for the other clouds.
        for settings in ["", r#"{"endpoints":{"login":"https://login.admin.example"}}"#] {
            assert_eq!(kind_at(&parse(&store(more.clone()), settings)), at, "{more}");
        }
    }
}

/// Every field of ESO's, as its definition of SecretStore lists them, and of the reference document's, is one that
/// the schema takes.
#[test]
fn the_schema_takes_every_field() {
    let schema: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap();
    let resolved = |place: &'_ Value| match place["$ref"].as_str() {
        Some(at) => schema.pointer(at.trim_start_matches('#')).unwrap().clone(),
        None => place.clone(),
    };
    let also = include_str!("../../../crds/tests/eso-fields/also-accepted.txt");
    let also = also.lines().filter_map(|line| line.strip_prefix("azurekv."));
    let fields = include_str!("../../../crds/tests/eso-fields/provider-azurekv.txt");
    let mut count = 0;
    for line in fields.lines().filter(|line| !line.starts_with('#')).chain(also) {
        let (path, kind) = line.split_once(" : ").unwrap();
        let mut place = schema.clone();
        for step in path.split('.') {
            place = resolved(&place["properties"][step.trim_end_matches('*')]);
            assert!(place.is_object(), "{path}");
        }
        let mark = match kind {
            kind if kind.starts_with("ref{") => Some("secretRef"),
            kind if kind.starts_with("ServiceAccountSelector{") => Some("serviceAccountRef"),
            _ => None,
        };
        assert_eq!(place["x-claviger"].as_str(), mark, "{path}");
        let inner =
            kind.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inner, _)| inner);
        for field in inner.split(',').filter(|field| !field.is_empty()) {
            assert!(place["properties"][field.trim_end_matches("[]")].is_object(), "{path}: {kind}");
        }
        count += 1;
    }
    assert_eq!(count, 20);
}
