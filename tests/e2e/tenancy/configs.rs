//! For each provider a config for each of its references, in which that one names the victim's object
//! (`theirs`) and all others are the tenant's own.

use serde_json::{Value, json};

/// Whom references name.
struct Names {
    theirs: Value,
    account: Value,
    mine: Value,
}

/// By the place of the reference. `server` is an address for providers that want one.
pub(super) fn configs(provider: &str, server: &str, victim: &str) -> Vec<(&'static str, Value)> {
    let names = Names {
        theirs: json!({"name": "theirs", "key": "k", "namespace": victim}),
        account: json!({"name": "theirs", "namespace": victim}),
        mine: json!({"name": "mine", "key": "k"}),
    };
    match provider {
        "aws" => aws(&names),
        "azurekv" => azurekv(&names),
        "gcpsm" => gcpsm(&names),
        "kubernetes" => kubernetes(&names, victim),
        "vault" => vault(&names, server, victim),
        "onepassword" => vec![(
            "/auth/secretRef/connectTokenSecretRef",
            json!({
                "connectHost": "https://connect.example", "vaults": {"v": 1},
                "auth": {"secretRef": {"connectTokenSecretRef": names.theirs}},
            }),
        )],
        "webhook" => webhook(&names, victim),
        other => panic!("no configs for {other}"),
    }
}

fn aws(Names { theirs, account, mine }: &Names) -> Vec<(&'static str, Value)> {
    let aws = |auth: Value| json!({"service": "SecretsManager", "region": "eu-central-1", "auth": auth});
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
    vec![
        ("/auth/jwt/serviceAccountRef", aws(json!({"jwt": {"serviceAccountRef": account}}))),
        ("/auth/secretRef/accessKeyIDSecretRef", keys("accessKeyIDSecretRef", theirs)),
        ("/auth/secretRef/secretAccessKeySecretRef", keys("secretAccessKeySecretRef", theirs)),
        ("/auth/secretRef/sessionTokenSecretRef", keys("sessionTokenSecretRef", theirs)),
        ("/auth/secretRef/accessKeyID", keys("accessKeyID", theirs)),
        ("/auth/secretRef/secretAccessKey", keys("secretAccessKey", theirs)),
        ("/auth/secretRef/sessionToken", keys("sessionToken", theirs)),
    ]
}

fn azurekv(Names { theirs, account, mine }: &Names) -> Vec<(&'static str, Value)> {
    let azure = |rest: Value| {
        let mut config = json!({"vaultUrl": "https://my-keyvault.vault.azure.net", "tenantId": "t"});
        for (field, value) in rest.as_object().unwrap() {
            config[field] = value.clone();
        }
        config
    };
    let secret = |field: &str| {
        let mut reference = json!({"clientId": mine, "clientSecret": mine});
        reference[field] = theirs.clone();
        azure(json!({ "authSecretRef": reference }))
    };
    let workload = |rest: Value| {
        let mut config = azure(rest);
        config["authType"] = "WorkloadIdentity".into();
        config
    };
    vec![
        ("/authSecretRef/clientId", secret("clientId")),
        ("/authSecretRef/clientSecret", secret("clientSecret")),
        (
            "/authSecretRef/clientCertificate",
            azure(json!({"authSecretRef": {"clientId": mine, "clientCertificate": theirs}})),
        ),
        (
            "/authSecretRef/tenantId",
            workload(
                json!({"authSecretRef": {"clientId": mine, "tenantId": theirs}, "serviceAccountRef": {"name": "default"}}),
            ),
        ),
        ("/clientSecret/secretRef", azure(json!({"clientId": "c", "clientSecret": {"secretRef": theirs}}))),
        ("/serviceAccountRef", workload(json!({ "serviceAccountRef": account }))),
    ]
}

fn gcpsm(Names { theirs, account, .. }: &Names) -> Vec<(&'static str, Value)> {
    let auth = |auth: Value| json!({"projectID": "my-gcp-project", "auth": auth});
    let gke = json!({"clusterLocation": "us-central1-a", "clusterName": "c", "serviceAccountRef": account});
    let audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q";
    let federation = |rest: Value| {
        let mut federation = json!({ "audience": audience });
        for (field, value) in rest.as_object().unwrap() {
            federation[field] = value.clone();
        }
        auth(json!({ "workloadIdentityFederation": federation }))
    };
    let whole = json!({"name": theirs["name"], "namespace": theirs["namespace"]});
    vec![
        (
            "/auth/secretRef/secretAccessKeySecretRef",
            auth(json!({"secretRef": {"secretAccessKeySecretRef": theirs}})),
        ),
        ("/auth/secretRef/secretAccessKey", auth(json!({"secretRef": {"secretAccessKey": theirs}}))),
        ("/auth/workloadIdentity/serviceAccountRef", auth(json!({ "workloadIdentity": gke }))),
        (
            "/auth/workloadIdentityFederation/serviceAccountRef",
            federation(json!({ "serviceAccountRef": account })),
        ),
        ("/auth/workloadIdentityFederation/credConfig", federation(json!({ "credConfig": theirs }))),
        (
            "/auth/workloadIdentityFederation/awsSecurityCredentials/awsCredentialsSecretRef",
            federation(
                json!({"awsSecurityCredentials": {"region": "eu-central-1", "awsCredentialsSecretRef": whole}}),
            ),
        ),
    ]
}

fn kubernetes(Names { theirs, account, mine }: &Names, victim: &str) -> Vec<(&'static str, Value)> {
    let server =
        |auth: Value, server: Value| json!({"remoteNamespace": victim, "server": server, "auth": auth});
    let url = json!({"url": "https://api.other.example:6443"});
    let (token, cert) = (
        |reference: &Value| json!({"token": {"bearerToken": reference}}),
        |cert: &Value, key: &Value| json!({"cert": {"clientCert": cert, "clientKey": key}}),
    );
    let provider = json!({"type": "Secret", "name": "theirs", "key": "k", "namespace": victim});
    vec![
        ("/server/caProvider", server(token(mine), json!({"url": url["url"], "caProvider": provider}))),
        ("/auth/token/bearerToken", server(token(theirs), url.clone())),
        ("/auth/cert/clientCert", server(cert(theirs, mine), url.clone())),
        ("/auth/cert/clientKey", server(cert(mine, theirs), url.clone())),
        ("/auth/serviceAccount", server(json!({ "serviceAccount": account }), url.clone())),
        ("/authRef", json!({"remoteNamespace": victim, "authRef": theirs})),
    ]
}

/// A login by NTLM is refused whatever it names, so nothing is read for it.
fn webhook(Names { theirs, mine, .. }: &Names, victim: &str) -> Vec<(&'static str, Value)> {
    let provider = json!({"type": "Secret", "name": "theirs", "key": "k", "namespace": victim});
    let with = |field: &str, value: Value| {
        let mut config = json!({"url": "https://api.other.example/{{ .s.k }}"});
        config[field] = value;
        config
    };
    let ntlm = |user: &Value, password: &Value| {
        with("auth", json!({"ntlm": {"usernameSecret": user, "passwordSecret": password}}))
    };
    vec![
        ("/caProvider", with("caProvider", provider)),
        ("/secrets/0/secretRef", with("secrets", json!([{"name": "s", "secretRef": theirs}]))),
        ("/auth/ntlm/usernameSecret", ntlm(theirs, mine)),
        ("/auth/ntlm/passwordSecret", ntlm(mine, theirs)),
    ]
}

fn vault(Names { theirs, account, mine }: &Names, server: &str, victim: &str) -> Vec<(&'static str, Value)> {
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
