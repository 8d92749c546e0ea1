//! Questions of the API server's to the webhook. Holds: what is let through makes no Secret that hands out
//! rights, and is let through again as it was read. In full: `tests/fuzz/src/admission.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::admission::run(data));
