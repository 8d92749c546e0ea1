//! A config schema, a config and a pointer. Holds: a schema that is taken can be used, and no message says a
//! value of the config. In full: `tests/fuzz/src/schema.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::schema::run(data));
