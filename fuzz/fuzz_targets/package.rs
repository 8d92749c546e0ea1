//! Packages of plugins, whole and in parts. Holds: what comes out is bounded, let in by its digest alone, and
//! packed again comes out the same. In full: `tests/fuzz/src/package.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::package::run(data));
