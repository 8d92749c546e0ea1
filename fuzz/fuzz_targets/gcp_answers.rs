//! What Google answers to every call. Holds: one answer for each item, and requests go to Google, some of
//! them and not for ever. In full: `plugins/fuzz/src/gcp_answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_plugin_fuzz::gcp_answers::run(data));
