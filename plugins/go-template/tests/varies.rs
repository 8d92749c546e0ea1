//! Which templates say that another time or another seed could give another text.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use go_template::{Options, render};

fn varies(template: &str) -> bool {
    let options =
        Options { strict: true, left: String::new(), right: String::new(), now_ms: 1_000, seed: vec![1; 32] };
    let data = [("user".to_owned(), b"admin".to_vec()), ("made".to_owned(), b"2024-01-02".to_vec())];
    render(template, &data, &options).expect(template).varies
}

#[test]
fn what_reads_the_clock_or_the_generator_varies() {
    for template in [
        "{{ now }}",
        "{{ now | unixEpoch }}",
        "{{ $t := now }}",
        "{{ if now }}{{ end }}",
        "{{ date \"2006\" now }}",
        "{{ date \"2006\" .user }}",
        "{{ htmlDate \"\" }}",
        "{{ dateInZone \"2006\" now \"UTC\" }}",
        "{{ ago (toDate \"2006-01-02\" .made) }}",
        "{{ toDate \"2006-01-02\" .made | durationRound }}",
        "{{ randAlphaNum 3 }}",
        "{{ randAlpha 3 }}",
        "{{ randNumeric 3 }}",
        "{{ randAscii 3 }}",
        "{{ randInt 1 9 }}",
        "{{ randBytes 3 }}",
        "{{ shuffle .user }}",
        "{{ uuidv4 }}",
        "{{ bcrypt .user }}",
        "{{ htpasswd .user .user }}",
        "{{ encryptAES .user .user }}",
        "{{ genPrivateKey \"ed25519\" }}",
        "{{ genCAWithKey .user 1 (genPrivateKey \"ecdsa\") }}",
        "{{ define \"t\" }}{{ uuidv4 }}{{ end }}{{ template \"t\" }}",
    ] {
        assert!(varies(template), "{template}");
    }
}

#[test]
fn what_only_names_them_does_not() {
    for template in [
        "",
        "{{ .user }}",
        "{{ if false }}{{ now }}{{ end }}",
        "{{ if true }}{{ .user }}{{ else }}{{ uuidv4 }}{{ end }}",
        "{{ define \"t\" }}{{ uuidv4 }}{{ end }}",
        "{{ and false (randAlphaNum 3) }}",
        "{{ date \"2006\" (toDate \"2006-01-02\" .made) }}",
        "{{ date \"2006\" 0 }}",
        "{{ toDate \"2006-01-02\" .made | unixEpoch }}",
        "{{ \"now\" | upper }}",
        "{{ htpasswd .user .user \"sha\" }}",
        "{{ derivePassword 1 \"pin\" .user .user .user }}",
        "{{ encryptAES .user \"\" }}",
        "{{ rsaDecrypt \"None\" \"\" .user \"\" }}",
    ] {
        assert!(!varies(template), "{template}");
    }
}
