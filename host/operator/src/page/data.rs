//! What the page shows: counts of all, and of each kind one part of the objects, those that fail first. How that is made of
//! what the process knows is in `gather`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::watch::Object;

/// Objects of a kind on one page.
pub(super) const ROWS: usize = 50;

/// Everything.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    /// When it was made.
    #[serde(serialize_with = "time")]
    pub(super) generated: Timestamp,
    /// Of the operator.
    pub(super) version: &'static str,
    pub(super) role: Role,
    /// What it waits for before it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<String>,
    /// The one namespace that it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
    /// Only objects of that namespace are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    /// Which part this is, from 1, and of how many.
    pub(super) page: usize,
    pub(super) pages: usize,
    pub(super) stores: Section,
    pub(super) external_secrets: Section,
    pub(super) push_secrets: Section,
    pub(super) plugins: Section,
}

/// Whether it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Role {
    /// There is no election.
    Alone,
    Leader,
    Standby,
}

/// One kind.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Section {
    pub(super) total: usize,
    pub(super) ready: usize,
    pub(super) failing: usize,
    /// Not looked at yet.
    pub(super) pending: usize,
    /// Of another controller class, and in none of the others.
    pub(super) others: usize,
    /// How many fail for each reason.
    pub(super) reasons: BTreeMap<String, usize>,
    /// This page's.
    pub(super) rows: Vec<Row>,
}

/// How an object is; what fails comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    Failing,
    Pending,
    Ready,
}

/// One object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) reason: String,
    pub(super) message: String,
    /// Since when it is Ready or not.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time_if")]
    pub(super) since: Option<Timestamp>,
    /// When it was last refreshed.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time_if")]
    pub(super) last_sync: Option<Timestamp>,
    /// When it is looked at next.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time_if")]
    pub(super) next_look: Option<Timestamp>,
    /// In a row.
    pub(super) failures: u32,
    /// What else there is: the store, the version.
    pub(super) about: BTreeMap<&'static str, String>,
    #[serde(skip)]
    pub(super) object: Object,
    #[serde(skip)]
    pub(super) uid: String,
}

fn time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&claviger_core::status::rfc3339(*time))
}

fn time_if<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&time.map(claviger_core::status::rfc3339))
}
