//! Key pairs, judged by OpenSSH's own `ssh-keygen`, which has to be installed.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use generators::kinds;

fn keygen(args: &[&str]) -> String {
    let out =
        Command::new("ssh-keygen").args(args).output().unwrap_or_else(|error| panic!("ssh-keygen: {error}"));
    assert!(out.status.success(), "ssh-keygen {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn ssh_keygen_reads_every_kind() {
    // (spec, bits, what ssh-keygen calls it, comment)
    for (spec, bits, name, comment) in [
        (r#"{"comment": "me@example.com"}"#, "2048", "RSA", "me@example.com"),
        (r#"{"keyType": "rsa", "keySize": 1024}"#, "1024", "RSA", ""),
        (r#"{"keyType": "rsa", "keySize": 3072, "comment": "two words"}"#, "3072", "RSA", "two words"),
        (r#"{"keyType": "ecdsa"}"#, "256", "ECDSA", ""),
        (r#"{"keyType": "ecdsa", "keySize": 300}"#, "256", "ECDSA", ""),
        (r#"{"keyType": "ecdsa", "keySize": 384, "comment": "c"}"#, "384", "ECDSA", "c"),
        (r#"{"keyType": "ecdsa", "keySize": 521, "comment": "ü"}"#, "521", "ECDSA", "ü"),
        (r#"{"keyType": "ed25519", "keySize": 4096, "comment": "a"}"#, "256", "ED25519", "a"),
    ] {
        // Several, since leading zeros and padding depend on the numbers.
        let seeds = if name == "RSA" { 2 } else { 12 };
        for seed in 0..seeds {
            let values = kinds::generate("SSHKey", spec, &[seed; 32]).unwrap();
            let keys: Vec<&str> = values.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, ["privateKey", "publicKey"]);
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_permissions(std::fs::Permissions::from_mode(0o600)).unwrap();
            file.write_all(&values[0].1).unwrap();
            let path = file.path().to_str().unwrap();
            // The public key that belongs to the private one, with its comment.
            let public = String::from_utf8(values[1].1.clone()).unwrap();
            assert_eq!(keygen(&["-y", "-P", "", "-f", path]), public, "{spec}");
            let about = keygen(&["-l", "-f", path]);
            assert!(about.starts_with(&format!("{bits} SHA256:")), "{spec}: {about}");
            assert!(about.ends_with(&format!("{comment} ({name})\n")), "{spec}: {about}");
            // It signs, and the public key verifies: the private numbers belong together.
            let message = tempfile::NamedTempFile::new().unwrap();
            let text = message.path().to_str().unwrap();
            keygen(&["-Y", "sign", "-q", "-f", path, "-n", "test", text]);
            let allowed = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(allowed.path(), format!("me {public}")).unwrap();
            let signature = format!("{text}.sig");
            let signed = std::fs::File::open(text).unwrap();
            let verify = [
                "-Y",
                "verify",
                "-f",
                allowed.path().to_str().unwrap(),
                "-I",
                "me",
                "-n",
                "test",
                "-s",
                &signature,
            ];
            let verified = Command::new("ssh-keygen").args(verify).stdin(signed).output().unwrap();
            std::fs::remove_file(&signature).unwrap();
            assert!(verified.status.success(), "{spec}: {}", String::from_utf8_lossy(&verified.stderr));
        }
    }
}

#[test]
fn another_seed_is_another_key() {
    for spec in
        [r#"{"keyType": "rsa", "keySize": 1024}"#, r#"{"keyType": "ecdsa"}"#, r#"{"keyType": "ed25519"}"#]
    {
        let public = |seed: u8| kinds::generate("SSHKey", spec, &[seed; 32]).unwrap().remove(1).1;
        assert_ne!(public(1), public(2), "{spec}");
        assert_eq!(public(1), public(1), "{spec}");
    }
}
