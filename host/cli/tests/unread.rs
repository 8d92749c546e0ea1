//! What a command says when nobody reads on what it prints (`| head`): nothing.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

#[test]
fn who_is_not_read_on_is_quiet() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    // More than a pipe holds.
    let mut child = command.arg("crds").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
