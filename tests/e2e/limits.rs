//! Under the reference document's limits (200m CPU, 256 MiB), held by a real cgroup: large components arrive
//! while 500 ExternalSecrets refresh. Nothing is killed, and how long others take is printed, before and
//! meanwhile. A time is never asserted.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use claviger_testenv::Cgroup;
use serde_json::json;

use crate::support::{
    Operator, World, bystander, bystander_store, chameleon, digest, leb, noise, pack, print_latency, section,
    world,
};

/// The reference document's `resources.limits`.
const MEMORY: u64 = 256 * 1024 * 1024;
/// Of a core, in thousandths.
const CPU: u64 = 200;
const EXTERNAL_SECRETS: usize = 500;

/// A component of about `size` bytes that really has to be compiled: the chameleon, with one more core module
/// in it, of many functions that are never called.
fn grown(component: &[u8], size: usize) -> Vec<u8> {
    let mut code = Vec::new();
    let mut count = 0u32;
    while code.len() < size {
        // 400 times: local.get 0, i32.const n, i32.xor, i32.const 31, i32.mul, local.set 0; then local.get 0.
        // Of a parameter, and in turns, so that nothing of it can be computed beforehand.
        let mut body = vec![0];
        for step in 0..400u32 {
            body.extend([0x20, 0, 0x41]);
            leb(&mut body, (count ^ step) & 0x3f);
            body.extend([0x73, 0x41, 31, 0x6c, 0x21, 0]);
        }
        body.extend([0x20, 0, 0x0b]);
        leb(&mut code, u32::try_from(body.len()).unwrap());
        code.extend(body);
        count += 1;
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    // One type: (i32) -> i32.
    section(&mut module, 1, &[1, 0x60, 1, 0x7f, 1, 0x7f]);
    let mut functions = Vec::new();
    leb(&mut functions, count);
    functions.resize(functions.len() + count as usize, 0);
    section(&mut module, 3, &functions);
    let mut bodies = Vec::new();
    leb(&mut bodies, count);
    bodies.extend(code);
    section(&mut module, 10, &bodies);
    let mut bytes = component.to_vec();
    // A core module in a component.
    section(&mut bytes, 1, &module);
    bytes
}

/// Packs with the product and applies, for this test's operator.
fn install_packed(world: &World, name: &str, bytes: &[u8]) {
    // Who packs has a machine of any size.
    let budget = ["--compile-cpu-seconds", "600", "--compile-memory-mib", "4096"];
    for object in pack(world, bytes, name, &budget) {
        world.apply_json(&object);
    }
}

#[test]
fn a_large_component_arrives_in_a_small_pod_while_others_refresh() {
    let world = world!("limits");
    let group = match Cgroup::new("claviger-limits-test", MEMORY, CPU) {
        Ok(group) => group,
        Err(why) => {
            let message = format!("SKIPPED: limits needs a cgroup: {why}");
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
            eprintln!("{message}");
            return;
        }
    };
    let operator = Operator::start(&world);
    group.add(operator.pid()).unwrap();
    bystander_store(&world);
    world.wait_ready("secretstore", "bystander");
    let mut all = String::new();
    for number in 0..EXTERNAL_SECRETS {
        let _ = writeln!(all, "---\n{}", bystander(&world, &format!("es-{number}"), "30s"));
    }
    world.apply(&all);
    world.wait_for(Duration::from_secs(240), "500 ExternalSecrets to be ready", || {
        let list = world.kubectl(&["-n", &world.name, "get", "externalsecret", "-o", "name"]);
        let secrets = world.kubectl(&[
            "-n",
            &world.name,
            "get",
            "secret",
            "-l",
            "reconcile.external-secrets.io/managed=true",
            "-o",
            "name",
        ]);
        let (wanted, found) = (list.lines().count(), secrets.lines().count());
        if found >= EXTERNAL_SECRETS { Ok(()) } else { Err(format!("{found} of {wanted}")) }
    });
    print_latency(&world, "before");

    // 18 MB of which little is code, as a language runtime with its library is, fit. 18 MB of code do not:
    // compiling them takes 230 MiB by itself, and they are refused with the number of what there was.
    let small = chameleon(&world, "2.0.0 good");
    let mut mostly_data = grown(&small, 2 * 1024 * 1024);
    section(&mut mostly_data, 0, &[&[1, b'x'][..], &noise(15 * 1024 * 1024)].concat());
    let all_code = grown(&small, 18 * 1024 * 1024);
    for (name, bytes) in [("limits-data", &mostly_data), ("limits-code", &all_code)] {
        println!("{name}: {} bytes", bytes.len());
        let arrived = Instant::now();
        install_packed(&world, name, bytes);
        print_latency(&world, &format!("while {name} arrives"));
        let (ready, reason, message, status) =
            world.wait_for(Duration::from_secs(300), "a verdict on the plugin", || {
                world.plugin(name).ok_or_else(|| "none".to_owned())
            });
        println!("{name}: {ready} {reason} after at most {:?}: {message}", arrived.elapsed());
        if name == "limits-data" {
            assert_eq!(status["digest"], json!(digest(bytes)), "{message}");
        } else {
            assert_eq!(reason, "CompileOverBudget", "{message}");
            assert!(message.contains("MiB of memory: raise --compile-memory-mib"), "{message}");
        }
    }
    let (peak, kills) = group.memory();
    println!("peak of the cgroup: {} MiB of {}, killed: {kills}", peak >> 20, MEMORY >> 20);
    assert_eq!(kills, 0);
    assert!(operator.runs(), "the operator was killed");
    for name in ["limits-data", "limits-code"] {
        world.kubectl(&["delete", "plugin", name]);
    }
    // Other tests' objects are seen too, and their stores are not this operator's.
    let log = operator.log();
    let ours = log.lines().filter(|line| line.contains("ExternalSecret limits/"));
    let failed = ours.filter(|line| line.contains("\"not synced\"")).count();
    assert_eq!(failed, 0, "refreshes that failed");
    drop(operator);
}
