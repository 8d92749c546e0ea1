//! etcd behind the plugin interface: what a store needs, one key, a page of keys.

use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::connection::ObjectNeed;

use crate::client::{PASSWORD, range};
use crate::config::{Config, PASSWORD_AT};
use crate::keys::{Cursor, Range, is_revision};
use crate::wire;

/// The provider.
pub struct Etcd;

impl Provider for Etcd {
    const NAME: &'static str = "etcd";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: &'static str = include_str!("../config-schema.json");
    type Config = Config;

    fn describe() -> Description {
        Description {
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::FIND_BY_PATH
                | Capability::VERSIONS,
            origins: vec!["the store's endpoint".to_owned()],
            // One request a key, all in one call: they share its login.
            max_batch: 20,
            ..described::<Self>()
        }
    }

    fn connect(store: &mut Store<Config>) -> Result<Ready, Error> {
        if store.config.auth.is_some() {
            let password = need::secret(PASSWORD, PASSWORD_AT);
            store.need(ObjectNeed { default_key: Some("password".to_owned()), ..password });
        }
        let config = &store.config;
        let ca = config.ca_bundle.as_ref().map(|_| Material::InlineBase64("/caBundle".to_owned()));
        // The only place that can be reached afterwards; it stands in the store's config.
        let origin = Origin {
            paths: vec!["/v3/kv/range".to_owned(), "/v3/auth/authenticate".to_owned()],
            ..Origin::new(config.origin()?, "etcd").ca(ca)
        };
        Ok(Ready::to([origin]).counted_by_credential())
    }

    fn validate(session: &Session<'_, Config>) -> Result<Health, Error> {
        let prefix = session.config.prefix.as_str();
        let key = Range::one(if prefix.is_empty() { "\0" } else { prefix }, "");
        let query = wire::Query { keys_only: true, ..wire::Query::default() };
        match range(session, &query.body(&key), "the store's prefix") {
            // The login worked; which keys the user may read is told by reading them.
            Ok(_) | Err(Error::Denied(_)) => Ok(Health::Ready),
            Err(error) => Err(error),
        }
    }

    fn get(session: &Session<'_, Config>, item: &Item) -> Result<Value, Error> {
        let revision = item.version.as_deref();
        if revision.is_some_and(|revision| !is_revision(revision)) {
            return Err(Error::NotFound("versions are etcd's revisions: numbers from 1".to_owned()));
        }
        let query = wire::Query { revision, keys_only: false };
        let key = Range::one(&session.config.prefix, &item.key);
        let answer = range(session, &query.body(&key), &item.key)?;
        let kv = answer.kvs.first().ok_or_else(|| Error::NotFound("etcd has no such key".to_owned()))?;
        Ok(Value::new(kv.value()?).version(Some(&kv.mod_revision)))
    }

    fn find(session: &Session<'_, Config>, query: &Query, cursor: Option<&str>) -> Result<Page, Error> {
        if !query.tags.is_empty() {
            return Err(Error::Unsupported("etcd's keys have no tags".to_owned()));
        }
        let prefix = session.config.prefix.as_str();
        let mut keys = Range::below([prefix, query.path.as_deref().unwrap_or_default()].concat().as_bytes());
        let foreign = || Error::Other("the cursor is not this plugin's".to_owned());
        let cursor = cursor.map(|text| Cursor::parse(text).ok_or_else(foreign)).transpose()?;
        if let Some(cursor) = &cursor {
            keys = keys.after(&cursor.key);
        }
        let revision = cursor.as_ref().map(|cursor| cursor.revision.as_str());
        let query = wire::Query { revision, keys_only: true };
        let answer = range(session, &query.body(&keys), "the listing")?;
        let mut page = Page { found: Vec::new(), next: None };
        for kv in &answer.kvs {
            // A key that is no text cannot be named in a manifest.
            let Ok(key) = String::from_utf8(kv.key()?) else { continue };
            let key = key.strip_prefix(prefix).unwrap_or(&key).to_owned();
            page.found.push(Found { key, value: None });
        }
        if let Some(last) = answer.kvs.last().filter(|_| answer.more) {
            let revision = revision.unwrap_or(answer.revision()).to_owned();
            page.next = Some(Cursor { revision, key: last.key()? }.write());
        }
        Ok(page)
    }
}

export_provider!(Etcd);

#[cfg(test)]
#[path = "plugin_tests.rs"]
mod tests;
