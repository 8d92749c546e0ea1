//! The data behind the plugin interface.

use claviger_plugin_sdk::provider::claviger::plugin::memo::{self, Lookup};
use claviger_plugin_sdk::provider::connection::{ConnectInput, Guest as Connection, Ready, Step};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Facet, Found, Guest as Provider, Health, Item, Page, PropertyStep, Query,
    Session, Value,
};
use claviger_plugin_sdk::provider::writer::{Guest as Writer, Outcome, Removal, Write};
use claviger_plugin_sdk::{Error, invalid_config};

use crate::data::{Config, Entry};
use crate::pushed::{Change, Pushed};

struct Fake;

fn config(session: &ConnectInput) -> Result<Config, Error> {
    serde_json::from_str(&session.config)
        .map_err(|_| invalid_config("", "data must be a list of key and value"))
}

fn value(entry: &Entry) -> Value {
    Value {
        data: entry.value.clone().into_bytes(),
        entries: None,
        version: (!entry.version.is_empty()).then(|| entry.version.clone()),
        metadata: None,
        lease: None,
        shareable: true,
        dynamic: false,
    }
}

impl Connection for Fake {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        config(&input)?;
        Ok(Step::Ready(Ready { origins: Vec::new(), partition: None, account: None }))
    }
}

impl Provider for Fake {
    fn describe() -> Description {
        Description {
            name: "fake".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: include_str!("../config-schema.json").to_owned(),
            push_metadata_schema: None,
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::VERSIONS
                | Capability::WRITER,
            property_order: vec![PropertyStep::Path],
            metadata_order: Vec::new(),
            origins: Vec::new(),
            max_batch: 100,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        match config(&session)?.validation_result {
            0 => Ok(Health::Ready),
            1 => Ok(Health::Unknown("validationResult says so".to_owned())),
            _ => Err(Error::Unavailable("validationResult says so".to_owned())),
        }
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        let config = config(&session)?;
        let pushed = read();
        let one = |item: &Item| {
            if item.facet == Facet::Metadata {
                return Err(Error::Unsupported("the fake provider has no metadata".to_owned()));
            }
            let found = config.get(&item.key, item.version.as_deref().unwrap_or_default());
            if let Some(found) = found {
                return Ok(value(found));
            }
            let (bytes, version) = pushed
                .get(&item.key, item.version.as_deref())
                .ok_or_else(|| Error::NotFound("it is not in the store's data".to_owned()))?;
            Ok(pushed_value(bytes, version))
        };
        Ok(items.iter().map(one).collect())
    }

    fn find(session: Session, query: Query, _cursor: Option<String>) -> Result<Page, Error> {
        if query.path.is_some() || !query.tags.is_empty() {
            return Err(Error::Unsupported("the fake provider finds by name only".to_owned()));
        }
        let pattern = query.name_regexp.as_deref().map(regex_lite::Regex::new).transpose();
        let pattern =
            pattern.map_err(|_| Error::Unsupported("the name is no regular expression".to_owned()))?;
        let config = config(&session)?;
        let entries = config.find(|key| pattern.as_ref().is_none_or(|pattern| pattern.is_match(key)));
        let found =
            entries.into_iter().map(|entry| Found { key: entry.key.clone(), value: Some(value(entry)) });
        let pushed = read();
        let pushed = pushed.all().filter(|(key, ..)| pattern.as_ref().is_none_or(|it| it.is_match(key)));
        let pushed = pushed.map(|(key, bytes, version)| Found {
            key: key.to_owned(),
            value: Some(pushed_value(bytes, version)),
        });
        Ok(Page { found: found.chain(pushed).collect(), next: None })
    }
}

/// Where the host keeps what was pushed.
const PUSHED: &str = "pushed";

/// The longest that the host keeps anything.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Others that push at the same moment are few: each turn of theirs costs one.
const TURNS: usize = 100;

fn pushed_value(data: Vec<u8>, version: String) -> Value {
    let (entries, metadata, lease) = (None, None, None);
    Value { data, entries, version: Some(version), metadata, lease, shareable: true, dynamic: false }
}

fn read() -> Pushed {
    match memo::begin(PUSHED) {
        Lookup::Hit(entry) => Pushed::parse(&entry.value),
        // Dropped unfilled: the next who asks may have it.
        Lookup::Miss(_) | Lookup::Busy | Lookup::Full => Pushed::default(),
    }
}

/// Changes what was pushed, whoever else does meanwhile.
fn change<T>(apply: impl Fn(&mut Pushed) -> (T, Change)) -> Result<T, Error> {
    let busy = || Error::Unavailable("others push at the same moment".to_owned());
    for _ in 0..TURNS {
        let (ticket, mut pushed) = match memo::begin(PUSHED) {
            Lookup::Miss(ticket) => (ticket, Pushed::default()),
            Lookup::Hit(entry) => {
                let mut pushed = Pushed::parse(&entry.value);
                let (out, changed) = apply(&mut pushed);
                if changed == Change::Nothing {
                    return Ok(out);
                }
                memo::evict(PUSHED, &entry.value);
                match memo::begin(PUSHED) {
                    Lookup::Miss(ticket) => (ticket, Pushed::parse(&entry.value)),
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

impl Writer for Fake {
    fn push(session: Session, writes: Vec<Write>) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let config = config(&session)?;
        let one = |write: &Write| {
            let declared = config.data.iter().any(|entry| entry.key == write.key);
            match (declared, write.replace) {
                (true, true) => Err(Error::Denied("key already exists in the store's data".to_owned())),
                (true, false) => Ok(Outcome::Unchanged),
                (false, _) => change(|pushed| pushed.push(write))?,
            }
        };
        Ok(writes.iter().map(one).collect())
    }

    fn delete(session: Session, removals: Vec<Removal>) -> Result<Vec<Result<(), Error>>, Error> {
        let config = config(&session)?;
        let one = |removal: &Removal| {
            if config.data.iter().any(|entry| entry.key == removal.key) {
                return Err(Error::Denied("it is in the store's data".to_owned()));
            }
            change(|pushed| pushed.delete(removal))?
        };
        Ok(removals.iter().map(one).collect())
    }

    fn exists(session: Session, keys: Vec<String>) -> Result<Vec<Result<bool, Error>>, Error> {
        let config = config(&session)?;
        let pushed = read();
        let there = |key: &String| {
            config.data.iter().any(|entry| entry.key == *key) || pushed.get(key, None).is_some()
        };
        Ok(keys.iter().map(|key| Ok(there(key))).collect())
    }
}

claviger_plugin_sdk::provider::export_writing_provider!(Fake);
