//! What a plugin answers across the boundary. Holds: what was made for one is not shared, what a guest makes
//! up is short and plain, and no error says a value. In full: `tests/fuzz/src/answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::answers::run(data));
