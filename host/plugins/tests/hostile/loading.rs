//! What is given to the host as a plugin and is none: each refused with what was expected, while a plugin
//! that was loaded before goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::provider::ProviderError;
use claviger_plugins::{ChildCompiler, Compiler, Grants, HostConfig, Plugin, PluginHost, PluginsError};
use claviger_testenv::chameleon;
use serde_json::json;

use crate::support::{Neighbour, component, connect, get, host};

/// A good plugin, and who is loaded beside it.
struct Bench {
    host: Arc<PluginHost>,
    good: Arc<Plugin>,
    original: Vec<u8>,
}

impl Bench {
    async fn new() -> Option<Self> {
        let (host, original) = (host(), component("chameleon")?);
        let good = host.load("good", original.clone(), Grants::default()).await.unwrap();
        Some(Self { host, good, original })
    }

    fn turned(&self, behaviour: &str) -> Vec<u8> {
        chameleon(&self.original, &format!("2.0.0 {behaviour}"))
    }

    /// Loads what must not be loaded; the good one answers afterwards as before.
    async fn refused(&self, bytes: Vec<u8>, reason: &str, expected: &str) {
        let grants =
            Grants { cpu: Duration::from_millis(300), wall: Duration::from_secs(5), ..Grants::default() };
        let error = match self.host.load("bad", bytes, grants).await {
            Ok(_) => panic!("it was loaded; expected: {expected}"),
            Err(error) => error,
        };
        let said = error.to_string();
        assert!(said.contains(expected), "{expected:?} is not in {said:?}");
        assert_eq!(error.reason(), reason, "{said}");
        assert!(said.len() < 1_000 && !said.chars().any(char::is_control), "{said:?}");
        self.goes_on().await;
    }

    async fn goes_on(&self) {
        let session = connect(&self.good, json!({})).await.unwrap();
        assert_eq!(get(&session).await.unwrap(), b"1.0.0 the-key");
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut replaced = bytes.to_vec();
    let places: Vec<usize> =
        (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{} is not in it", String::from_utf8_lossy(from));
    for place in places {
        replaced[place..place + to.len()].copy_from_slice(to);
    }
    replaced
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_plugin() {
    let Some(bench) = Bench::new().await else { return };
    let original = &bench.original;
    for (bytes, reason, expected) in [
        (vec![], "NotAComponent", "does not begin as wasm"),
        (b"#!/bin/sh\n".to_vec(), "NotAComponent", "does not begin as wasm"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0".to_vec(), "NotAComponent", "does not begin as wasm"),
        (b"\0asm\x01\0\0\0".to_vec(), "NotAComponent", "it is a core module"),
        (b"\0asm\x09\0\x01\0".to_vec(), "NotAComponent", "unknown version of the component format"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "WrongWorld", "it exports nothing"),
        (b"\0asm\x0d\0\x01\0\xff\xff".to_vec(), "NotAComponent", "not a WebAssembly component"),
        (vec![0; 200_000_000], "TooLarge", "200000000 bytes, more than the limit of 67108864"),
        (vec![0; 65 * 1024 * 1024], "TooLarge", "more than the limit of 67108864"),
        (
            replaced(original, b"claviger:plugin/provider@1.0.0", b"claviger:plugin/provider@9.9.9"),
            "InterfaceVersionUnknown",
            "claviger:plugin@9.9.9, and this host speaks 1.0.0",
        ),
        (
            replaced(original, b"claviger:plugin/provider@1.0.0", b"claviger:plugin/prompter@1.0.0"),
            "WrongWorld",
            "but a plugin exports claviger:plugin/provider@1.0.0",
        ),
        (
            replaced(original, b"claviger:plugin/connection@1.0.0", b"claviger:plugin/confection@1.0.0"),
            "WrongWorld",
            "claviger:plugin/confection@1.0.0",
        ),
    ] {
        bench.refused(bytes, reason, expected).await;
    }
    // An import that nobody gives. The chameleon imports neither memo nor log; this one does.
    let strange = replaced(
        &component("misbehaving").unwrap(),
        b"claviger:plugin/memo@1.0.0",
        b"claviger:plugin/meme@1.0.0",
    );
    bench.refused(strange, "LinkFailed", "claviger:plugin/meme@1.0.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_off_or_damaged() {
    let Some(bench) = Bench::new().await else { return };
    let whole = &bench.original;
    for cut in [1, 4, 9, 100, whole.len() / 2, whole.len() - 1] {
        bench.refused(whole[..cut].to_vec(), "NotAComponent", "not a WebAssembly component").await;
    }
    // A byte that is another one: mostly refused, sometimes still a plugin. Never more than that.
    let (mut refused, mut at) = (0, 8);
    while at < whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let grants =
            Grants { cpu: Duration::from_millis(300), wall: Duration::from_secs(5), ..Grants::default() };
        refused += u32::from(bench.host.load("damaged", bytes, grants).await.is_err());
        at += whole.len() / 23;
    }
    assert!(refused > 0);
    bench.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_that_misbehaves_or_lies() {
    let Some(bench) = Bench::new().await else { return };
    let Some(neighbour) = Neighbour::on(&bench.host).await else { return };
    for (behaviour, expected) in [
        ("describe-traps", "crashed"),
        ("describe-loops", "300 ms of CPU time"),
        ("describe-sleeps", "limit of 5000 ms"),
        ("describe-allocates", "limit of 64 MiB"),
        ("describe-exits", "crashed"),
    ] {
        let (host, bytes) = (bench.host.clone(), bench.turned(behaviour));
        let error = neighbour
            .beside(behaviour, async move {
                let grants = Grants {
                    cpu: Duration::from_millis(300),
                    wall: Duration::from_secs(5),
                    ..Grants::default()
                };
                host.load("bad", bytes, grants).await.err()
            })
            .await;
        let error = error.expect(behaviour);
        assert!(matches!(error, PluginsError::Describe(_)), "{behaviour}: {error}");
        assert!(error.to_string().contains(expected), "{behaviour}: {error}");
    }
    for (behaviour, expected) in [
        ("claims-writer", "it claims the capability \"writer\" and does not export"),
        ("claims-all", "it claims the capability \"writer\""),
        ("no-name", "its name is not 1 to 64 letters"),
        ("wild-name", "its name is not 1 to 64 letters"),
        ("long-name", "its name is not 1 to 64 letters"),
        ("no-version", "its version is not 1 to 64 letters"),
        ("wild-version", "its version is not 1 to 64 letters"),
        ("many-origins", "100000 origins, more than 1000"),
        ("many-steps", "3000000 property-order, more than 8"),
        ("no-json", "config-schema is not JSON"),
        ("not-an-object", "config-schema is not a JSON object"),
        ("no-schema", "config-schema is not a JSON Schema"),
        ("deep", "nested more than 64 levels"),
        ("deeper-than-json", "config-schema is not JSON"),
        ("huge", "bytes, more than 262144"),
        ("itself", "refers to itself at #"),
        ("itself-later", "refers to itself at #"),
        ("itself-by-name", "$dynamic"),
        ("octupling", "references followed; more than 20000"),
        ("elsewhere", "refers to https://schemas.example/all.json"),
        ("a-file", "refers to file:///etc/passwd"),
        ("back-reference", "config-schema is not a JSON Schema"),
        ("large-pattern", "config-schema is not a JSON Schema"),
    ] {
        bench.refused(bench.turned(behaviour), "DescriptionInvalid", expected).await;
    }
}

/// Odd, and no harm: taken in as far as it makes sense.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_that_is_only_odd() {
    let Some(bench) = Bench::new().await else { return };
    let load =
        async |behaviour| bench.host.load("odd", bench.turned(behaviour), Grants::default()).await.unwrap();
    let origins = load("wild-origins").await.inspection().origins.clone();
    assert_eq!(origins.len(), 1);
    assert!(origins[0].len() <= 200 && !origins[0].chars().any(char::is_control), "{origins:?}");
    assert_eq!(load("max-batch").await.description().unwrap().max_batch, 100);
    // A matcher that tracks back would not end before the sun does.
    let plugin = load("slow-pattern").await;
    let start = Instant::now();
    let outcome = plugin.check_config(&json!({"server": format!("{}!", "a".repeat(100_000))}));
    assert!(matches!(outcome, Err(ProviderError::InvalidConfig { path, .. }) if path == "/server"));
    assert!(plugin.check_config(&json!({"server": "a".repeat(100_000)})).is_ok());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// A compiler that says that it is done and made nothing, or no machine code.
#[tokio::test]
async fn what_the_compiler_made_is_not_taken_on_trust() {
    let Some(bytes) = component("chameleon") else { return };
    for program in ["/bin/true", "/bin/echo", "/nowhere/claviger"] {
        let cache = tempfile::tempdir().unwrap();
        for cache_dir in [None, Some(cache.path().join("cache"))] {
            let compiler = Compiler::Child(ChildCompiler::new(program.into()));
            let host = PluginHost::new(HostConfig { compiler, cache_dir, ..HostConfig::default() }).unwrap();
            let error = host.load("p", bytes.clone(), Grants::default()).await.err().unwrap();
            assert_eq!(error.reason(), "CompileFailed", "{program}: {error}");
        }
        let kept = std::fs::read_dir(cache.path().join("cache")).unwrap().count();
        assert_eq!(kept, 0, "{program} left something to be loaded");
    }
}

/// As in the image: what was compiled ahead is taken, and nothing is compiled.
#[tokio::test]
async fn what_was_compiled_ahead_needs_no_compiler() {
    let Some(bytes) = component("chameleon") else { return };
    let dir = tempfile::tempdir().unwrap();
    let ahead = dir.path().join("compiled");
    let made = HostConfig { cache_dir: Some(ahead.clone()), ..HostConfig::default() };
    PluginHost::new(made).unwrap().load("p", bytes.clone(), Grants::default()).await.unwrap();
    let load = async |ahead_dir| {
        let compiler = Compiler::Child(ChildCompiler::new("/nowhere/claviger".into()));
        let host = PluginHost::new(HostConfig { compiler, ahead_dir, ..HostConfig::default() }).unwrap();
        host.load("p", bytes.clone(), Grants::default()).await.map(drop).map_err(|error| error.reason())
    };
    assert_eq!(load(Some(ahead.clone())).await, Ok(()));
    assert_eq!(load(None).await, Err("CompileFailed"));
    assert_eq!(load(Some(dir.path().join("nothing"))).await, Err("CompileFailed"));
    // A file that was changed since is not run, and the plugin is compiled.
    for entry in std::fs::read_dir(&ahead).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            let mut code = std::fs::read(&path).unwrap();
            *code.last_mut().unwrap() ^= 1;
            std::fs::write(&path, code).unwrap();
        }
    }
    assert_eq!(load(Some(ahead)).await, Err("CompileFailed"));
}

/// The versions that upgrade tests use: other bytes, another version, the same code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_of_one_plugin() {
    let Some(bench) = Bench::new().await else { return };
    let next = bench.host.load("good", bench.turned("good"), Grants::default()).await.unwrap();
    assert_eq!(
        (bench.good.id().to_string(), next.id().to_string()),
        ("good@1.0.0".into(), "good@2.0.0".into())
    );
    assert_ne!(bench.good.id().digest, next.id().digest);
    let session = connect(&next, json!({})).await.unwrap();
    assert_eq!(get(&session).await.unwrap(), b"2.0.0 the-key");
    bench.goes_on().await;
    for behaviour in ["validate-traps", "validate-fails"] {
        let plugin = bench.host.load("good", bench.turned(behaviour), Grants::default()).await.unwrap();
        assert!(connect(&plugin, json!({})).await.unwrap().validate().await.is_err(), "{behaviour}");
    }
    for behaviour in ["connect-traps", "connect-refuses"] {
        let plugin = bench.host.load("good", bench.turned(behaviour), Grants::default()).await.unwrap();
        assert!(connect(&plugin, json!({})).await.is_err(), "{behaviour}");
    }
    bench.goes_on().await;
}
