//! Files of manifests, as `claviger render` reads them. Holds: an object is written as it is read, and what
//! is said of one that cannot be read is its place. In full: `tests/fuzz/src/manifests.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::manifests::run(data));
