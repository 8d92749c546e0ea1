//! Every state that a namespace's Secrets have had, as the API server's watch tells them: none is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::World;

/// A watch under way; it ends when dropped.
pub(crate) struct Watch<'a> {
    world: &'a World,
    child: Child,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// Of each Secret, as last told.
    versions: BTreeMap<String, String>,
    /// Ids of leases that its record ever named.
    leases: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Watch<'a> {
    /// Begins one, and waits until it tells of the Secret `known`, which must be there: from then on it tells all.
    pub(crate) fn start(world: &'a World, known: &str) -> Self {
        let mut command =
            world.env.cluster.command(&["-n", &world.name, "get", "secrets", "--watch", "-o", "json"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let seen = Arc::<Mutex<Seen>>::default();
        let (told, stdout) = (seen.clone(), child.stdout.take().unwrap());
        std::thread::spawn(move || read(stdout, &told));
        let watch = Self { world, child, seen };
        world.wait("the watch to begin", || match watch.seen().versions.contains_key(known) {
            true => Ok(()),
            false => Err(format!("nothing of {known} yet")),
        });
        watch
    }

    /// Leases that the record of a Secret has ever named, up to what it is now.
    pub(crate) fn recorded(&self, secret: &str) -> BTreeSet<String> {
        self.world.wait("the watch to have told all", || {
            let now = self.world.get("secret", secret).map(|found| version(&found));
            let seen = self.seen();
            let told = seen.versions.get(secret).cloned();
            if now == told {
                Ok(seen.leases.get(secret).cloned().unwrap_or_default())
            } else {
                Err(format!("{now:?} {told:?}"))
            }
        })
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(from: ChildStdout, told: &Mutex<Seen>) {
    for secret in serde_json::Deserializer::from_reader(from).into_iter::<Value>().map_while(Result::ok) {
        let name = secret["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let mut seen = told.lock().unwrap_or_else(PoisonError::into_inner);
        seen.versions.insert(name.clone(), version(&secret));
        seen.leases.entry(name).or_default().extend(held(&secret));
    }
}

fn version(secret: &Value) -> String {
    secret["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
}

/// Ids of the leases that its record names as held.
fn held(secret: &Value) -> Vec<String> {
    let annotations = secret["metadata"]["annotations"].as_object().into_iter().flatten();
    let records = annotations.filter(|(name, _)| name.starts_with("lease.claviger.io/"));
    let records = records.filter_map(|(_, text)| serde_json::from_str::<Value>(text.as_str()?).ok());
    let ids = |record: Value| -> Vec<String> {
        let held = record["held"].as_array().cloned().unwrap_or_default();
        held.iter().filter_map(|held| Some(held["lease"]["id"].as_str()?.to_owned())).collect()
    };
    records.flat_map(ids).collect()
}
