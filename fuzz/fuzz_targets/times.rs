//! Sync windows, an interval and a time. Holds: what is allowed is not earlier than was asked, and no refresh
//! comes in less than half an interval. In full: `tests/fuzz/src/times.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::times::run(data));
