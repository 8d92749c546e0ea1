//! What is decided, by tables. Only tests.

#![allow(clippy::unwrap_used)]
use super::*;

/// RFC 9500's key for tests.
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIObLW92AqkWunJXowVR2Z5/+yVPBaFHnEedDk5WJxk/BoAoGCCqGSM49\n\
    AwEHoUQDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjV\nuKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==\n-----END EC PRIVATE KEY-----\n";
/// Its public point, in base64url.
const X: &str = "QiVI-I-3gv-17KN0RFLHKh5Vj71vc75eSOkyMsxFxbE";
const Y: &str = "bEzRDEy41bihcTnpSILImSVymTQl9BQZq36QpCpJQnI";

fn there(data: &str, more: &[(&str, &str)]) -> Pushable {
    let mut tags = BTreeMap::from([("managed-by".to_owned(), "external-secrets".to_owned())]);
    tags.extend(more.iter().map(|(name, tag)| ((*name).to_owned(), (*tag).to_owned())));
    Pushable {
        data: Some(data.as_bytes().to_vec()),
        version: Some("v1".to_owned()),
        tags,
        ..Pushable::default()
    }
}

fn spec(spec: Value) -> Result<Spec, Error> {
    let metadata = json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
    });
    Spec::parse(Some(&metadata.to_string()))
}

fn wanted(value: &str) -> Wanted<'_> {
    Wanted { value: value.as_bytes(), spec: Spec::default(), expected: None, replace: true }
}

fn kind<T>(result: &Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::Denied(_)) => "denied",
        Err(Error::Conflict(_)) => "conflict",
        Err(Error::Other(_)) => "other",
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn of_a_secret() {
    let mark = json!({"managed-by": "external-secrets"});
    let write = |body: Value, outcome| Ok(Plan::Write(body, outcome));
    let enabled = json!({"enabled": true});
    let new = json!({"value": "v", "tags": mark, "attributes": enabled});
    let tagged = || spec(json!({"tags": {"team": "red"}})).unwrap();
    let dated = || spec(json!({"expirationDate": "2027-01-15T08:00:00Z"})).unwrap();
    let typed = || spec(json!({"contentType": "text/plain"})).unwrap();
    let ends = |mut stored: Pushable| {
        stored.expires = Some(1_800_000_000);
        stored
    };
    let of_type = |mut stored: Pushable| {
        stored.content_type = Some("text/html".to_owned());
        stored
    };
    let team = json!({"managed-by": "external-secrets", "team": "red"});
    for (what, stored, wanted, expected) in [
        ("nothing", None, wanted("v"), write(new.clone(), Outcome::Created)),
        (
            "nothing, and only then",
            None,
            Wanted { replace: false, ..wanted("v") },
            write(new, Outcome::Created),
        ),
        ("the same", Some(there("v", &[])), wanted("v"), Ok(Plan::Unchanged)),
        ("with a tag of others", Some(there("v", &[("a", "b")])), wanted("v"), Ok(Plan::Unchanged)),
        (
            "another type, and none is wanted",
            Some(of_type(there("v", &[]))),
            wanted("v"),
            Ok(Plan::Unchanged),
        ),
        (
            "another value beside a type and a tag",
            Some(of_type(there("w", &[("a", "b")]))),
            wanted("v"),
            write(
                json!({
                    "value": "v", "tags": {"managed-by": "external-secrets", "a": "b"}, "attributes": enabled,
                    "contentType": "text/html",
                }),
                Outcome::Updated,
            ),
        ),
        (
            "a tag that lacks",
            Some(there("v", &[])),
            Wanted { spec: tagged(), ..wanted("v") },
            Ok(Plan::Patch(json!({"tags": team}))),
        ),
        (
            "the tag is there",
            Some(there("v", &[("team", "red")])),
            Wanted { spec: tagged(), ..wanted("v") },
            Ok(Plan::Unchanged),
        ),
        (
            "an end that lacks",
            Some(there("v", &[])),
            Wanted { spec: dated(), ..wanted("v") },
            Ok(Plan::Patch(json!({"tags": mark, "attributes": {"exp": 1_800_000_000}}))),
        ),
        (
            "the end is there",
            Some(ends(there("v", &[]))),
            Wanted { spec: dated(), ..wanted("v") },
            Ok(Plan::Unchanged),
        ),
        (
            "an end that is wanted no more",
            Some(ends(there("v", &[]))),
            wanted("v"),
            write(json!({"value": "v", "tags": mark, "attributes": enabled}), Outcome::Updated),
        ),
        (
            "another type",
            Some(of_type(there("v", &[]))),
            Wanted { spec: typed(), ..wanted("v") },
            Ok(Plan::Patch(json!({"tags": mark, "contentType": "text/plain"}))),
        ),
        (
            "not to be replaced",
            Some(there("w", &[])),
            Wanted { replace: false, ..wanted("v") },
            Ok(Plan::Unchanged),
        ),
        (
            "another version",
            Some(there("w", &[])),
            Wanted { expected: Some("v0"), ..wanted("v") },
            Err("conflict"),
        ),
        ("gone", None, Wanted { expected: Some("v1"), ..wanted("v") }, Err("conflict")),
    ] {
        let found = plan(Kind::Secret, stored.as_ref(), &wanted);
        let said = kind(&found);
        assert_eq!(found.map_err(|_| said), expected, "{what}");
    }
    let mut theirs = there("v", &[]);
    for tags in [BTreeMap::new(), BTreeMap::from([("managed-by".to_owned(), "terraform".to_owned())])] {
        theirs.tags = tags;
        assert_eq!(kind(&plan(Kind::Secret, Some(&theirs), &wanted("v"))), "denied");
        assert_eq!(kind(&check(&theirs, None)), "denied");
        let only = Wanted { replace: false, ..wanted("w") };
        assert_eq!(plan(Kind::Secret, Some(&theirs), &only).unwrap(), Plan::Unchanged);
    }
    assert_eq!(kind(&check(&there("v", &[]), Some("v0"))), "conflict");
    assert_eq!(kind(&check(&there("v", &[]), Some("v1"))), "ok");
    let bytes = Wanted { value: &[0xff, 0xfe], ..wanted("") };
    assert_eq!(kind(&plan(Kind::Secret, None, &bytes)), "other");
}

#[test]
fn of_a_key() {
    let Plan::Write(body, Outcome::Created) = plan(Kind::Key, None, &wanted(KEY)).unwrap() else {
        panic!("not made")
    };
    assert_eq!(body["tags"], json!({"managed-by": "external-secrets"}));
    let key = &body["key"];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["x"], &key["y"]),
        (&json!("EC"), &json!("P-256"), &json!(X), &json!(Y))
    );
    assert_eq!(key["d"], "5stb3YCqRa6clejBVHZnn_7JU8FoUecR50OTlYnGT8E");
    let stored = |kty: &str, x: &str| {
        there(
            &json!({"kid": "k", "kty": kty, "crv": "P-256", "x": x, "y": Y, "key_ops": ["sign"]}).to_string(),
            &[],
        )
    };
    for (kty, x, same) in [("EC", X, true), ("EC-HSM", X, true), ("EC", Y, false), ("RSA", X, false)] {
        let found = plan(Kind::Key, Some(&stored(kty, x)), &wanted(KEY)).unwrap();
        assert_eq!(found == Plan::Unchanged, same, "{kty} {x}");
    }
    let tagged = Wanted { spec: spec(json!({"tags": {"team": "red"}})).unwrap(), ..wanted(KEY) };
    let team = json!({"tags": {"managed-by": "external-secrets", "team": "red"}});
    assert_eq!(plan(Kind::Key, Some(&stored("EC", X)), &tagged).unwrap(), Plan::Patch(team));
    for value in ["symmetric", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"] {
        assert_eq!(kind(&plan(Kind::Key, None, &wanted(value))), "other", "{value}");
    }
}

#[test]
fn metadata_is_esos() {
    let all = spec(json!({
        "expirationDate": "2027-01-15T09:00:00+01:00", "contentType": "text/plain", "tags": {"team": "red"},
    }));
    let expected = Spec {
        expires: Some(1_800_000_000),
        content_type: Some("text/plain".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
    };
    assert_eq!(all.unwrap(), expected);
    for nothing in [json!(null), json!({}), json!({"expirationDate": "", "contentType": "", "tags": null})] {
        assert_eq!(spec(nothing).unwrap(), Spec::default());
    }
    for wrong in [
        json!({"expirationDate": "tomorrow"}),
        json!({"expirationDate": "2027-01-15"}),
        json!({"tags": {"managed-by": "me"}}),
        json!({"tags": []}),
    ] {
        assert_eq!(kind(&spec(wrong.clone())), "other", "{wrong}");
    }
}
