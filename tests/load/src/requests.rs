//! What the servers were asked, counted in their own audit logs.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use claviger_testenv::{ApiRequest, BaoView, ClusterView, Mark};

use crate::place::OPERATOR;

/// Requests of the operator to the API server, read from its audit log as it grows.
pub(crate) struct Requests<'a> {
    cluster: &'a ClusterView,
    mark: Mark,
    /// Everything so far.
    pub(crate) seen: Vec<ApiRequest>,
    /// ExternalSecrets whose status was written, by the path of that.
    pub(crate) statuses: BTreeSet<String>,
}

impl<'a> Requests<'a> {
    /// From now on.
    pub(crate) fn of_operator(cluster: &'a ClusterView) -> Self {
        Self { cluster, mark: cluster.audit_mark(), seen: Vec::new(), statuses: BTreeSet::new() }
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn read(&mut self) -> Result<()> {
        let (new, mark) = self.cluster.audit_next(self.mark)?;
        self.mark = mark;
        for request in new.into_iter().filter(|request| request.user == OPERATOR) {
            let path = request.uri.split('?').next().unwrap_or_default();
            let status = path.contains("/externalsecrets/") && path.ends_with("/status");
            if status && request.verb == "patch" && request.status == 200 {
                self.statuses.insert(path.to_owned());
            }
            self.seen.push(request);
        }
        Ok(())
    }

    /// `patch secrets 2000, patch externalsecrets/status 2000`: the most frequent first.
    pub(crate) fn by_verb(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for request in &self.seen {
            *counts.entry(format!("{} {}", request.verb, resource(&request.uri))).or_default() += 1;
        }
        counts
    }
}

/// Several counts in words, the largest first.
pub(crate) fn said(counts: &BTreeMap<String, usize>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(what, count)| (std::cmp::Reverse(**count), (*what).clone()));
    counts.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
}

/// What a path is about: `externalsecrets/status`.
fn resource(uri: &str) -> String {
    let path = uri.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let rest = match parts.as_slice() {
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        other => other,
    };
    match rest {
        ["namespaces", _, kind, _, below, ..] => format!("{kind}/{below}"),
        ["namespaces", _, kind, ..] => (*kind).to_owned(),
        [kind, _, below, ..] => format!("{kind}/{below}"),
        [kind, ..] => (*kind).to_owned(),
        [] => "/".to_owned(),
    }
}

/// What OpenBao was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Reads, by path.
    pub(crate) reads: BTreeMap<String, usize>,
    /// Logins.
    pub(crate) logins: usize,
    /// Everything else, by operation and path.
    pub(crate) others: BTreeMap<String, usize>,
}

impl Asked {
    /// Since then.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn since(bao: &BaoView, since: Mark) -> Result<Self> {
        let mut asked = Self::default();
        for entry in bao.audit_entries(since)?.into_iter().filter(|entry| entry.kind == "request") {
            match entry.operation.as_str() {
                "read" if entry.path.contains("/data/") => *asked.reads.entry(entry.path).or_default() += 1,
                "update" if entry.path.starts_with("auth/") && entry.path.ends_with("/login") => {
                    asked.logins += 1
                }
                operation => *asked.others.entry(format!("{operation} {}", entry.path)).or_default() += 1,
            }
        }
        Ok(asked)
    }

    /// All reads together.
    pub(crate) fn all_reads(&self) -> usize {
        self.reads.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::resource;

    #[test]
    fn what_a_path_is_about() {
        for (uri, expected) in [
            ("/api/v1/namespaces/n/secrets/s?fieldManager=x", "secrets"),
            (
                "/apis/external-secrets.io/v1/namespaces/n/externalsecrets/e/status?x=y",
                "externalsecrets/status",
            ),
            ("/apis/external-secrets.io/v1/externalsecrets?watch=true", "externalsecrets"),
            ("/apis/external-secrets.io/v1/clustersecretstores/c/status", "clustersecretstores/status"),
            ("/api/v1/secrets?limit=500", "secrets"),
            ("/readyz", "readyz"),
        ] {
            assert_eq!(resource(uri), expected, "{uri}");
        }
    }
}
