//! What the engine makes of randomness, for Go to judge: `tests/gotemplates/made.json` holds the texts of one
//! seed, and `go run . judge made.json` parses and verifies them. Here they are made again, so that what was
//! judged is what is made. After a change write them anew: `CLAVIGER_WRITE_MADE=1`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;

use go_template::{Options, render};

/// A name that the judge knows, and what is rendered for it.
const MADE: [(&str, &str); 14] = [
    ("bcrypt", "{{ bcrypt \"hunter2\" }}"),
    ("htpasswd", "{{ htpasswd \"user\" \"hunter2\" }}"),
    ("aes", "{{ encryptAES \"secretkey\" \"plaintext of some length\" }}"),
    ("rsa", "{{ genPrivateKey \"rsa\" }}"),
    ("ecdsa", "{{ genPrivateKey \"ecdsa\" }}"),
    ("ed25519", "{{ genPrivateKey \"ed25519\" }}"),
    ("dsa", "{{ genPrivateKey \"dsa\" }}"),
    ("ca", "{{ $c := genCA \"ca.example.org\" 365 }}{{ $c.Cert }}{{ $c.Key }}"),
    ("ca-ecdsa", "{{ $c := genCAWithKey \"cä\" 365 (genPrivateKey \"ecdsa\") }}{{ $c.Cert }}{{ $c.Key }}"),
    (
        "ca-ed25519",
        "{{ $c := genCAWithKey \"\" 20000 (genPrivateKey \"ed25519\") }}{{ $c.Cert }}{{ $c.Key }}",
    ),
    (
        "self-signed",
        "{{ $c := genSelfSignedCert \"s.example.org\" (list \"192.0.2.1\" \"2001:db8::1\") (list \"a.example.org\") 30 }}{{ $c.Cert }}{{ $c.Key }}",
    ),
    (
        "signed",
        "{{ $ca := genCA \"ca\" 365 }}{{ $c := genSignedCert \"s\" (list \"192.0.2.1\") (list \"a.example.org\" \"b.example.org\") 30 $ca }}{{ $c.Cert }}{{ $c.Key }}{{ $ca.Cert }}",
    ),
    (
        "pkcs12",
        "{{ $ca := genCAWithKey \"ca\" 365 (genPrivateKey \"ecdsa\") }}{{ $c := genSignedCertWithKey \"s\" nil (list \"a.example.org\") 30 $ca (genPrivateKey \"ed25519\") }}{{ fullPemToPkcs12Pass (print $c.Cert $ca.Cert) $c.Key \"pässword\" }}",
    ),
    (
        "trust-store",
        "{{ $a := genCAWithKey \"one\" 365 (genPrivateKey \"ecdsa\") }}{{ $b := genCAWithKey \"two\" 365 (genPrivateKey \"ed25519\") }}{{ pemTruststoreToPKCS12 (print $a.Cert $b.Cert) }}",
    ),
];

#[test]
fn what_go_judges_is_what_is_made() {
    // The clock of the Go program.
    let options = Options {
        strict: true,
        left: String::new(),
        right: String::new(),
        now_ms: 1_709_211_845_678,
        seed: vec![7; 32],
    };
    let made: BTreeMap<&str, String> = MADE
        .iter()
        .map(|(name, template)| {
            let rendered = render(template, &[], &options).expect(name);
            assert!(rendered.varies, "{name}");
            (*name, String::from_utf8(rendered.text).unwrap())
        })
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/gotemplates/made.json");
    if std::env::var_os("CLAVIGER_WRITE_MADE").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let judged: BTreeMap<String, String> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for (name, text) in &made {
        assert_eq!(judged.get(*name), Some(text), "{name}: write made.json anew and have it judged");
    }
    assert_eq!(judged.len(), made.len());
}
