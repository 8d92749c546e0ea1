//! The settings file of `claviger run`. Holds: no message says a value of the file. In full:
//! `tests/fuzz/src/config.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::config::run(data));
