//! A property of a JSON value, set and removed. Holds: what was set is there, and after it was removed it is
//! not. In full: `tests/fuzz/src/property.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::property::run(data));
