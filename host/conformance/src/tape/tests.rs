//! Recordings of exchanges that were written down by hand: what stands in them, what is refused, and how they answer.

#![allow(clippy::unwrap_used)]

use http::Request;

use super::needles::Needles;
use super::*;
use crate::proxy::Kind;

fn known(name: &str, value: &str) -> Known {
    Known { name: name.to_owned(), value: SecretBytes::copied_from(value.as_bytes()) }
}

fn book(values: &[(&str, &str)]) -> Book {
    let origins = vec![("API".to_owned(), "http://127.0.0.1:4001".to_owned())];
    Book::new(values.iter().map(|(name, value)| known(name, value)).collect(), origins).unwrap()
}

fn asked(kind: Kind, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Asked {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    Asked::new("API", kind, &parts, Bytes::copy_from_slice(body.as_bytes()))
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Option<Answered> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Some(Answered::new(&response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()))
}

const VALUES: [(&str, &str); 3] = [
    ("Secret/default/login/password", "pass word/1"),
    ("value/expect", r#"{"user":"app-user-1","deep":{"p":"correct-horse"}}"#),
    ("large/expect", "a longer text that is a value as a whole"),
];

/// A login by form, reads, and a listing that names another address of the backend.
fn exchanges() -> Vec<Exchange> {
    let token = ("authorization", "Bearer tok.EN-0123456789");
    let login = r#"{"access_token":"tok.EN-0123456789","refresh_token":"another-token-000001","expires":"2026-01-01T00:00:00Z","ttl":3600}"#;
    vec![
        Exchange {
            asked: asked(
                Kind::Login,
                "POST",
                "/login",
                &[("content-type", "application/x-www-form-urlencoded"), ("host", "127.0.0.1:4001")],
                "password=pass+word%2F1&nonce=0b5cc7f0-1f34-4a39-9ad0-aa9cf0a9bb01&assertion=eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.c2ln",
            ),
            answered: answer(200, &[("date", "today"), ("content-type", "application/json")], login),
        },
        Exchange {
            asked: asked(Kind::Data, "GET", "/v1/app?version=3", &[token, ("x-signature", "abcdef")], ""),
            answered: answer(
                200,
                &[],
                r#"{"data":{"deep":{"p":"correct-horse"},"user":"app-user-1"},"next":"http://127.0.0.1:4001/v1?p=2"}"#,
            ),
        },
        Exchange {
            asked: asked(Kind::Data, "GET", "/v1/other", &[token], ""),
            answered: answer(404, &[("x-set", "a")], ""),
        },
        Exchange {
            asked: asked(Kind::Data, "GET", "/v1/other", &[token], ""),
            answered: answer(404, &[("x-set", "a")], ""),
        },
        Exchange {
            asked: asked(Kind::Data, "GET", "/v1/unknown", &[token], ""),
            answered: answer(200, &[], "nobody-told-the-bench"),
        },
    ]
}

#[test]
fn a_recording_has_names_in_place_of_values() {
    let read = [SecretBytes::copied_from(b"nobody-told-the-bench")];
    let file = book(&VALUES).write(&exchanges(), &read).unwrap();
    insta::assert_snapshot!(file::written(&file).unwrap());
}

#[test]
fn what_cannot_be_taken_out_is_refused_and_named_without_the_value() {
    let values = [VALUES[0], VALUES[1], ("key/expect", "first-line-of-it\nsecond-line-of-it\n")];
    for (headers, body, expected) in [
        (&[("content-encoding", "gzip")][..], "xxxx", "has an answer that is compressed"),
        // A line of a value alone is no value that could be named.
        (&[], "second-line-of-it", "a value is in it"),
        (&[("x-note", "second-line-of-it")], "", "a value is in it"),
        // printf 'a:correct-horse' | base64, behind what belongs to no base64 and looks as if it did.
        (&[], "zz/YTpjb3JyZWN0LWhvcnNl", "a value is in it"),
    ] {
        let exchanges = [Exchange {
            asked: asked(Kind::Data, "GET", "/v1/app-user-1", &[], ""),
            answered: answer(200, headers, body),
        }];
        let error = book(&values).write(&exchanges, &[]).err().unwrap();
        assert!(error.starts_with("GET /v1/⟦value/expect#/user⟧ of server API"), "{error}");
        assert!(error.contains(expected) && !error.contains("line-of-it"), "{error}");
    }
    let short = Book::new(vec![known("value/expect", "short")], Vec::new()).err().unwrap();
    assert!(short.contains("value/expect has 5 bytes"), "{short}");
}

/// The same bench, other values: what was recorded answers with them.
#[test]
fn a_replay_answers_with_the_values_of_its_own_bench() {
    let dir = tempfile::tempdir().unwrap();
    let file = book(&VALUES).write(&exchanges(), &[]).unwrap();
    file::save(dir.path(), &Index::new("p 1".to_owned(), vec!["API".to_owned()]), &[(Case::Value, file)])
        .unwrap();
    let mut needles = Needles::of(&[
        known("Secret/default/login/password", "other secret"),
        known("value/expect", r#"{"user":"someone","deep":{"p":"new-value"}}"#),
    ]);
    redact::origins(&mut needles, &[("API".to_owned(), "http://127.0.0.1:9".to_owned())]);
    let mut player = Player::load(dir.path(), Case::Value, &needles).unwrap();
    let login = |password: &str| {
        let body = format!(
            "password={password}&nonce=11111111-1f34-4a39-9ad0-aa9cf0a9bb01&assertion=eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjJ9.eHh4"
        );
        let form = [("content-type", "application/x-www-form-urlencoded")];
        asked(Kind::Login, "POST", "/login", &form, &body)
    };
    let wrong = player.answer(&login("pass+word%2F1")).unwrap_err();
    assert!(wrong.contains("with another body from byte 9 on"), "{wrong}");
    let answer = player.answer(&login("other+secret")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    let token = json["access_token"].as_str().unwrap().to_owned();
    assert_eq!((token.len(), json["expires"].as_str()), (17, Some("2026-01-01T00:00:00Z")));

    let read = |token: &str, path: &str| {
        let bearer = format!("Bearer {token}");
        asked(Kind::Data, "GET", path, &[("authorization", &bearer), ("x-signature", "anything")], "")
    };
    let wrong = player.answer(&read("tok.EN-0123456789", "/v1/app?version=3")).unwrap_err();
    assert!(wrong.contains("with another field authorization"), "{wrong}");
    let answer = player.answer(&read(&token, "/v1/app?version=3")).unwrap();
    let expected =
        r#"{"data":{"deep":{"p":"new-value"},"user":"someone"},"next":"http://127.0.0.1:9/v1?p=2"}"#;
    assert_eq!(answer.body(), expected);
    let again = player.answer(&read(&token, "/v1/app?version=3")).unwrap_err();
    assert!(again.contains("but was asked for 1 times only"), "{again}");
    for _ in 0..2 {
        assert_eq!(player.answer(&read(&token, "/v1/other")).unwrap().status(), 404);
    }
    let none = player.answer(&read(&token, "/v1/app?version=4")).unwrap_err();
    assert!(
        none.starts_with("GET /v1/app?version=4 of server API, which is not in the recording: the nearest one is GET /v1/app?version=3")
            && none.ends_with("from byte 16 on"),
        "{none}"
    );
}
