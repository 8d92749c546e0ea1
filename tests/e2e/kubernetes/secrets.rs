//! What of a Secret can be read: the whole, its keys, what is in them, labels and annotations; byte for byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Remote;
use crate::support::{Operator, assert_no_value_left, world};

const BYTES: [u8; 8] = [0, 255, 0, 255, 172, 171, 40, 33];

#[test]
fn every_selector() {
    let world = world!("k8s-secrets");
    let remote = Remote::new(&world);
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": "db", "namespace": remote.namespace,
            "labels": {"dev": "seb", "app.kubernetes.io/name": "shop"},
            "annotations": {"date": "<today>", "config": r#"{"deep":{"x":"MARKED-annotation"}}"#},
        },
        "stringData": {
            "user": "MARKED-user-name", "html": "<a&b>", "file.png": "MARKED-not-nested",
            "file": r#"{"png":"wrong","list":["MARKED-in-a-list"],"port":5432}"#,
        },
        "data": {"bin": STANDARD.encode(BYTES)},
    }));
    remote.put("db.text", json!({"a": "MARKED-value-of-a", "b": "2"}), json!({}));
    let operator = Operator::start(&world);
    remote.store_as("store", "reader");
    world.wait_ready("secretstore", "store");

    let read = |key: &str, property: &str| json!({"key": key, "property": property});
    let about = |property: &str| json!({"key": "db", "metadataPolicy": "Fetch", "property": property});
    for (name, reference, expected) in [
        ("whole", json!({"key": "db.text"}), &br#"{"a":"MARKED-value-of-a","b":"2"}"#[..]),
        ("property", read("db", "user"), b"MARKED-user-name"),
        ("html", read("db", "html"), b"<a&b>"),
        ("dotted", read("db", "file.png"), b"MARKED-not-nested"),
        ("nested", read("db", "file.list.0"), b"MARKED-in-a-list"),
        ("number", read("db", "file.port"), b"5432"),
        ("binary", read("db", "bin"), &BYTES),
        ("labels", about("labels"), br#"{"app.kubernetes.io/name":"shop","dev":"seb"}"#),
        ("label", about("labels.dev"), b"seb"),
        ("dots", about("labels.app.kubernetes.io/name"), b"shop"),
        ("annotation", about("annotations.date"), b"<today>"),
        ("in-annotation", about("annotations.config.deep.x"), b"MARKED-annotation"),
        (
            "metadata",
            json!({"key": "db.text", "metadataPolicy": "Fetch"}),
            br#"{"annotations":null,"labels":null}"#,
        ),
    ] {
        remote.one(name, "store", reference);
        world.wait(&format!("Secret {name}"), || match world.data(name) {
            Some(data) if data.get("v").map(Vec::as_slice) == Some(expected) => Ok(()),
            other => Err(format!("{other:?} {:?}", world.ready("externalsecret", name))),
        });
    }
    // What is no text is replaced in the whole, as ESO's Go does it, and in nothing else.
    remote.one("mangled", "store", json!({"key": "db"}));
    world.wait_ready("externalsecret", "mangled");
    let whole = String::from_utf8(world.data("mangled").unwrap()["v"].clone()).unwrap();
    assert!(whole.contains(r#""bin":"\u0000\ufffd\u0000\ufffd\ufffd\ufffd(!","file":"{\"png\""#), "{whole}");
    remote.external_secret("extract", "store", json!({"dataFrom": [{"extract": {"key": "db"}}]}));
    world.wait_ready("externalsecret", "extract");
    let data = world.data("extract").unwrap();
    assert_eq!(data["bin"], BYTES);
    assert_eq!(data["user"], b"MARKED-user-name");
    assert_eq!(data.keys().collect::<Vec<_>>(), ["bin", "file", "file.png", "html", "user"]);
    let part = json!({"dataFrom": [{"extract": {"key": "db", "property": "file"}}]});
    remote.external_secret("part", "store", part);
    world.wait_data("part", &[("list", r#"["MARKED-in-a-list"]"#), ("png", "wrong"), ("port", "5432")]);
    let labels = json!({"dataFrom": [{"extract": {"key": "db", "metadataPolicy": "Fetch"}}]});
    remote.external_secret("labelled", "store", labels);
    world.wait_ready("externalsecret", "labelled");
    assert_eq!(
        world.data("labelled").unwrap()["labels"],
        br#"{"app.kubernetes.io/name":"shop","dev":"seb"}"#
    );

    // Another value of one byte is another value.
    let mut other = BYTES;
    other[7] = 255;
    let patch = json!({"data": {"bin": STANDARD.encode(other)}}).to_string();
    world.kubectl(&["-n", &remote.namespace, "patch", "secret", "db", "-p", &patch]);
    world.wait("the new bytes", || match world.data("extract") {
        Some(data) if data["bin"] == other => Ok(()),
        _ => Err("the old ones".to_owned()),
    });

    for (name, reference, reason, words) in [
        ("absent", json!({"key": "absent"}), "RemoteKeyNotFound", "absent"),
        ("no-property", read("db", "nothing"), "PropertyNotFound", "nothing"),
        ("no-part", read("db", "user.name"), "PropertyNotFound", "user.name"),
        ("no-label", about("labels.nothing"), "PropertyNotFound", "labels.nothing"),
        ("versioned", json!({"key": "db", "version": "1"}), "ProviderFailed", "no versions"),
        ("path", json!({"key": "db/user"}), "ProviderFailed", "no name of a Secret"),
    ] {
        remote.one(name, "store", reference);
        remote.refused("externalsecret", name, reason, &[words]);
    }
    assert_no_value_left(
        &world,
        &operator,
        &[
            "MARKED-user-name",
            "MARKED-not-nested",
            "MARKED-in-a-list",
            "MARKED-annotation",
            "MARKED-value-of-a",
        ],
    );
}

#[test]
fn what_is_deleted_there_goes_here() {
    let world = world!("k8s-deletion");
    let remote = Remote::new(&world);
    remote.put("db", json!({"v": "MARKED-deleted-value"}), json!({}));
    let _operator = Operator::start(&world);
    remote.store_as("store", "reader");
    let rest = json!({
        "target": {"deletionPolicy": "Delete"},
        "data": [{"secretKey": "v", "remoteRef": {"key": "db", "property": "v"}}],
    });
    remote.external_secret("es", "store", rest);
    world.wait_data("es", &[("v", "MARKED-deleted-value")]);
    world.kubectl(&["-n", &remote.namespace, "delete", "secret", "db"]);
    world.wait("the Secret to go", || match world.get("secret", "es") {
        None => Ok(()),
        Some(_) => Err("it is there".to_owned()),
    });
    // A server that is another path's, or none, says nothing of that.
    remote.put("db", json!({"v": "MARKED-second-value"}), json!({}));
    world.wait_data("es", &[("v", "MARKED-second-value")]);
    let mut server = remote.server();
    server["url"] = format!("{}/no/such/path", remote.url()).into();
    let auth = json!({"token": {"bearerToken": {"name": "store", "key": "token"}}});
    remote.store("store", json!({"server": server, "auth": auth}));
    world.wait("the store to fail", || match world.ready("secretstore", "store") {
        Some((status, _, message)) if status == "False" => Ok(message),
        other => Err(format!("{other:?}")),
    });
    world.sync_now("es");
    world.wait("the ExternalSecret to fail", || match world.ready("externalsecret", "es") {
        Some((status, ..)) if status == "False" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(world.data("es").unwrap()["v"], b"MARKED-second-value");
}
