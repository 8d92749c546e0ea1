//! Whatever a template's author writes and whatever a value holds: no panic, an end, no value in an error,
//! and text without actions comes out as it went in.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use template_jinja::{Options, names, render};

fn options() -> Options {
    Options { strict: true, left: String::new(), right: String::new(), now_ms: 1_700_000_000_000 }
}

fn sample(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(of).prop_map(str::to_owned)
}

/// Pieces of templates, so that many of them parse.
fn piece() -> impl Strategy<Value = String> {
    const FIXED: &[&str] = &[
        "{{ ",
        " }}",
        "{{- ",
        " -}}",
        "{% if v %}",
        "{% else %}",
        "{% endif %}",
        "{% for x in v %}",
        "{% for k, x in w | fromjson | items %}",
        "{% endfor %}",
        "{% set y = v %}",
        "{% set y %}",
        "{% endset %}",
        "{% macro m(a) %}",
        "{% endmacro %}",
        "{{ m(v) }}",
        "{% filter upper %}",
        "{% endfilter %}",
        "{% raw %}",
        "{% endraw %}",
        "{# ",
        " #}",
        "{% break %}",
        " | ",
        "(",
        ")",
        "v",
        "w",
        "x",
        "loop.index",
        "data",
        "['v']",
        "[",
        "]",
        "{",
        "}",
        ":",
        ", ",
        "=",
        " ~ ",
        " + ",
        " * ",
        " ** ",
        " // ",
        " in ",
        " is ",
        " not ",
        " if ",
        "'a'",
        "\"b\"",
        "1",
        "-2.5",
        "99999999",
        "none",
        "true",
        "defined",
        "\n",
        "é",
        "text",
        ".split(',')",
    ];
    prop_oneof![
        6 => sample(FIXED),
        2 => prop::sample::select(names()),
        1 => any::<char>().prop_map(String::from),
    ]
}

/// What a filter is applied to or called with.
fn argument() -> impl Strategy<Value = String> {
    sample(&[
        "v",
        "w",
        "data",
        "''",
        "'a,b'",
        "'%Y-%m-%d'",
        "'x'",
        "0",
        "1",
        "-1",
        "3",
        "1.5",
        "true",
        "none",
        "now()",
        "[1, 'a', none]",
        "{'k': 1}",
        "{}",
        "[]",
        "range(3)",
        "v.split(',')",
        "(w | fromjson)",
        "(1, 2)",
        "[{'a': 1}, {'a': v}]",
        "namespace(a=v)",
        "99999999999",
        "nope",
        "[v, v]",
        "{v: v}",
    ])
}

fn data(value: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    vec![("v".to_owned(), value), ("w".to_owned(), b"{\"a\":[1,{\"b\":null}]}".to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_template_is_rendered_or_refused(
        pieces in prop::collection::vec(piece(), 0..30), value: Vec<u8>, strict: bool,
    ) {
        let _ = render(&pieces.concat(), &data(value), &Options { strict, ..options() });
    }

    #[test]
    fn any_filter_is_applied_or_refused(
        name in prop::sample::select(names()),
        subject in argument(),
        arguments in prop::collection::vec(argument(), 0..4),
        value: Vec<u8>,
    ) {
        let arguments = arguments.join(", ");
        let _ = render(&format!("{{{{ {subject} | {name}({arguments}) }}}}"), &data(value.clone()), &options());
        let _ = render(&format!("{{{{ {name}({subject}) }}}}"), &data(value), &options());
    }

    #[test]
    fn no_failure_quotes_a_value(
        name in prop::sample::select(names()),
        subject in argument(),
        arguments in prop::collection::vec(argument(), 0..3),
    ) {
        let template = format!("{{{{ {subject} | {name}({}) }}}}", arguments.join(", "));
        if let Err(failure) = render(&template, &data(b"MARKEDvalue".to_vec()), &options()) {
            prop_assert!(!failure.detail.to_lowercase().contains("marked"), "{template}: {}", failure.detail);
        }
    }

    #[test]
    fn text_is_itself(text in "[^{]*") {
        prop_assert_eq!(render(&text, &[], &options()).unwrap().text, text.into_bytes());
    }

    #[test]
    fn a_text_is_itself_and_bytes_are_refused(value: Vec<u8>) {
        match render("{{ v }}", &data(value.clone()), &options()).map(|rendered| rendered.text) {
            Ok(rendered) => prop_assert_eq!(rendered, value),
            Err(failure) => {
                prop_assert!(std::str::from_utf8(&value).is_err());
                prop_assert!(failure.detail.contains("no UTF-8 text"));
            }
        }
    }

    #[test]
    fn encodings_return(value: Vec<u8>) {
        let template = "{{ v == v | b64encode | b64decode }} {{ v == v | b64urlencode(padding=false) | b64urldecode }} {{ v == v | hexencode | hexdecode }}";
        prop_assert_eq!(render(template, &data(value), &options()).unwrap().text, b"True True True");
    }

    #[test]
    fn json_and_yaml_return(text in "\\PC*|[a-z0-9:#'\" \\-\\n\\t.]*|[\\u{0}-\\u{ff}]*") {
        let template = "{{ v == v | tojson | fromjson }} {{ {'k': v, 'l': [v, {v: [v]}]} == {'k': v, 'l': [v, {v: [v]}]} | toyaml | fromyaml }}";
        let rendered = render(template, &data(text.clone().into_bytes()), &options()).unwrap().text;
        prop_assert_eq!(String::from_utf8(rendered).unwrap(), "True True", "{:?}", text);
    }
}
