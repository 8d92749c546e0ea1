//! Files of manifests, as `claviger render` and `claviger diff` read them: YAML or JSON of several documents and lists.
//!
//! Holds: what is said of a document that cannot be read is its place, and nothing of what stands there; an object is
//! written as it is read; what the rules let through never is of a type whose making hands out rights.

use std::path::Path;

use claviger_core::redact::Redactor;
use claviger_core::{admission, generator, push, spread};
use claviger_crds::cluster_external_secret::ClusterExternalSecret;
use claviger_crds::cluster_push_secret::ClusterPushSecret;
use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::generators::{GeneratorState, Password, STSSessionToken, VaultDynamicSecret, Webhook};
use claviger_crds::plugin::Plugin;
use claviger_crds::push_secret::PushSecret;
use claviger_crds::store::{ClusterSecretStore, SecretStore, SecretStoreSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::input::text;
use crate::plan::is_refused;

// A binary has no library to call, so its module is compiled in here.
#[allow(dead_code, reason = "files and folders are not read here")]
#[path = "../../../host/cli/src/render/manifests.rs"]
mod loaded;

const FILE: &str = "input.yaml";

/// See the module.
pub fn run(data: &[u8]) {
    let text = text(data);
    let mut found = loaded::Loaded::default();
    loaded::parse(Path::new(FILE), text, "team", &mut found);
    for problem in &found.problems {
        let rest = problem.strip_prefix(&format!("{FILE}, document ")).expect("it begins with its place");
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let place = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || " (),linecoum".contains(c));
        let known = rest == ": no kind or no metadata.name, so this is no Kubernetes object"
            || rest.strip_prefix(": not valid YAML").is_some_and(place);
        assert!(known, "{problem:?} says more than its place");
    }
    for object in found.objects {
        judge(&object);
    }
}

/// By its kind.
fn judge(object: &Value) {
    let kind = object["kind"].as_str().expect("an object has a kind");
    assert!(object["metadata"]["name"].is_string());
    match kind {
        "ExternalSecret" => {
            let Some(es) = stable::<ExternalSecret>(object) else { return };
            for generic in [false, true] {
                match admission::check_external_secret("ExternalSecret team/x", &es, generic) {
                    Ok(()) => assert!(!is_refused(es.spec.target.template.as_ref()), "it is let through"),
                    Err(failure) => drop(failure.message(&Redactor::default())),
                }
            }
        }
        "SecretStore" => {
            if let Some(store) = stable::<SecretStore>(object) {
                judge_store("SecretStore", &store.spec);
            }
        }
        "ClusterSecretStore" => {
            if let Some(store) = stable::<ClusterSecretStore>(object) {
                judge_store("ClusterSecretStore", &store.spec.0);
            }
        }
        "ClusterExternalSecret" => {
            drop(stable::<ClusterExternalSecret>(object).map(|cluster| spread::check(&cluster.spec)));
        }
        "PushSecret" => drop(stable::<PushSecret>(object).map(|push| push::check_selectors(&push.spec))),
        "ClusterPushSecret" => {
            drop(stable::<ClusterPushSecret>(object).map(|cluster| push::spread::check(&cluster.spec)));
        }
        "Plugin" => drop(stable::<Plugin>(object)),
        "GeneratorState" => drop(stable::<GeneratorState>(object)),
        other => {
            match other {
                "Password" => drop(stable::<Password>(object)),
                "STSSessionToken" => drop(stable::<STSSessionToken>(object)),
                "VaultDynamicSecret" => drop(stable::<VaultDynamicSecret>(object)),
                "Webhook" => drop(stable::<Webhook>(object)),
                _ => {}
            }
            if let Ok(meant) = generator::meant(other, &object["spec"]) {
                assert_ne!(meant.kind, generator::CLUSTER_GENERATOR, "it stands for one of another kind");
            }
        }
    }
}

fn judge_store(kind: &'static str, spec: &SecretStoreSpec) {
    let name = claviger_core::error::StoreName { kind: kind.into(), namespace: None, name: "x".to_owned() };
    if let Err(failure) = admission::check_store(&name, spec) {
        drop(failure.message(&Redactor::default()));
    }
}

/// Read, if it is one, and written as it is read.
fn stable<T: DeserializeOwned + Serialize>(object: &Value) -> Option<T> {
    let first: T = serde_json::from_value(object.clone()).ok()?;
    let written = serde_json::to_value(&first).expect("it can be written");
    let second: T = serde_json::from_value(written.clone()).expect("what was written can be read");
    assert_eq!(serde_json::to_value(&second).expect("it can be written"), written, "it is written otherwise");
    Some(second)
}
