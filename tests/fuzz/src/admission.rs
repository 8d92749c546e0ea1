//! Questions of the API server's to the webhook: the `request` of an AdmissionReview, as JSON.
//!
//! Holds: there is an answer to each; what is let through never is of a type whose making hands out rights, and is let
//! through again as it was read; a refusal is no essay.

use claviger_core::admission::{Request, Verdict, check_external_secret, check_store};
use serde_json::Value;

use crate::plan::is_refused;

/// Bytes of a refusal: it may quote names of the manifest, each at most a few times, and what a parser said of it.
const LONGEST: usize = 4 * 1024;

/// See the module.
pub fn run(data: &[u8]) {
    let Ok(request) = serde_json::from_slice::<Request>(data) else { return };
    let _ = request.is_judged();
    for generic in [false, true] {
        let es = request.external_secret();
        let judged = es.as_ref().map_err(Clone::clone).and_then(|es| {
            check_external_secret("ExternalSecret team/x", es, generic)?;
            Ok(Vec::new())
        });
        let verdict = Verdict::of(judged);
        said(&verdict, data.len());
        let (Ok(es), Verdict::Allowed(_)) = (es, verdict) else { continue };
        assert!(!is_refused(es.spec.target.template.as_ref()), "it is let through");
        let written = serde_json::to_value(&es).expect("it can be written");
        let again = Request { object: written, old_object: Value::Null, ..of(data) };
        let again = again.external_secret().expect("what was written can be read");
        assert!(check_external_secret("ExternalSecret team/x", &again, generic).is_ok(), "and then refused");
    }
    for kind in ["SecretStore", "ClusterSecretStore"] {
        let judged = request.store(kind).and_then(|spec| {
            check_store(&request.store_name(kind), &spec)?;
            Ok(Vec::new())
        });
        said(&Verdict::of(judged), data.len());
    }
}

fn of(data: &[u8]) -> Request {
    serde_json::from_slice(data).expect("it was read before")
}

fn said(verdict: &Verdict, read: usize) {
    if let Verdict::Denied(why) = verdict {
        assert!(!why.is_empty() && why.len() <= LONGEST + 16 * read, "{} bytes", why.len());
    }
}
