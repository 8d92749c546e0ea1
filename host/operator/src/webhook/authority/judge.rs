//! Whether API servers will take the webhook's certificate: for who looks from outside, by the objects alone. Pure.
//!
//! The operator does not go by this: what is due it decides in `claviger_core::authority`, and mends it.

use claviger_core::authority::OVERLAP;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;

use super::configuration::Configuration;
use super::names;
use super::x509::Certificate;

/// What is seen from outside.
pub struct Seen<'a> {
    /// The configuration.
    pub configuration: ValidatingWebhookConfiguration,
    /// The Service that the operator answers for: namespace and name.
    pub service: (&'a str, &'a str),
    /// `tls.crt` of the operator's Secret; none: the certificate comes from files, and only the bundle can be judged.
    pub served: Option<&'a [u8]>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Whether the webhook cannot be asked, or only not for much longer.
    pub severe: bool,
    /// What it is.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

fn flaw(severe: bool, message: String, remedy: &str) -> Flaw {
    Flaw { severe, message, remedy: remedy.to_owned() }
}

/// What to do where the operator keeps its own authority.
const OPERATOR: &str = "see that an operator runs and leads, and what its log says of \"the webhook's authority\"; it mends this";
/// And where somebody else does.
const FILES: &str = "put the authority of the certificate in --webhook-cert-dir into caBundle";

/// Everything that is wrong at that time.
pub fn judge(Seen { configuration, service, served }: Seen<'_>, now: Timestamp) -> Vec<Flaw> {
    let (namespace, name) = service;
    let configuration = Configuration::of(configuration, service);
    if !configuration.is_of_us() {
        let remedy = "correct --webhook-service-name, or clientConfig.service of its webhooks";
        let message =
            format!("none of its webhooks is of Service {namespace}/{name}: nobody asks the operator");
        return vec![flaw(true, message, remedy)];
    }
    let remedy = if served.is_some() { OPERATOR } else { FILES };
    let mut flaws = Vec::new();
    if served.is_some() && configuration.is_injected() {
        let message =
            "cert-manager is told to write its caBundle, and the operator leaves it alone".to_owned();
        flaws.push(flaw(true, message, "take that annotation off, or give the operator --webhook-cert-dir"));
    }
    let chain = served.map(|pem| Certificate::all(pem).0);
    if let Some(chain) = &chain {
        flaws.extend(of_served(chain, (namespace, name), now));
    }
    for (webhook, bundle) in configuration.bundles() {
        let (authorities, whole) = Certificate::all(bundle);
        if authorities.is_empty() {
            flaws.push(flaw(true, format!("webhook {webhook} has no authority in its caBundle"), remedy));
            continue;
        }
        if !whole {
            let message = format!("caBundle of webhook {webhook} is in part no certificate");
            flaws.push(flaw(false, message, remedy));
        }
        let taken = match chain.as_deref() {
            // Said already.
            Some([leaf, ..]) if !leaf.mark.life.holds(now) => true,
            Some([leaf, others @ ..]) => authorities.iter().any(|one| leaf.is_taken(one, others, now)),
            Some([]) => true,
            None => authorities.iter().any(|authority| authority.mark.life.holds(now)),
        };
        if !taken {
            let message = match served {
                Some(_) => {
                    format!("the served certificate is of no authority in caBundle of webhook {webhook}")
                }
                None => format!("every authority in caBundle of webhook {webhook} is over"),
            };
            flaws.push(flaw(true, message, remedy));
        }
    }
    flaws
}

fn of_served(chain: &[Certificate], (namespace, name): (&str, &str), now: Timestamp) -> Option<Flaw> {
    let Some(leaf) = chain.first() else {
        return Some(flaw(true, "tls.crt of the Secret has no certificate".to_owned(), OPERATOR));
    };
    let life = leaf.mark.life;
    if !life.holds(now) {
        return Some(flaw(true, format!("the certificate was good until {}", life.end), OPERATOR));
    }
    if !leaf.is_for(&names(name, namespace)[..1]) {
        let message = format!("the certificate is not for {}", names(name, namespace)[0]);
        return Some(flaw(true, message, OPERATOR));
    }
    // Due, and a day has passed over it.
    let late = now.checked_sub(OVERLAP).is_ok_and(|before| life.is_due(before));
    let message = format!("the certificate ends at {} and should have been renewed", life.end);
    late.then(|| flaw(false, message, OPERATOR))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use jiff::SignedDuration;
    use serde_json::json;

    use super::super::x509;
    use super::*;

    fn start() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    struct Made {
        authority: String,
        served: String,
    }

    fn made() -> Made {
        let (authority, key) = x509::authority(start()).unwrap();
        let (served, _) = x509::serving(start(), &names("hook", "ours"), &authority, &key).unwrap();
        Made { authority: authority.pem(), served: served.pem() }
    }

    fn configuration(service: &str, bundle: &str, annotation: &str) -> ValidatingWebhookConfiguration {
        let hook = json!({"name": "validate.x", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"service": {"namespace": "ours", "name": service}, "caBundle": STANDARD.encode(bundle)}});
        let metadata = json!({"name": "c", "annotations": {annotation: "x"}});
        serde_json::from_value(json!({"metadata": metadata, "webhooks": [hook]})).unwrap()
    }

    #[test]
    fn each_flaw_is_named_once() {
        let (one, other) = (made(), made());
        let both = format!("{}{}", other.authority, one.authority);
        let damaged =
            format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", one.authority);
        let (plain, injected) = ("a", "cert-manager.io/inject-ca-from");
        // (service, bundle, annotation, served, days later, severe, words)
        let cases = [
            ("hook", both.as_str(), plain, Some(one.served.as_str()), 1, vec![]),
            ("hook", &one.authority, plain, Some(&one.served), 60, vec![]),
            ("hook", &one.authority, plain, Some(&one.served), 62, vec![(false, "should have been renewed")]),
            ("hook", &one.authority, plain, Some(&one.served), 91, vec![(true, "good until 2026-04-01")]),
            (
                "hook",
                &other.authority,
                plain,
                Some(&one.served),
                1,
                vec![(true, "is of no authority in caBundle of webhook validate.x")],
            ),
            ("hook", "", plain, Some(&one.served), 1, vec![(true, "has no authority in its caBundle")]),
            ("hook", &damaged, plain, Some(&one.served), 1, vec![(false, "in part no certificate")]),
            ("hook", &one.authority, injected, Some(&one.served), 1, vec![(true, "cert-manager is told")]),
            (
                "hook",
                &one.authority,
                plain,
                Some("nonsense"),
                1,
                vec![(true, "tls.crt of the Secret has no")],
            ),
            (
                "another",
                &one.authority,
                plain,
                Some(&one.served),
                1,
                vec![(true, "none of its webhooks is of Service ours/hook")],
            ),
            ("hook", &one.authority, injected, None, 364, vec![]),
            ("hook", &one.authority, plain, None, 366, vec![(true, "is over")]),
        ];
        for (service, bundle, annotation, served, days, expected) in cases {
            let seen = Seen {
                configuration: configuration(service, bundle, annotation),
                service: ("ours", "hook"),
                served: served.map(str::as_bytes),
            };
            let found = judge(seen, start() + SignedDuration::from_hours(days * 24));
            assert_eq!(found.len(), expected.len(), "{service} {days}: {found:?}");
            for (flaw, (severe, words)) in found.iter().zip(expected) {
                assert!(flaw.severe == severe && flaw.message.contains(words), "{words}: {flaw:?}");
            }
        }
    }

    #[test]
    fn a_certificate_is_for_the_service_that_is_asked() {
        let made = made();
        let configuration = configuration("other", &made.authority, "a");
        let seen = Seen { configuration, service: ("ours", "other"), served: Some(made.served.as_bytes()) };
        let found = judge(seen, start());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].message.contains("not for other.ours.svc"), "{found:?}");
    }
}
