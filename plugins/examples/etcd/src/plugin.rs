//! etcd behind the plugin interface: what a store needs, one key, a page of keys. Everything that can be
//! wrong without a network is in the other modules.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{
    ConnectInput, Guest as Connection, Material, Need, ObjectKind, ObjectNeed, Origin, Reach, Ready, Step,
    TlsProfile,
};
use claviger_plugin_sdk::provider::interface::{
    Capability, Description, Facet, Found, Guest as Provider, Health, Item, Page, PropertyStep, Query,
    Session, Value,
};

use crate::client::{Client, PASSWORD};
use crate::config::{Config, PASSWORD_AT};
use crate::keys::{Cursor, Range, is_revision};
use crate::wire;

struct Etcd;

impl Connection for Etcd {
    fn connect(input: ConnectInput) -> Result<Step, Error> {
        let config = Config::parse(&input.config)?;
        // First round: the password, if there is a login. The host resolves it and asks again.
        if config.auth.is_some() && input.have.is_empty() {
            return Ok(Step::Need(vec![Need::Object(ObjectNeed {
                slot: PASSWORD.to_owned(),
                at: PASSWORD_AT.to_owned(),
                kind: ObjectKind::Secret,
                default_key: Some("password".to_owned()),
                hidden: false,
                optional: false,
            })]));
        }
        let referent = config.is_referent(input.store.namespace.is_none());
        let tls = config.ca_bundle.is_some().then(|| TlsProfile {
            ca: vec![Material::InlineBase64("/caBundle".to_owned())],
            client_cert: None,
            client_key: None,
            server_name: None,
            insecure: None,
        });
        Ok(Step::Ready(Ready {
            // The only place that can be reached afterwards; it stands in the store's config.
            origins: vec![Origin {
                tls: tls.filter(|_| config.endpoint.starts_with("https://")),
                url: config.endpoint,
                reach: Reach::Network,
                paths: vec!["/v3/kv/range".to_owned(), "/v3/auth/authenticate".to_owned()],
                purpose: "etcd".to_owned(),
                max_response_bytes: None,
                max_header_bytes: None,
            }],
            partition: referent.then_some(input.requester.namespace),
            // Nothing in the config but the credentials decides who asks.
            account: Some(String::new()),
        }))
    }
}

impl Provider for Etcd {
    fn describe() -> Description {
        Description {
            name: "etcd".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_schema: include_str!("../config-schema.json").to_owned(),
            push_metadata_schema: None,
            capabilities: Capability::GET
                | Capability::FIND_BY_NAME
                | Capability::FIND_BY_PATH
                | Capability::VERSIONS,
            property_order: vec![PropertyStep::Literal, PropertyStep::Path],
            metadata_order: Vec::new(),
            origins: vec!["the store's endpoint".to_owned()],
            // One request a key, all in one call: they share its login.
            max_batch: 20,
        }
    }

    fn validate(session: Session) -> Result<Health, Error> {
        let client = Client::new(&session)?;
        let prefix = client.config.prefix.as_str();
        let key = Range::one(if prefix.is_empty() { "\0" } else { prefix }, "");
        let query = wire::Query { keys_only: true, ..wire::Query::default() };
        match client.range(&query.body(&key), "the store's prefix") {
            // The login worked; which keys the user may read is told by reading them.
            Ok(_) | Err(Error::Denied(_)) => Ok(Health::Ready),
            Err(error) => Err(error),
        }
    }

    fn get(session: Session, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
        let client = Client::new(&session)?;
        Ok(items.iter().map(|item| one(&client, item)).collect())
    }

    fn find(session: Session, query: Query, cursor: Option<String>) -> Result<Page, Error> {
        if !query.tags.is_empty() {
            return Err(Error::Unsupported("etcd's keys have no tags".to_owned()));
        }
        let client = Client::new(&session)?;
        let prefix = client.config.prefix.as_str();
        let mut range = Range::below([prefix, query.path.as_deref().unwrap_or_default()].concat().as_bytes());
        let cursor = match cursor {
            Some(text) => Some(
                Cursor::parse(&text)
                    .ok_or_else(|| Error::Other("the cursor is not this plugin's".to_owned()))?,
            ),
            None => None,
        };
        if let Some(cursor) = &cursor {
            range = range.after(&cursor.key);
        }
        let revision = cursor.as_ref().map(|cursor| cursor.revision.as_str());
        let query = wire::Query { revision, keys_only: true };
        let answer = client.range(&query.body(&range), "the listing")?;
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

fn one(client: &Client<'_>, item: &Item) -> Result<Value, Error> {
    if item.facet == Facet::Metadata {
        return Err(Error::Unsupported("etcd's keys have no metadata".to_owned()));
    }
    let revision = item.version.as_deref();
    if revision.is_some_and(|revision| !is_revision(revision)) {
        return Err(Error::NotFound("versions are etcd's revisions: numbers from 1".to_owned()));
    }
    let query = wire::Query { revision, keys_only: false };
    let answer = client.range(&query.body(&Range::one(&client.config.prefix, &item.key)), &item.key)?;
    let kv = answer.kvs.first().ok_or_else(|| Error::NotFound("etcd has no such key".to_owned()))?;
    if item.known_version.as_ref() == Some(&kv.mod_revision) {
        return Err(Error::NotModified);
    }
    Ok(Value {
        data: kv.value()?,
        entries: None,
        version: Some(kv.mod_revision.clone()),
        metadata: None,
        lease: None,
        // The same key read by the same login is the same answer for everybody.
        shareable: true,
        dynamic: false,
    })
}

claviger_plugin_sdk::provider::export_provider!(Etcd);
