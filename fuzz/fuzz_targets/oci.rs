//! References, manifests, challenges and Docker configs. Holds: a reference is written as it is read, and
//! what would be pulled has a digest and a bound. In full: `tests/fuzz/src/oci.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::oci::run(data));
