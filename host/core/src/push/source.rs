//! What is pushed: which Secrets may be, and how their keys read.

use std::sync::LazyLock;

use claviger_crds::push_secret::PushConversion;
use regex::Regex;

use super::Data;
use crate::error::Failure;

/// Types of Secrets that are never pushed, nor templates of another Secret. They hold no secret of an application: whoever has
/// such a token acts as a ServiceAccount, or as a node that joins. This keeps PushSecrets and ExternalSecrets from giving them
/// away by accident. It is no boundary: a store may refer to any Secret of its namespace as a credential, and names the server
/// that this is sent to.
const NEVER: [(&str, &str); 2] = [
    ("kubernetes.io/service-account-token", "give away a ServiceAccount's rights"),
    ("bootstrap.kubernetes.io/token", "let nodes join"),
];

/// Whether a Secret of that type may be pushed, or be a template.
///
/// # Errors
/// [`Failure::TargetForbidden`].
pub fn check_type(type_: Option<&str>) -> Result<(), Failure> {
    match NEVER.iter().find(|(never, _)| Some(*never) == type_) {
        Some((never, why)) => Err(Failure::TargetForbidden { type_: (*never).to_owned(), why }),
        None => Ok(()),
    }
}

/// The data with its keys as the conversion reads them.
///
/// # Errors
/// If two keys become one.
pub fn reverse_keys(conversion: PushConversion, data: &Data) -> Result<Data, String> {
    let mut out = Data::new();
    for (key, value) in data {
        let name = reverse_key(conversion, key);
        if out.insert(name.clone(), value.clone()).is_some() {
            return Err(format!(
                "two keys of the Secret become {name:?} by conversionStrategy ReverseUnicode"
            ));
        }
    }
    Ok(out)
}

/// `_U002f_` is `/` again. What names no character is U+FFFD, as Go's `%c` has it.
pub(super) fn reverse_key(conversion: PushConversion, key: &str) -> String {
    #[expect(clippy::expect_used, reason = "the expression is a constant, and a test compiles it")]
    static ESCAPE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("_U([0-9a-fA-F]{4,5})_").expect("an expression"));
    if conversion == PushConversion::None {
        return key.to_owned();
    }
    let character = |found: &regex::Captures<'_>| {
        let code = u32::from_str_radix(&found[1], 16).unwrap_or_default();
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
    };
    ESCAPE.replace_all(key, character).into_owned()
}
