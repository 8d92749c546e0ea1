//! Kubeconfigs, Google's key files, certificates with their keys. Holds: no message says a text of the file.
//! In full: `plugins/fuzz/src/credentials.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_plugin_fuzz::credentials::run(data));
