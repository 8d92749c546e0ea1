//! What ESO's documentation and its tests, and go-password's, say of each field.
#![allow(clippy::unwrap_used)]

use super::*;

fn made(spec: &str, seed: u8) -> Result<Values, Error> {
    generate(&serde_json::from_str(spec).unwrap(), &mut Random::new(&[seed; 32]))
}

fn one(spec: &str, seed: u8) -> String {
    let mut values = made(spec, seed).unwrap();
    assert_eq!(values.len(), 1, "{spec}");
    String::from_utf8(values.remove(0).1).unwrap()
}

/// Small letters, capital ones, digits, others.
fn classes(text: &str) -> [usize; 4] {
    let mut counts = [0; 4];
    for char in text.chars() {
        let class = match char {
            'a'..='z' => 0,
            'A'..='Z' => 1,
            '0'..='9' => 2,
            _ => 3,
        };
        counts[class] += 1;
    }
    counts
}

#[test]
fn so_many_letters_digits_and_symbols() {
    // (spec, letters, digits, symbols)
    let cases = [
        ("{}", 12, 6, 6),
        (r#"{"length": 0}"#, 12, 6, 6),
        (r#"{"length": -3}"#, 12, 6, 6),
        (r#"{"length": 10}"#, 6, 2, 2),
        (r#"{"length": 3}"#, 3, 0, 0),
        (r#"{"length": 42, "digits": 5, "symbols": 5, "allowRepeat": true}"#, 32, 5, 5),
        (r#"{"length": 8, "digits": 0, "symbols": 0}"#, 8, 0, 0),
        (r#"{"length": 8, "digits": 4, "symbols": 4}"#, 0, 4, 4),
        (r#"{"length": 10, "digits": 10, "symbols": 0}"#, 0, 10, 0),
        (r#"{"length": 64, "digits": 40, "symbols": 16, "allowRepeat": true}"#, 8, 40, 16),
        (r#"{"length": 52, "digits": 0, "symbols": 0}"#, 52, 0, 0),
        (r#"{"length": 32, "symbolCharacters": ""}"#, 16, 8, 8),
    ];
    for (spec, letters, digits, symbols) in cases {
        for seed in 0..40 {
            let text = one(spec, seed);
            let [small, capital, found_digits, found_symbols] = classes(&text);
            assert_eq!(
                (small + capital, found_digits, found_symbols),
                (letters, digits, symbols),
                "{spec}: {text}"
            );
            if !spec.contains("allowRepeat") {
                let unique: BTreeSet<char> = text.chars().collect();
                assert_eq!(unique.len(), text.chars().count(), "{spec}: {text}");
            }
        }
    }
}

#[test]
fn which_characters() {
    for seed in 0..40 {
        let text = one(
            r#"{"length": 40, "digits": 2, "symbols": 20, "symbolCharacters": "-_$", "allowRepeat": true}"#,
            seed,
        );
        let symbols: String = text.chars().filter(|char| !char.is_ascii_alphanumeric()).collect();
        assert!(symbols.chars().all(|char| "-_$".contains(char)), "{text}");
        assert_eq!(classes(&one(r#"{"noUpper": true}"#, seed))[1], 0);
        let text = one(r#"{"length": 4, "digits": 0, "symbols": 3, "symbolCharacters": "é→ü"}"#, seed);
        assert_eq!(text.chars().count(), 4, "{text}");
        assert!("é→ü".chars().all(|char| text.contains(char)), "{text}");
    }
    // Everything that may stand in one does so sometimes.
    let all: BTreeSet<char> = (0..255).flat_map(|seed| one("{}", seed).chars().collect::<Vec<_>>()).collect();
    let expected: BTreeSet<char> = [LOWER, UPPER, DIGITS, SYMBOLS].concat().chars().collect();
    assert_eq!(all, expected);
    assert_eq!(SYMBOLS.len(), 30, "go-password's");
    // And at each place stands now this, now that.
    let firsts: BTreeSet<usize> = (0..255)
        .filter_map(|seed| classes(&one("{}", seed)[..1]).iter().position(|count| *count == 1))
        .collect();
    assert_eq!(firsts.len(), 4);
}

#[test]
fn each_key_has_its_own() {
    let values = made(r#"{"secretKeys": ["first", "second"]}"#, 1).unwrap();
    let keys: Vec<&str> = values.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["first", "second"]);
    assert_ne!(values[0].1, values[1].1);
    assert_eq!(made("{}", 1).unwrap()[0].0, "password");
    assert_eq!(made(r#"{"secretKeys": []}"#, 1).unwrap()[0].0, "password");
    assert_ne!(one("{}", 1), one("{}", 2));
    assert_eq!(one("{}", 1), one("{}", 1), "all chance is the seed's");
}

/// The same password in each, as ESO's documentation has them; that of base32, which is wrong there, from Python's base64.
#[test]
fn encodings() {
    let text = "Test>>Pass??word";
    for (encoding, expected) in [
        (r#""raw""#, text),
        (r#""base64""#, "VGVzdD4+UGFzcz8/d29yZA=="),
        (r#""base64url""#, "VGVzdD4-UGFzcz8_d29yZA=="),
        (r#""base32""#, "KRSXG5B6HZIGC43TH47XO33SMQ======"),
        (r#""hex""#, "546573743e3e506173733f3f776f7264"),
    ] {
        let encoding: Encoding = serde_json::from_str(encoding).unwrap();
        assert_eq!(encoding.encode(text.to_owned()), expected.as_bytes(), "{encoding:?}");
    }
    let (raw, hex) = (one("{}", 1), one(r#"{"encoding": "hex"}"#, 1));
    assert_eq!(HEXLOWER.decode(hex.as_bytes()).unwrap(), raw.as_bytes());
}

#[test]
fn what_cannot_be_made() {
    for (spec, at, said) in [
        (
            r#"{"length": 8, "digits": 5, "symbols": 4}"#,
            "/length",
            "8 characters are fewer than 5 digits and 4 symbols",
        ),
        (r#"{"length": 53, "digits": 0, "symbols": 0}"#, "/length", "53 letters are more than the 52"),
        (
            r#"{"length": 27, "digits": 0, "symbols": 0, "noUpper": true}"#,
            "/length",
            "27 letters are more than the 26",
        ),
        (r#"{"length": 64}"#, "/digits", "16 digits are more than the 10"),
        (
            r#"{"length": 20, "symbols": 11, "digits": 0, "symbolCharacters": "-_$"}"#,
            "/symbols",
            "11 symbols are more than the 3",
        ),
        // These two keep go-password busy for ever.
        (
            r#"{"length": 8, "symbols": 2, "digits": 0, "symbolCharacters": "--"}"#,
            "/symbols",
            "2 symbols are more than the 1",
        ),
        (
            r#"{"length": 36, "symbols": 10, "digits": 10, "symbolCharacters": "0123456789"}"#,
            "/symbols",
            "10 symbols are more than the 0",
        ),
        (r#"{"digits": -1}"#, "/digits", "negative"),
        (r#"{"symbols": -1}"#, "/symbols", "negative"),
        (r#"{"length": 1048577}"#, "/length", "above 1048576"),
        (
            r#"{"length": 1000000, "allowRepeat": true, "secretKeys": ["a", "b", "c"]}"#,
            "/secretKeys",
            "above 1048576",
        ),
        (r#"{"secretKeys": [""]}"#, "/secretKeys", "empty"),
        (r#"{"secretKeys": ["dup", "dup"]}"#, "/secretKeys", "unique"),
    ] {
        match made(spec, 1) {
            Err(Error::InvalidConfig(error)) => {
                assert_eq!(error.path, at, "{spec}");
                assert!(error.detail.contains(said), "{spec}: {}", error.detail);
            }
            other => panic!("{spec}: {:?}", other.map(|values| values.len())),
        }
    }
}
