//! A server whose answers are the input: in order, and the last again and again, which is the server that never comes to
//! an end. And what every provider is asked.

use std::cell::Cell;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature, Page, Query, Value};
use claviger_plugin_sdk::provider::writer::{Outcome, Removal, Write};
use claviger_plugin_sdk::request::{Reply, Request};
use serde_json::Value as Json;

/// Requests of one call, whatever a server says: a page of a search makes some hundreds.
const MOST: usize = 5_000;

/// A line between two answers.
const BETWEEN: &[u8] = b"\n--\n";

/// What an input says: the store's fields, the key and the property that are asked for, and the server's answers.
pub(crate) struct Script<'i> {
    /// Fields that are laid over those of the target's store.
    pub(crate) fields: Json,
    /// The key, a folder or a name's expression.
    pub(crate) key: &'i str,
    /// The property, a version or a tag.
    pub(crate) property: &'i str,
    replies: Vec<&'i [u8]>,
    asked: Cell<usize>,
}

impl<'i> Script<'i> {
    /// Fields as JSON, key and property in lines; answers behind them with `--` between, each a status, perhaps header
    /// fields (`409 retry-after: 3; x-vault-index: abc`), and from the next line on its body.
    pub(crate) fn of(data: &'i [u8]) -> Self {
        let mut rest = data;
        let [fields, key, property] = [(); 3].map(|()| line(&mut rest));
        let mut replies = Vec::new();
        loop {
            let end = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN);
            replies.push(&rest[..end.unwrap_or(rest.len())]);
            match end {
                Some(end) => rest = &rest[end + BETWEEN.len()..],
                None => break,
            }
        }
        Self {
            fields: serde_json::from_str(fields).unwrap_or_default(),
            key,
            property,
            replies,
            asked: Cell::new(0),
        }
    }

    /// The store's object with the input's fields over it.
    pub(crate) fn over(&self, mut store: Json) -> Json {
        if let (Some(store), Json::Object(fields)) = (store.as_object_mut(), &self.fields) {
            store.extend(fields.clone());
        }
        store
    }

    /// The next answer.
    pub(crate) fn reply(&self) -> Reply {
        let at = self.asked.get();
        assert!(at < MOST, "a server has it ask for ever");
        self.asked.set(at + 1);
        let mut rest = self.replies[at.min(self.replies.len() - 1)];
        let head = line(&mut rest);
        let (status, fields) = head.split_once(' ').unwrap_or((head, ""));
        let reply = Reply::new(status.parse().unwrap_or(200), rest);
        let fields = fields.split(';').filter_map(|field| field.split_once(':'));
        fields.fold(reply, |reply, (name, value)| reply.with(name.trim(), value.trim()))
    }

    /// All of them.
    pub(crate) fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        requests.iter().map(|_| Ok(self.reply())).collect()
    }

    /// From the beginning, for another call.
    pub(crate) fn again(&self) {
        self.asked.set(0);
    }

    /// The items of a read: the same key in all ways that it can be asked for.
    pub(crate) fn items(&self) -> Vec<Item> {
        let plain = Item::new(self.key);
        let given = (!self.property.is_empty()).then(|| self.property.to_owned());
        vec![
            Item { property: given.clone(), ..plain.clone() },
            Item { version: given, ..plain.clone() },
            Item { facet: Facet::Metadata, ..plain.clone() },
            Item { nature: Nature::Any, ..plain },
            Item::new("another"),
        ]
    }

    /// Searches: by name, in a folder, by a tag.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let query = |path: Option<&str>, tags: &[(String, String)], name: Option<&str>| Query {
            path: path.map(ToOwned::to_owned),
            tags: tags.to_vec(),
            name_regexp: name.map(ToOwned::to_owned),
        };
        let tag = [(self.property.to_owned(), "v".to_owned())];
        vec![query(None, &[], Some(self.key)), query(Some(self.key), &[], None), query(None, &tag, None)]
    }

    /// All that a reader is asked. Holds: one answer for each item, and pages whose cursors lead on.
    pub(crate) fn ask(
        &self,
        mut get: impl FnMut(&[Item]) -> Result<Vec<Result<Value, Error>>, Error>,
        mut find: impl FnMut(&Query, Option<&str>) -> Result<Page, Error>,
    ) {
        let items = self.items();
        self.again();
        if let Ok(answers) = get(&items) {
            assert_eq!(answers.len(), items.len(), "not one answer for each");
        }
        for query in self.queries() {
            let mut cursor = None;
            // The host ends a search that does not come to an end by itself.
            for _ in 0..3 {
                self.again();
                let Ok(page) = find(&query, cursor.as_deref()) else { break };
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
        }
    }

    /// All that a writer is asked. Holds: one answer for each item.
    pub(crate) fn change(
        &self,
        value: &[u8],
        push: impl FnOnce(&[Write]) -> Result<Vec<Result<Outcome, Error>>, Error>,
        delete: impl FnOnce(&[Removal]) -> Result<Vec<Result<(), Error>>, Error>,
        exists: impl FnOnce(&[String]) -> Result<Vec<Result<bool, Error>>, Error>,
    ) {
        let one = |answers: Result<usize, Error>| {
            assert!(matches!(answers, Err(_) | Ok(1)), "not one answer for each")
        };
        let write = Write {
            key: self.key.to_owned(),
            value: value.to_vec(),
            expected_version: None,
            metadata: (!self.property.is_empty()).then(|| self.property.to_owned()),
            replace: true,
        };
        self.again();
        one(push(&[write]).map(|answers| answers.len()));
        self.again();
        one(delete(&[Removal { key: self.key.to_owned(), expected_version: None }])
            .map(|answers| answers.len()));
        self.again();
        one(exists(&[self.key.to_owned()]).map(|answers| answers.len()));
    }
}

/// The first line as text, as far as it is UTF-8; the rest is what follows.
pub(crate) fn line<'i>(rest: &mut &'i [u8]) -> &'i str {
    let all = *rest;
    let end = all.iter().position(|byte| *byte == b'\n').unwrap_or(all.len());
    *rest = all.get(end + 1..).unwrap_or_default();
    text(&all[..end])
}

/// Bytes as text, as far as they are UTF-8.
pub(crate) fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Whether a text that stands in a message must have come from the input: long enough, and not of words alone, which are
/// our own.
pub(crate) fn is_telling(text: &str) -> bool {
    let count = |of: fn(&u8) -> bool| text.bytes().filter(of).count();
    text.len() >= 8 && count(u8::is_ascii_digit) >= 2 && count(u8::is_ascii_alphabetic) >= 2
}
