//! A value, and a text that may quote it. Holds: the value is nowhere in what is left, which is one short
//! line. In full: `tests/fuzz/src/redact.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::redact::run(data));
