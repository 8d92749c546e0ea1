//! What is asked about: the corpus of hard cases, and how to make more.

use proptest::prelude::*;

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "a.b", "c", "1", "id", "é", "x y"]).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#""x""#,
        r#""""#,
        r#""a b""#,
        r#""q\"uote""#,
        r#""\u00e9""#,
        r#""\ud83d\ude00""#,
        r#""tab\t\n""#,
        r#""sl\/ash""#,
        r#""<&>""#,
        r#""é€😀""#,
        r#""\\u0041""#,
        r#""12""#,
        r#""true""#,
    ])
    .prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "0",
            "-0",
            "1",
            "7",
            "-12",
            "1.5",
            "1.50",
            "1e3",
            "-1E+2",
            "0.1",
            "1e-7",
            "1e21",
            "1e23",
            "12345678901234567890",
            "123456789.125",
            "2.0"
        ])
        .prop_map(str::to_owned),
        any::<i32>().prop_map(|number| number.to_string()),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        text(),
        number(),
        prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec((key(), inner), 0..4).prop_map(object_of),
        ]
    })
}

/// Each name once: of two, the crate sees the first only.
fn object_of(entries: Vec<(String, String)>) -> String {
    let entries: std::collections::BTreeMap<String, String> = entries.into_iter().collect();
    let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key:?}: {value}")).collect();
    format!("{{{}}}", entries.join(", "))
}

/// A JSON document.
pub(super) fn document() -> impl Strategy<Value = String> {
    prop::collection::vec((key(), value()), 0..5).prop_map(object_of)
}

/// Expressions, replacements and keys.
pub(super) fn hard_expressions() -> Vec<(String, String, String)> {
    [
        ("x*", "-", "abc"),
        ("", "-", "abc"),
        ("(.*)", "<$1>", "abc"),
        ("a|ab", "x", "ab"),
        ("(a+)(b*)", "$2$1", "aab"),
        ("(?P<n>a)", "$n", "a"),
        ("(?P<n>a)", "${n}x$nx", "a"),
        ("a", "$$", "a"),
        ("a", "$", "a"),
        ("a", "${", "a"),
        ("a", "${0", "a"),
        ("a", "$0$00", "a"),
        ("(a)", "$1a", "a"),
        ("(a)", "${1}a", "a"),
        ("a", "$-", "a"),
        ("a", "${}", "a"),
        ("a", "${a b}", "a"),
        ("(a)", "$01", "a"),
        ("(a)", "${01}", "a"),
        (r"\pL", "l", "aé"),
        (r"\w", "w", "aé"),
        (r"\d", "d", "1٣"),
        (r"\s", "_", "a\u{a0}b"),
        (r"\b", "|", "éa b"),
        (r"[[:alpha:]]", "l", "aé"),
        ("(?i)K", "x", "\u{212a}k"),
        ("(?s).", "x", "\n"),
        (".", "x", "a\nb"),
        ("(?m)^", ">", "a\nb"),
        ("$", "<", "a\n"),
        (r"\z", "<", "a\n"),
        (r"\A", ">", "a"),
        ("(?U)a+", "x", "aa"),
        ("a{2,3}?", "x", "aaaa"),
        (r"\Qa.b\E", "x", "a.bacb"),
        (r"\x{e9}", "e", "é"),
        (r"\xe9", "e", "é"),
        (r"\141", "x", "a"),
        ("[^a]", "x", "é"),
        ("(?:a)(b)?", "[$1]", "a"),
        ("a**", "x", "a"),
        ("a{1001}", "x", "a"),
        (r"\C", "x", "a"),
        ("(?<n>a)", "${n}!", "a"),
        (r"\pN", "n", "²"),
        (r"\p{Greek}", "g", "α"),
        (r"\p{greek}", "g", "α"),
        ("[a-", "x", "a"),
        ("a{,2}", "x", "a{,2}"),
        ("{", "x", "{"),
        ("[]a]", "x", "]"),
        (r"\e", "x", "e"),
        ("(?x) a", "x", "a"),
        (r"\<", "x", "<"),
        ("[a&&b]", "x", "a&b"),
        ("[a--b]", "x", "a-b"),
        ("[[a]b]", "x", "a]b"),
        ("~[x]", "y", "~x"),
        (r"\u0061", "x", "a"),
        ("(?P<é>a)", "$é", "a"),
        ("#", "x", "#"),
    ]
    .into_iter()
    .map(|(source, target, key)| (source.to_owned(), target.to_owned(), key.to_owned()))
    .collect()
}

pub(super) fn expression() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        "c",
        ".",
        "a*",
        "b+",
        "c?",
        "(a)",
        "(b|c)",
        "(?P<n>c)",
        "[a-c]",
        "[^a]",
        "^",
        "$",
        r"\d",
        r"\w",
        r"\b",
        "(a|b)*",
        "a+?",
        "b{1,2}",
        "/",
        r"\.",
        "-",
        "é",
        "(",
        "|",
        r"\pL",
        "(?i)",
        "[[:digit:]]",
    ]);
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

pub(super) fn replacement() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "x", "_", "$1", "$2", "${1}", "${n}", "$n", "$$", "$", "$0", "${", "}", "1", "é", "-", "${9}", "$1x",
    ]);
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

pub(super) fn hard_encodings() -> Vec<(Vec<u8>, String)> {
    let texts = [
        "",
        "=",
        "==",
        "a",
        "ab",
        "abc",
        "abcd",
        "YQ==",
        "YQ=",
        "YQ",
        "YR==",
        "YWI=",
        "YWJ=",
        "Y Q==",
        "YQ==\n",
        "\nY\r\nQ==",
        "YQ=\n=",
        "YQ==YQ==",
        "YQ==x",
        "-_8=",
        "+/8=",
        "-/8=",
        "a\0==",
        "YQ\t==",
        "====",
        "\n",
        "YQ==\n\n\r",
        "Zm9v\u{e9}",
    ];
    let strategies = ["None", "Base64", "Base64URL", "Auto"];
    texts
        .iter()
        .flat_map(|text| strategies.map(|strategy| (text.as_bytes().to_vec(), strategy.to_owned())))
        .collect()
}

pub(super) fn encoded() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[A-Za-z0-9+/_=\\n-]{0,12}".prop_map(String::into_bytes),
        "([A-Za-z0-9+/]{4}){0,3}([A-Za-z0-9+/]{2}==|[A-Za-z0-9_-]{3}=)?\\n?".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..8),
    ]
}

pub(super) fn hard_objects() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 34] = [
        b"{}",
        b"null",
        b" {} ",
        b"[]",
        b"1",
        b"",
        b"{",
        b"{\"a\":1}x",
        b"{\"a\":1,}",
        b"{\"a\":\"1\",\"a\":\"2\"}",
        b"{\"a\":null}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\\ud800\\ud800x\"}",
        b"{\"a\":\"\\udc00\\ud83d\\ude00\"}",
        b"{\"a\":\"\\\\ud800\"}",
        b"{\"\\ud800\":\"k\"}",
        b"{\"a\":\"\xff\xfe\"}",
        b"{\"a\":{\"z\":1.50,\"b\":[1e3, 1e-7,1e21,1e20]}}",
        b"{\"a\":{\"k\":\"<b>&\\u2028\"}}",
        b"{\"a\":1.50}",
        b"{\"a\":1e400}",
        b"{\"a\":-0}",
        b"{\"a\":-0.0}",
        b"{\"a\":01}",
        b"{\"a\":\"\t\"}",
        b"{\"a\":\"\\u0000\"}",
        b"{\"a\":\"\\u007f\\u0008\\u000c\"}",
        b"{\"a\":[\"\\u007f\\u0008\\u000c\\u001f\"]}",
        b"{\"a\" : { \"b\" : 1 } }",
        b"{\"a\":[]}",
        b"{\"a\":{}}",
        b"{\"a\":12345678901234567890}",
        b"{\"a\":{\"x\":12345678901234567890}}",
        b"\xef\xbb\xbf{}",
    ];
    texts.map(<[u8]>::to_vec).to_vec()
}

pub(super) fn object() -> impl Strategy<Value = Vec<u8>> {
    document().prop_map(String::into_bytes)
}
