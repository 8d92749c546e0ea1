//! `conversionStrategy`: keys of a backend as keys of a Secret. Only where there is no rewrite (ESO's
//! rule, kept by the caller).

use claviger_crds::external_secret::ConversionStrategy;

use super::{ShapeError, Values};

/// Converts every key.
///
/// # Errors
/// [`ShapeError::Collision`] if two become one.
pub fn convert(values: Values, strategy: ConversionStrategy) -> Result<Values, ShapeError> {
    let mut converted = Values::new();
    for (key, value) in values {
        let name = convert_key(&key, strategy);
        if converted.insert(name.clone(), value).is_some() {
            return Err(ShapeError::Collision(name));
        }
    }
    Ok(converted)
}

fn convert_key(key: &str, strategy: ConversionStrategy) -> String {
    let mut name = String::with_capacity(key.len());
    for c in key.chars() {
        match strategy {
            _ if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') => name.push(c),
            ConversionStrategy::Default => name.push('_'),
            // Go's "_U%04x_".
            ConversionStrategy::Unicode => name.push_str(&format!("_U{:04x}_", u32::from(c))),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy() {
        assert_eq!(convert_key("a/b:c.d-é", ConversionStrategy::Default), "a_b_c.d-_");
        assert_eq!(convert_key("a/b$😀", ConversionStrategy::Unicode), "a_U002f_b_U0024__U1f600_");
    }

    #[test]
    fn two_keys_that_become_one_are_an_error() {
        let value = || crate::secret::SecretBytes::copied_from(b"v");
        let values = Values::from([("a/b".to_owned(), value()), ("a:b".to_owned(), value())]);
        assert_eq!(
            convert(values, ConversionStrategy::Default).err(),
            Some(ShapeError::Collision("a_b".to_owned()))
        );
    }
}
