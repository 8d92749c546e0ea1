//! Bytes that say that they are a component, or a WIT package: looked at before the compiler sees them.
//!
//! Holds: what is taken begins as a component does; a package that defines something defines it under full names.

use claviger_plugins::check_encoding;
use claviger_plugins::oci::wit_exports;

/// See the module.
pub fn run(data: &[u8]) {
    match check_encoding(data) {
        Ok(()) => assert!(data.starts_with(b"\0asm\x0d\0\x01\0"), "it is no component"),
        Err(error) => assert!(error.to_string().len() <= 1024, "{} bytes", error.to_string().len()),
    }
    if let Some(names) = wit_exports(data) {
        assert!(!names.is_empty() && names.is_sorted());
    }
}
