//! Secrets and their versions: policies for a disabled latest one, aliases, metadata, regional secrets, names that
//! say their project, and payloads that were damaged.

use serde_json::{Value, json};

use crate::support::{Operator, Project, VIEWER, assert_no_value_left, member, one, world};

fn entry(secret_key: &str, remote: Value) -> Value {
    json!({"secretKey": secret_key, "remoteRef": remote})
}

#[test]
fn versions_aliases_binary_and_metadata() {
    let world = world!("gcp-versions");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.grant(&member(&account), VIEWER);
    let labels = json!({"labels": {"team": "payments", "tier": "gold"}, "annotations": {"a.b": "dotted"}});
    let value = |name: &str| format!("{}/secrets/{name}", project.parent);
    project
        .google
        .secret(&project.parent, "value", br#"{"a.b": "literal", "a": {"b": "path"}}"#, &labels)
        .unwrap();
    project.version("value", "second");
    project.version("value", "third");
    let aliases = json!({"versionAliases": {"blue": "2"}});
    project
        .google
        .admin("PATCH", &format!("{}?updateMask=versionAliases", value("value")), &aliases)
        .unwrap();
    let bytes = [0_u8, 159, 146, 150, 255];
    project.google.secret(&project.parent, "bytes", &bytes, &json!({})).unwrap();
    let operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    project.store("store", json!({"auth": Project::key_auth("key")}));
    let whole = format!("{}/versions/2", value("value"));
    project.external_secret(
        "es",
        "store",
        json!({"data": [
            entry("latest", json!({"key": "value"})),
            entry("number", json!({"key": "value", "version": "1", "property": "a.b"})),
            entry("alias", json!({"key": "value", "version": "blue"})),
            entry("named", json!({"key": whole})),
            entry("bytes", json!({"key": "bytes"})),
            entry("metadata", json!({"key": "value", "metadataPolicy": "Fetch"})),
            entry("label", json!({"key": "value", "metadataPolicy": "Fetch", "property": "labels.team"})),
            entry("annotation", json!({"key": "value", "metadataPolicy": "Fetch", "property": "annotations.a.b"})),
        ]}),
    );
    world.wait_ready("externalsecret", "es");
    let data = world.data("es").unwrap();
    let text = |key: &str| String::from_utf8(data[key].clone()).unwrap();
    assert_eq!(
        (text("latest"), text("alias"), text("named")),
        ("third".into(), "second".into(), "second".into())
    );
    assert_eq!((text("number"), &data["bytes"][..]), ("literal".to_owned(), &bytes[..]));
    assert_eq!((text("label"), text("annotation")), ("payments".to_owned(), "dotted".to_owned()));
    let metadata: Value = serde_json::from_str(&text("metadata")).unwrap();
    assert_eq!(
        metadata,
        json!({
            "labels": {"team": "payments", "tier": "gold"}, "annotations": {"a.b": "dotted"},
        })
    );
    for (name, remote, reason, words) in [
        ("no-key", json!({"key": "absent"}), "RemoteKeyNotFound", "absent"),
        ("no-version", json!({"key": "value", "version": "9"}), "RemoteKeyNotFound", "versions/9"),
        ("no-alias", json!({"key": "value", "version": "green"}), "RemoteKeyNotFound", "green"),
        ("no-property", json!({"key": "value", "version": "1", "property": "x"}), "PropertyNotFound", "x"),
        ("region", json!({"key": "projects/p/locations/l/secrets/value"}), "AccessDenied", "location"),
    ] {
        project.external_secret(name, "store", json!({"data": [entry("v", remote)]}));
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(words), "{name}: {message}");
    }
    assert!(operator.runs());
}

#[test]
fn a_latest_version_that_is_disabled() {
    let world = world!("gcp-latest");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.secret("value", "MARKED-first");
    for value in ["MARKED-second", "MARKED-third", "MARKED-fourth"] {
        project.version("value", value);
    }
    let version = |number: u8| format!("{}/secrets/value/versions/{number}", project.parent);
    project.google.turn(&version(4), "disable").unwrap();
    project.google.turn(&version(3), "destroy").unwrap();
    let operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    let store = |name: &str, policy: Value| {
        project.store(
            name,
            json!({
                "auth": Project::key_auth("key"), "secretVersionSelectionPolicy": policy,
            }),
        );
        world.wait_ready("secretstore", name);
        project.external_secret(name, name, one("value"));
    };
    store("fail", json!("LatestOrFail"));
    let message = world.wait_reason("externalsecret", "fail", "ProviderFailed");
    assert!(message.contains("DISABLED state") && message.contains("LatestOrFetch"), "{message}");
    // The other policy needs the right to see versions, and says so.
    store("fetch", json!("LatestOrFetch"));
    let message = world.wait_reason("externalsecret", "fetch", "AccessDenied");
    assert!(message.contains("secretmanager.versions.list"), "{message}");
    project.grant(&member(&account), VIEWER);
    let mark = project.google.mark();
    world.sync_now("fetch");
    world.wait_data("fetch", &[("v", "MARKED-second")]);
    let reads: Vec<(String, u16)> = project
        .requests(mark)
        .into_iter()
        .filter(|it| it.action == "AccessSecretVersion" || it.action == "ListSecretVersions")
        .filter(|it| it.status == 200)
        .map(|it| (it.path.rsplit('/').next().unwrap().to_owned(), it.status))
        .collect();
    assert_eq!(reads, [("versions".to_owned(), 200), ("2:access".to_owned(), 200)]);
    // A version that is asked for by its number is the one that is meant.
    let mut numbered = one("value");
    numbered["data"][0]["remoteRef"]["version"] = json!("4");
    project.external_secret("numbered", "fetch", numbered);
    let message = world.wait_reason("externalsecret", "numbered", "ProviderFailed");
    assert!(message.contains("DISABLED state"), "{message}");

    project.google.turn(&version(4), "enable").unwrap();
    for name in ["fail", "fetch", "numbered"] {
        world.sync_now(name);
        world.wait_data(name, &[("v", "MARKED-fourth")]);
    }
    let values = ["MARKED-first", "MARKED-second", "MARKED-third", "MARKED-fourth"];
    assert_no_value_left(&world, &operator, &values);
}

#[test]
fn a_location_has_secrets_of_its_own() {
    let world = world!("gcp-regional");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.grant(&member(&account), VIEWER);
    let regional = format!("{}/locations/europe-west3", project.parent);
    project
        .google
        .secret(&regional, "value", b"of the region", &json!({"labels": {"where": "west3"}}))
        .unwrap();
    project.google.secret(&regional, "regional", b"there alone", &json!({})).unwrap();
    project.secret("value", "of the world");
    project.secret("global", "there alone");
    let operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    project.store("global", json!({"auth": Project::key_auth("key")}));
    project.store("regional", json!({"auth": Project::key_auth("key"), "location": "europe-west3"}));
    let mark = project.google.mark();
    for (store, value) in [("global", "of the world"), ("regional", "of the region")] {
        world.wait_ready("secretstore", store);
        project.external_secret(store, store, one("value"));
        world.wait_data(store, &[("v", value)]);
        let find = json!({"dataFrom": [{"find": {"name": {"regexp": "."}}}]});
        project.external_secret(&format!("{store}-all"), store, find);
        world.wait_data(&format!("{store}-all"), &[("value", value), (store, "there alone")]);
    }
    let hosts = |under: &str| -> std::collections::BTreeSet<String> {
        let requests = project.requests(mark);
        let reads =
            requests.iter().filter(|it| it.action == "AccessSecretVersion" && it.path.contains(under));
        reads.map(|it| it.host.clone()).collect()
    };
    assert_eq!(
        Vec::from_iter(hosts("/locations/")),
        ["secretmanager.europe-west3.rep.googleapis.com"],
        "a regional secret is asked for at its region"
    );
    project.external_secret("other", "regional", one("global"));
    world.wait_reason("externalsecret", "other", "RemoteKeyNotFound");
    let odd = json!({"auth": Project::key_auth("key"), "location": "evil.example/x"});
    project.refused("odd", odd, "InvalidProviderConfig", &["/location"]);
    assert!(operator.runs());
}

#[test]
fn damaged_data_never_gets_into_a_secret() {
    let world = world!("gcp-crc");
    let Some(project) = Project::new(&world) else { return };
    let account = project.reader("reader");
    project.secret("value", "MARKED-whole");
    let operator = Operator::start(&world);
    project.key_secret("key", &account.key);
    project.store("store", json!({"auth": Project::key_auth("key")}));
    world.wait_ready("secretstore", "store");
    let pattern = format!("{}/secrets/value/", project.id);
    for payload in ["data", "crc"] {
        project.google.fault(&json!({"match": pattern, "payload": payload})).unwrap();
        project.external_secret(payload, "store", one("value"));
        let message = world.wait_reason("externalsecret", payload, "ProviderUnavailable");
        assert!(message.contains("CRC32C") && !message.contains("MARKED"), "{message}");
        assert!(world.get("secret", payload).is_none());
        project.google.clear_faults(&pattern).unwrap();
        world.sync_now(payload);
        world.wait_data(payload, &[("v", "MARKED-whole")]);
    }
    // A server of old, that sends none.
    project.google.fault(&json!({"match": pattern, "payload": "no-crc"})).unwrap();
    project.version("value", "MARKED-unchecked");
    project.external_secret("none", "store", one("value"));
    world.wait_data("none", &[("v", "MARKED-unchecked")]);
    project.google.clear_faults(&pattern).unwrap();
    assert_no_value_left(&world, &operator, &["MARKED-whole", "MARKED-unchecked"]);
}
