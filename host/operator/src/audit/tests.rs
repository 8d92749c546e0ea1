//! Lines as a log collector reads them, and what becomes of them when nobody does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use claviger_core::error::StoreName;
use claviger_core::provider::PluginId;
use serde_json::{Value, json};

use super::*;

fn plugin() -> PluginId {
    PluginId { name: "vault".to_owned(), version: "0.1.0".to_owned(), digest: "sha256:ab".to_owned() }
}

fn store() -> StoreName {
    StoreName { kind: "SecretStore".into(), namespace: Some("team".to_owned()), name: "vault".to_owned() }
}

fn who() -> Who<'static> {
    let object = ObjectName { kind: "ExternalSecret".into(), namespace: "team", name: "db" };
    Who { object, uid: "u-1" }
}

fn access<'a>(store: &'a StoreName, plugin: &'a PluginId) -> Access<'a> {
    Access {
        operation: "get",
        store,
        plugin,
        key: Some("app/db"),
        properties: vec!["password", "user"],
        references: Vec::new(),
        version: Some("3"),
        result: "ok",
        effect: None,
        found: None,
        shared: true,
        took: Duration::from_micros(12_700),
    }
}

fn at() -> Timestamp {
    "2024-01-02T03:04:05.123456Z".parse().unwrap()
}

fn parsed(line: &str) -> Value {
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "one line: {line:?}");
    serde_json::from_str(line).unwrap()
}

#[test]
fn an_access_says_who_what_where_and_how_it_ended() {
    let (store, plugin) = (store(), plugin());
    let line = line::access(at(), &who(), &access(&store, &plugin));
    let expected = json!({
        "timestamp": "2024-01-02T03:04:05.123456Z", "level": "info", "audit": "secretAccess", "operation": "get",
        "for": {"kind": "ExternalSecret", "namespace": "team", "name": "db", "uid": "u-1"},
        "store": {"kind": "SecretStore", "namespace": "team", "name": "vault"},
        "key": "app/db", "properties": ["password", "user"], "version": "3",
        "plugin": "vault@0.1.0", "digest": "sha256:ab", "result": "ok", "shared": true, "durationMs": 12,
    });
    assert_eq!(parsed(&line), expected);
}

#[test]
fn what_does_not_apply_is_left_out() {
    let plugin = plugin();
    let store = StoreName { namespace: None, kind: "ClusterSecretStore".into(), ..store() };
    let object = ObjectName { kind: "ClusterSecretStore".into(), namespace: "", name: "vault" };
    let who = Who { object, uid: "" };
    let access = Access {
        operation: "validate",
        key: None,
        properties: Vec::new(),
        version: None,
        result: "unavailable",
        shared: false,
        ..access(&store, &plugin)
    };
    let expected = json!({
        "timestamp": "2024-01-02T03:04:05.123456Z", "level": "info", "audit": "secretAccess", "operation": "validate",
        "for": {"kind": "ClusterSecretStore", "name": "vault"},
        "store": {"kind": "ClusterSecretStore", "name": "vault"},
        "plugin": "vault@0.1.0", "digest": "sha256:ab", "result": "unavailable", "shared": false, "durationMs": 12,
    });
    assert_eq!(parsed(&line::access(at(), &who, &access)), expected);
}

#[test]
fn a_login_says_what_it_was_made_from() {
    let (store, plugin) = (store(), plugin());
    let reference =
        |kind: &'static str, name: &'static str| ObjectName { kind: kind.into(), namespace: "team", name };
    let references = vec![reference("Secret", "approle"), reference("ServiceAccount", "app")];
    let access = Access { operation: "connect", references, ..access(&store, &plugin) };
    let expected = json!([
        {"kind": "Secret", "namespace": "team", "name": "approle"},
        {"kind": "ServiceAccount", "namespace": "team", "name": "app"},
    ]);
    assert_eq!(parsed(&line::access(at(), &who(), &access))["references"], expected);
}

#[test]
fn no_name_breaks_a_line_or_makes_it_endless() {
    let (store, plugin) = (store(), plugin());
    let long = "ü".repeat(10_000);
    for key in ["a\nb\", \"level\": \"x", "\u{1b}[31m", long.as_str()] {
        let line = line::access(at(), &who(), &Access { key: Some(key), ..access(&store, &plugin) });
        let said = parsed(&line)["key"].as_str().unwrap().to_owned();
        assert!(key.starts_with(&said) && said.len() <= 4096 && (said == key || key.len() > 4096));
    }
}

#[test]
fn a_write_names_keys_and_what_became_of_them() {
    let map = |pairs: &[(&str, u8)]| -> BTreeMap<String, u8> {
        pairs.iter().map(|(key, hash)| ((*key).to_owned(), *hash)).collect()
    };
    let (before, after) = (map(&[("a", 1), ("b", 2), ("c", 3)]), map(&[("b", 2), ("c", 4), ("d", 5)]));
    let target = Target {
        object: ObjectName { kind: "Secret".into(), namespace: "team", name: "db" },
        uid: "u-2",
        resource_version: "42",
    };
    let write = Write {
        operation: "apply",
        target: target.clone(),
        keys: Some(Keys::between(Some(&before), Some(&after))),
        field_manager: Some("externalsecrets.external-secrets.io/db"),
        result: "ok",
    };
    let expected = json!({
        "timestamp": "2024-01-02T03:04:05.123456Z", "level": "info", "audit": "secretSync", "operation": "apply",
        "for": {"kind": "ExternalSecret", "namespace": "team", "name": "db", "uid": "u-1"},
        "target": {"kind": "Secret", "namespace": "team", "name": "db", "uid": "u-2", "resourceVersion": "42"},
        "keys": {"added": ["d"], "changed": ["c"], "removed": ["a"]},
        "fieldManager": "externalsecrets.external-secrets.io/db", "result": "ok",
    });
    assert_eq!(parsed(&line::sync(at(), &who(), &write)), expected);
    let all = Keys::between(Some(&before), None);
    assert_eq!((all.added.len(), all.changed.len(), all.removed), (0, 0, vec!["a", "b", "c"]));
}

/// Standard output that nobody reads until it is let go.
#[derive(Clone, Default)]
struct Pipe(Arc<State>);

/// Whether it is let go, and what was written.
type State = (Mutex<(bool, Vec<u8>)>, Condvar);

impl Pipe {
    fn let_go(&self) {
        self.0.0.lock().unwrap().0 = true;
        self.0.1.notify_all();
    }

    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.0.lock().unwrap().1.clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.1.wait_while(self.0.0.lock().unwrap(), |(open, _)| !*open).unwrap();
        inner.1.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const ALL: Audit = Audit { access: true, sync: true };

#[test]
fn nobody_waits_and_what_is_lost_is_said() {
    let (store, plugin, pipe) = (store(), plugin(), Pipe::default());
    let (log, writer) = AuditLog::start(ALL, pipe.clone());
    let began = Instant::now();
    let many = 20_000;
    for _ in 0..many {
        log.access(&who(), &access(&store, &plugin));
    }
    assert!(began.elapsed() < Duration::from_secs(30), "nobody waits");
    let [_, (_, lost)] = log.counts();
    assert!(lost > 10_000 && lost < many, "{lost} of {many}");
    pipe.let_go();
    drop(writer);
    let lines = pipe.lines();
    assert_eq!(lines.last().map(|line| line["audit"].clone()), Some("lost".into()), "where they are missing");
    let said: u64 =
        lines.iter().filter(|line| line["audit"] == "lost").map(|line| line["lines"].as_u64().unwrap()).sum();
    assert_eq!(said, lost);
    assert!(lines.iter().all(|line| line["audit"] != "lost" || line["level"] == "error"));
    let written = lines.iter().filter(|line| line["audit"] == "secretAccess").count() as u64;
    assert_eq!(written, many - lost);
    assert_eq!(log.counts(), [("written", written), ("lost", lost)]);
}

#[test]
fn the_end_waits_for_what_was_handed_in() {
    let (store, plugin, pipe) = (store(), plugin(), Pipe::default());
    pipe.let_go();
    let (log, writer) = AuditLog::start(ALL, pipe.clone());
    for _ in 0..100 {
        log.access(&who(), &access(&store, &plugin));
    }
    drop(writer);
    assert_eq!(pipe.lines().len(), 100);
    // Nobody writes it any more.
    log.access(&who(), &access(&store, &plugin));
    assert_eq!(log.counts(), [("written", 100), ("lost", 1)]);
}

#[test]
fn only_what_is_wanted_is_written() {
    let (store, plugin) = (store(), plugin());
    let write = Write {
        operation: "delete",
        target: Target::default(),
        keys: None,
        field_manager: None,
        result: "ok",
    };
    for (wanted, expected) in [
        (Audit { access: true, sync: false }, vec!["secretAccess"]),
        (Audit { access: false, sync: true }, vec!["secretSync"]),
        (ALL, vec!["secretAccess", "secretSync"]),
    ] {
        let pipe = Pipe::default();
        pipe.let_go();
        let (log, writer) = AuditLog::start(wanted, pipe.clone());
        log.access(&who(), &access(&store, &plugin));
        log.sync(&who(), &write);
        drop(writer);
        let lines = pipe.lines();
        let kinds: Vec<_> = lines.iter().map(|line| line["audit"].as_str().unwrap()).collect();
        assert_eq!(kinds, expected);
    }
    assert!(AuditLog::start(Audit::default(), Pipe::default()).1.is_none());
}

/// What cannot be written, as to a pipe whose reader has gone.
struct Broken;

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_written_is_counted() {
    let (store, plugin) = (store(), plugin());
    let (log, writer) = AuditLog::start(ALL, Broken);
    for _ in 0..3 {
        log.access(&who(), &access(&store, &plugin));
    }
    drop(writer);
    assert_eq!(log.counts(), [("written", 0), ("lost", 3)]);
}
