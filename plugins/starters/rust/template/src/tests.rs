//! Templates and what they give. Only tests.

use claviger_plugin_sdk::prelude::*;

use super::PluginName;

fn render(text: &str, strict: bool) -> Result<Rendered, Failure> {
    let data = [("user".to_owned(), b"ada".to_vec()), ("raw".to_owned(), vec![0xff, 0x00])];
    let options = Options {
        strict,
        left_delimiter: String::new(),
        right_delimiter: String::new(),
        now_ms: 0,
        seed: vec![1; 32],
    };
    PluginName::render(text, &Data::new(&data), &options)
}

#[test]
fn keys_are_replaced() {
    for (text, expected) in [
        ("", &b""[..]),
        ("plain", b"plain"),
        ("user=${user};", b"user=ada;"),
        ("${user}${user}", b"adaada"),
        ("${raw}", &[0xff, 0x00]),
        ("5$ and $${user}", b"5$ and ${user}"),
        ("[${absent}]", b"[]"),
    ] {
        assert_eq!(render(text, false).unwrap(), Rendered::from(expected.to_vec()), "{text}");
    }
}

#[test]
fn a_failure_has_its_place() {
    for (text, line, column) in [("${absent}", 1, 1), ("a\n  é ${absent}", 2, 5), ("a\n${user", 2, 1)] {
        let failure = render(text, true).unwrap_err();
        assert_eq!((failure.line, failure.column), (line, column), "{text}");
    }
    assert_eq!(render("${absent}", true).unwrap_err().detail, "the data has no key \"absent\"");
}
