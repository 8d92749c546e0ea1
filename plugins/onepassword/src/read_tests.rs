//! Items and their fields, from a server that is a function. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::request::Reply;
use claviger_plugin_sdk::testing::{Host, kind};

use super::*;
use crate::fake::{BY_ID, asked, server, session_of};

fn got(items: &[Asked]) -> Vec<Result<Value, Error>> {
    let host = server();
    get(&Client::new(&session_of(&host)).unwrap(), items).unwrap()
}

fn text(answer: &Result<Value, Error>) -> String {
    String::from_utf8(answer.as_ref().unwrap().data.clone()).unwrap()
}

#[test]
fn items_are_found_by_title_and_id_in_the_order_of_the_vaults() {
    let found = got(&[
        asked("login", None),
        asked("only second", None),
        asked(BY_ID, None),
        asked("absent", None),
        asked("00000000000000000000000000", None),
        asked("two of a title", None),
        asked("login", Some("username")),
        asked("login", Some("gone")),
        asked("document", Some("b.txt")),
        asked("document", None),
    ]);
    let kinds: Vec<_> = found.iter().map(kind).collect();
    let expected =
        ["value", "value", "value", "not-found", "not-found", "other", "value", "other", "value", "value"];
    assert_eq!(kinds, expected);
    for (nth, expected) in [
        (0, "of-first"),
        (1, "of-second"),
        (2, "by-id"),
        (6, "ada"),
        (8, "content of b"),
        (9, "content of a"),
    ] {
        assert_eq!(text(&found[nth]), expected, "{nth}");
    }
    let names = |answer: &Result<Value, Error>| -> Vec<String> {
        answer.as_ref().unwrap().entries.iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&found[0]), ["username", "password"]);
    assert_eq!(names(&found[9]), ["a.txt", "b.txt"]);
}

#[test]
fn what_cannot_be_asked_is_not_sent() {
    let host = server();
    let session = session_of(&host);
    let client = Client::new(&session).unwrap();
    let version = Asked { version: Some("1".to_owned()), ..asked("login", None) };
    let metadata = Asked { facet: Facet::Metadata, ..asked("login", None) };
    let found = get(&client, &[version, metadata, asked("", None)]).unwrap();
    assert_eq!(found.iter().map(kind).collect::<Vec<_>>(), ["unsupported", "unsupported", "other"]);
    assert_eq!(host.count(), 2, "the vaults");
}

#[test]
fn a_vault_that_the_token_does_not_see_is_a_wrong_store() {
    let healthy = |host: Host<'_>| health(&Client::new(&session_of(&host))?);
    let Err(Error::InvalidConfig(wrong)) = healthy(Host::new(|_| Reply::new(200, "[]"))) else {
        panic!("healthy")
    };
    assert_eq!(wrong.path, "/vaults");
    assert!(matches!(healthy(server()), Ok(Health::Ready)));
}
