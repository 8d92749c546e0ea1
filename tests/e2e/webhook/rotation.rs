//! An authority that comes of age: another is published beside it, then signs, then is alone; and at every moment the API
//! server's bundle is good for what is served.
//!
//! The old pair is made by OpenSSL with dates in the past, and the day of an overlap is made to be over in the note on the
//! Secret: the product has no flag for any of that.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use super::service::Hook;
use crate::support::{Operator, world};

/// Runs OpenSSL in a folder.
fn openssl(dir: &Path, args: &str) {
    let output = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A moment so many days from now, as OpenSSL writes it.
fn day(n: i64) -> String {
    date(n, "+%Y%m%d%H%M%SZ")
}

fn date(n: i64, format: &str) -> String {
    let output = Command::new("date").args(["-u", "-d", &format!("{n} days"), format]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An authority of 365 days that has 65 left, and a certificate of it: the texts of `ca.crt`, `ca.key`, `tls.crt`,
/// `tls.key`.
fn old(name: &str) -> [String; 4] {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let config = format!(
        "[ca]\ndefault_ca = d\n[d]\nnew_certs_dir = .\ndatabase = index.txt\nserial = serial\ndefault_md = sha256\n\
         policy = p\n[p]\ncommonName = supplied\n[req]\ndistinguished_name = n\n[n]\n\
         [v3_ca]\nbasicConstraints = critical, CA:true\nkeyUsage = critical, keyCertSign\nsubjectKeyIdentifier = hash\n\
         [v3_server]\nsubjectAltName = DNS:{name}.{name}.svc, DNS:{name}.{name}.svc.cluster.local, DNS:{name}.{name}\n\
         extendedKeyUsage = serverAuth\nauthorityKeyIdentifier = keyid\n"
    );
    std::fs::write(dir.join("conf"), config).unwrap();
    std::fs::write(dir.join("index.txt"), "").unwrap();
    std::fs::write(dir.join("serial"), "1000").unwrap();
    for (key, subject) in [("ca", "/CN=an old authority"), ("tls", "/CN=webhook")] {
        openssl(dir, &format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {key}.key"));
        let request =
            ["req", "-new", "-config", "conf", "-subj", subject, "-key", &format!("{key}.key"), "-out"];
        let request =
            Command::new("openssl").args(request).arg(format!("{key}.csr")).current_dir(dir).output();
        assert!(request.unwrap().status.success());
    }
    let ca = "ca -batch -notext -config conf -keyfile ca.key";
    let dates = |from: i64, to: i64| format!("-startdate {} -enddate {}", day(from), day(to));
    openssl(dir, &format!("{ca} -selfsign -in ca.csr -out ca.crt -extensions v3_ca {}", dates(-300, 65)));
    openssl(
        dir,
        &format!("{ca} -cert ca.crt -in tls.csr -out tls.crt -extensions v3_server {}", dates(-1, 60)),
    );
    ["ca.crt", "ca.key", "tls.crt", "tls.key"].map(|name| std::fs::read_to_string(dir.join(name)).unwrap())
}

#[test]
fn an_authority_is_replaced_while_the_webhook_is_asked() {
    let world = world!("webhook-rotation");
    let hook = Hook::new(&world);
    let [ca, ca_key, tls, tls_key] = old(&world.name);
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": world.name, "namespace": world.name, "labels": {"claviger.io/webhook": "authority"}},
        "stringData": {"ca.crt": ca, "ca.key": ca_key, "tls.crt": tls, "tls.key": tls_key}});
    world.apply(&secret.to_string());
    hook.configure();
    hook.grant(&format!("operator-{}", world.name));
    let flags = hook.flags(0);
    let operator = Operator::start_flagged(&world, &flags.iter().map(String::as_str).collect::<Vec<_>>());

    // It is past two thirds of its life: another is published beside it, and it goes on signing.
    let both = hook.wait_bundle(2);
    let new = both.strip_prefix(&ca).expect("the old one first");
    hook.judged(0, &ca).unwrap();
    assert!(hook.judged(0, new).is_err(), "nothing is served under it yet");
    assert_eq!(hook.key("tls.crt").as_deref(), Some(&*tls), "what is good stays");
    let note = || {
        let secret = world.get("secret", &world.name)?;
        secret["metadata"]["annotations"]["claviger.io/webhook-since"].as_str().map(str::to_owned)
    };
    world.wait("it to be noted since when", || note().ok_or(operator.log()));
    hook.wait_asked();

    let (stop, asked, failed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        // Somebody who goes by the bundle that the API server is told, all the while.
        scope.spawn(|| {
            while !stop.load(Ordering::Acquire) {
                let told = hook.bundle().and_then(|bundle| hook.judged(0, &bundle));
                if let Err(why) = told {
                    eprintln!("not taken: {why}");
                    failed.fetch_add(1, Ordering::AcqRel);
                }
                asked.fetch_add(1, Ordering::AcqRel);
            }
        });
        let rotation = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let over = format!("claviger.io/webhook-since={}", date(-2, "+%Y-%m-%dT%H:%M:%SZ"));
            let overlap_is_over = || {
                world.kubectl(&["-n", &world.name, "annotate", "secret", &world.name, &over, "--overwrite"])
            };
            overlap_is_over();
            world.wait("the new one to sign", || hook.judged(0, new));
            assert!(hook.judged(0, &ca).is_err());
            assert_eq!(hook.wait_bundle(2), both, "the old one is published still");
            assert!(hook.key("next-ca.key").is_none() && hook.key("ca.key").is_some_and(|key| key != ca_key));
            hook.wait_asked();

            world.wait("it to be noted since when it signs", || {
                note().filter(|note| !over.ends_with(note)).ok_or(operator.log())
            });
            overlap_is_over();
            assert_eq!(hook.wait_bundle(1), new);
            world.wait("the note to be gone", || note().map_or(Ok(()), Err));
            hook.wait_asked();
        }));
        let before = asked.load(Ordering::Acquire);
        let more = || if asked.load(Ordering::Acquire) > before + 1 { Ok(()) } else { Err("no".to_owned()) };
        let looked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.wait("a look after it", more)));
        stop.store(true, Ordering::Release);
        for outcome in [rotation, looked] {
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    let (asked, failed) = (asked.into_inner(), failed.into_inner());
    eprintln!("{asked} times what is served was judged by what is told during a rotation");
    assert_eq!(failed, 0, "of {asked}");
    for (reason, note) in [
        ("WebhookAuthorityMade", "made another authority"),
        ("WebhookAuthorityChanged", "by another authority from now on"),
        ("WebhookAuthorityWithdrawn", "withdrew authorities"),
    ] {
        world.wait("the events", || hook.event(reason, note));
    }
}
