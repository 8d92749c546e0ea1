//! Errors of AWS's, messages of a queue, tokens, cursors, metadata of pushes. Holds: few and short keys are
//! told of a message, and credentials are written as they are read. In full:
//! `plugins/fuzz/src/aws_answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claviger_plugin_fuzz::aws_answers::run(data));
