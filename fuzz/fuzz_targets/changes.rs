//! A key that somebody says has changed, and a manifest's key. Holds: who reads the very key is meant, and
//! where no spelling is known nobody else. In full: `tests/fuzz/src/changes.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::changes::run(data));
