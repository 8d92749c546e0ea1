//! The record of what is leased, as an annotation of the Secret that holds it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::provider::{Lease, LeaseHolder};

/// Leases that were replaced and are still to be revoked; older ones run out by themselves. One is some 300 bytes, and
/// all annotations of an object may have 256 KiB.
const MAX_RETIRED: usize = 32;

/// Who made a credential: asked again when it is renewed or revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// `SecretStore`, `ClusterSecretStore`, or a generator's kind.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `remoteRef.key`; empty for a generator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
}

impl Source {
    /// A generator, which has no keys.
    pub fn generator(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), key: String::new() }
    }
}

/// Whether a lease is of that key, by its id: those of Vault and OpenBao are the path that was read, and a last part that
/// nobody can guess. Of an id that says nothing of its key it cannot be told, and so it is not.
pub fn is_of_key(id: &str, key: &str) -> bool {
    // As Vault reads a key.
    let parts: Vec<&str> = key.split('/').filter(|part| !part.is_empty()).collect();
    let Some((path, last)) = id.rsplit_once('/') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let named = last.chars().any(|c| c.is_ascii_alphanumeric()) && last.chars().all(plain);
    named && !parts.is_empty() && path == parts.join("/")
}

/// A credential, as of when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who made it.
    #[serde(flatten)]
    pub source: Source,
    /// When it was asked for: its life is counted from there.
    pub issued: Timestamp,
    /// How it ends; none: nothing is known about that (a certificate, a generated password).
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lease")]
    pub lease: Option<Lease>,
    /// The name of the record of what its generator left behind for it (a GeneratorState).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl Held {
    /// Whether a generator made it, and not a read of a key.
    pub fn is_generated(&self) -> bool {
        self.source.key.is_empty()
    }

    /// Whether it is known to have ended. One that can be renewed may have been, by whoever worked then.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        let renewable = self.lease.as_ref().is_some_and(|lease| lease.renewable);
        !renewable && self.end().is_some_and(|end| end <= now)
    }

    /// Whether both are the same credential, whatever was rounded when one was written.
    pub fn is(&self, other: &Self) -> bool {
        self.source == other.source
            && match (&self.lease, &other.lease) {
                (Some(lease), Some(other)) => lease.id == other.id,
                // A generator may give the same thing twice: then what is left behind is one.
                (None, None) if self.state.is_some() => self.state == other.state,
                (None, None) => self.issued == other.issued,
                (Some(_), None) | (None, Some(_)) => false,
            }
    }

    /// When it ends if nobody renews it: with its lease or with the login that holds that. `None`: never, or unknown.
    pub fn end(&self) -> Option<Timestamp> {
        let lease = self.lease.as_ref()?;
        let holder = lease.holder.as_ref().map(|holder| holder.ttl).filter(|ttl| !ttl.is_zero());
        let life = holder.into_iter().chain(Some(lease.duration).filter(|life| !life.is_zero())).min()?;
        self.issued.checked_add(life).ok()
    }
}

/// When a replaced lease is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revoke {
    /// At that time.
    #[serde(rename = "at")]
    At(Timestamp),
    /// When the workloads that were restarted for its successor run.
    #[serde(rename = "rollout")]
    AfterRollout,
}

/// A lease that a newer one has replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// It.
    #[serde(flatten)]
    pub held: Held,
    /// When to revoke it.
    pub revoke: Revoke,
}

impl Retired {
    /// Whether it has ended, where it was replaced at `replaced` at the latest: it may have been renewed until then, for
    /// the life that it was made for.
    fn is_over(&self, replaced: Timestamp, now: Timestamp) -> bool {
        let until = match self.revoke {
            Revoke::At(at) => at,
            Revoke::AfterRollout => replaced,
        };
        let life = self.held.lease.as_ref().map(|lease| lease.duration).filter(|life| !life.is_zero());
        let renewed = life.and_then(|life| until.checked_add(life).ok()).is_some_and(|end| end <= now);
        self.held.has_ended(now) || renewed
    }
}

/// What the Secret's values were made from, as far as they cannot be read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Makes [`Record::inputs`] of no use to who guesses.
    pub salt: String,
    /// Salted hash of everything else that went into the Secret ([`crate::inputs::Inputs`]).
    pub inputs: String,
    /// What was made.
    pub held: Vec<Held>,
    /// Keys of the data that were written with it: as long as they are our field manager's, nobody has changed them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<String>,
    /// What was replaced, and is to be revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Retired>,
}

impl Record {
    /// Reads an annotation. What is not readable (somebody edited it) is no record: the values are made anew. More that is to
    /// be revoked than is ever written is left out: each is a request to a backend.
    pub fn parse(text: &str) -> Option<Self> {
        let mut record: Self = serde_json::from_str(text).ok()?;
        record.retired.truncate(MAX_RETIRED);
        Some(record)
    }

    /// The annotation.
    pub fn text(&self) -> String {
        // A map with keys that are text: it can be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Everything that it names: what is held, and what waits to be revoked.
    pub fn all(self) -> Vec<Held> {
        self.held.into_iter().chain(self.retired.into_iter().map(|retired| retired.held)).collect()
    }

    /// Whether a replaced lease has ended: nobody has renewed it since a newer one was made.
    pub fn is_over(&self, retired: &Retired, now: Timestamp) -> bool {
        retired.is_over(self.held.iter().map(|held| held.issued).max().unwrap_or(now), now)
    }

    /// The newest of what is to be revoked, of what is not known to have ended by then.
    pub fn retire(retired: impl IntoIterator<Item = Retired>, now: Timestamp) -> Vec<Retired> {
        let live = |retired: &Retired| retired.held.lease.is_some() && !retired.is_over(now, now);
        let mut retired: Vec<Retired> = retired.into_iter().filter(live).collect();
        retired.sort_by_key(|retired| std::cmp::Reverse(retired.held.issued));
        retired.truncate(MAX_RETIRED);
        retired
    }
}

/// Whole seconds, as Vault counts.
mod lease {
    use serde::{Deserializer, Serializer};

    use super::{Deserialize, Duration, Lease, LeaseHolder, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Written {
        id: String,
        seconds: u64,
        renewable: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<WrittenHolder>,
    }

    #[derive(Serialize, Deserialize)]
    struct WrittenHolder {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accessor: Option<String>,
        seconds: u64,
        renewable: bool,
    }

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(lease: &Option<Lease>, to: S) -> Result<S::Ok, S::Error> {
        let written = lease.as_ref().map(|lease| Written {
            id: lease.id.clone(),
            seconds: lease.duration.as_secs(),
            renewable: lease.renewable,
            holder: lease.holder.as_ref().map(|holder| WrittenHolder {
                accessor: holder.accessor.clone(),
                seconds: holder.ttl.as_secs(),
                renewable: holder.renewable,
            }),
        });
        written.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Lease>, D::Error> {
        let written = Option::<Written>::deserialize(from)?;
        Ok(written.map(|lease| Lease {
            id: lease.id,
            duration: Duration::from_secs(lease.seconds),
            renewable: lease.renewable,
            holder: lease.holder.map(|holder| LeaseHolder {
                accessor: holder.accessor,
                ttl: Duration::from_secs(holder.seconds),
                renewable: holder.renewable,
            }),
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    /// Ids as OpenBao gives them, and what somebody may write into an annotation.
    #[test]
    fn a_lease_is_of_the_key_that_its_id_begins_with() {
        let id = "database/creds/app/Zk3Hx0vVqkGvFpTzWmXQlP1r";
        for (id, key, expected) in [
            (id, "database/creds/app", true),
            (id, "/database//creds/app/", true),
            ("database/creds/app/Zk3.n5xY2", "database/creds/app", true),
            ("aws/creds/x/8f0c6f1e-6c0e-4d8e", "aws/creds/x", true),
            (id, "database/creds/other", false),
            (id, "database/creds/ap", false),
            (id, "database/creds", false),
            (id, "", false),
            (id, "/", false),
            (id, id, false),
            ("database/creds/app/", "database/creds/app", false),
            ("database/creds/app/..", "database/creds/app", false),
            ("database/creds/app/../other/Zk3", "database/creds/app", false),
            ("database/creds/app/%2e%2e%2fother", "database/creds/app", false),
            ("/database/creds/app/Zk3", "database/creds/app", false),
            ("opaque", "opaque", false),
        ] {
            assert_eq!(is_of_key(id, key), expected, "{id} {key}");
        }
    }

    fn held(key: &str, issued: i64, seconds: u64, holder: Option<u64>) -> Held {
        Held {
            source: Source { kind: "SecretStore".to_owned(), name: "vault".to_owned(), key: key.to_owned() },
            issued: at(issued),
            lease: Some(Lease {
                id: format!("{key}/abc"),
                duration: Duration::from_secs(seconds),
                renewable: true,
                holder: holder.map(|ttl| LeaseHolder {
                    accessor: Some("acc".to_owned()),
                    ttl: Duration::from_secs(ttl),
                    renewable: false,
                }),
            }),
            state: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let record = Record {
            keys: BTreeSet::new(),
            salt: "5a17".to_owned(),
            inputs: "ff".to_owned(),
            held: vec![
                held("database/creds/app", 0, 3600, Some(1800)),
                Held { lease: None, ..held("", 7, 1, None) },
            ],
            retired: vec![
                Retired { held: held("database/creds/app", -60, 3600, None), revoke: Revoke::At(at(300)) },
                Retired { held: held("database/creds/app", -90, 3600, None), revoke: Revoke::AfterRollout },
            ],
        };
        assert_eq!(Record::parse(&record.text()).unwrap(), record);
        insta::assert_snapshot!(record.text());
        for broken in ["", "{}", "null", r#"{"salt":1}"#, "[]"] {
            assert_eq!(Record::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn no_more_is_revoked_than_is_ever_written() {
        let one = held("database/creds/app", 0, 3600, None);
        let retired = Retired { held: one.clone(), revoke: Revoke::AfterRollout };
        for (written, read) in [(0, 0), (32, 32), (33, 32), (500, 32)] {
            let record = Record {
                salt: String::new(),
                inputs: String::new(),
                held: vec![one.clone(); 300],
                keys: BTreeSet::new(),
                retired: vec![retired.clone(); written],
            };
            let parsed = Record::parse(&record.text()).unwrap();
            assert_eq!((parsed.held.len(), parsed.retired.len()), (300, read));
        }
    }

    #[test]
    fn a_lease_ends_with_its_holder_at_the_latest() {
        assert_eq!(held("a", 0, 3600, None).end(), Some(at(3600)));
        assert_eq!(held("a", 0, 3600, Some(600)).end(), Some(at(600)));
        assert_eq!(held("a", 0, 3600, Some(7200)).end(), Some(at(3600)));
        // 0 is Vault's word for no end.
        assert_eq!(held("a", 0, 3600, Some(0)).end(), Some(at(3600)));
        assert_eq!(held("a", 0, 0, None).end(), None);
    }

    #[test]
    fn only_what_may_live_is_kept_to_be_revoked() {
        let retired = |issued, renewable| {
            let mut held = held("a", issued, 100, None);
            held.lease.as_mut().unwrap().renewable = renewable;
            Retired { held, revoke: Revoke::AfterRollout }
        };
        let kept = Record::retire((0..50).map(|n| retired(n * 10, false)), at(150));
        assert_eq!(kept.len(), MAX_RETIRED);
        assert_eq!(kept[0].held.issued, at(490), "the newest");
        let kept = Record::retire((0..10).map(|n| retired(n * 10, false)), at(150));
        assert_eq!(kept.len(), 4, "those that have not ended");
        assert_eq!(Record::retire([retired(0, true)], at(9999)).len(), 1, "it may have been renewed");
        let due = Retired { revoke: Revoke::At(at(500)), ..retired(0, true) };
        assert_eq!(Record::retire([due.clone()], at(599)).len(), 1, "till it was to be revoked");
        assert_eq!(Record::retire([due], at(600)), []);
        let unleased =
            Retired { held: Held { lease: None, ..held("a", 0, 1, None) }, revoke: Revoke::AfterRollout };
        assert_eq!(Record::retire([unleased], at(0)), [], "there is nothing to revoke");
    }
}
