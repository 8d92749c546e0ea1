//! Bounds, and what they are for. What paths find is compared with gjson itself (`tests/oracle`).

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn outcome(json: &str, path: &str) -> Result<Option<String>, Refused> {
    let found = get(json.as_bytes(), path)?;
    Ok(found.map(|value| String::from_utf8_lossy(value.text().expose()).into_owned()))
}

/// Each is exponential, or a power of the value's size, in gjson.
#[test]
fn bombs_are_refused() {
    let value = format!(r#"{{"a":"{}","b":[{}]}}"#, r"\".repeat(1000), r#"{"k":"v"},"#.repeat(200));
    let deep = format!("{}{}", r#"{"a":["#.repeat(3000), "]}".repeat(3000));
    let arrays = format!("{}{}", "[".repeat(6_000), "]".repeat(6_000));
    let wide = format!("[{}1]", "{},".repeat(300_000));
    let long_key = format!(r#"{{"{}":[{}1]}}"#, "k".repeat(100_000), "1,".repeat(100_000));
    let mut others = Vec::new();
    for (json, path, refused) in [
        (&value, format!("{}@this", "[@this,@this]|".repeat(100)), Refused::Work),
        (&value, format!("a|{}", "@tostr|".repeat(60)), Refused::Work),
        (&value, "{@this,@this,@this,@this}.".repeat(50), Refused::Work),
        (&wide, format!("[{}a]", "@this,".repeat(2_700)), Refused::Work),
        (&value, "[".repeat(8_000) + "a" + &"]".repeat(8_000), Refused::Depth),
        (&value, "@this|".repeat(1_000), Refused::Depth),
        (&value, "@dig:".repeat(3_000), Refused::Depth),
        (&arrays, "#(".repeat(5_000) + "a" + &")".repeat(5_000), Refused::Depth),
        (&value, "a.".repeat(8_000) + &"a".repeat(PATH), Refused::Path),
        (&deep, "a.0.".repeat(1_000), Refused::Depth),
        (&deep, "@dig:x".to_owned(), Refused::Depth),
        (&deep, "@pretty".to_owned(), Refused::Depth),
        (&arrays, "@flatten:{\"deep\":true}".to_owned(), Refused::Depth),
        (&wide, format!("#({}=1)#", "x".repeat(16_000)), Refused::Work),
        (&wide, format!("#.@{}", "x".repeat(16_000)), Refused::Work),
        (&wide, format!("#.{}", "{a}".repeat(5_000)), Refused::Work),
        (&long_key, "@group".to_owned(), Refused::Work),
        (&value, format!("@pretty:{{\"indent\":\"{}\"}}|@pretty|@pretty", " ".repeat(16_000)), Refused::Work),
    ] {
        let said = outcome(json, &path).err();
        if said != Some(refused) {
            others.push(format!("{:?}: {}…", said, &path[..path.len().min(60)]));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

/// What somebody may want of the largest value that a plugin can answer with.
#[test]
fn the_largest_values_are_worked_through() {
    let entry = r#"{"name":"some-name","value":"some value","tags":["a","b"]},"#;
    let json = format!("{{\"items\":[{}null]}}", entry.repeat(4 * 1024 * 1024 / entry.len()));
    for path in [
        "items.#.name",
        r#"items.#(name=="none").value"#,
        r#"items.#(tags.#(=="c"))#.value"#,
        r#"items.#(name%"*-nam?")#|0.value"#,
        "items|@reverse|0",
        "*.999.v*",
    ] {
        assert!(outcome(&json, path).is_ok(), "{path}");
    }
}

/// Half of what a worker thread has.
const STACK: usize = 1024 * 1024;

#[test]
fn the_deepest_paths_and_values_fit_on_the_stack() {
    let depth = usize::from(DEPTH);
    let objects = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let arrays = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let paths = [
        "a.".repeat(depth),
        "0.".repeat(depth),
        "#.".repeat(depth),
        "#(".repeat(depth) + &")#".repeat(depth),
        "[".repeat(depth) + "a" + &"]".repeat(depth),
        "{\"n\":".repeat(depth) + "a" + &"}".repeat(depth),
        "@this|".repeat(depth),
        "@ugly.".repeat(depth),
        "@valid.a.".repeat(depth / 2),
        "!1|".repeat(depth),
        "0|".repeat(depth),
        "@dig:".repeat(depth) + "a",
        "@dig:a".to_owned(),
        "@dig:@pretty".to_owned(),
        "@pretty".to_owned(),
        "@pretty:{\"sortKeys\":true,\"width\":100000}".to_owned(),
        "@flatten:{\"deep\":true}".to_owned(),
        "#(@this|".repeat(depth),
        "..".repeat(depth),
        "..0.[a".repeat(depth),
    ];
    let works = move || {
        for path in &paths {
            for json in [&objects, &arrays] {
                // The last level that is allowed, and the first that is not.
                for path in [path.as_str(), &path[..path.len() / 2]] {
                    let _ = outcome(json, path);
                }
            }
        }
    };
    std::thread::Builder::new().stack_size(STACK).spawn(works).unwrap().join().unwrap();
}

#[test]
fn validity_has_no_depth() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(is_json(deep.as_bytes()));
    assert!(!is_json(&deep.as_bytes()[1..]));
}

proptest! {
    #[test]
    fn nothing_panics(
        json in r#"[ \[\]{}"\\,:a-c0-2.tfnue\-é\n]{0,64}"#,
        path in r#"[a-c0-2.|#()="\\@{}\[\]!%<>:,*?~é ]{0,32}"#,
    ) {
        let _ = outcome(&json, &path);
    }

    /// Any bytes, and modifiers on them.
    #[test]
    fn nothing_panics_on_bytes(
        json in prop::collection::vec(any::<u8>(), 0..64),
        modifier in prop::sample::select(vec!["pretty:{\"sortKeys\":true}", "ugly", "reverse", "flatten", "join", "valid",
            "keys", "values", "tostr", "fromstr", "group", "dig:a", "this"]),
        rest in "(\\.[a-c#0]|\\|[a-c#0]|\\.#\\(a=1\\)#){0,3}",
    ) {
        if let Some(found) = get(&json, &format!("@{modifier}{rest}")).unwrap() {
            let _ = (found.text(), found.json_text());
        }
    }
}
