//! Access policies, with namespaces and a key. Holds: a key that may be reached is covered by a pattern, and
//! is of one namespace alone where its pattern is. In full: `tests/fuzz/src/access.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::access::run(data));
