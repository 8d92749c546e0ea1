//! What the Secret holds: read, judged, changed step by step, and written down again.
//!
//! Nothing here talks to the API server. What cannot be used is left out and named; what is left is what the decision
//! (`claviger_core::authority`) goes by.

use std::collections::BTreeMap;

use claviger_core::authority::{Held, Id, Published, Serving, Step, decide};
use claviger_core::secret::SecretBytes;
use jiff::Timestamp;

use super::super::certificate::certified;
use super::x509::{self, Certificate, Key};

/// The authorities to publish, in PEM.
pub(super) const CA_CRT: &str = "ca.crt";
/// The key of the one that signs.
pub(super) const CA_KEY: &str = "ca.key";
/// The key of the one that will sign next.
pub(super) const NEXT_CA_KEY: &str = "next-ca.key";
/// The certificate that is served.
pub(super) const TLS_CRT: &str = "tls.crt";
/// Its key.
pub(super) const TLS_KEY: &str = "tls.key";
/// All keys that are ours.
pub(super) const KEYS: [&str; 5] = [CA_CRT, CA_KEY, NEXT_CA_KEY, TLS_CRT, TLS_KEY];

/// More authorities than this are not taken over from a configuration: there they would stay for a day only, but the
/// Secret has a limit.
const MAX_ADOPTED: usize = 8;

/// More steps than this are never due at once: make, promote, forget.
const MAX_STEPS: usize = 8;

/// An authority with its key.
struct Pair {
    certificate: Certificate,
    key: Key,
}

/// A server's certificate, with what else is sent.
struct Served {
    chain: Vec<Certificate>,
    pem: Vec<u8>,
    key: SecretBytes,
    issuer: Id,
    named: bool,
}

/// What was done to the Secret. Each has a reason of its own: events of one reason about one object are counted as one,
/// and only the first says what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Another authority.
    Made,
    /// It signs.
    Promoted,
    /// Another certificate by the same.
    Renewed,
    /// Authorities that have left.
    Withdrawn,
}

impl Change {
    /// The event's reason.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Made => "WebhookAuthorityMade",
            Self::Promoted => "WebhookAuthorityChanged",
            Self::Renewed => "WebhookCertificateRenewed",
            Self::Withdrawn => "WebhookAuthorityWithdrawn",
        }
    }

    /// For people.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Made => "made another authority, which is published before it signs",
            Self::Promoted => "the webhook's certificate is by another authority from now on",
            Self::Renewed => "renewed the webhook's certificate, by the same authority",
            Self::Withdrawn => "withdrew authorities that sign no more",
        }
    }
}

/// What the Secret holds of what can be used.
#[derive(Default)]
pub(super) struct Content {
    signing: Option<Pair>,
    next: Option<Pair>,
    retired: Vec<Certificate>,
    serving: Option<Served>,
    since: Option<Timestamp>,
}

impl Content {
    /// Of the Secret's data and its note, for a webhook of those names. What is there and cannot be used, or is
    /// missing, is said in `wrong`, by key and without a value.
    pub(super) fn read(
        data: &BTreeMap<String, SecretBytes>,
        since: Option<&str>,
        names: &[String],
        wrong: &mut Vec<String>,
    ) -> Self {
        let mut authorities = authorities(data, wrong);
        let mut with_key = |name: &str, wrong: &mut Vec<String>| {
            let key = Key::read(data.get(name)?);
            let Some(key) = key else {
                wrong.push(format!("{name} is no private key in PEM"));
                return None;
            };
            let Some(place) = authorities.iter().position(|authority| authority.is_of(&key)) else {
                wrong.push(format!("{name} is of no authority in {CA_CRT}"));
                return None;
            };
            Some(Pair { certificate: authorities.remove(place), key })
        };
        let mut content = Self {
            signing: with_key(CA_KEY, wrong),
            next: with_key(NEXT_CA_KEY, wrong),
            since: since.and_then(|since| since.parse().ok()),
            ..Self::default()
        };
        content.retired = authorities;
        if since.is_some() && content.since.is_none() {
            wrong.push("the note of the time is no time".to_owned());
        }
        match content.read_serving(data, names) {
            Ok(serving) => content.serving = serving,
            Err(why) => wrong.push(why),
        }
        let begins = content.next.is_some() && !data.contains_key(CA_KEY);
        for name in [CA_KEY, TLS_CRT, TLS_KEY].into_iter().filter(|_| !begins) {
            if !data.contains_key(name) {
                wrong.push(format!("{name} is missing"));
            }
        }
        content
    }

    fn read_serving(
        &self,
        data: &BTreeMap<String, SecretBytes>,
        names: &[String],
    ) -> Result<Option<Served>, String> {
        let (Some(pem), Some(key)) = (data.get(TLS_CRT), data.get(TLS_KEY)) else { return Ok(None) };
        certified(pem.expose(), key.expose())?;
        let (chain, _) = Certificate::all(pem.expose());
        let leaf = chain.first().ok_or_else(|| format!("{TLS_CRT} has no certificate that can be read"))?;
        // Whether it is in force now is the decision's business.
        let at = leaf.mark.life.begin;
        let issuer = self.authorities().find(|authority| leaf.is_taken(authority, &chain[1..], at));
        let issuer = issuer.ok_or_else(|| format!("{TLS_CRT} is of no authority in {CA_CRT}"))?.mark.id;
        let named = leaf.is_for(names);
        let (pem, key) = (pem.expose().to_vec(), key.duplicate());
        Ok(Some(Served { issuer, named, pem, key, chain }))
    }

    fn authorities(&self) -> impl Iterator<Item = &Certificate> {
        let own = self.signing.iter().chain(&self.next).map(|pair| &pair.certificate);
        own.chain(&self.retired)
    }

    /// For the decision.
    pub(super) fn held(&self) -> Held {
        let mark = |pair: &Pair| pair.certificate.mark;
        Held {
            signing: self.signing.as_ref().map(mark),
            next: self.next.as_ref().map(mark),
            retired: self.retired.iter().map(|certificate| certificate.mark).collect(),
            serving: self.serving.as_ref().and_then(|served| {
                let life = served.chain.first()?.mark.life;
                Some(Serving { issuer: served.issuer, life, named: served.named })
            }),
            since: self.since,
        }
    }

    /// What is served, in PEM: certificate and key.
    pub(super) fn served(&self) -> Option<(&[u8], &SecretBytes)> {
        self.serving.as_ref().map(|served| (served.pem.as_slice(), &served.key))
    }

    /// What has to be published: all authorities, the oldest first, so that nothing changes when another one signs.
    pub(super) fn bundle(&self) -> String {
        let mut authorities: Vec<_> = self.authorities().collect();
        authorities.sort_by_key(|authority| (authority.mark.life.begin, authority.mark.id));
        authorities.into_iter().map(Certificate::pem).collect()
    }

    /// As the Secret should hold it.
    pub(super) fn data(&self) -> BTreeMap<&'static str, SecretBytes> {
        let mut data = BTreeMap::new();
        let bundle = self.bundle();
        if !bundle.is_empty() {
            data.insert(CA_CRT, SecretBytes::new(bundle.into_bytes()));
        }
        for (name, pair) in [(CA_KEY, &self.signing), (NEXT_CA_KEY, &self.next)] {
            if let Some(pair) = pair {
                data.insert(name, pair.key.pem().duplicate());
            }
        }
        if let Some(served) = &self.serving {
            data.insert(TLS_CRT, SecretBytes::copied_from(&served.pem));
            data.insert(TLS_KEY, served.key.duplicate());
        }
        data
    }

    /// The note of the time, if there is one.
    pub(super) fn since(&self) -> Option<String> {
        self.since.map(|since| since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// Takes all steps that are due; what was done.
    ///
    /// # Errors
    /// If the cryptography library refuses, or a name of the webhook is none.
    pub(super) fn advance(
        &mut self,
        now: Timestamp,
        names: &[String],
        published: &Published,
        known: &[Certificate],
    ) -> Result<Vec<Change>, String> {
        let mut done = Vec::new();
        if self.signing.is_none() {
            self.adopt(now, known);
        }
        for _ in 0..MAX_STEPS {
            match decide(now, &self.held(), published) {
                Step::Make => {
                    let (certificate, key) = x509::authority(now)?;
                    self.make(now, Pair { certificate, key });
                    done.push(Change::Made);
                }
                Step::Note => self.since = Some(now),
                Step::Promote => {
                    self.promote();
                    self.renew(now, names)?;
                    self.since = (!self.retired.is_empty()).then_some(now);
                    done.push(Change::Promoted);
                }
                Step::Renew => {
                    self.renew(now, names)?;
                    done.push(Change::Renewed);
                }
                Step::Forget(ids) => {
                    self.retired.retain(|certificate| !ids.contains(&certificate.mark.id));
                    if self.retired.is_empty() && self.next.is_none() {
                        self.since = None;
                    }
                    done.push(Change::Withdrawn);
                }
                Step::Rest => return Ok(done),
            }
        }
        Err("the steps do not come to an end".to_owned())
    }

    /// Keeps what is published: replicas may go on serving under it until they see the Secret.
    fn adopt(&mut self, now: Timestamp, known: &[Certificate]) {
        for certificate in known.iter().take(MAX_ADOPTED) {
            let new = self.authorities().all(|authority| authority != certificate);
            if new && certificate.is_authority && certificate.mark.life.holds(now) {
                self.retired.push(certificate.clone());
            }
        }
    }

    fn make(&mut self, now: Timestamp, next: Pair) {
        let signing = self.signing.take_if(|pair| !pair.certificate.mark.life.holds(now));
        let unusable = signing.into_iter().chain(self.next.replace(next));
        self.retired.extend(unusable.map(|pair| pair.certificate));
        self.retired.retain(|certificate| certificate.mark.life.end > now);
        self.since = None;
    }

    fn promote(&mut self) {
        if let Some(next) = self.next.take()
            && let Some(before) = self.signing.replace(next)
        {
            self.retired.push(before.certificate);
        }
    }

    fn renew(&mut self, now: Timestamp, names: &[String]) -> Result<(), String> {
        let signing = self.signing.as_ref().ok_or("no authority signs")?;
        let (certificate, key) = x509::serving(now, names, &signing.certificate, &signing.key)?;
        self.serving = Some(Served {
            pem: certificate.pem().into_bytes(),
            key: key.pem().duplicate(),
            issuer: signing.certificate.mark.id,
            named: certificate.is_for(names),
            chain: vec![certificate],
        });
        Ok(())
    }
}

fn authorities(data: &BTreeMap<String, SecretBytes>, wrong: &mut Vec<String>) -> Vec<Certificate> {
    let Some(pem) = data.get(CA_CRT) else {
        wrong.push(format!("{CA_CRT} is missing"));
        return Vec::new();
    };
    let (found, whole) = Certificate::all(pem.expose());
    if !whole {
        wrong.push(format!("{CA_CRT} is in part no certificate in PEM"));
    }
    let mut authorities: Vec<Certificate> = Vec::new();
    for certificate in found {
        if !certificate.is_authority {
            wrong.push(format!("{CA_CRT} has a certificate that is no authority's"));
        } else if !authorities.contains(&certificate) {
            authorities.push(certificate);
        }
    }
    authorities
}
