//! The hostile set through the whole product, on the real API server: each store's plugin does something
//! else that it must not. Every one is contained and named in its ExternalSecret's condition; the others go
//! on. What limits do in detail is tested in `host/plugins/tests/hostile`.
//!
//! Runs where nothing but loopback can be reached (`cargo xtask test` makes that), since on a real machine
//! somebody answers at the metadata address.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{
    Operator, World, assert_no_value_left, bystander, bystander_store, component, digest, print_latency,
    world,
};

/// Whether loopback is the only device.
fn isolated() -> bool {
    let devices = std::fs::read_to_string("/proc/self/net/dev").unwrap();
    devices.lines().skip(2).all(|line| line.trim_start().starts_with("lo:"))
}

/// Answers every request on every connection; counts requests. Ends with the test program.
fn server(address: &str, answer: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(address).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = requests.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counted = counted.clone();
            std::thread::spawn(move || serve(stream, answer, &counted));
        }
    });
    (origin, requests)
}

fn serve(mut stream: TcpStream, answer: &str, counted: &AtomicUsize) {
    let mut buffer = [0; 4096];
    // A request of these tests is far smaller than the buffer, and comes whole.
    while matches!(stream.read(&mut buffer), Ok(read) if read > 0) {
        counted.fetch_add(1, Ordering::SeqCst);
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn store(world: &World, name: &str, config: &Value) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"hostile-plugin": config}},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "refreshInterval": "2s", "secretStoreRef": {"name": name},
            "data": [{"secretKey": "k", "remoteRef": {"key": "the-key"}}],
        },
    }));
}

#[test]
fn whatever_a_plugin_does_is_contained_and_named() {
    let world = world!("plugin-hostile");
    if !isolated() {
        let message =
            "SKIPPED: the hostile set needs a network of its own, run it by `cargo xtask test` as root";
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
        eprintln!("{message}");
        return;
    }
    let (own, own_requests) = server("127.0.0.1:0", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    let (metadata, metadata_requests) =
        server("169.254.169.254:8200", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nnever!");
    let (leading, _) = server(
        "127.0.0.1:0",
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254:8200/latest\r\ncontent-length: 0\r\n\r\n",
    );
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine", "namespace": world.name},
        "stringData": {"token": "MARKED-hostile-credential", "other": "MARKED-hostile-other"},
    }));
    let operator = Operator::start(&world);
    bystander_store(&world);
    world.apply_json(&bystander(&world, "neighbour", "1s"));
    world.wait_ready("externalsecret", "neighbour");
    print_latency(&world, "before");
    let failed_before = operator.metric(&sync_errors(&world)).unwrap();

    let bytes = component(&world, "misbehaving");
    // A second of CPU for each of many loops is a long test; half of that is a limit too.
    world.install("hostile-plugin", &bytes, json!({"grants": {"cpuMilliseconds": 500, "wallSeconds": 10}}));
    world.wait_loaded("hostile-plugin", &digest(&bytes));

    let needs = |need: Value| {
        json!({
            "mode": "have", "connect": {"rounds": [[need]]},
            "ref": {"name": "mine", "key": "token"},
            "foreign": {"name": "operator-token", "key": "token", "namespace": "kube-system"},
            "account": {"name": "default"}, "unmarked": {"name": "mine", "key": "other"},
        })
    };
    let object = |at: &str| needs(json!({"object": {"slot": "s", "at": at}}));
    let token =
        |audiences: Value| needs(json!({"token": {"slot": "s", "at": "/account", "audiences": audiences}}));
    // Ten thousand requests meet the CPU limit or their own, whichever comes first.
    // (mode, config, who says so: the ExternalSecret or already its store, reason, what the message says)
    let cases: Vec<(&str, Value, &str, &str, &str)> = vec![
        ("loop", json!({}), "externalsecret", "PluginFault", "limit of 500 ms of CPU time"),
        ("allocate", json!({}), "externalsecret", "PluginFault", "limit of 64 MiB of memory"),
        ("trap", json!({}), "externalsecret", "PluginFault", "the plugin crashed"),
        ("recurse", json!({}), "externalsecret", "PluginFault", "the plugin crashed"),
        ("sleep", json!({}), "externalsecret", "PluginFault", "did not answer within its limit of 10000 ms"),
        ("huge", json!({}), "externalsecret", "PluginFault", "limit of 4194304 bytes"),
        ("many-answers", json!({}), "externalsecret", "PluginFault", ""),
        ("requests", json!({"server": own}), "externalsecret", "PluginFault", "more than"),
        (
            "foreign",
            json!({"server": own, "path": "http://169.254.169.254:8200/latest"}),
            "externalsecret",
            "PluginFault",
            "http://169.254.169.254",
        ),
        ("redirect", json!({"server": leading}), "externalsecret", "PluginFault", "http://169.254.169.254"),
        (
            "metadata",
            json!({"mode": "get", "server": metadata}),
            "externalsecret",
            "PluginFault",
            "link-local or metadata",
        ),
        (
            "never-ready",
            json!({"connect": {"then": "never-ready"}}),
            "secretstore",
            "PluginFault",
            "asks for nothing",
        ),
        ("foreign-namespace", object("/foreign"), "secretstore", "ReferenceForbidden", "kube-system"),
        ("unmarked-field", object("/unmarked"), "secretstore", "ReferenceForbidden", "/unmarked"),
        (
            "any-audience",
            token(json!(["https://sts.amazonaws.com"])),
            "secretstore",
            "ReferenceForbidden",
            "sts.amazonaws.com",
        ),
        ("api-audience", token(json!([])), "secretstore", "ReferenceForbidden", "apiServerAudience"),
        (
            "surroundings",
            needs(json!({"ambient": {"slot": "s", "kind": "env", "name": "HOME"}})),
            "secretstore",
            "ReferenceForbidden",
            "env HOME",
        ),
    ];
    for (mode, extra, ..) in &cases {
        let mut config = json!({"mode": mode});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        store(&world, mode, &config);
    }
    // These three are let, and come to nothing.
    for mode in ["state", "environment", "log-flood"] {
        store(&world, mode, &json!({"mode": mode}));
    }
    print_latency(&world, "meanwhile");
    for (mode, _, kind, reason, expected) in &cases {
        let message = world.wait_reason(kind, mode, reason);
        assert!(message.contains(expected), "{mode}: {expected:?} is not in {message:?}");
        if *reason == "PluginFault" {
            assert!(message.contains("hostile-plugin@0.1.0"), "{mode}: who did it is not in {message:?}");
        }
        assert!(world.get("secret", mode).is_none(), "{mode} must not become a Secret");
    }
    // Another key than the manifest's is not what it gets.
    store(&world, "another-key", &needs(json!({"object": {"slot": "s", "at": "/ref", "key": "other"}})));
    world.wait_ready("externalsecret", "another-key");
    let handed = world.data("another-key").unwrap();
    assert!(String::from_utf8_lossy(&handed["k"]).contains("MARKED-hostile-credential"));
    // Nothing is kept for the next call, and nothing lies around.
    world.wait_data("state", &[("k", "0")]);
    world.wait_data("environment", &[("k", "")]);
    world.wait_ready("externalsecret", "log-flood");
    let said = operator.log().lines().filter(|line| line.contains("\"plugin says\"")).count();
    assert!(said <= 500, "{said} lines of a plugin's in the log");

    assert_eq!(metadata_requests.load(Ordering::SeqCst), 0, "nobody reached the metadata address");
    assert!(own_requests.load(Ordering::SeqCst) > 0, "its own server it may ask");
    print_latency(&world, "afterwards");
    assert_eq!(operator.metric(&sync_errors(&world)).unwrap(), failed_before, "the neighbour failed");
    assert!(operator.runs());
    assert_no_value_left(&world, &operator, &["MARKED-hostile-credential", "MARKED-hostile-other"]);
    world.kubectl(&["delete", "plugin", "hostile-plugin"]);
}

fn sync_errors(world: &World) -> String {
    format!("externalsecret_sync_calls_error{{name=\"neighbour\",namespace=\"{}\"}}", world.name)
}
