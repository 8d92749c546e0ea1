//! A path and a JSON text. Holds: serde_json agrees on what is JSON and on what a plain path leads to, and
//! what was found is itself when it is read again. In full: `tests/fuzz/src/gjson.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::gjson::run(data));
