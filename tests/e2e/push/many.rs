//! More places than a status has room for.

use serde_json::{Map, Value, json};

use super::{counts, fake, places, push, secret, synced};
use crate::support::{Operator, world};

/// Keys of the Secret; each is pushed under a name of so many characters.
const KEYS: usize = 1_500;
const NAME: usize = 225;

#[test]
fn what_the_status_has_no_room_for_is_not_pushed_and_said() {
    let world = world!("push-many");
    fake(&world);
    let data: Map<String, Value> = (0..KEYS).map(|index| (format!("k{index:04}"), json!("v"))).collect();
    secret(&world, "source", &json!({}), &Value::Object(data));
    let operator = Operator::start(&world);
    let named = |letter: &str, which: &str| {
        let name = json!([{"regexp": {"source": "^", "target": letter.repeat(NAME - 5)}}]);
        let entry = json!({"storeRef": {"name": "fake"}, "match": {"regexp": which}, "rewrite": name});
        push(&world, "many", &json!({"deletionPolicy": "Delete", "dataTo": [entry]}));
    };
    let pushed = |which: &str| named("x", which);
    pushed("");
    let (status, left) = world.wait("it to say what is not pushed", || {
        let status = world.get("pushsecret", "many").unwrap_or_default()["status"].clone();
        let message = status["conditions"][0]["message"].as_str().unwrap_or_default();
        let left = message.split_once(&format!(" of {KEYS} places are not pushed"));
        let left = left.and_then(|(before, _)| before.rsplit(' ').next()?.parse::<usize>().ok());
        left.map(|left| (status.clone(), left)).ok_or_else(|| format!("{message}\n{}", operator.log()))
    });
    // The API server took it, and it is as much as it should be.
    let there = places(&status, "SecretStore/fake");
    assert!((1_200..KEYS).contains(&there.len()), "{}", there.len());
    assert_eq!((there.len() + left, &status["pushing"]), (KEYS, &Value::Null));
    assert_eq!(counts(&operator), [there.len() as u64, 0, 0, 0, 0]);

    // Fewer of them fit.
    pushed("^k0");
    let there = places(&synced(&world, "many"), "SecretStore/fake");
    assert_eq!(there.len(), 1_000);

    // Renamed they have room only as the old ones go, which is no reason to be away until the next refresh.
    named("y", "^k0");
    world.wait("the new names", || {
        let status = world.get("pushsecret", "many").unwrap_or_default()["status"].clone();
        let there = places(&status, "SecretStore/fake");
        let new = there.iter().filter(|place| place.starts_with('y')).count();
        if (new, there.len()) == (1_000, 1_000) { Ok(()) } else { Err(format!("{new} of {}", there.len())) }
    });
    synced(&world, "many");
}
