//! What a failure says and where, that it never says a value, and that nothing grows without bound.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use go_template::{Failure, Options, render};

fn options() -> Options {
    Options { strict: true, left: String::new(), right: String::new(), now_ms: 0, seed: vec![1; 32] }
}

fn data() -> Vec<(String, Vec<u8>)> {
    vec![("user".to_owned(), b"admin".to_vec()), ("password".to_owned(), b"hunter2-marked".to_vec())]
}

fn failure(template: &str) -> Failure {
    render(template, &data(), &options()).expect_err(template)
}

#[test]
fn says_what_and_where() {
    let cases = [
        ("{{ .nope }}", 1, 4, "map has no entry for key \"nope\""),
        ("a: {{ .user }}\nb: {{ .passwrod | quote }}\n", 2, 7, "map has no entry for key \"passwrod\""),
        ("é {{ .nope }}", 1, 6, "map has no entry for key \"nope\""),
        ("{{ .user | nofunc }}", 1, 12, "function \"nofunc\" not defined"),
        ("x\n  {{ if .user }}y", 2, 18, "unexpected EOF"),
        ("a{{ end }}b", 1, 2, "unexpected {{end}}"),
        ("{{ \"open }}", 1, 4, "unterminated quoted string"),
        ("{{ .user.name }}", 1, 4, "can't evaluate field name in type string"),
        ("{{ upper 1 }}", 1, 10, "expected string; found a number"),
        ("{{ trunc .user .user }}", 1, 10, "wrong type for value; expected int; got string"),
        ("{{ upper }}", 1, 4, "wrong number of args for upper: want 1 got 0"),
        ("{{ div 1 0 }}", 1, 4, "error calling div: runtime error: integer divide by zero"),
        ("{{ $x }}", 1, 4, "undefined variable \"$x\""),
        ("{{ break }}", 1, 4, "{{break}} outside {{range}}"),
        ("{{ template \"gone\" }}", 1, 4, "template \"gone\" not defined"),
        ("{{ fail \"no replica set\" }}", 1, 4, "error calling fail: no replica set"),
    ];
    for (template, line, column, detail) in cases {
        let expected = Failure { line, column, detail: detail.to_owned() };
        assert_eq!(failure(template), expected, "{template}");
    }
}

#[test]
fn never_quotes_a_value() {
    let cases = [
        "{{ fail .password }}",
        "{{ fail (printf \"bad password %s\" .password) }}",
        "{{ fail (upper .password) }}",
        "{{ mustFromJson .password }}",
        "{{ fromYaml .password }}{{ .nope }}",
        "{{ mustToDate .password \"x\" }}",
        "{{ mustRegexMatch (cat .password \"(\") \"x\" }}",
        "{{ semver .password }}",
        "{{ semverCompare .password \"1.0.0\" }}",
        "{{ urlParse (cat \"http://\" .password \"%zz\") }}",
        "{{ index .password .password }}",
        "{{ .password.field }}",
        "{{ range .password }}{{ end }}",
        "{{ eq 1 .password }}",
        "{{ len 1 | index .password }}{{ index (list .password) 9 }}",
        "{{ round .password .password }}",
        "{{ dateInZone \"2006\" now .password }}",
        "{{ template .password }}",
        "{{ call .password }}",
        "{{ first .password }}",
        "{{ dig .password .password .password }}",
        "{{ get . .password }}",
        "{{ pkcs12keyPass .password .password }}",
        "{{ pkcs12cert .password }}",
        "{{ pemToPkcs12Pass .password .password .password }}",
        "{{ pemTruststoreToPKCS12 .password }}",
        "{{ filterPEM .password .password }}",
        "{{ filterCertChain \"leaf\" .password }}",
        "{{ certSANs .password }}",
        "{{ jwkPublicKeyPem .password }}",
        "{{ jwkPrivateKeyPem (printf \"{\\\"kty\\\":%q}\" .password) }}",
        "{{ rsaDecrypt .password .password .password .password }}",
        "{{ rsaDecrypt \"RSA-OAEP\" .password .password .password }}",
        "{{ decryptAES .password .password }}",
        "{{ genCAWithKey \"x\" 1 .password }}",
        "{{ genSelfSignedCertWithKey \"x\" (list .password) nil 1 .password }}",
        "{{ buildCustomCert .password .password }}",
        "{{ buildCustomCert (b64enc .password) (b64enc .password) }}",
    ];
    for template in cases {
        let detail = failure(template).detail.to_lowercase();
        assert!(!detail.contains("hunter2") && !detail.contains("marked"), "{template}: {detail}");
    }
}

#[test]
fn bytes_pass_through() {
    let value = vec![0xff, 0x00, b'a', 0xfe];
    let data = vec![("bin".to_owned(), value.clone())];
    assert_eq!(render("{{ .bin }}", &data, &options()).unwrap().text, value);
    assert_eq!(render("{{ .bin | b64enc }}", &data, &options()).unwrap().text, b"/wBh/g==");
    let failure =
        render("{{ regexMatch \"a\" .bin }}", &data, &options()).expect_err("a regular expression on bytes");
    assert_eq!(failure.detail, "error calling regexMatch: regular expressions take UTF-8 text only");
}

#[test]
fn growth_is_bounded() {
    let cases = [
        ("{{ repeat 5000000 \"x\" }}", "larger than 4 MiB"),
        ("{{ repeat 9223372036854775807 \"xy\" }}", "larger than 4 MiB"),
        ("{{ indent 5000000 .user }}", "larger than 4 MiB"),
        ("{{ replace \"a\" (repeat 4000000 \"x\") \"aaa\" }}", "larger than 4 MiB"),
        ("{{ until 9223372036854775807 }}", "more than 500000 elements"),
        ("{{ seq 9000000 }}", "more than 500000 elements"),
        ("{{ untilStep 0 9223372036854775807 1 }}", "more than 500000 elements"),
        ("{{ range 2000000 }}{{ end }}", "more than 1000000 passes"),
        ("{{ range until 1000 }}{{ repeat 10000 \"x\" }}{{ end }}", "larger than 4 MiB"),
        ("{{ $s := \"x\" }}{{ range 40 }}{{ $s = print $s $s }}{{ end }}", "larger than 4 MiB"),
        ("{{ $l := list 1 }}{{ range 40 }}{{ $l = concat $l $l }}{{ end }}", "more than 500000 elements"),
        ("{{ printf \"%9999999d\" 1 }}{{ .nope }}", "no entry"),
        ("{{ randAlphaNum 5000000 }}", "larger than 4 MiB"),
        ("{{ $d := dict }}{{ set $d \"self\" $d }}", "cannot hold itself"),
        ("{{ $d := dict }}{{ set $d \"l\" (list (dict \"x\" $d)) }}", "cannot hold itself"),
        (
            "{{ regexMatch (repeat 60 \"(a{1000}){1000}\") \"a\" }}{{ mustRegexMatch \"((a{900}){900}){900}\" \"a\" }}",
            "too large",
        ),
    ];
    for (template, expected) in cases {
        let detail = failure(template).detail;
        assert!(detail.contains(expected), "{template}: {detail}");
    }
}

/// On a stack of its own: frames of a build without optimisation are many times larger than a guest's.
#[test]
fn depth_is_bounded() {
    let deep = |open: &str, close: &str, n: usize| format!("{}x{}", open.repeat(n), close.repeat(n));
    let cases = [
        (deep("{{ if true }}", "{{ end }}", 190), None),
        (deep("{{ if true }}", "{{ end }}", 300), Some("nested deeper than 200")),
        (
            format!("{{{{ if false }}}}{}{{{{ end }}}}", "{{ else if false }}".repeat(300)),
            Some("nested deeper than 200"),
        ),
        (format!("{{{{ {}1{} }}}}", "(".repeat(90), ")".repeat(90)), None),
        (
            format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
            Some("max expression depth exceeded"),
        ),
        (
            "{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}".to_owned(),
            Some("exceeded maximum template depth (500)"),
        ),
        (
            "{{ $d := dict }}{{ range 200 }}{{ $d = dict \"k\" $d }}{{ end }}{{ mustToJson $d }}".to_owned(),
            Some("nested deeper than 100"),
        ),
        (
            "{{ $d := dict }}{{ range 5000 }}{{ $d = dict \"k\" $d }}{{ end }}{{ print $d | len }}"
                .to_owned(),
            None,
        ),
        ("{{ mustFromJson (repeat 100000 \"[\") }}".to_owned(), Some("invalid JSON")),
        ("{{ fromYaml (repeat 5000 \"[\") | len }}".to_owned(), None),
    ];
    let run = move || {
        for (template, expected) in cases {
            let got = render(&template, &data(), &options());
            match (got, expected) {
                (Ok(_), None) => {}
                (Err(failure), Some(expected)) if failure.detail.contains(expected) => {}
                (got, expected) => panic!("{:.60}: {got:?} instead of {expected:?}", template),
            }
        }
    };
    std::thread::Builder::new().stack_size(64 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn randomness_follows_the_seed() {
    let template = "{{ randAlphaNum 20 }} {{ randAscii 8 | b64enc }} {{ uuidv4 }} {{ randBytes 9 }} {{ shuffle \"abcdefgh\" }}";
    let with = |seed| render(template, &[], &Options { seed: vec![seed; 32], ..options() }).unwrap().text;
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    let twice = render("{{ randAlphaNum 16 }} {{ randAlphaNum 16 }}", &[], &options()).unwrap().text;
    assert_ne!(twice[..16], twice[17..]);
    // Nor are the passwords of two keys the same.
    let nth = |nth| render("{{ randAlphaNum 16 }}", &[], &options().of_nth(nth)).unwrap().text;
    assert_eq!(nth(0), nth(0));
    assert_ne!(nth(0), nth(1));
}
