//! A path into a target that is no Secret, a value and an object. Holds: no path leads to what names an
//! object, and none asks for much memory. In full: `tests/fuzz/src/generic.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::generic::run(data));
