//! A value, a property of it, and a rewriting of its keys. Holds: what was written is read as the same, and
//! converted keys are keys. In full: `tests/fuzz/src/shape.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::shape::run(data));
