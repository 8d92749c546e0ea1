//! Requests, as templates make them. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::fake::{item, parsed};

const MOMENT: Moment = Moment { now_ms: 0, seed: Vec::new() };

fn secrets() -> Vec<Object> {
    let value = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    vec![("auth".to_owned(), vec![value("username", "te/st"), value("password", "p w\n")])]
}

fn made(config: Value, item: Option<&Item>) -> Result<Request, Error> {
    let config = parsed(&config, false).unwrap();
    request(&config, &Data::new(item, "team", secrets()), &MOMENT)
}

fn url(template: &str, item: &Item) -> Result<String, String> {
    match made(json!({ "url": template }), Some(item)) {
        Ok(request) => Ok(request.url),
        Err(Error::InvalidConfig(wrong)) => Err(format!("{} {}", wrong.path, wrong.detail)),
        Err(other) => panic!("{other:?}"),
    }
}

/// What Go's `url.QueryEscape` and `text/template` make of the same.
#[test]
fn the_reference_is_escaped_in_urls_and_secrets_are_not() {
    let asked = Item { property: Some("p&q".to_owned()), ..item("a/b c~é?") };
    let base = "https://api.example";
    for (template, expected) in [
        ("/v/{{ .remoteRef.key }}", "/v/a%2Fb+c~%C3%A9%3F"),
        ("/v?p={{ .remoteRef.property }}&v={{ .remoteRef.version }}", "/v?p=p%26q&v="),
        ("/{{ .remoteRef.namespace }}", "/team"),
        ("/{{ .auth.username }}", "/te/st"),
        ("/{{ if .remoteRef.version }}v{{ else }}none{{ end }}", "/none"),
        ("/{{ if .nobody.there }}v{{ else }}none{{ end }}", "/none"),
    ] {
        assert_eq!(url(&format!("{base}{template}"), &asked), Ok(format!("{base}{expected}")), "{template}");
    }
}

#[test]
fn a_template_that_fails_is_named_and_shows_no_value() {
    let asked = item("..");
    for (template, expected) in [
        ("/{{ .remoteRef.kye }}", "/url line 1, column 24: map has no entry for key \"kye\""),
        ("/{{ .nobody.there }}", "/url line 1, column 24: map has no entry for key \"nobody\""),
        ("/{{ nofunc }}", "/url line 1, column 24: function \"nofunc\" not defined"),
        ("/{{ .remoteRef.key }}", "/url its path has a segment . or .., which leads elsewhere"),
        ("/{{ .auth.password }}", "/url it has a line break or another control character in it"),
    ] {
        assert_eq!(
            url(&format!("https://api.example{template}"), &asked),
            Err(expected.to_owned()),
            "{template}"
        );
    }
    let headers = json!({"url": "https://api.example/", "headers": {"X-A": "{{ .auth.password }}x"}});
    let Err(Error::InvalidConfig(wrong)) = made(headers, None) else { panic!("made") };
    assert_eq!(wrong.detail, "\"X-A\": its value is not one line of ASCII");
    let headers = json!({"url": "https://api.example/", "headers": {"X-A": "{{ .auth.pass }}"}});
    let Err(Error::InvalidConfig(wrong)) = made(headers, None) else { panic!("made") };
    assert!(wrong.detail.starts_with("\"X-A\": line 1") && wrong.path == "/headers", "{}", wrong.detail);
}

/// The store of ESO's own documentation.
#[test]
fn headers_and_body_see_everything_as_it_is() {
    let config = json!({
        "method": "post", "url": "https://api.example/",
        "headers": {"Authorization": "Basic {{ print .auth.username \":\" .auth.password | b64enc }}", "X-P": "{{ .auth.password }}"},
        "body": "{\"k\": {{ .remoteRef.key | toJson }}}",
    });
    let request = made(config, Some(&item("a\"b"))).unwrap();
    assert_eq!((request.method, request.url.as_str()), ("POST", "https://api.example/"));
    assert_eq!(
        request.headers,
        [
            ("Authorization".to_owned(), "Basic dGUvc3Q6cCB3Cg==".to_owned()),
            ("X-P".to_owned(), "p w".to_owned()),
        ]
    );
    assert_eq!(request.body, b"{\"k\": \"a\\\"b\"}");
}
