//! A spec, what was fetched and rendered, and the Secret that is there. Holds: nothing is written that hands
//! out rights or is another's, and when it is done nothing is left to do. In full: `tests/fuzz/src/plan.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::plan::run(data));
