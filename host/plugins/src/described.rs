//! What a plugin says of itself in `describe`, held to what can be shown and kept: names, lines, numbers, and whether it
//! agrees with what the component exports. Pure.

use claviger_core::provider::PropertyStep;

use crate::component;
use crate::convert;
use crate::error::PluginsError;
use crate::guest::provider::{Capability, PropertyStep as GuestStep};

/// A provider's capabilities by name.
pub(crate) fn capabilities(flags: Capability) -> Vec<String> {
    let names = [
        (Capability::GET, "get"),
        (Capability::FIND_BY_NAME, "find-by-name"),
        (Capability::FIND_BY_PATH, "find-by-path"),
        (Capability::FIND_BY_TAGS, "find-by-tags"),
        (Capability::METADATA, "metadata"),
        (Capability::VERSIONS, "versions"),
        (Capability::WRITER, "writer"),
        (Capability::LEASES, "leases"),
        (Capability::GENERATOR, "generator"),
        (Capability::DYNAMIC, "dynamic"),
        (Capability::OWN_PROPERTIES, "own-properties"),
    ];
    names.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| name.to_owned()).collect()
}

/// A capability that has an interface of its own must come with it, or a user is promised what cannot be.
pub(crate) fn check_capabilities(capabilities: &[String], exports: &[String]) -> Result<(), PluginsError> {
    for name in ["writer", "leases", "generator"] {
        if capabilities.iter().any(|capability| capability == name) && !component::exports(exports, name) {
            let why =
                format!("it claims the capability {name:?} and does not export {}", component::ours(name));
            return Err(PluginsError::BadDescription(why));
        }
    }
    // What is made for a key is made once, whichever of its properties is asked for first.
    let claims = |name: &str| capabilities.iter().any(|capability| capability == name);
    if claims("own-properties") && claims("dynamic") {
        let why =
            "it claims own-properties and dynamic: what is made cannot depend on the property".to_owned();
        return Err(PluginsError::BadDescription(why));
    }
    Ok(())
}

/// Items of one get at most: an answer has to fit the output limit.
pub(crate) const MAX_BATCH: usize = 100;

/// Steps of a look-up. There are four kinds, and none is of use twice.
const MAX_STEPS: usize = 8;

/// Lines of a list that a human reads: a template engine has some 300 functions.
const MAX_LINES: usize = 1000;

fn unusable(why: String) -> PluginsError {
    PluginsError::BadDescription(why)
}

/// A name or version of a plugin's own choosing. It is shown everywhere, so it is held to plain
/// characters; refused and not filtered, or two versions could look the same.
pub(crate) fn label(what: &str, text: String) -> Result<String, PluginsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        return Err(unusable(format!("its {what} is not 1 to 64 letters, digits and . - _ +")));
    }
    Ok(text)
}

/// A list of lines for humans, each cut and without what a terminal would obey.
pub(crate) fn lines(what: &str, list: Vec<String>) -> Result<Vec<String>, PluginsError> {
    counted(what, list.len(), MAX_LINES)?;
    Ok(list.iter().map(|text| line(text)).collect())
}

/// The order of a look-up.
pub(crate) fn steps(what: &str, list: Vec<GuestStep>) -> Result<Vec<PropertyStep>, PluginsError> {
    counted(what, list.len(), MAX_STEPS)?;
    Ok(list.into_iter().map(convert::step).collect())
}

fn counted(what: &str, count: usize, limit: usize) -> Result<(), PluginsError> {
    if count > limit { Err(unusable(format!("{count} {what}, more than {limit}"))) } else { Ok(()) }
}

/// A line for humans: what moves the cursor, colours or turns the direction around is left out.
pub(crate) fn line(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !c.is_control() && !turns(*c)).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_are_plain_and_lines_are_lines() {
        for good in ["vault", "1.0.0-rc.1+build_7"] {
            assert_eq!(label("name", good.to_owned()).ok().as_deref(), Some(good));
        }
        for bad in ["", " ", "1.0\n", "v\u{1b}[31m", "v\u{202e}x", "\u{a0}", &"n".repeat(65)] {
            let said = label("name", bad.to_owned()).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains("its name is not 1 to 64 letters"), "{bad:?}: {said}");
        }
        assert_eq!(line("a\u{1b}]0;b\u{7}\r\n\u{202e}c"), "a]0;bc");
        assert!(lines("origins", vec![String::new(); MAX_LINES + 1]).is_err());
    }

    #[test]
    fn what_is_claimed_must_be_exported() {
        let claims = names(&["get", "writer"]);
        assert!(check_capabilities(&claims, &names(&["claviger:plugin/writer@1.0.0"])).is_ok());
        assert!(check_capabilities(&names(&["own-properties"]), &[]).is_ok());
        assert!(check_capabilities(&names(&["own-properties", "dynamic"]), &[]).is_err());
        assert!(check_capabilities(&claims, &[]).is_err());
        assert!(check_capabilities(&names(&["get"]), &[]).is_ok());
    }
}
