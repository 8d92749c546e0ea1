//! Whatever a template's author writes and whatever a value holds: no panic, no value in an error, and
//! text without actions comes out as it went in.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use go_template::{Options, names, render};
use proptest::prelude::*;

fn options() -> Options {
    Options {
        strict: true,
        left: String::new(),
        right: String::new(),
        now_ms: 1_700_000_000_000,
        seed: vec![3; 32],
    }
}

/// Pieces of templates, so that many of them parse.
fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "{{ if .v }}",
        "{{ else }}",
        "{{ end }}",
        "{{ range .v }}",
        "{{ with .v }}",
        "|",
        "(",
        ")",
        ".v",
        "$",
        "$x",
        ":=",
        "=",
        "\"a\"",
        "`b`",
        "'c'",
        "1",
        "-2.5",
        "0x1F",
        " ",
        "\n",
        "/*",
        "*/",
        ",",
        ".",
        "nil",
        "true",
        "{{ define \"t\" }}",
        "{{ template \"t\" . }}",
        "{{ break }}",
        "é",
        "text",
    ];
    prop_oneof![
        prop::sample::select(fixed.to_vec()).prop_map(str::to_owned),
        prop::sample::select(names()),
        any::<char>().prop_map(String::from),
    ]
}

/// An argument of a call.
fn argument() -> impl Strategy<Value = String> {
    let fixed = [
        ".v",
        ".w",
        "\"\"",
        "\"a,b\"",
        "\"2006-01-02\"",
        "\"[a-z]+\"",
        "0",
        "1",
        "-1",
        "3",
        "1.5",
        "true",
        "nil",
        "now",
        "(list 1 \"a\" nil)",
        "(dict \"k\" 1)",
        "(dict)",
        "(list)",
        "(until 3)",
        "(splitList \",\" .v)",
        "(fromJson .w)",
        "(add 1 2)",
        "(semver \"1.2.3\")",
        "\"UTC\"",
        ".",
    ];
    prop::sample::select(fixed.to_vec()).prop_map(str::to_owned)
}

fn data(value: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    vec![("v".to_owned(), value), ("w".to_owned(), b"{\"a\":[1,{\"b\":null}]}".to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_template_is_rendered_or_refused(pieces in prop::collection::vec(piece(), 0..30), value: Vec<u8>) {
        let _ = render(&pieces.concat(), &data(value), &options());
    }

    #[test]
    fn any_call_is_made_or_refused(
        name in prop::sample::select(names()),
        arguments in prop::collection::vec(argument(), 0..5),
        value: Vec<u8>,
    ) {
        let _ = render(&format!("{{{{ {name} {} }}}}", arguments.join(" ")), &data(value), &options());
    }

    #[test]
    fn no_failure_quotes_a_value(
        name in prop::sample::select(names()),
        arguments in prop::collection::vec(argument(), 0..4),
    ) {
        let template = format!("{{{{ {name} {} }}}}", arguments.join(" "));
        if let Err(failure) = render(&template, &data(b"MARKEDvalue".to_vec()), &options()) {
            prop_assert!(!failure.detail.to_lowercase().contains("marked"), "{template}: {}", failure.detail);
        }
    }

    #[test]
    fn text_is_itself(text in "[^{]*") {
        prop_assert_eq!(render(&text, &[], &options()).unwrap().text, text.into_bytes());
    }

    #[test]
    fn a_value_is_itself(value: Vec<u8>) {
        prop_assert_eq!(render("{{ .v }}", &data(value.clone()), &options()).unwrap().text, value);
    }

    #[test]
    fn encodings_return(value: Vec<u8>) {
        let template = "{{ .v | b64enc | b64dec }}{{ .v | b32enc | b32dec }}";
        prop_assert_eq!(render(template, &data(value.clone()), &options()).unwrap().text, [value.as_slice(), &value].concat());
    }

    #[test]
    fn json_and_yaml_return(text in "\\PC*|[a-z0-9:#'\" \\-\\n\\t]*") {
        // The last line end of a document is cut off by `toYaml`, hence a key behind it.
        let template = "{{ deepEqual .v (fromJson (toJson .v)) }} {{ get (fromYaml (toYaml (dict \"k\" .v \"z\" 1))) \"k\" | eq .v }}";
        let rendered = render(template, &data(text.clone().into_bytes()), &options()).unwrap().text;
        prop_assert_eq!(String::from_utf8(rendered).unwrap(), "true true", "{:?}", text);
    }
}
