//! What is no plugin, or not the one that was meant, is refused with what was expected; nobody else notices.

use serde_json::{Value, json};

use crate::support::{Operator, World, chameleon, digest, world};

/// A component with our interface's version patched everywhere.
fn other_version(component: &[u8]) -> Vec<u8> {
    let (from, to) = (b"@1.0.0", b"@0.9.0");
    let mut bytes = component.to_vec();
    for at in 0..bytes.len().saturating_sub(from.len()) {
        let ours = bytes[..at].ends_with(b"claviger:plugin/provider")
            || bytes[..at].ends_with(b"claviger:plugin/connection")
            || bytes[..at].ends_with(b"claviger:plugin/memo")
            || bytes[..at].ends_with(b"claviger:plugin/log")
            || bytes[..at].ends_with(b"claviger:plugin/types");
        if ours && bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

#[test]
fn every_bad_plugin_is_named_and_the_others_go_on() {
    let world = world!("plugin-refused");
    let operator = Operator::start(&world);
    let good = chameleon(&world, "1.0.0 good");
    world.install("refused-good", &good, json!({}));
    world.wait_loaded("refused-good", &digest(&good));

    let liar = chameleon(&world, "1.0.0 claims-writer");
    let trap = chameleon(&world, "1.0.0 describe-traps");
    let looping = chameleon(&world, "1.0.0 describe-loops");
    let schema = chameleon(&world, "1.0.0 no-json");
    let nothing: &[u8] = b"\0asm\x0d\0\x01\0";
    // (name, bytes, rest of the spec, reason, what the message must say)
    let cases: Vec<(&str, Vec<u8>, Value, &str, &str)> = vec![
        ("text", b"#!/bin/sh\n".to_vec(), json!({}), "NotAComponent", "does not begin as wasm"),
        ("core", b"\0asm\x01\0\0\0".to_vec(), json!({}), "NotAComponent", "core module"),
        ("world", nothing.to_vec(), json!({}), "WrongWorld", "exports nothing"),
        ("version", other_version(&good), json!({}), "InterfaceVersionUnknown", "@0.9.0"),
        ("cut", good[..good.len() - 100].to_vec(), json!({}), "NotAComponent", "component"),
        ("trap", trap, json!({}), "DescribeFailed", "crashed"),
        ("loop", looping, json!({}), "DescribeFailed", "CPU"),
        ("liar", liar, json!({}), "DescriptionInvalid", "writer"),
        ("schema", schema, json!({}), "DescriptionInvalid", "config-schema"),
        (
            "digest",
            good.clone(),
            json!({"digest": [digest(b"other")]}),
            "DigestMismatch",
            "spec.digest of the Plugin names",
        ),
        (
            "grant",
            good.clone(),
            json!({"grants": {"origins": ["https://*.com"]}}),
            "GrantsInvalid",
            "https://*.com",
        ),
        ("memory", good.clone(), json!({"grants": {"memoryMiB": 1}}), "DescribeFailed", "1 MiB"),
        (
            "file",
            good.clone(),
            json!({"source": {"file": {"path": "../secrets.wasm"}}}),
            "SourceUnreadable",
            "plugin directory",
        ),
        (
            "builtin",
            good.clone(),
            json!({"source": {"builtin": {"name": "nobody"}}}),
            "SourceNotFound",
            "vault",
        ),
    ];
    for (name, bytes, rest, ..) in &cases {
        world.install(&format!("refused-{name}"), bytes, rest.clone());
    }
    for (name, _, _, reason, expected) in &cases {
        let (message, status) = world.wait_refused(&format!("refused-{name}"), reason);
        assert!(message.contains(expected), "{name}: {expected:?} is not in {message:?}");
        assert!(status["digest"].is_null(), "{name} must not be in place: {status}");
    }
    // A name that a built-in has, and one that the definition declares: their bytes are not even read.
    for name in ["vault", "v2", "webhook"] {
        world.install(name, &good, json!({}));
        let (message, _) = world.wait_refused(name, "NameReserved");
        assert!(message.contains(name), "{message}");
    }
    world.wait("the built-in to be still there", || {
        let log = operator.log();
        if log.contains("\"plugin\":\"vault@") { Ok(()) } else { Err(log) }
    });
    // Two of one component, and so of one name in `describe`, are two plugins.
    world.install("refused-twin", &good, json!({}));
    world.wait_loaded("refused-twin", &digest(&good));

    // The API server itself refuses a ConfigMap source without a digest, and two sources.
    for spec in [
        json!({"source": {"configMap": {"name": "x"}}}),
        json!({"source": {"configMap": {"name": "x"}, "file": {"path": "x"}}, "digest": [digest(b"")]}),
        json!({"source": {"configMap": {"name": "x"}}, "digest": ["sha256:short"]}),
        json!({"source": {"configMap": {"name": "x"}}, "digest": [digest(b"a"), digest(b"b"), digest(b"c")]}),
    ] {
        let object = json!({
            "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "refused-spec"}, "spec": spec,
        });
        assert!(world.env.cluster.apply(&object.to_string()).is_err(), "{object}");
    }
    good_goes_on(&world);
    let ours = cases.iter().map(|(name, ..)| format!("refused-{name}"));
    let rest = ["refused-good", "refused-twin", "vault", "v2", "webhook"].map(ToOwned::to_owned);
    for name in ours.chain(rest) {
        world.kubectl(&["delete", "plugin", &name]);
    }
}

/// The good plugin answers.
fn good_goes_on(world: &World) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "good", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"refused-good": {}}},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "good", "namespace": world.name},
        "spec": {"secretStoreRef": {"name": "good"}, "data": [{"secretKey": "k", "remoteRef": {"key": "some-key"}}]},
    }));
    world.wait_ready("externalsecret", "good");
}
