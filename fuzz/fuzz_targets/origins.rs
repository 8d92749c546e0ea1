//! An origin as a plugin names it, and a grant. Holds: an origin is written as it is read, and a grant covers
//! no more than it says. In full: `tests/fuzz/src/origins.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::origins::run(data));
