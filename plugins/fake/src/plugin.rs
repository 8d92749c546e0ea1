//! The data behind the plugin interface.

use claviger_plugin_sdk::Writer;
use claviger_plugin_sdk::memo::{Lookup, Memo};
use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::interface::Facet;
use claviger_plugin_sdk::provider::writer::{Outcome, Removal, Write};

use crate::data::{Config, Entry};
use crate::pushed::{Change, Pushed};

/// The provider.
pub struct Fake;

fn value(entry: &Entry) -> Value {
    Value::new(entry.value.as_str()).version(Some(&entry.version).filter(|version| !version.is_empty()))
}

fn pushed_value((data, version): (Vec<u8>, String)) -> Value {
    Value::new(data).version(Some(version))
}

impl Provider for Fake {
    const NAME: &'static str = "fake";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: &'static str = include_str!("../config-schema.json");
    type Config = Config;

    fn describe() -> Description {
        Description {
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::VERSIONS
                | Capability::WRITER,
            property_order: vec![PropertyStep::Path],
            max_batch: 100,
            ..described::<Self>()
        }
    }

    fn connect(_store: &mut Store<Config>) -> Result<Ready, Error> {
        Ok(Ready::to([]))
    }

    fn validate(session: &Session<'_, Config>) -> Result<Health, Error> {
        match session.config.validation_result {
            0 => Ok(Health::Ready),
            1 => Ok(Health::Unknown("validationResult says so".to_owned())),
            _ => Err(Error::Unavailable("validationResult says so".to_owned())),
        }
    }

    fn get_all(session: &Session<'_, Config>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
        let pushed = read(session.memo());
        let one = |item: &Item| {
            if item.facet == Facet::Metadata {
                return Err(Error::Unsupported("the fake provider has no metadata".to_owned()));
            }
            let version = item.version.as_deref();
            let found = session.config.get(&item.key, version.unwrap_or_default()).map(value);
            found
                .or_else(|| pushed.get(&item.key, version).map(pushed_value))
                .ok_or_else(|| Error::NotFound("it is not in the store's data".to_owned()))
        };
        Ok(items.iter().map(one).collect())
    }

    fn find(session: &Session<'_, Config>, query: &Query, _cursor: Option<&str>) -> Result<Page, Error> {
        if query.path.is_some() || !query.tags.is_empty() {
            return Err(Error::Unsupported("the fake provider finds by name only".to_owned()));
        }
        let pattern = query.name_regexp.as_deref().map(regex_lite::Regex::new).transpose();
        let pattern =
            pattern.map_err(|_| Error::Unsupported("the name is no regular expression".to_owned()))?;
        let matches = |key: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(key));
        let pushed = read(session.memo());
        let found = |key: &str, value| Found { key: key.to_owned(), value: Some(value) };
        let own = session.config.find(matches).into_iter().map(|entry| found(&entry.key, value(entry)));
        let pushed = pushed.all().filter(|(key, ..)| matches(key));
        let pushed = pushed.map(|(key, bytes, version)| found(key, pushed_value((bytes, version))));
        Ok(Page { found: own.chain(pushed).collect(), next: None })
    }
}

/// Where the host keeps what was pushed.
const PUSHED: &str = "pushed";

/// The longest that the host keeps anything.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Others that push at the same moment are few: each turn of theirs costs one.
const TURNS: usize = 100;

fn read(memo: &dyn Memo) -> Pushed {
    memo.peek(PUSHED).map(|kept| Pushed::parse(&kept)).unwrap_or_default()
}

/// Changes what was pushed, whoever else does meanwhile.
fn change<T>(memo: &dyn Memo, apply: impl Fn(&mut Pushed) -> (T, Change)) -> Result<T, Error> {
    let busy = || Error::Unavailable("others push at the same moment".to_owned());
    for _ in 0..TURNS {
        let (ticket, mut pushed) = match memo.begin(PUSHED) {
            Lookup::Miss(ticket) => (ticket, Pushed::default()),
            Lookup::Hit(kept) => {
                let mut pushed = Pushed::parse(&kept);
                let (out, changed) = apply(&mut pushed);
                if changed == Change::Nothing {
                    return Ok(out);
                }
                memo.evict(PUSHED, &kept);
                match memo.begin(PUSHED) {
                    Lookup::Miss(ticket) => (ticket, Pushed::parse(&kept)),
                    Lookup::Hit(_) => continue,
                    Lookup::Busy | Lookup::Full => return Err(busy()),
                }
            }
            Lookup::Busy => return Err(busy()),
            Lookup::Full => return Err(Error::Unavailable("there is no room for more".to_owned())),
        };
        let (out, _) = apply(&mut pushed);
        ticket.put(&pushed.to_bytes(), DAY_MS);
        return Ok(out);
    }
    Err(busy())
}

/// Does a key stand in the store itself?
fn declared(session: &Session<'_, Config>, key: &str) -> bool {
    session.config.data.iter().any(|entry| entry.key == key)
}

impl Writer for Fake {
    fn push(session: &Session<'_, Config>, write: &Write) -> Result<Outcome, Error> {
        match (declared(session, &write.key), write.replace) {
            (true, true) => Err(Error::Denied("key already exists in the store's data".to_owned())),
            (true, false) => Ok(Outcome::Unchanged),
            (false, _) => change(session.memo(), |pushed| pushed.push(write))?,
        }
    }

    fn delete(session: &Session<'_, Config>, removal: &Removal) -> Result<(), Error> {
        if declared(session, &removal.key) {
            return Err(Error::Denied("it is in the store's data".to_owned()));
        }
        change(session.memo(), |pushed| pushed.delete(removal))?
    }

    fn exists(session: &Session<'_, Config>, key: &str) -> Result<bool, Error> {
        Ok(declared(session, key) || read(session.memo()).get(key, None).is_some())
    }
}

export_provider!(Fake: Writer);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugin_sdk::testing::{Bench, Host, check_schema, kind};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_pushed_is_kept_beside_the_data() {
        let config = json!({"data": [{"key": "own", "value": "1"}]});
        let bench = Bench::<Fake>::new(&config, Host::silent());
        let session = bench.session().unwrap();
        let write = |key: &str, value: &str, expected: Option<&str>| Write {
            key: key.to_owned(),
            value: value.as_bytes().to_vec(),
            expected_version: expected.map(ToOwned::to_owned),
            metadata: None,
            replace: true,
        };
        assert_eq!(kind(&Fake::push(&session, &write("own", "2", None))), "denied");
        for (value, expected, outcome) in [
            ("a", None, Ok(Outcome::Created)),
            ("a", None, Ok(Outcome::Unchanged)),
            ("b", Some("1"), Ok(Outcome::Updated)),
            ("c", Some("1"), Err("conflict")),
        ] {
            let pushed = Fake::push(&session, &write("new", value, expected));
            assert_eq!(pushed.as_ref().map_err(|_| kind(&pushed)), outcome.as_ref().map_err(|kind| *kind));
        }
        assert_eq!(bench.get("new").unwrap().data, b"b");
        assert_eq!(bench.get("own").unwrap().data, b"1");
        let all = Query { path: None, tags: Vec::new(), name_regexp: Some("n$".to_owned()) };
        assert_eq!(bench.find(&all).unwrap().len(), 1);
        let removal = Removal { key: "new".to_owned(), expected_version: None };
        Fake::delete(&session, &removal).unwrap();
        assert!(!Fake::exists(&session, "new").unwrap() && Fake::exists(&session, "own").unwrap());
        assert_eq!(kind(&bench.get("new")), "not-found");
    }

    #[test]
    fn the_schema_is_current() {
        check_schema::<Fake>(concat!(env!("CARGO_MANIFEST_DIR"), "/config-schema.json"));
    }
}
