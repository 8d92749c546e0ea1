//! Manifests that Helm keeps of a release of ESO's. Holds: every definition is marked once, and nothing else
//! changes. In full: `tests/fuzz/src/helm.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::helm::run(data));
