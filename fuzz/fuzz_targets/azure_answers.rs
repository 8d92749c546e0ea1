//! What Entra and Key Vault answer to every call. Holds: one answer for each item, and requests go to the
//! vault and its login, some of them and not for ever. In full: `plugins/fuzz/src/azure_answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_plugin_fuzz::azure_answers::run(data));
