//! Workload identity federation: a ServiceAccount's token, AWS credentials and credential configurations, at a
//! provider of a pool.

use serde_json::{Value, json};

use super::service_account;
use crate::support::{ACCESSOR, Operator, Project, WORKLOAD, assert_no_value_left, one, world};

/// A provider of the project's pool: its audience, and the beginning of its members' names.
fn provider(project: &Project<'_>, name: &str, more: Value) -> (String, String) {
    let mut asked = json!({"project": project.id, "pool": "pool", "name": name});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = project.google.control("provider", &asked).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("audience"), format!("principal:{}/subject/", text("pool")))
}

fn federated(fields: Value) -> Value {
    json!({"auth": {"workloadIdentityFederation": fields}})
}

#[test]
fn a_service_account_s_token_is_held_to_its_audience_and_subject() {
    let world = world!("gcp-federation");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.secret("value", "MARKED-federated");
    let (audience, members) = provider(&project, "cluster", json!({}));
    let own = json!({"audiences": ["https://own.example"]});
    let (own_audience, _) = provider(&project, "own", own);
    let subject = |name: &str| format!("{members}system:serviceaccount:{}:{name}", world.name);
    project.grant(&subject("direct"), ACCESSOR);
    let act_as = format!("projects/-/serviceAccounts/{}", account.email);
    for name in ["acting", "annotated"] {
        project.google.grant(&subject(name), &act_as, WORKLOAD).unwrap();
    }
    let operator = Operator::start(&world);
    for (name, email) in
        [("direct", None), ("acting", None), ("annotated", Some(account.email.as_str())), ("other", None)]
    {
        service_account(&world, &world.name, name, email);
    }
    let by = |name: &str| json!({"audience": audience, "serviceAccountRef": {"name": name}});
    let mut acting = by("acting");
    acting["gcpServiceAccountEmail"] = json!(account.email);
    for (name, fields, acted) in
        [("direct", by("direct"), 0), ("acting", acting.clone(), 1), ("annotated", by("annotated"), 1)]
    {
        let mark = project.google.mark();
        project.store(name, federated(fields));
        world.wait_ready("secretstore", name);
        project.external_secret(name, name, one("value"));
        world.wait_data(name, &[("v", "MARKED-federated")]);
        let exchanged = project.google.requests(mark).unwrap();
        let exchanged = exchanged.iter().filter(|it| it.names == [audience.clone()] && it.status == 200);
        let logins = (exchanged.count(), project.count(mark, "generateAccessToken"));
        assert_eq!(logins, (1, acted), "{name}");
    }
    // Another subject is nobody's: known to Google, and without rights.
    project.store("other", federated(by("other")));
    world.wait_ready("secretstore", "other");
    project.external_secret("other", "other", one("value"));
    world.wait_reason("externalsecret", "other", "AccessDenied");
    acting["serviceAccountRef"]["name"] = json!("other");
    let words = ["acting as", "iam.serviceAccounts.getAccessToken"];
    project.refused("other-acting", federated(acting), "AuthenticationFailed", &words);

    // A provider that asks for an audience of its own refuses other tokens, and those that are for another too: what
    // stands beside the reference is all that the token is for.
    let mut owns = json!({"audience": own_audience, "serviceAccountRef": {"name": "direct"}});
    let words = ["invalid_grant", "does not match the expected audience"];
    project.refused("audience", federated(owns.clone()), "AuthenticationFailed", &words);
    owns["serviceAccountRef"]["audiences"] = json!(["https://own.example"]);
    project.store("audience", federated(owns.clone()));
    world.wait_ready("secretstore", "audience");
    owns["serviceAccountRef"]["audiences"] = json!(["https://own.example", own_audience]);
    project.refused("both", federated(owns), "AuthenticationFailed", &words);
    let nowhere = json!({"audience": format!("{audience}-2"), "serviceAccountRef": {"name": "direct"}});
    project.refused("nowhere", federated(nowhere), "AuthenticationFailed", &["invalid_target"]);
    assert_no_value_left(&world, &operator, &["MARKED-federated"]);
}

#[test]
fn aws_credentials_say_who_they_are() {
    let world = world!("gcp-aws");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.secret("value", "MARKED-by-aws");
    let (audience, members) = provider(&project, "aws", json!({"aws_account": "123456789012"}));
    let arn = "arn:aws:iam::123456789012:user/gcp-aws";
    project.grant(&format!("{members}{arn}"), ACCESSOR);
    let session = "arn:aws:sts::123456789012:assumed-role/gcp-aws/session";
    let act_as = format!("projects/-/serviceAccounts/{}", account.email);
    project.google.grant(&format!("{members}{session}"), &act_as, WORKLOAD).unwrap();
    let keys = [
        ("AKIAGCPAWSUSER000001", "MARKED-user-key", arn, ""),
        ("ASIAGCPAWSSESSION001", "MARKED-session-key", session, "MARKED-session-token"),
    ];
    for (id, secret, arn, token) in keys {
        let key = json!({"access_key_id": id, "secret": secret, "arn": arn, "session_token": token,
            "account": "123456789012"});
        project.google.control("aws-key", &key).unwrap();
    }
    let secret = |name: &str, id: &str, key: &str, token: &str| {
        let mut data = json!({"aws_access_key_id": id, "aws_secret_access_key": key});
        if !token.is_empty() {
            data["aws_session_token"] = token.into();
        }
        world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": world.name},
            "stringData": data,
        }));
    };
    let [user, session] = keys;
    secret("aws-user", user.0, user.1, "");
    secret("aws-session", session.0, session.1, session.3);
    secret("aws-wrong", user.0, "MARKED-wrong-key", "");
    let operator = Operator::start(&world);
    let by = |name: &str| {
        json!({"audience": audience, "awsSecurityCredentials": {
            "region": "eu-central-1", "awsCredentialsSecretRef": {"name": name},
        }})
    };
    project.store("user", federated(by("aws-user")));
    let mut acting = by("aws-session");
    acting["gcpServiceAccountEmail"] = json!(account.email);
    project.store("session", federated(acting));
    for name in ["user", "session"] {
        world.wait_ready("secretstore", name);
        project.external_secret(name, name, one("value"));
        world.wait_data(name, &[("v", "MARKED-by-aws")]);
    }
    let words = ["SignatureDoesNotMatch"];
    project.refused("wrong", federated(by("aws-wrong")), "AuthenticationFailed", &words);
    let secrets = ["MARKED-by-aws", user.1, session.1, session.3, "MARKED-wrong-key"];
    assert_no_value_left(&world, &operator, &secrets);
}

#[test]
fn a_credential_configuration_names_where_its_token_is() {
    let world = world!("gcp-cred-config");
    let Some(project) = Project::new(&world) else { return };
    project.secret("value", "MARKED-configured");
    let (audience, members) = provider(&project, "cluster", json!({}));
    let subject = format!("system:serviceaccount:{}:direct", world.name);
    project.grant(&format!("{members}{subject}"), ACCESSOR);
    service_account(&world, &world.name, "direct", None);
    let cluster = &world.env.cluster;
    let token = cluster.service_account_token(&world.name, "direct", &format!("https:{audience}")).unwrap();
    let (url, asked) = super::token_server(&json!({"access_token": token}));
    let config = |url: &str| {
        json!({
            "type": "external_account", "audience": audience,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {
                "url": url, "headers": {"X-Asked-By": "gcp-cred-config"},
                "format": {"type": "json", "subject_token_field_name": "access_token"},
            },
        })
    };
    let file = json!({"type": "external_account", "audience": audience,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": "/var/run/secrets/kubernetes.io/serviceaccount/token"}});
    let elsewhere = json!({"type": "external_account", "audience": audience,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.elsewhere.example/v1/token", "credential_source": {"url": url}});
    for (name, config) in [("url", config(&url)), ("file", file), ("elsewhere", elsewhere)] {
        world.apply_json(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": world.name},
            "data": {"config.json": config.to_string()},
        }));
    }
    let operator = Operator::start(&world);
    let by = |name: &str, endpoint: &str| {
        federated(json!({
            "credConfig": {"name": name, "key": "config.json"}, "externalTokenEndpoint": endpoint,
        }))
    };
    // The operator's own files are no store's.
    project.refused("file", by("file", ""), "InvalidProviderConfig", &["credential_source.file"]);
    // The store's manifest must repeat where the token is fetched.
    project.refused("unsaid", by("url", ""), "InvalidProviderConfig", &["externalTokenEndpoint"]);
    // Whatever is granted: a store could have a body of its choice sent on.
    let words = ["https://sts.elsewhere.example/v1/token", "https://sts.googleapis.com/v1/token"];
    project.refused("elsewhere", by("elsewhere", &url), "InvalidProviderConfig", &words);
    assert!(asked.try_recv().is_err(), "nothing was fetched for them");

    // Its own address is on loopback, which must be granted.
    let turn = project.turn();
    project.plugin(&json!({"loopback": true}), &json!({}), &turn);
    project.store("url", by("url", &url));
    world.wait_ready("secretstore", "url");
    project.external_secret("es", "url", one("value"));
    world.wait_data("es", &[("v", "MARKED-configured")]);
    let head = asked.recv().unwrap();
    assert!(head.contains("gcp-cred-config"), "{head}");
    assert_no_value_left(&world, &operator, &["MARKED-configured", &token]);
    world.kubectl(&["delete", "plugin", "gcpsm"]);
}
