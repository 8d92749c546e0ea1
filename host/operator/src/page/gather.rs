//! The page of a moment, made of what the process knows. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_crds::condition::Condition;
use claviger_crds::plugin::Plugin;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::classes::Classes;
use super::data::{Page, ROWS, Role, Row, Section, State};
use super::query::Query;
use crate::plugins::{Listed, object_of, plugin_of};
use crate::state::push::PushProgress;
use crate::state::view::{Timing, View};
use crate::state::{Parsed, Store, meta_of, stores_named};
use crate::watch::Object;
use crate::watch::cache::Name;

/// Characters of a plugin's digest that are shown: enough to tell two apart.
const DIGEST: usize = "sha256:".len() + 12;
/// Bytes of a message: no longer than in a condition of ours, also of another's.
const MAX_MESSAGE: usize = 1024;

/// What is to be known of each object to put it in its place: nothing of it is copied.
struct Place<'a> {
    state: State,
    since: &'a str,
    index: usize,
}

/// The page of a moment, but for what only the process knows: its role, and [`Page::fill_times`].
pub(super) fn page(
    view: &View,
    plugins: &[Listed],
    query: &Query,
    serves: impl Fn(Option<&str>) -> bool,
    now: Timestamp,
) -> Page {
    let classes = Classes::of(view, serves);
    let stores: Vec<(&'static str, &Arc<Store>)> = (view.stores.iter().map(|one| ("SecretStore", one)))
        .chain(view.cluster_stores.iter().map(|one| ("ClusterSecretStore", one)))
        .collect();
    let stores = section(
        query,
        &stores,
        |(_, one)| &one.metadata,
        |(_, one)| conditions(one.status.as_ref().map(|status| status.conditions.as_slice())),
        |(_, one)| classes.has_store(one),
        |(kind, one)| of_store(kind, one),
    );
    let external_secrets = section(
        query,
        &view.external_secrets,
        |one| meta_of(one),
        |one| match one.as_ref() {
            Ok(es) => conditions(es.status.as_ref().map(|status| status.conditions.as_slice())),
            Err(_) => Found::Unreadable,
        },
        |one| one.as_ref().as_ref().map_or(true, |es| classes.has_external_secret(es)),
        |one| {
            let mut own = Own::of("ExternalSecret", Object::ExternalSecret);
            let Ok(es) = one.as_ref() else { return own };
            if let Some(store) = stores_named(&es.spec, "").next() {
                own.about.insert("store", store.to_string());
            }
            let target = es.spec.target.name.as_ref().or(es.metadata.name.as_ref());
            own.about.insert("target", target.cloned().unwrap_or_default());
            own.last = es.status.as_ref().and_then(|status| status.refresh_time.clone());
            own
        },
    );
    let push_secrets = section(
        query,
        &view.push_secrets,
        |one| meta_of(one),
        |one| match one.as_ref() {
            Ok(ps) => conditions(ps.status.as_ref().map(|status| status.conditions.as_slice())),
            Err(_) => Found::Unreadable,
        },
        |one| one.as_ref().as_ref().map_or(true, |ps| classes.has_push_secret(ps)),
        |one| {
            let mut own = Own::of("PushSecret", Object::PushSecret);
            if let Ok(ps) = one.as_ref() {
                let places = ps
                    .status
                    .as_ref()
                    .map(|status| status.synced_push_secrets.values().map(BTreeMap::len).sum());
                own.about.insert("places", places.unwrap_or(0_usize).to_string());
                own.last = ps.status.as_ref().and_then(|status| status.refresh_time.clone());
            }
            own
        },
    );
    let plugins = of_plugins(view, plugins, query);
    let shown = [&stores, &external_secrets, &push_secrets, &plugins];
    let longest = shown.into_iter().map(|section| section.total).max().unwrap_or(0);
    Page {
        generated: now,
        version: env!("CARGO_PKG_VERSION"),
        role: Role::Alone,
        missing: None,
        scope: None,
        namespace: query.namespace.clone(),
        page: query.page,
        pages: longest.div_ceil(ROWS).max(1),
        stores,
        external_secrets,
        push_secrets,
        plugins,
    }
}

/// What an object's status says of it.
enum Found<'a> {
    Ready(&'a Condition),
    Failing(&'a Condition),
    Pending,
    /// It does not parse.
    Unreadable,
}

/// The reason of what does not parse.
const INVALID: &str = "ManifestInvalid";

fn ready(conditions: Option<&[Condition]>) -> Option<&Condition> {
    conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready")
}

fn conditions(conditions: Option<&[Condition]>) -> Found<'_> {
    match ready(conditions) {
        None => Found::Pending,
        Some(condition) if condition.status == "True" => Found::Ready(condition),
        Some(condition) => Found::Failing(condition),
    }
}

/// What only that kind has.
struct Own {
    kind: &'static str,
    object: fn(Name) -> Object,
    about: BTreeMap<&'static str, String>,
    last: Option<String>,
}

impl Own {
    fn of(kind: &'static str, object: fn(Name) -> Object) -> Self {
        Self { kind, object, about: BTreeMap::new(), last: None }
    }
}

fn of_store(kind: &'static str, store: &Store) -> Own {
    let mut own = match kind {
        "SecretStore" => Own::of(kind, Object::SecretStore),
        _ => Own::of(kind, |name| Object::ClusterSecretStore(name.name)),
    };
    if let Ok(spec) = &store.spec {
        // Its name only: settings may hold values.
        let provider = spec.provider.entry().map_or("", |(name, _)| name);
        own.about.insert("provider", provider.to_owned());
    }
    own
}

/// Counts all of a kind, and makes rows of the page's part.
fn section<T>(
    query: &Query,
    all: &[T],
    meta: impl Fn(&T) -> &ObjectMeta,
    found: impl Fn(&T) -> Found<'_>,
    ours: impl Fn(&T) -> bool,
    own: impl Fn(&T) -> Own,
) -> Section {
    let mut section = Section::default();
    let mut places = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let namespace = meta(one).namespace.as_deref();
        // What is of the cluster concerns everybody.
        if query.namespace.is_some() && namespace.is_some() && namespace != query.namespace.as_deref() {
            continue;
        }
        if !ours(one) {
            section.others += 1;
            continue;
        }
        let (state, reason, since) = match found(one) {
            Found::Ready(_) => (State::Ready, "", ""),
            Found::Pending => (State::Pending, "", ""),
            Found::Failing(condition) => {
                let since = condition.last_transition_time.as_deref().unwrap_or_default();
                (State::Failing, condition.reason.as_deref().unwrap_or_default(), since)
            }
            Found::Unreadable => (State::Failing, INVALID, ""),
        };
        section.count(state, reason);
        places.push(Place { state, since, index });
    }
    section.total = places.len();
    // The newest failure first: it is what somebody is looking for. RFC 3339 sorts as text.
    places.sort_by_key(|place| (place.state, Reverse(place.since), place.index));
    section.rows = places
        .iter()
        .skip((query.page - 1).saturating_mul(ROWS))
        .take(ROWS)
        .map(|place| row(meta(&all[place.index]), &found(&all[place.index]), own(&all[place.index])))
        .collect();
    section
}

impl Section {
    /// One more in that state; of what fails, for that reason.
    fn count(&mut self, state: State, reason: &str) {
        match state {
            State::Ready => self.ready += 1,
            State::Pending => self.pending += 1,
            State::Failing => {
                self.failing += 1;
                *self.reasons.entry(reason.to_owned()).or_default() += 1;
            }
        }
    }
}

fn row(meta: &ObjectMeta, found: &Found<'_>, own: Own) -> Row {
    let name = Name::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    let parsed = |text: Option<&str>| text.and_then(|text| text.parse::<Timestamp>().ok());
    let (state, condition) = match found {
        Found::Ready(condition) => (State::Ready, Some(condition)),
        Found::Failing(condition) => (State::Failing, Some(condition)),
        Found::Pending => (State::Pending, None),
        Found::Unreadable => (State::Failing, None),
    };
    let text = |field: fn(&Condition) -> &Option<String>| {
        condition.and_then(|condition| field(condition).clone()).unwrap_or_default()
    };
    let (mut reason, mut message) =
        (text(|condition| &condition.reason), text(|condition| &condition.message));
    if matches!(found, Found::Unreadable) {
        (reason, message) = (INVALID.to_owned(), "it does not parse: correct its manifest".to_owned());
    }
    Row {
        kind: own.kind,
        namespace: name.namespace.clone(),
        name: name.name.clone(),
        state,
        reason,
        message: cut(message),
        since: parsed(condition.and_then(|condition| condition.last_transition_time.as_deref())),
        last_sync: parsed(own.last.as_deref()),
        next_look: None,
        failures: 0,
        about: own.about,
        object: (own.object)(name),
        uid: meta.uid.clone().unwrap_or_default(),
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_MESSAGE));
    text
}

/// Plugins: those that came with the operator have no object.
fn of_plugins(view: &View, listed: &[Listed], query: &Query) -> Section {
    let objects: HashMap<&str, &Parsed<Plugin>> = view
        .plugins
        .iter()
        .filter_map(|one| {
            let meta =
                one.as_ref().as_ref().map_or_else(|invalid| &invalid.metadata, |plugin| &plugin.metadata);
            Some((plugin_of(meta.name.as_deref()?), one.as_ref()))
        })
        .collect();
    let mut section = Section { total: listed.len(), ..Section::default() };
    let mut rows: Vec<Row> = Vec::new();
    for one in listed {
        let state = match (&one.plugin, &one.refused) {
            (_, Some(_)) => State::Failing,
            (Some(_), None) => State::Ready,
            (None, None) => State::Pending,
        };
        let condition = objects.get(one.name.as_str()).and_then(|object| {
            let status = object.as_ref().ok()?.status.as_ref();
            ready(status.map(|status| status.conditions.as_slice()))
        });
        let reason = match (state, condition.and_then(|condition| condition.reason.clone())) {
            (State::Failing, Some(reason)) => reason,
            (State::Failing, None) => "PluginNotLoaded".to_owned(),
            (State::Ready, _) => "Loaded".to_owned(),
            (State::Pending, _) => "PluginLoading".to_owned(),
        };
        section.count(state, &reason);
        let mut about = BTreeMap::new();
        if let Some(plugin) = &one.plugin {
            about.insert("version", plugin.version.clone());
            about.insert("digest", plugin.digest.chars().take(DIGEST).collect());
        }
        let from = if objects.contains_key(one.name.as_str()) { "Plugin object" } else { "built in" };
        about.insert("from", from.to_owned());
        rows.push(Row {
            kind: "Plugin",
            namespace: String::new(),
            name: one.name.clone(),
            state,
            reason,
            message: cut(one.refused.clone().unwrap_or_default()),
            since: condition.and_then(|condition| condition.last_transition_time.as_deref()?.parse().ok()),
            last_sync: None,
            next_look: None,
            failures: 0,
            about,
            object: Object::Plugin(object_of(&one.name)),
            uid: String::new(),
        });
    }
    rows.sort_by_key(|row| row.state);
    section.rows = rows.into_iter().skip((query.page - 1).saturating_mul(ROWS)).take(ROWS).collect();
    section
}

impl Page {
    /// Fills in what the process knows of times, for the rows that are shown.
    pub(super) fn fill_times(
        &mut self,
        timings: impl Fn(&[Object]) -> Vec<Timing>,
        pushed: impl Fn(&Name, &str) -> PushProgress,
    ) {
        let (now, generated) = (Instant::now(), self.generated);
        for section in
            [&mut self.stores, &mut self.external_secrets, &mut self.push_secrets, &mut self.plugins]
        {
            let objects: Vec<Object> = section.rows.iter().map(|row| row.object.clone()).collect();
            for (row, timing) in section.rows.iter_mut().zip(timings(&objects)) {
                row.next_look = timing.next.and_then(|next| at(generated, now, next));
                row.failures = timing.failures;
                row.last_sync = row.last_sync.max(timing.last);
                if let Object::PushSecret(name) = &row.object {
                    let progress = pushed(name, &row.uid);
                    (row.failures, row.last_sync) = (progress.failures, row.last_sync.max(progress.last));
                }
            }
        }
    }
}

/// A moment of the process's clock on the wall's; what is due already is due now.
fn at(wall: Timestamp, now: Instant, moment: Instant) -> Option<Timestamp> {
    let left: Duration = moment.saturating_duration_since(now);
    wall.checked_add(SignedDuration::try_from(left).ok()?).ok()
}
