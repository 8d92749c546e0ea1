//! Which kinds there are, what their specs look like, and who makes their values.

use claviger_plugin_sdk::provider::generator::Kind;
use claviger_plugin_sdk::random::Random;
use claviger_plugin_sdk::{Error, invalid_config};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{fake, password, ssh_key};

/// Keys with their values.
pub type Values = Vec<(String, Vec<u8>)>;

/// All of them.
pub fn all() -> Vec<Kind> {
    let schemas = [
        ("Fake", fake::schema()),
        ("Password", password::schema()),
        ("SSHKey", ssh_key::schema()),
        ("UUID", json!({"type": "object", "additionalProperties": false})),
    ];
    let kind = |(name, schema): (&str, Value)| Kind {
        name: name.to_owned(),
        spec_schema: schema.to_string(),
        config_at: String::new(),
    };
    schemas.into_iter().map(kind).collect()
}

/// Makes what a spec asks for.
///
/// # Errors
/// The field that cannot be meant; its pointer is into the spec.
pub fn generate(kind: &str, spec: &str, seed: &[u8]) -> Result<Values, Error> {
    let mut random = Random::new(seed);
    match kind {
        "Fake" => Ok(fake::generate(parse(spec)?)),
        "Password" => password::generate(&parse(spec)?, &mut random),
        "SSHKey" => ssh_key::generate(&parse(spec)?, &mut random),
        "UUID" => Ok(vec![("uuid".to_owned(), random.uuid().into_bytes())]),
        _ => Err(Error::Unsupported("it does not generate that".to_owned())),
    }
}

/// The schema has been through it before; what that lets pass and a type does not is a number out of its range.
fn parse<T: DeserializeOwned>(spec: &str) -> Result<T, Error> {
    serde_json::from_str(spec).map_err(|error| invalid_config("", error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kinds_are_those_of_the_schema() {
        let names: Vec<String> = all().into_iter().map(|kind| kind.name).collect();
        assert_eq!(names, ["Fake", "Password", "SSHKey", "UUID"]);
        for name in names {
            let spec = if name == "SSHKey" { r#"{"keyType":"ed25519"}"# } else { "{}" };
            assert!(generate(&name, spec, &[1; 32]).is_ok(), "{name}");
        }
        assert!(matches!(generate("Grafana", "{}", &[1; 32]), Err(Error::Unsupported(_))));
    }

    /// RFC 9562: 8-4-4-4-12 hexadecimal digits, of which the version is 4 and the variant 8, 9, a or b.
    #[test]
    fn uuids_are_of_version_4() {
        let uuid =
            |seed| String::from_utf8(generate("UUID", "{}", &[seed; 32]).unwrap().remove(0).1).unwrap();
        for seed in 0..50 {
            let text = uuid(seed);
            let groups: Vec<usize> = text.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{text}");
            assert!(text.bytes().all(|byte| byte == b'-' || b"0123456789abcdef".contains(&byte)), "{text}");
            assert_eq!(&text[14..15], "4", "{text}");
            assert!("89ab".contains(&text[19..20]), "{text}");
        }
        assert_ne!(uuid(1), uuid(2));
        assert_eq!(uuid(1), uuid(1), "all chance is the seed's");
        assert_eq!(generate("UUID", "{}", &[1; 32]).unwrap()[0].0, "uuid");
    }

    #[test]
    fn what_is_no_spec_is_refused() {
        for (kind, spec) in
            [("Password", "[]"), ("Fake", r#"{"data":{"a":1}}"#), ("SSHKey", r#"{"keySize":"x"}"#)]
        {
            assert!(matches!(generate(kind, spec, &[1; 32]), Err(Error::InvalidConfig(_))), "{kind} {spec}");
        }
    }
}
