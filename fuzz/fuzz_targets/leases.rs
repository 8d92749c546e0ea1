//! Annotations about rotation, and the record of what is leased. Holds: a record is written as it is read,
//! and no more is revoked than is ever written. In full: `tests/fuzz/src/leases.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_fuzz::leases::run(data));
