//! What `claviger run` says when its settings cannot be used, before it looks for a cluster: which one, and never a value
//! that may be a secret.

#![allow(clippy::unwrap_used)]

use std::process::Command;

/// Standard error of a start that fails.
fn refused(flags: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    command.arg("run").args(flags);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "CLAVIGER_CONFIG", "CLAVIGER_CA_BUNDLE"] {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{flags:?}");
    assert!(!said.contains("MARKED"), "{said}");
    said
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let written = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let absent = dir.path().join("absent").to_str().unwrap().to_owned();
    let unknown =
        written("unknown.yaml", "audit: {logSecretAcess: true}\nproxy: {htps: 'http://u:MARKED@p'}\n");
    let proxy = written("proxy.yaml", "proxy: {https: 'https://u:MARKED@p:1', noProxy: a}\n");
    let empty = written("empty.pem", "MARKED, and no certificate");
    let large = written("large.pem", &"-----MARKED-----\n".repeat(1_000_000));
    for (flags, variables, parts) in [
        (&["--config", &*absent][..], &[][..], &["configuration file", &*absent, "cannot be read"][..]),
        (&[], &[("CLAVIGER_CONFIG", &*absent)], &["configuration file", &*absent]),
        (
            &["--config", &*unknown],
            &[],
            &[&*unknown, "did you mean audit.logSecretAccess?", "did you mean proxy.https?"],
        ),
        (&["--config", &*proxy], &[], &["proxy.https", "expected http://[USER:PASSWORD@]HOST[:PORT]"]),
        (&[], &[("HTTP_PROXY", "socks5://u:MARKED@p:1")], &["HTTP_PROXY", "not supported"]),
        (&["--https-proxy=http://u:MARKED@p/x"], &[], &["--https-proxy", "HTTPS_PROXY"]),
        (&["--https-proxy=p:1"], &[("NO_PROXY", "a,MARKED b")], &["NO_PROXY", "entry 2"]),
        (&["--ca-bundle", &*empty], &[], &["CA bundle", &*empty, "holds no certificate"]),
        (&["--ca-bundle", &*large], &[], &["CA bundle", &*large, "larger than 16 MiB"]),
        (&["--ca-bundle", &*absent], &[], &["CA bundle", &*absent]),
        (&[], &[("POLLER_INTERVAL_MILLISECONDS", "0")], &["POLLER_INTERVAL_MILLISECONDS"]),
    ] {
        let said = refused(flags, variables);
        for part in parts {
            assert!(said.contains(part), "{flags:?} {variables:?}: {part:?} is not in: {said}");
        }
    }
}

#[test]
fn help_does_not_show_what_a_proxy_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_claviger"))
        .args(["run", "--help"])
        .env("HTTPS_PROXY", "http://u:MARKED@p:1")
        .env("HTTP_PROXY", "http://u:MARKED@p:1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("[env: HTTPS_PROXY]"), "{said}");
    assert!(!said.contains("MARKED"), "{said}");
}
