//! What is decided, by tables. Only tests.

#![allow(clippy::unwrap_used)]
use super::*;

/// RFC 9500's key for tests.
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIObLW92AqkWunJXowVR2Z5/+yVPBaFHnEedDk5WJxk/BoAoGCCqGSM49\n\
    AwEHoUQDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjV\nuKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==\n-----END EC PRIVATE KEY-----\n";
/// Its public point, in base64url.
const X: &str = "QiVI-I-3gv-17KN0RFLHKh5Vj71vc75eSOkyMsxFxbE";
const Y: &str = "bEzRDEy41bihcTnpSILImSVymTQl9BQZq36QpCpJQnI";

/// A certificate and its RSA key, as PEM and as PKCS#12.
const BUNDLE: &str = include_str!("../tests/certificates/pkcs8.pem");
const PFX_BYTES: &[u8] = include_bytes!("../tests/certificates/pkcs8.pfx");
/// A certificate before another's, and its key.
const CHAIN: &str = include_str!("../tests/certificates/pkcs1-chain.pem");

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
            "an end, of which a push of a property says nothing",
            Some(ends(there("v", &[]))),
            Wanted { expected: Some("v1"), ..wanted("v") },
            Ok(Plan::Unchanged),
        ),
        (
            "an end beside another value of a property",
            Some(ends(there("w", &[]))),
            Wanted { expected: Some("v1"), ..wanted("v") },
            write(
                json!({"value": "v", "tags": mark, "attributes": {"enabled": true, "exp": 1_800_000_000}}),
                Outcome::Updated,
            ),
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

/// An RSA key as Python's `cryptography` takes it apart: whoever swaps two of the numbers makes a key that is none.
#[test]
fn of_an_rsa_key() {
    let expected: Value = serde_json::from_str(include_str!("../tests/certificates/pkcs8.jwk.json")).unwrap();
    let key = &BUNDLE[BUNDLE.find("-----BEGIN PRIVATE KEY-----").unwrap()..];
    let Plan::Write(body, Outcome::Created) = plan(Kind::Key, None, &wanted(key)).unwrap() else {
        panic!("not made")
    };
    assert_eq!(body["key"], expected);
    // Key Vault answers with the public half.
    let public = json!({"kid": "k", "kty": "RSA", "n": expected["n"], "e": expected["e"]}).to_string();
    assert_eq!(plan(Kind::Key, Some(&there(&public, &[])), &wanted(key)).unwrap(), Plan::Unchanged);
    let other = public.replace("AQAB", "Aw");
    let found = plan(Kind::Key, Some(&there(&other, &[])), &wanted(key)).unwrap();
    assert_eq!(found, Plan::Write(body, Outcome::Updated));
}

/// The certificate in a PEM text, taken out by hand.
fn first(text: &str) -> Vec<u8> {
    let block = text.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap();
    let block = block.split("-----END").next().unwrap();
    STANDARD.decode(block.split_whitespace().collect::<String>()).unwrap()
}

#[test]
fn of_a_certificate() {
    let of = |value: &'static [u8]| Wanted { value, ..wanted("") };
    // In CHAIN another certificate stands before the key's own.
    let mine = first(BUNDLE);
    assert_ne!(first(CHAIN), mine);
    let stored = |der: &[u8]| Pushable { data: Some(der.to_vec()), ..there("", &[("a", "b")]) };
    let policy = |content_type: &str| json!({"secret_props": {"contentType": content_type}});
    // As `openssl pkcs8 -topk8` has the keys: Key Vault takes no others.
    let pem = |text: &str| (json!(text), policy("application/x-pem-file"));
    let sent = (
        include_str!("../tests/certificates/pkcs8.import.pem"),
        include_str!("../tests/certificates/pkcs1-chain.import.pem"),
    );
    // PFX_BYTES are what `openssl pkcs12 -export` makes of BUNDLE, without a password.
    let pfx = (json!(STANDARD.encode(PFX_BYTES)), policy("application/x-pkcs12"));
    for (what, value, der, (sent, policy)) in [
        ("PEM", BUNDLE.as_bytes(), &mine, pem(sent.0)),
        ("PEM with a chain", CHAIN.as_bytes(), &mine, pem(sent.1)),
        ("PKCS#12", PFX_BYTES, &mine, pfx),
    ] {
        let body = |tags: Value| json!({"value": sent, "policy": policy, "tags": tags});
        let new = body(json!({"managed-by": "external-secrets"}));
        let made = plan(Kind::Certificate, None, &of(value)).unwrap();
        assert_eq!(made, Plan::Write(new, Outcome::Created), "{what}");
        let same = plan(Kind::Certificate, Some(&stored(der)), &of(value)).unwrap();
        assert_eq!(same, Plan::Unchanged, "{what}");
        let again = body(json!({"managed-by": "external-secrets", "a": "b"}));
        let pending = Pushable { data: None, ..stored(b"") };
        for there in [stored(b"another"), pending] {
            let found = plan(Kind::Certificate, Some(&there), &of(value)).unwrap();
            assert_eq!(found, Plan::Write(again.clone(), Outcome::Updated), "{what}");
        }
        let mut theirs = stored(der);
        theirs.tags.clear();
        assert_eq!(kind(&plan(Kind::Certificate, Some(&theirs), &of(value))), "denied", "{what}");
    }
    // Its own end is the certificate's: a date in the metadata is a secret's.
    let dated = spec(json!({"expirationDate": "2027-01-15T08:00:00Z"})).unwrap();
    let dated = Wanted { spec: dated, ..of(BUNDLE.as_bytes()) };
    assert_eq!(plan(Kind::Certificate, Some(&stored(&mine)), &dated).unwrap(), Plan::Unchanged);
    let tagged = spec(json!({"tags": {"team": "red"}})).unwrap();
    let tagged = Wanted { spec: tagged, ..of(BUNDLE.as_bytes()) };
    let tags = json!({"tags": {"managed-by": "external-secrets", "a": "b", "team": "red"}});
    assert_eq!(plan(Kind::Certificate, Some(&stored(&mine)), &tagged).unwrap(), Plan::Patch(tags));
    for value in [KEY, "text", ""] {
        assert_eq!(kind(&plan(Kind::Certificate, None, &wanted(value))), "other", "{value}");
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
