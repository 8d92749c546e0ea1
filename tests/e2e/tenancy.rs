//! A tenant of one namespace tries to reach what is another's: by every reference of the providers' schemas,
//! through shared stores, through answers and logins that the operator keeps. On real RBAC, with the API
//! server's audit log as the witness.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Account, Mount, Operator, World, allow, assert_no_value_left, world};

/// The other tenant's corner, with a Secret and a ServiceAccount that nobody else may use.
fn victim(world: &World) -> World {
    let victim = World { env: world.env.clone(), name: format!("{}-victim", world.name) };
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": victim.name}}),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": victim.name},
            "stringData": {"k": "MARKED-victims-secret"},
        }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
                "name": "theirs", "namespace": victim.name,
                "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/victims"},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine", "namespace": world.name},
            "stringData": {"k": "MARKED-own-secret"},
        }),
    ] {
        world.apply_json(&object);
    }
    victim
}

/// A config for each reference of a provider, in which that one names the victim's object (`theirs`) and all
/// others are the tenant's own.
fn configs(provider: &str, server: &str, victim: &str) -> Vec<(&'static str, Value)> {
    let theirs = json!({"name": "theirs", "key": "k", "namespace": victim});
    let account = json!({"name": "theirs", "namespace": victim});
    let mine = json!({"name": "mine", "key": "k"});
    let vault = |rest: Value| {
        let mut config = json!({"server": server, "path": "secret", "auth": {"tokenSecretRef": mine}});
        for (field, value) in rest.as_object().unwrap() {
            config[field] = value.clone();
        }
        config
    };
    let login = |auth: Value| vault(json!({ "auth": auth }));
    let over_tls = |auth: Value| {
        let mut config = login(auth);
        config["server"] = server.replace("http://", "https://").into();
        config
    };
    let tls = |tls: Value| vault(json!({ "tls": tls }));
    let aws = |auth: Value| json!({"service": "SecretsManager", "region": "eu-central-1", "auth": auth});
    if provider == "aws" {
        let keys = |field: &str, reference: &Value| {
            let eso = field.ends_with("SecretRef");
            let (id, secret) = if eso {
                ("accessKeyIDSecretRef", "secretAccessKeySecretRef")
            } else {
                ("accessKeyID", "secretAccessKey")
            };
            let mut keys = json!({id: mine, secret: mine});
            keys[field] = reference.clone();
            aws(json!({ "secretRef": keys }))
        };
        return vec![
            ("/auth/jwt/serviceAccountRef", aws(json!({"jwt": {"serviceAccountRef": account}}))),
            ("/auth/secretRef/accessKeyIDSecretRef", keys("accessKeyIDSecretRef", &theirs)),
            ("/auth/secretRef/secretAccessKeySecretRef", keys("secretAccessKeySecretRef", &theirs)),
            ("/auth/secretRef/sessionTokenSecretRef", keys("sessionTokenSecretRef", &theirs)),
            ("/auth/secretRef/accessKeyID", keys("accessKeyID", &theirs)),
            ("/auth/secretRef/secretAccessKey", keys("secretAccessKey", &theirs)),
            ("/auth/secretRef/sessionToken", keys("sessionToken", &theirs)),
        ];
    }
    let iam = |field: &str| {
        let mut keys = json!({"accessKeyIDSecretRef": mine, "secretAccessKeySecretRef": mine});
        keys[field] = theirs.clone();
        login(json!({"iam": {"vaultRole": "r", "secretRef": keys}}))
    };
    vec![
        (
            "/caProvider",
            vault(
                json!({"caProvider": {"type": "Secret", "name": "theirs", "key": "k", "namespace": victim}}),
            ),
        ),
        ("/tls/certSecretRef", tls(json!({"certSecretRef": theirs, "keySecretRef": mine}))),
        ("/tls/keySecretRef", tls(json!({"certSecretRef": mine, "keySecretRef": theirs}))),
        ("/tls/caCert/secretRef", tls(json!({"caCert": {"secretRef": theirs}}))),
        (
            "/tls/clientCert/secretRef",
            tls(json!({"clientCert": {"secretRef": theirs}, "clientKey": {"secretRef": mine}})),
        ),
        (
            "/tls/clientKey/secretRef",
            tls(json!({"clientCert": {"secretRef": mine}, "clientKey": {"secretRef": theirs}})),
        ),
        ("/auth/tokenSecretRef", login(json!({"tokenSecretRef": theirs}))),
        (
            "/auth/appRole/roleRef",
            login(json!({"appRole": {"path": "approle", "roleRef": theirs, "secretRef": mine}})),
        ),
        (
            "/auth/appRole/secretRef",
            login(json!({"appRole": {"path": "approle", "roleId": "r", "secretRef": theirs}})),
        ),
        (
            "/auth/kubernetes/serviceAccountRef",
            login(json!({"kubernetes": {"mountPath": "k", "role": "r", "serviceAccountRef": account}})),
        ),
        (
            "/auth/kubernetes/secretRef",
            login(json!({"kubernetes": {"mountPath": "k", "role": "r", "secretRef": theirs}})),
        ),
        ("/auth/jwt/secretRef", login(json!({"jwt": {"path": "jwt", "secretRef": theirs}}))),
        ("/auth/jwt/serviceAccountRef", login(json!({"jwt": {"path": "jwt", "serviceAccountRef": account}}))),
        (
            "/auth/jwt/kubernetesServiceAccountToken/serviceAccountRef",
            login(
                json!({"jwt": {"path": "jwt", "kubernetesServiceAccountToken": {"serviceAccountRef": account}}}),
            ),
        ),
        (
            "/auth/ldap/secretRef",
            login(json!({"ldap": {"path": "ldap", "username": "u", "secretRef": theirs}})),
        ),
        (
            "/auth/userPass/secretRef",
            login(json!({"userPass": {"path": "userpass", "username": "u", "secretRef": theirs}})),
        ),
        ("/auth/cert/clientCert", over_tls(json!({"cert": {"clientCert": theirs, "secretRef": mine}}))),
        ("/auth/cert/secretRef", over_tls(json!({"cert": {"clientCert": mine, "secretRef": theirs}}))),
        ("/auth/iam/secretRef/accessKeyIDSecretRef", iam("accessKeyIDSecretRef")),
        ("/auth/iam/secretRef/secretAccessKeySecretRef", iam("secretAccessKeySecretRef")),
        ("/auth/iam/secretRef/sessionTokenSecretRef", iam("sessionTokenSecretRef")),
        (
            "/auth/iam/jwt/serviceAccountRef",
            login(json!({"iam": {"vaultRole": "r", "jwt": {"serviceAccountRef": account}}})),
        ),
        (
            "/auth/gcp/secretRef/secretAccessKeySecretRef",
            login(json!({"gcp": {"role": "r", "secretRef": {"secretAccessKeySecretRef": theirs}}})),
        ),
        ("/auth/gcp/serviceAccountRef", login(json!({"gcp": {"role": "r", "serviceAccountRef": account}}))),
        (
            "/auth/gcp/workloadIdentity/serviceAccountRef",
            login(json!({"gcp": {"role": "r", "workloadIdentity": {"serviceAccountRef": account}}})),
        ),
    ]
}

/// Every place that a plugin's config schema marks as a reference.
fn marked(world: &World, provider: &str) -> BTreeSet<String> {
    fn walk(schema: &Value, node: &Value, at: &str, found: &mut BTreeSet<String>) {
        let node = match node["$ref"].as_str() {
            Some(name) => schema.pointer(name.trim_start_matches('#')).unwrap(),
            None => node,
        };
        if node.get("x-claviger").is_some() {
            found.insert(at.to_owned());
        }
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            walk(schema, property, &format!("{at}/{name}"), found);
        }
    }
    let output = Command::new(&world.env.claviger)
        .args(["plugin", "inspect", "--json"])
        .arg(world.env.plugin_dir.join(format!("{provider}.wasm")))
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .output()
        .unwrap();
    let inspection: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = inspection["configSchema"].clone();
    assert!(schema.is_object(), "{inspection}");
    let mut found = BTreeSet::new();
    walk(&schema, &schema, "", &mut found);
    found
}

#[test]
fn no_reference_leaves_the_namespace() {
    let world = world!("tenancy-refs");
    let victim = victim(&world);
    let operator = Operator::start(&world);
    let mark = world.env.cluster.audit_mark();
    let mut tried = Vec::new();
    for provider in ["vault", "aws"] {
        let configs = configs(provider, world.env.bao.address(), &victim.name);
        let covered: BTreeSet<String> = configs.iter().map(|(at, _)| (*at).to_owned()).collect();
        assert_eq!(covered, marked(&world, provider), "every reference of {provider} is tried");
        for (number, (at, config)) in configs.into_iter().enumerate() {
            let name = format!("{provider}-{number}");
            world.apply_json(&json!({
                "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
                "metadata": {"name": name, "namespace": world.name},
                "spec": {"controller": world.name, "provider": {provider: config}},
            }));
            tried.push((name, at));
        }
    }
    for (name, at) in tried {
        let (status, reason, message) = world.wait(&format!("a verdict on {name}"), || {
            world.ready("secretstore", &name).ok_or_else(|| "none".to_owned())
        });
        // What a plugin cannot do yet it refuses before it asks for anything.
        let not_yet =
            ["/auth/gcp/serviceAccountRef", "/auth/gcp/workloadIdentity/serviceAccountRef"].contains(&at);
        let expected = if not_yet { "InvalidProviderConfig" } else { "ReferenceForbidden" };
        assert_eq!((status.as_str(), reason.as_str()), ("False", expected), "{at}: {message}");
        assert!(not_yet || (message.contains(at) && message.contains(&victim.name)), "{at}: {message}");
    }
    external_secret(&world, "es", "SecretStore", "vault-0", "k");
    world.wait_reason("externalsecret", "es", "StoreNotReady");
    let user = format!("system:serviceaccount:{ns}:operator-{ns}", ns = world.name);
    let requests = world.env.cluster.audit_requests(mark).unwrap();
    let witness = |namespace: &str| -> Vec<String> {
        let theirs = |uri: &str| uri.contains(&format!("/namespaces/{namespace}/"));
        let seen = requests.iter().filter(|it| it.user == user && theirs(&it.uri));
        seen.map(|it| format!("{} {}", it.verb, it.uri)).collect()
    };
    let touched = witness(&victim.name);
    assert_eq!(touched, Vec::<String>::new(), "nothing of the victim's was even asked for");
    // The same witness saw what was the tenant's own.
    assert!(witness(&world.name).iter().any(|it| it.ends_with("/secrets/mine")));
    assert_no_value_left(&world, &operator, &["MARKED-victims-secret", "MARKED-own-secret"]);
}

fn external_secret(world: &World, name: &str, kind: &str, store: &str, key: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "refreshInterval": "2s", "secretStoreRef": {"kind": kind, "name": store},
            "data": [{"secretKey": "v", "remoteRef": {"key": key, "property": "v"}}],
        },
    }));
}

fn cluster_store(world: &World, name: &str, rest: Value) {
    let mut spec = json!({"controller": world.name, "refreshInterval": 2});
    for (field, value) in rest.as_object().unwrap() {
        spec[field] = value.clone();
    }
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": name}, "spec": spec,
    }));
}

#[test]
fn tenants_of_one_store_share_neither_answers_nor_logins() {
    let world = world!("tenancy-vault");
    let other = victim(&world);
    let mount = Mount::kv2(&world);
    mount.put("a/key", json!({"v": "MARKED-tenant-a"}));
    mount.put("b/key", json!({"v": "MARKED-tenant-b"}));
    // Each tenant's login reads its own folder.
    mount.api("POST", &format!("sys/auth/{}", mount.path), json!({"type": "approle"}));
    let mut logins = Vec::new();
    for folder in ["a", "b"] {
        let name = format!("{}-{folder}", mount.path);
        let policy = format!("path \"{}/data/{folder}/*\" {{ capabilities = [\"read\"] }}", mount.path);
        mount.api("PUT", &format!("sys/policies/acl/{name}"), json!({"policy": policy}));
        let role = format!("auth/{}/role/{folder}", mount.path);
        mount.api("POST", &role, json!({"token_policies": [name], "token_ttl": "10m"}));
        let id = mount.api("GET", &format!("{role}/role-id"), Value::Null)["data"]["role_id"].clone();
        let secret = mount.api("POST", &format!("{role}/secret-id"), json!({}))["data"]["secret_id"].clone();
        logins.push(json!({"role-id": id, "secret-id": secret}));
    }
    let operator = Operator::start(&world);
    let reference = |key: &str| json!({"name": "login", "key": key});
    cluster_store(
        &world,
        "tenancy-vault",
        json!({"provider": {"vault": {
            "server": world.env.bao.address(), "path": mount.path,
            "auth": {"appRole": {"path": mount.path, "roleRef": reference("role-id"), "secretRef": reference("secret-id")}},
        }}}),
    );
    world.wait_ready("clustersecretstore", "tenancy-vault");
    let (_, reason, message) = world.ready("clustersecretstore", "tenancy-vault").unwrap();
    assert_eq!(reason, "ValidationUnknown", "{message}");
    let login = |world: &World, data: &Value| {
        world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": world.name},
            "stringData": data,
        }));
    };
    let mark = world.env.bao.audit_mark();
    login(&world, &logins[0]);
    external_secret(&world, "own", "ClusterSecretStore", "tenancy-vault", "a/key");
    world.wait_data("own", &[("v", "MARKED-tenant-a")]);
    // The other has no login at all, then one of its own; a's answers are seconds old, a's token lives.
    external_secret(&other, "foreign", "ClusterSecretStore", "tenancy-vault", "a/key");
    let message = other.wait_reason("externalsecret", "foreign", "ReferenceNotFound");
    assert!(message.contains(&format!("Secret {}/login", other.name)), "{message}");
    login(&other, &logins[1]);
    let message = other.wait_reason("externalsecret", "foreign", "AccessDenied");
    assert!(message.contains("a/key"), "{message}");
    external_secret(&other, "own", "ClusterSecretStore", "tenancy-vault", "b/key");
    other.wait_data("own", &[("v", "MARKED-tenant-b")]);
    external_secret(&world, "foreign", "ClusterSecretStore", "tenancy-vault", "b/key");
    world.wait_reason("externalsecret", "foreign", "AccessDenied");
    assert!(other.get("secret", "foreign").is_none() && world.get("secret", "foreign").is_none());
    let path = format!("auth/{}/login", mount.path);
    let entries = world.env.bao.audit_entries(mark).unwrap();
    let count = entries.iter().filter(|entry| entry.kind == "request" && entry.path == path).count();
    assert_eq!(count, 2, "one login for each tenant");

    // A store of one namespace is nobody else's, and a shared one is whose its conditions say.
    external_secret(&other, "no-store", "SecretStore", "private", "a/key");
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "private", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "a/key", "value": "{\"v\":\"MARKED-private\"}"}]}}},
    }));
    world.wait_ready("secretstore", "private");
    let message = other.wait_reason("externalsecret", "no-store", "StoreNotFound");
    assert!(message.contains(&other.name), "{message}");
    cluster_store(
        &world,
        "tenancy-conditions",
        json!({
            "conditions": [{"namespaces": [world.name]}],
            "provider": {"fake": {"data": [{"key": "a/key", "value": "{\"v\":\"MARKED-conditions\"}"}]}},
        }),
    );
    external_secret(&world, "allowed", "ClusterSecretStore", "tenancy-conditions", "a/key");
    world.wait_data("allowed", &[("v", "MARKED-conditions")]);
    external_secret(&other, "refused", "ClusterSecretStore", "tenancy-conditions", "a/key");
    other.wait_reason("externalsecret", "refused", "StoreForbidden");
    assert_no_value_left(
        &world,
        &operator,
        &["MARKED-tenant-a", "MARKED-tenant-b", "MARKED-private", "MARKED-conditions"],
    );
    world.kubectl(&["delete", "clustersecretstore", "tenancy-vault", "tenancy-conditions"]);
}

#[test]
fn tenants_of_one_aws_store_are_told_apart_by_keys_and_by_tags() {
    let world = world!("tenancy-aws");
    let other = victim(&world);
    let account = Account::new(&world, "eu-central-1");
    for name in ["a", "b"] {
        account.secret(&format!("tenancy-aws/{name}"), &format!("{{\"v\":\"MARKED-aws-tenant-{name}\"}}"));
    }
    let reads = |name: &str| {
        let resource = format!("arn:aws:secretsmanager:*:*:secret:tenancy-aws/{name}-*");
        allow(&["secretsmanager:GetSecretValue"], &[&resource])
    };
    let operator = Operator::start(&world);
    for (corner, name) in [(&world, "a"), (&other, "b")] {
        let assume = allow(&["sts:AssumeRole", "sts:TagSession"], &["*"]);
        let identity = account.user(&format!("tenancy-aws-{name}"), &json!([reads(name), assume]));
        Account::at(corner, account.aws.clone()).key_secret("key", &identity);
    }
    let aws = |rest: Value| {
        let mut aws = json!({
            "service": "SecretsManager", "region": "eu-central-1", "auth": Account::key_auth("key"),
        });
        for (field, value) in rest.as_object().unwrap() {
            aws[field] = value.clone();
        }
        json!({"provider": {"aws": aws}})
    };
    cluster_store(&world, "tenancy-aws", aws(json!({})));
    for (corner, own, foreign) in [(&world, "a", "b"), (&other, "b", "a")] {
        external_secret(corner, "own", "ClusterSecretStore", "tenancy-aws", &format!("tenancy-aws/{own}"));
        corner.wait_data("own", &[("v", &format!("MARKED-aws-tenant-{own}"))]);
        external_secret(
            corner,
            "foreign",
            "ClusterSecretStore",
            "tenancy-aws",
            &format!("tenancy-aws/{foreign}"),
        );
        corner.wait_reason("externalsecret", "foreign", "AccessDenied");
    }
    // One key for all, one role for all: the tag says who asks, and AWS decides.
    let trust = json!([{
        "Effect": "Allow", "Principal": {"AWS": account.aws.iam_arn("user/tenancy-aws-a")},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"aws:RequestTag/esoNamespace": world.name}},
    }]);
    let role = account.role("tenancy-aws-tagged", &trust, &json!([reads("a")]));
    let mut auth = Account::key_auth("key");
    for reference in auth["secretRef"].as_object_mut().unwrap().values_mut() {
        reference["namespace"] = world.name.as_str().into();
    }
    let tagged = aws(json!({"auth": auth, "role": role, "sessionTagsPolicy": "Simple"}));
    cluster_store(&world, "tenancy-aws-tagged", tagged);
    external_secret(&world, "tagged", "ClusterSecretStore", "tenancy-aws-tagged", "tenancy-aws/a");
    world.wait_data("tagged", &[("v", "MARKED-aws-tenant-a")]);
    external_secret(&other, "tagged", "ClusterSecretStore", "tenancy-aws-tagged", "tenancy-aws/a");
    other.wait_reason("externalsecret", "tagged", "AuthenticationFailed");
    assert_eq!(world.ready("externalsecret", "tagged").unwrap().0, "True");
    assert_no_value_left(&world, &operator, &["MARKED-aws-tenant-a", "MARKED-aws-tenant-b"]);
    world.kubectl(&["delete", "clustersecretstore", "tenancy-aws", "tenancy-aws-tagged"]);
}
