//! Bytes that say that they are a component or a WIT package. Holds: what is taken begins as one, and there
//! is an answer to anything else. In full: `tests/fuzz/src/component.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::component::run(data));
