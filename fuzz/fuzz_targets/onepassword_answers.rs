//! What a Connect server answers to every call. Holds: one answer for each item, and requests go where
//! `connect` said, some of them and not for ever. In full: `plugins/fuzz/src/onepassword_answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_plugin_fuzz::onepassword_answers::run(data));
