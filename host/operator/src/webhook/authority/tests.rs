//! The Secret and the bundle through years and through damage: at every moment, what any replica serves is taken by any
//! API server, as rustls judges it.
//!
//! The clock is virtual; certificates, keys and signatures are real.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_core::authority::OVERLAP;
use claviger_core::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::configuration::Configuration;
use super::content::{CA_CRT, CA_KEY, Change, Content, NEXT_CA_KEY, TLS_CRT, TLS_KEY};
use super::x509::{self, Certificate};

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

fn webhook() -> Vec<String> {
    super::names("claviger-webhook", "claviger-system")
}

/// Whether an API server that was told `bundle` takes `pair` for the webhook at that time.
fn verify(bundle: &str, pair: &str, name: &str, at: Timestamp) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.unwrap()).map_err(|error| error.to_string())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|error| error.to_string())?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pair.as_bytes()).map(Result::unwrap).collect();
    let (name, seconds) = (ServerName::try_from(name).unwrap(), u64::try_from(at.as_second()).unwrap());
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let verified = verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], time);
    verified.map(drop).map_err(|error| error.to_string())
}

/// What stands in the cluster.
#[derive(Clone, Default)]
struct World {
    data: BTreeMap<String, Vec<u8>>,
    since: Option<String>,
    /// `caBundle` of the configuration's webhooks.
    bundle: String,
    writes: usize,
}

impl World {
    fn read(&self, wrong: &mut Vec<String>) -> Content {
        let data: BTreeMap<_, _> =
            self.data.iter().map(|(key, value)| (key.clone(), SecretBytes::copied_from(value))).collect();
        Content::read(&data, self.since.as_deref(), &webhook(), wrong)
    }

    /// What a replica takes from the Secret, if it can.
    fn pair(&self) -> Option<String> {
        let content = self.read(&mut Vec::new());
        content.served().map(|(pem, _)| String::from_utf8(pem.to_vec()).unwrap())
    }

    /// What the leader does, look by look as the keeper does it; `after` sees the world after each write.
    fn settle(&mut self, now: Timestamp, publishes: bool, mut after: impl FnMut(&Self)) -> Vec<String> {
        let mut all_wrong = Vec::new();
        for _ in 0..8 {
            let (before, mut wrong) = (self.writes, Vec::new());
            let mut content = self.read(&mut wrong);
            let (published, known) = Configuration::telling(&[&self.bundle, &self.bundle]).published();
            content.advance(now, &webhook(), &published, &known).unwrap();
            let data: BTreeMap<_, _> = content
                .data()
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.expose().to_vec()))
                .collect();
            if data != self.data || content.since() != self.since {
                (self.data, self.since) = (data, content.since());
                self.writes += 1;
                after(self);
                all_wrong.append(&mut wrong);
            }
            if publishes && self.bundle != content.bundle() {
                self.bundle = content.bundle();
                self.writes += 1;
                after(self);
            }
            if self.writes == before {
                return all_wrong;
            }
        }
        panic!("it does not settle");
    }

    fn authorities(&self) -> usize {
        Certificate::all(self.bundle.as_bytes()).0.len()
    }

    /// One that has been looked after by the hour until then.
    fn at(hour: i64) -> Self {
        let mut world = Self::default();
        // Nothing is due between these: two thirds of a certificate are over after 60 days and again, of an authority
        // after 243.3 days.
        let looks = (0..hour - 50).step_by(24).chain(hour - hour.min(50)..=hour);
        for hour in looks {
            world.settle(start() + hours(hour), true, |_| {});
        }
        world
    }
}

#[test]
fn for_years_every_api_server_takes_what_every_replica_serves() {
    const STEP: i64 = 10;
    /// Steps that an API server or a replica is behind: 20 of the 24 hours of an overlap.
    const LAG: usize = 2;
    let name = &webhook()[0];
    let mut world = World::default();
    let mut history: Vec<(String, String)> = Vec::new();
    let (mut most, mut made) = (0, std::collections::BTreeSet::new());
    for hour in (0..3 * 365 * 24).step_by(STEP as usize) {
        let now = start() + hours(hour);
        // The leader is away for ten days now and then, and for ten days it cannot write the configuration.
        let (away, publishes) = (hour % 2_000 > 1_760, hour % 5_840 < 5_600);
        if !away {
            world.settle(now, publishes, |_| {});
            let writes = world.writes;
            world.settle(now + SignedDuration::from_secs(1), publishes, |_| {});
            assert_eq!(world.writes, writes, "a second look writes nothing, at hour {hour}");
        }
        history.push((world.bundle.clone(), world.pair().unwrap()));
        most = most.max(world.authorities());
        made.extend(Certificate::all(world.bundle.as_bytes()).0.into_iter().map(|one| one.mark.id));
        let behind = history.len().saturating_sub(1 + LAG);
        let current = history.len() - 1;
        // An API server that did not know the first authority has no webhook yet.
        let from = if hour <= STEP * LAG as i64 { current } else { behind };
        for (told, served) in [(current, current), (from, current), (current, behind), (from, behind)] {
            for skew in [-50, 50] {
                let at = now + SignedDuration::from_mins(skew);
                let verified = verify(&history[told].0, &history[served].1, name, at);
                assert_eq!(
                    verified,
                    Ok(()),
                    "hour {hour}, told at {told}, served since {served}, {skew} min"
                );
            }
        }
    }
    // 1095 days, and one each 243 at the earliest.
    assert!((4..=5).contains(&made.len()), "{}", made.len());
    assert_eq!(most, 2, "two overlap, and never more");
}

#[test]
fn a_certificate_is_for_the_service_and_nothing_else() {
    let world = World::at(0);
    let pair = world.pair().unwrap();
    let now = start();
    for name in ["claviger-webhook.claviger-system.svc", "claviger-webhook.claviger-system.svc.cluster.local"]
    {
        assert_eq!(verify(&world.bundle, &pair, name, now), Ok(()), "{name}");
    }
    for name in ["claviger-webhook.default.svc", "kubernetes.default.svc", "claviger-webhook", "svc"] {
        assert!(verify(&world.bundle, &pair, name, now).is_err(), "{name}");
    }
    let name = &webhook()[0];
    let at = |minutes: i64| now + SignedDuration::from_mins(minutes);
    assert_eq!(verify(&world.bundle, &pair, name, at(-59)), Ok(()), "a clock that is behind");
    assert!(verify(&world.bundle, &pair, name, at(-61)).is_err());
    assert_eq!(verify(&world.bundle, &pair, name, at(90 * 24 * 60 - 1)), Ok(()));
    assert!(verify(&world.bundle, &pair, name, at(90 * 24 * 60 + 1)).is_err());
    let other = World::at(0);
    assert!(verify(&other.bundle, &pair, name, now).is_err(), "another authority");
    // What it signs is no authority.
    let content = world.read(&mut Vec::new());
    assert!(content.held().serving.is_some());
    let (leaf, _) = Certificate::all(pair.as_bytes());
    assert!(!leaf[0].is_authority && leaf[0].is_for(&webhook()) && !leaf[0].is_for(&["other".to_owned()]));
}

/// What somebody does to the cluster, and what is said of it.
type Damage = (&'static str, fn(&mut World), &'static str);

const DAMAGES: [Damage; 16] = [
    ("nothing", |_| {}, ""),
    (
        "the Secret is deleted",
        |world| (world.data, world.since) = (BTreeMap::new(), None),
        "ca.crt is missing",
    ),
    ("the bundle is emptied", |world| world.bundle.clear(), ""),
    ("the bundle is another's", |world| world.bundle = x509::authority(start()).unwrap().0.pem(), ""),
    ("ca.crt is gone", |world| drop(world.data.remove(CA_CRT)), "ca.crt is missing"),
    ("ca.crt is nonsense", |world| set(world, CA_CRT, b"nonsense"), "ca.key is of no authority in ca.crt"),
    (
        "ca.crt is in part nonsense",
        |world| {
            let more = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
            let text = [world.data[CA_CRT].as_slice(), more.as_bytes()].concat();
            set(world, CA_CRT, &text);
        },
        "ca.crt is in part no certificate in PEM",
    ),
    (
        "ca.crt has what is no authority",
        |world| {
            let text = [world.data[CA_CRT].as_slice(), world.data[TLS_CRT].as_slice()].concat();
            set(world, CA_CRT, &text);
        },
        "ca.crt has a certificate that is no authority's",
    ),
    ("ca.key is gone", |world| drop(world.data.remove(CA_KEY)), "ca.key is missing"),
    ("ca.key is nonsense", |world| set(world, CA_KEY, b"\xffMARKED"), "ca.key is no private key in PEM"),
    (
        "ca.key is another's",
        |world| set(world, CA_KEY, x509::authority(start()).unwrap().1.pem().expose()),
        "ca.key is of no authority in ca.crt",
    ),
    ("tls.crt is gone", |world| drop(world.data.remove(TLS_CRT)), "tls.crt is missing"),
    ("tls.key is nonsense", |world| set(world, TLS_KEY, b"MARKED"), "tls.key has no private key in PEM"),
    (
        "tls.key is the authority's",
        |world| {
            let key = world.data[CA_KEY].clone();
            set(world, TLS_KEY, &key);
        },
        "tls.crt and tls.key do not go together",
    ),
    (
        "the pair is by another authority",
        |world| {
            let other = x509::authority(start()).unwrap();
            let (certificate, key) = x509::serving(start(), &webhook(), &other.0, &other.1).unwrap();
            set(world, TLS_CRT, certificate.pem().as_bytes());
            set(world, TLS_KEY, key.pem().expose());
        },
        "tls.crt is of no authority in ca.crt",
    ),
    (
        "the note is nonsense",
        |world| world.since = Some("yesterday".to_owned()),
        "the note of the time is no time",
    ),
];

fn set(world: &mut World, key: &str, value: &[u8]) {
    world.data.insert(key.to_owned(), value.to_vec());
}

#[test]
fn whatever_is_damaged_is_repaired_and_nobody_is_cut_off_by_it() {
    let name = &webhook()[0];
    // Hours: an ordinary day; another authority made; it signs, and the one before it is published still.
    for (phase, hour, authorities) in [("calm", 100, 1), ("overlap", 5_843, 2), ("handover", 5_868, 2)] {
        let sound = World::at(hour);
        assert_eq!(sound.authorities(), authorities, "{phase}");
        assert_eq!(sound.data.contains_key(NEXT_CA_KEY), phase == "overlap");
        for (what, damage, said) in DAMAGES {
            let (mut world, served) = (sound.clone(), sound.pair().unwrap());
            damage(&mut world);
            let now = start() + hours(hour) + SignedDuration::from_mins(1);
            // Who is told nothing useful does not take the webhook anyway, until the bundle is mended.
            let mut taken = verify(&world.bundle, &served, name, now).is_ok();
            let lost = !taken;
            let wrong = world.settle(now, true, |world| {
                let old = verify(&world.bundle, &served, name, now);
                assert!(
                    !taken || old.is_ok(),
                    "{phase}, {what}: a replica that has not seen it yet: {old:?}"
                );
                taken |= old.is_ok();
                if let Some(new) = world.pair().filter(|_| !lost) {
                    assert_eq!(
                        verify(&world.bundle, &new, name, now),
                        Ok(()),
                        "{phase}, {what}: who has seen it"
                    );
                }
            });
            let text = wrong.join("; ");
            // Another one is about to sign anyway: nothing has to be written for it.
            let said = if (phase, what) == ("overlap", "ca.key is gone") { "" } else { said };
            assert!(text.contains(said), "{phase}, {what}: {text}");
            assert!(!text.contains("MARKED"), "{text}");
            assert_eq!(said.is_empty(), text.is_empty(), "{phase}, {what}: {text}");
            assert_eq!(verify(&world.bundle, &world.pair().unwrap(), name, now), Ok(()), "{phase}, {what}");
            // And all is as it was after a while: one authority that signs, and nothing to do.
            for hour in 0..60 {
                world.settle(now + hours(hour), true, |_| {});
                let verified = verify(&world.bundle, &world.pair().unwrap(), name, now + hours(hour));
                assert_eq!(verified, Ok(()), "{phase}, {what}, {hour} hours after");
            }
            let held = world.read(&mut Vec::new()).held();
            assert!(
                held.signing.is_some() && held.next.is_none() && held.retired.is_empty(),
                "{phase}, {what}: {held:?}"
            );
            assert_eq!((world.authorities(), world.since.as_deref()), (1, None), "{phase}, {what}");
        }
    }
    assert!(OVERLAP > hours(23));
}

#[test]
fn another_name_of_the_service_is_another_certificate_by_the_same_authority() {
    let mut world = World::at(0);
    let before = (world.bundle.clone(), world.pair());
    let names = super::names("other", "claviger-system");
    let data: BTreeMap<_, _> =
        world.data.iter().map(|(key, value)| (key.clone(), SecretBytes::copied_from(value))).collect();
    let mut content = Content::read(&data, None, &names, &mut Vec::new());
    let (published, known) = Configuration::telling(&[&world.bundle]).published();
    let done = content.advance(start(), &names, &published, &known).unwrap();
    assert_eq!(done, [Change::Renewed]);
    assert_eq!(content.bundle(), before.0);
    let (pem, _) = content.served().unwrap();
    let pair = String::from_utf8(pem.to_vec()).unwrap();
    assert_eq!(verify(&world.bundle, &pair, "other.claviger-system.svc", start()), Ok(()));
    // The note of a Secret that is written down again is the same.
    world.settle(start(), true, |_| {});
    assert_eq!((world.bundle.clone(), world.pair()), before);
}
