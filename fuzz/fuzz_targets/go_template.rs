//! A Go template and a value. Holds: the text is bounded, the same gives the same, and no failure says the
//! value. In full: `plugins/fuzz/src/go_template.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_plugin_fuzz::go_template::run(data));
