//! A store of a provider, connected with the objects that a test gives it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Host, input};
use crate::connect::Store;
use crate::events::{Events, Notice};
use crate::provider::connection::{
    Annotation, ConnectInput, Need, ObjectKind, Ready, Resolved, SlotValue, Step,
};
use crate::provider::interface::{Found, Health, Item, Query, Value as Answer};
use crate::{Error, Provider, Session, invalid_config};

/// The host's limits of `connect`.
const ROUNDS: usize = 8;
const NEEDS: usize = 64;
/// Its wait for what is told.
const WAIT: Duration = Duration::from_secs(10);

/// See the module. It begins as a SecretStore in the namespace `team`.
pub struct Bench<'f, P> {
    /// The server, memo and clock.
    pub host: Host<'f>,
    input: ConnectInput,
    objects: BTreeMap<(&'static str, String, String), Vec<u8>>,
    connected: OnceCell<ConnectInput>,
    provider: std::marker::PhantomData<P>,
}

impl<'f, P: Provider> Bench<'f, P> {
    /// A store with this provider's object, and a host.
    pub fn new(config: &Value, host: Host<'f>) -> Self {
        Self {
            host,
            input: input(config, &[]),
            objects: BTreeMap::new(),
            connected: OnceCell::new(),
            provider: std::marker::PhantomData,
        }
    }

    /// With a key of a Secret.
    #[must_use]
    pub fn secret(self, name: &str, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.with("Secret", name, key, value.as_ref())
    }

    /// With a key of a ConfigMap.
    #[must_use]
    pub fn config_map(self, name: &str, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.with("ConfigMap", name, key, value.as_ref())
    }

    /// With a ServiceAccount that has this token, whatever its audiences.
    #[must_use]
    pub fn account_token(self, name: &str, token: &str) -> Self {
        self.with("token of ServiceAccount", name, "", token.as_bytes())
    }

    /// With an annotation of a ServiceAccount.
    #[must_use]
    pub fn annotation(self, account: &str, name: &str, value: &str) -> Self {
        self.with("ServiceAccount", account, name, value.as_bytes())
    }

    /// With something of the surroundings, by the name in its need.
    #[must_use]
    pub fn ambient(self, name: &str, value: &str) -> Self {
        self.with("ambient", name, "", value.as_bytes())
    }

    /// As a ClusterSecretStore, which this namespace asks.
    #[must_use]
    pub fn cluster_store(mut self, requester: &str) -> Self {
        "ClusterSecretStore".clone_into(&mut self.input.store.kind);
        self.input.store.namespace = None;
        requester.clone_into(&mut self.input.requester.namespace);
        self
    }

    /// With the admin's settings.
    #[must_use]
    pub fn settings(mut self, settings: &Value) -> Self {
        self.input.settings = settings.to_string();
        self
    }

    fn with(mut self, kind: &'static str, name: &str, key: &str, value: &[u8]) -> Self {
        self.objects.insert((kind, name.to_owned(), key.to_owned()), value.to_vec());
        self
    }

    /// Rounds of `connect` until the store is ready.
    ///
    /// # Errors
    /// What the plugin says, or that an object is not there.
    ///
    /// # Panics
    /// If the plugin asks for what the host would refuse: a place that the schema does not mark, too much, for ever.
    pub fn connect(&self) -> Result<Ready, Error> {
        let mut input = self.input.clone();
        for _ in 0..ROUNDS {
            let mut store = Store::new(input.clone())?;
            let ready = P::connect(&mut store)?;
            match store.step(ready) {
                Step::Ready(ready) => {
                    self.host.allow(ready.origins.clone());
                    let _ = self.connected.set(input);
                    return Ok(ready);
                }
                Step::Need(needs) => {
                    assert!(needs.len() + input.have.len() <= NEEDS, "more than {NEEDS} needs");
                    for need in &needs {
                        let (slot, value) = self.resolve(need)?;
                        input.have.push(SlotValue { slot: slot.clone(), value });
                    }
                }
            }
        }
        panic!("not ready after {ROUNDS} rounds")
    }

    fn resolve<'n>(&self, need: &'n Need) -> Result<(&'n String, Resolved), Error> {
        let get = |kind, name: &str, key: &str| self.objects.get(&(kind, name.to_owned(), key.to_owned()));
        let absent = |at: &str, what: String| invalid_config(at, format!("there is no {what}"));
        Ok(match need {
            Need::Object(need) => {
                let marks: &[&str] = match need.kind {
                    ObjectKind::Secret => &["secretRef", "objectRef"],
                    ObjectKind::ConfigMap => &["configMapRef", "objectRef"],
                    ObjectKind::Either => &["objectRef"],
                };
                let reference = self.reference(&need.at, marks);
                let text = |field: &str| reference.get(field).and_then(Value::as_str);
                let kind = match (need.kind, text("type")) {
                    (ObjectKind::ConfigMap, _) | (ObjectKind::Either, Some("ConfigMap")) => "ConfigMap",
                    _ => "Secret",
                };
                let key = text("key").or(need.default_key.as_deref());
                let key = key.ok_or_else(|| invalid_config(&need.at, "it names no key"))?;
                let name = text("name").unwrap_or_default();
                let value = match get(kind, name, key) {
                    Some(_) if need.hidden => Resolved::Withheld,
                    Some(value) => Resolved::Bytes(value.clone()),
                    None if need.optional => Resolved::Absent,
                    None => return Err(absent(&need.at, format!("key {key} of {kind} {name}"))),
                };
                (&need.slot, value)
            }
            Need::Account(need) => {
                let reference = self.reference(&need.at, &["serviceAccountRef"]);
                let name = reference.get("name").and_then(Value::as_str).unwrap_or_default();
                let annotation = |annotation: &String| {
                    let value = String::from_utf8(get("ServiceAccount", name, annotation)?.clone()).ok()?;
                    Some(Annotation { name: annotation.clone(), value })
                };
                (&need.slot, Resolved::Account(need.annotations.iter().filter_map(annotation).collect()))
            }
            Need::Token(need) => {
                let reference = self.reference(&need.at, &["serviceAccountRef"]);
                let name = reference.get("name").and_then(Value::as_str).unwrap_or_default();
                let token = get("token of ServiceAccount", name, "");
                let token = token.ok_or_else(|| absent(&need.at, format!("ServiceAccount {name}")))?;
                (&need.slot, Resolved::Bytes(token.clone()))
            }
            Need::Ambient(need) => {
                let value = match get("ambient", &need.name, "") {
                    Some(value) => Resolved::Bytes(value.clone()),
                    None if need.optional => Resolved::Absent,
                    None => return Err(absent("", format!("{} in these surroundings", need.name))),
                };
                (&need.slot, value)
            }
        })
    }

    /// What stands at a place, which the schema must mark.
    fn reference(&self, at: &str, marks: &[&str]) -> Value {
        let schema: Value = serde_json::from_str(P::CONFIG_SCHEMA).unwrap_or_default();
        let mark = mark(&schema, at);
        assert!(
            mark.as_deref().is_some_and(|mark| marks.contains(&mark)),
            "{at} has the mark {mark:?} in the config schema, and one of {marks:?} is needed"
        );
        let config: Value = serde_json::from_str(&self.input.config).unwrap_or_default();
        let place = config.pointer(at).filter(|place| place.is_object());
        place.unwrap_or_else(|| panic!("nothing stands at {at} in the config")).clone()
    }

    /// The connected store.
    ///
    /// # Errors
    /// As of [`Bench::connect`].
    pub fn session(&self) -> Result<Session<'_, P::Config>, Error> {
        if self.connected.get().is_none() {
            self.connect()?;
        }
        Session::new(self.connected.get().unwrap_or(&self.input).clone(), &self.host)
    }

    /// Reads one key.
    ///
    /// # Errors
    /// What the provider says.
    pub fn get(&self, key: &str) -> Result<Answer, Error> {
        self.get_item(Item::new(key))
    }

    /// Reads one.
    ///
    /// # Errors
    /// What the provider says.
    pub fn get_item(&self, item: Item) -> Result<Answer, Error> {
        let answer = P::get_all(&self.session()?, &[item])?.pop();
        answer.unwrap_or_else(|| Err(Error::Other("no answer for the item".to_owned())))
    }

    /// Reads several, in one call.
    ///
    /// # Errors
    /// What keeps anything from being tried.
    pub fn get_all(&self, items: &[Item]) -> Result<Vec<Result<Answer, Error>>, Error> {
        P::get_all(&self.session()?, items)
    }

    /// All pages of a search.
    ///
    /// # Errors
    /// What the provider says.
    pub fn find(&self, query: &Query) -> Result<Vec<Found>, Error> {
        let session = self.session()?;
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = P::find(&session, query, cursor.as_deref())?;
            found.extend(page.found);
            match page.next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                Some(next) => panic!("the page {next} leads to itself"),
                None => return Ok(found),
            }
        }
    }

    /// Whether the store works.
    ///
    /// # Errors
    /// What keeps it from working.
    pub fn validate(&self) -> Result<Health, Error> {
        P::validate(&self.session()?)
    }
}

impl<P: Events> Bench<'_, P> {
    /// What is told, so many notices at most; it may wait for ten seconds, as with the host.
    ///
    /// # Errors
    /// What the provider says.
    pub fn poll(&self, most: u32) -> Result<Vec<Notice>, Error> {
        P::poll(&self.session()?, most, WAIT)
    }

    /// Acknowledges by receipts.
    ///
    /// # Errors
    /// What keeps anything from being tried.
    pub fn acknowledge(&self, receipts: &[impl AsRef<str>]) -> Result<Vec<Result<(), Error>>, Error> {
        let receipts: Vec<String> = receipts.iter().map(|receipt| receipt.as_ref().to_owned()).collect();
        P::acknowledge(&self.session()?, &receipts)
    }
}

/// The mark of a place, as the host looks for it: through properties, items and references within the schema.
fn mark(schema: &Value, pointer: &str) -> Option<String> {
    let mut node = resolved(schema, schema)?;
    for token in pointer.strip_prefix('/')?.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        let direct = node.get("properties").and_then(|properties| properties.get(&token));
        let item = || node.get("items").filter(|_| token.parse::<usize>().is_ok());
        let additional = || node.get("additionalProperties").filter(|schema| schema.is_object());
        node = resolved(schema, direct.or_else(item).or_else(additional)?)?;
    }
    node.get("x-claviger")?.as_str().map(ToOwned::to_owned)
}

fn resolved<'s>(schema: &'s Value, mut node: &'s Value) -> Option<&'s Value> {
    while node.get("x-claviger").is_none() {
        let Some(reference) = node.get("$ref").and_then(Value::as_str) else { break };
        node = schema.pointer(reference.strip_prefix('#')?)?;
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::connect::{account, object, secret, token};
    use crate::provider::connection::{ObjectNeed, Origin};
    use crate::testing::kind;
    use crate::{ObjectRef, Reply, Request, SecretRef, ServiceAccountRef};

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Config {
        url: String,
        #[expect(dead_code, reason = "the host reads it")]
        login: SecretRef,
        #[expect(dead_code, reason = "the host reads it")]
        ca: ObjectRef,
        #[expect(dead_code, reason = "the host reads it")]
        account: ServiceAccountRef,
    }

    /// Asks for a token as an annotation says, so in a second round.
    struct Staged;

    impl Provider for Staged {
        const NAME: &'static str = "staged";
        const VERSION: &'static str = "1";
        const CONFIG_SCHEMA: &'static str = r##"{"properties": {
            "url": {}, "login": {"$ref": "#/$defs/login"}, "ca": {"x-claviger": "objectRef"},
            "account": {"x-claviger": "serviceAccountRef"}}, "$defs": {"login": {"x-claviger": "secretRef"}}}"##;
        type Config = Config;

        fn connect(store: &mut Store<Config>) -> Result<Ready, Error> {
            store.need(ObjectNeed { default_key: Some("password".to_owned()), ..secret("login", "/login") });
            store.need(ObjectNeed { hidden: true, ..object("ca", "/ca") });
            let found = store.need(account("account", "/account", &["audience"]));
            if let Some(Resolved::Account(annotations)) = found {
                let audience =
                    annotations.first().map(|annotation| annotation.value.clone()).unwrap_or_default();
                store.need(token("jwt", "/account", &[&audience]));
            }
            if store.config.url == "unmarked" {
                store.need(secret("url", "/url"));
            }
            let paths = vec!["/v1/".to_owned()];
            Ok(Ready::to([Origin { paths, ..Origin::new(&store.config.url, "it") }]))
        }

        fn get(session: &Session<'_, Config>, item: &Item) -> Result<Answer, Error> {
            let url = format!("{}{}", session.config.url, item.key);
            let request = Request::get(url).bearer(session.text("jwt")?);
            Ok(Answer::new(session.send(request)?.ok(&item.key)?.body))
        }
    }

    fn bench(url: &str) -> Bench<'static, Staged> {
        let config = json!({
            "url": url, "login": {"name": "l", "namespace": "x"}, "account": {"name": "sa", "namespace": "x"},
            "ca": {"type": "ConfigMap", "name": "c", "key": "ca.crt", "namespace": "x"},
        });
        Bench::new(&config, Host::new(|_| Reply::new(200, "x")))
            .secret("l", "password", "p")
            .config_map("c", "ca.crt", "pem")
            .annotation("sa", "audience", "vault")
            .account_token("sa", "a.b.c")
    }

    #[test]
    fn rounds_bring_what_is_asked_for() {
        let bench = bench("https://a").cluster_store("team");
        assert_eq!(bench.connect().unwrap().partition, None, "every reference names its namespace");
        let session = bench.session().unwrap();
        assert_eq!((session.text("login").unwrap(), session.text("jwt").unwrap()), ("p", "a.b.c"));
        assert_eq!(session.bytes("ca"), None, "it is hidden");
        assert_eq!(bench.get("/v1/k").unwrap().data, b"x");
        let metadata = Item { facet: crate::provider::interface::Facet::Metadata, ..Item::new("/v1/k") };
        let version = Item { version: Some("1".to_owned()), ..Item::new("/v1/k") };
        assert_eq!(kind(&bench.get_item(metadata)), "unsupported");
        assert_eq!(kind(&bench.get_item(version)), "unsupported");
        assert_eq!(bench.host.count(), 1);
    }

    #[test]
    #[should_panic(expected = "/url has the mark None")]
    fn an_unmarked_place_is_refused() {
        let _ = bench("unmarked").connect();
    }

    #[test]
    #[should_panic(expected = "at no origin that connect named")]
    fn nobody_goes_elsewhere() {
        let _ = bench("https://a").get("b.example/v1/");
    }

    #[test]
    #[should_panic(expected = "outside of its paths")]
    fn nor_to_other_paths() {
        let _ = bench("https://a").get("/v2/");
    }
}
