//! What Vault answers to every call. Holds: one answer for each item, and requests go to the server and below
//! its mounts, some of them and not for ever. In full: `plugins/fuzz/src/vault_answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_plugin_fuzz::vault_answers::run(data));
