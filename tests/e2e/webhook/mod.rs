//! The validating webhook, asked by the real API server: with a certificate from files, and with an authority of its own.

mod doctor;
mod files;
mod own;
mod rotation;
mod service;

use std::process::{Command, Stdio};

use crate::support::World;

const ONE: &str = "  data: [{secretKey: one, remoteRef: {key: one}}]";

fn external_secret(world: &World, name: &str, rest: &str) -> String {
    format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         spec:\n  secretStoreRef: {{name: fake}}\n{rest}\n",
        ns = world.name
    )
}

fn store(world: &World, kind: &str, name: &str, rest: &str) -> String {
    format!(
        "apiVersion: external-secrets.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n{rest}\n",
        ns = world.name
    )
}

/// What kubectl says when it is refused.
fn refused(world: &World, yaml: &str) -> String {
    match world.env.cluster.apply(yaml) {
        Ok(_) => panic!("taken: {yaml}"),
        Err(error) => error.to_string(),
    }
}

/// Whether OpenSSL takes the certificate that is served on that port, by the authorities of a bundle in PEM.
fn judged(port: u16, bundle: &str, expected: &[&str]) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bundle).unwrap();
    let output = Command::new("openssl")
        .args(["s_client", "-verify_return_error", "-connect", &format!("127.0.0.1:{port}")])
        .args(expected)
        .arg("-CAfile")
        .arg(file.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
