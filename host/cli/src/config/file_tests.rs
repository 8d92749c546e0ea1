//! What a file may say, and how a message speaks of what it may not.
#![allow(clippy::unwrap_used)]

use super::*;

/// The settings as `path=text`, or everything that is wrong.
fn said(yaml: &str) -> Result<Vec<String>, Vec<String>> {
    let found = settings(&yaml::document(yaml).unwrap())?;
    Ok(found.into_iter().map(|(key, text)| format!("{}={text}", key.path)).collect())
}

#[test]
fn every_kind_of_value_is_read() {
    for (yaml, expected) in [
        ("", None),
        ("# nothing\n\n", None),
        ("{}", None),
        ("audit:\n", None),
        ("logging: {level: }", None),
        ("logging: {level: warn}", Some("logging.level=warn")),
        ("logging: {format: json}", Some("logging.format=json")),
        ("metrics: {addr: ':8080'}", Some("metrics.addr=:8080")),
        ("metrics: {addr: 'off'}", Some("metrics.addr=off")),
        ("audit: {enabled: true}", Some("audit.enabled=true")),
        ("webhook: {port: 9443}", Some("webhook.port=9443")),
        ("webhook: {certDir: /tmp/certs}", Some("webhook.certDir=/tmp/certs")),
        ("proxy: {https: 'http://u:p@proxy:1'}", Some("proxy.https=http://u:p@proxy:1")),
        ("proxy: {http: ''}", Some("proxy.http=")),
        ("proxy: {noProxy: 'a.example, 10.0.0.0/8'}", Some("proxy.noProxy=a.example, 10.0.0.0/8")),
        ("proxy: {noProxy: [a.example, 10.0.0.0/8]}", Some("proxy.noProxy=a.example,10.0.0.0/8")),
        ("proxy: {noProxy: []}", Some("proxy.noProxy=")),
        ("storeRequeueInterval: 60", Some("storeRequeueInterval=60")),
        ("storeRequeueInterval: 1m30s", Some("storeRequeueInterval=1m30s")),
        ("controllerClass: blue", Some("controllerClass=blue")),
    ] {
        let expected: Vec<String> = expected.into_iter().map(ToOwned::to_owned).collect();
        assert_eq!(said(yaml), Ok(expected), "{yaml}");
    }
}

#[test]
fn what_cannot_be_meant_is_named_by_its_path_and_without_its_value() {
    for (yaml, expected) in [
        (
            "audit: {logSecretAcess: true}",
            "audit.logSecretAcess: unknown; did you mean audit.logSecretAccess?",
        ),
        ("audits: {enabled: true}", "audits: unknown; did you mean audit?"),
        ("logSecretSync: true", "logSecretSync: unknown; did you mean audit.logSecretSync?"),
        ("metrics: {address: ':1'}", "metrics.address: unknown; did you mean metrics.addr?"),
        ("webhook: {certdir: /x}", "webhook.certdir: unknown; did you mean webhook.certDir?"),
        ("concurrency: 5", "concurrency: unknown; did you mean concurrent?"),
        ("apiVersion: v1", "apiVersion: unknown"),
        ("proxy: {'https://u:MARKED@p:1': yes}", "proxy.https…: unknown"),
        ("logging: {level: {info: yes}}", "logging.level: expected one of error, warn, info, debug, trace"),
        ("logging: {level: MARKED}", "logging.level: expected one of error, warn, info, debug, trace"),
        ("logging: MARKED", "logging: expected a map of settings"),
        ("[MARKED]", "expected a map of settings"),
        ("MARKED", "expected a map of settings"),
        ("audit: {enabled: 'MARKED'}", "audit.enabled: expected true or false"),
        ("audit: {enabled: 1}", "audit.enabled: expected true or false"),
        (
            "metrics: {addr: 8080}",
            "metrics.addr: expected IP:PORT, :PORT for all addresses, or off, as a text",
        ),
        ("webhook: {port: 70000}", "webhook.port: expected a whole number from 0 to 65535"),
        ("webhook: {port: '9443'}", "webhook.port: expected a whole number from 0 to 65535"),
        ("concurrent: 0", "concurrent: expected a whole number from 1 to 65535"),
        ("concurrent: 1.5", "concurrent: expected a whole number from 1 to 65535"),
        ("caBundle: ''", "caBundle: expected a path"),
        ("controllerClass: 5", "controllerClass: expected a text"),
        (
            "storeRequeueInterval: 0",
            "storeRequeueInterval: expected seconds, such as 300, or a duration, such as 5m; above zero",
        ),
        (
            "proxy: {https: [MARKED]}",
            "proxy.https: expected http://[USER:PASSWORD@]HOST:PORT as a text, or an empty one for none",
        ),
        (
            "proxy: {noProxy: [a, 5]}",
            "proxy.noProxy: expected a list of texts, or one text with commas between them",
        ),
        (
            "webhook: {certDir: /x, serviceName: s}",
            "webhook.serviceName: has no meaning beside webhook.certDir: remove one of them",
        ),
    ] {
        assert_eq!(said(yaml), Err(vec![expected.to_owned()]), "{yaml}");
    }
    let several = said("audit: {enabled: 1, x: 2}\nlogging: {level: 3}").unwrap_err();
    assert_eq!(several.len(), 3, "{several:?}");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    let refused = || read(&path).unwrap_err().to_string();
    assert!(refused().contains("cannot be read") && refused().contains("config.yaml"), "{}", refused());
    let folder = read(dir.path()).unwrap_err().to_string();
    assert!(folder.contains("cannot be read"), "{folder}");
    for (bytes, expected) in [
        (&b"proxy: {https: \"MARKED"[..], "is not one YAML document (line 1"),
        (b"a: MARKED\n b: MARKED: x\n", "is not one YAML document (line 2"),
        (b"audit: {enabled: true}\naudit: {enabled: false}\n", "is not one YAML document (line 2"),
        (b"logging: {level: info}\n---\nlogging: {level: warn}\n", "is not one YAML document"),
        (b"logging: {level: \xff}", "it is not UTF-8"),
        (b"proxy: {http: 5}", ": proxy.http: expected http://"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let said = refused();
        assert!(said.contains("config.yaml") && said.contains(expected), "{said}");
        assert!(!said.contains("MARKED"), "{said}");
    }
    std::fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    assert!(refused().contains("larger than 1 MiB"), "{}", refused());
}
