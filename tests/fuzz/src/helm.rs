//! Manifests that Helm keeps of a release of ESO's, whose definitions are marked by `claviger takeover`.
//!
//! Holds: what is marked once is marked, all definitions that are named are marked, and every document says what it said
//! but for the mark.

use crate::input::text;

// A binary has no library to call, so its modules are compiled in here.
#[allow(dead_code, reason = "only the names are needed")]
#[path = "../../../host/cli/src/takeover/crds.rs"]
mod crds;
#[path = "../../../host/cli/src/takeover/manifest.rs"]
mod manifest;

/// See the module.
pub fn run(data: &[u8]) {
    let text = text(data);
    let names = manifest::definitions(text);
    let Ok(Some((marked, done))) = manifest::keep(text) else { return };
    assert_eq!(manifest::keep(&marked), Ok(None), "there is more to mark");
    let names = names.expect("they were read to be marked");
    assert!(done.iter().all(|name| names.contains(name)), "{done:?} of {names:?}");
    assert_eq!(manifest::definitions(&marked).as_ref(), Ok(&names), "there are other definitions");
    // Whatever is no line of ours was there before, in that order.
    let ours = |line: &&str| line.trim().starts_with(crds::RESOURCE_POLICY) || line.trim() == "annotations:";
    let mut before = text.lines();
    for line in marked.lines().filter(|line| !ours(line)) {
        assert!(before.any(|old| old == line), "{line:?} is new");
    }
}
