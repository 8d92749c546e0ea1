//! What an HTTP API answers, and the templates that ask it. Holds: one answer for each item, and requests go
//! to the manifest's server. In full: `plugins/fuzz/src/webhook_answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_plugin_fuzz::webhook_answers::run(data));
