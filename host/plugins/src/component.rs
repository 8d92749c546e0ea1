//! What bytes are before they are run: whether they are a component at all, of which worlds, built for
//! which version of the interface, and whether what it says of itself agrees with what it exports.
//!
//! Nothing here runs guest code.

use claviger_core::provider::PropertyStep;
use serde::Serialize;

use crate::convert;
use crate::error::{PluginsError, first_line};
use crate::guest::provider::{Capability, PropertyStep as GuestStep};

/// The version of `claviger:plugin` that this host speaks.
const VERSION: &str = "1.0.0";
const PACKAGE: &str = "claviger:plugin/";
/// Where a provider tells of changes: of a package of its own (`wit/events`), and another version of it is not ours to call.
const EVENTS: &str = "claviger:events/source@1.0.0";

/// What a component is and asks for.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `sha256:…` of its bytes.
    pub digest: String,
    /// Bytes.
    pub size: usize,
    /// Worlds it fits.
    pub worlds: Vec<String>,
    /// Interfaces it imports.
    pub imports: Vec<String>,
    /// Interfaces it exports.
    pub exports: Vec<String>,
    /// What a provider can do.
    pub capabilities: Vec<String>,
    /// Kinds of generators that it answers to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub generators: Vec<String>,
    /// Origins it may ask for, in its own words.
    pub origins: Vec<String>,
    /// JSON Schema of a provider's object in a store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<serde_json::Value>,
    /// JSON Schema of a push's metadata, if it takes any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_metadata_schema: Option<serde_json::Value>,
    /// Functions of a template engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
}

/// Which of our worlds a component fits; both is possible, and then it is a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    Provider,
    Engine,
}

/// Refuses what is no component. A core module and a text file are the usual mistakes, and deserve their
/// names; the whole file is parsed before the compiler sees it. It runs nothing and needs no host, so whoever hands
/// bytes on can ask too.
///
/// # Errors
/// [`PluginsError::NotAComponent`].
pub fn check_encoding(bytes: &[u8]) -> Result<(), PluginsError> {
    let refuse = |what: &str| Err(PluginsError::NotAComponent(what.to_owned()));
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => {}
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => return refuse("it is a core module"),
        Some([0, b'a', b's', b'm', ..]) => {
            return refuse("it is of an unknown version of the component format");
        }
        _ => return refuse("it does not begin as wasm does"),
    }
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::default())
        .validate_all(bytes)
        .map(drop)
        .map_err(|error| PluginsError::NotAComponent(first_line(&error)))
}

fn ours(interface: &str) -> String {
    format!("{PACKAGE}{interface}@{VERSION}")
}

/// Whether one of our interfaces is among the exports.
pub(crate) fn exports(exports: &[String], interface: &str) -> bool {
    exports.contains(&ours(interface))
}

/// Whether it can be listened to.
pub(crate) fn exports_events(exports: &[String]) -> bool {
    exports.iter().any(|export| export == EVENTS)
}

/// The world that a component with these imports and exports is of.
///
/// # Errors
/// [`PluginsError::InterfaceVersion`] if it was built for another version of ours,
/// [`PluginsError::WrongWorld`] if it is none of ours.
pub(crate) fn world(imports: &[String], exports: &[String]) -> Result<World, PluginsError> {
    for name in exports.iter().chain(imports) {
        let Some((_, version)) = name.strip_prefix(PACKAGE).and_then(|name| name.split_once('@')) else {
            continue;
        };
        if version != VERSION {
            let found = version.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(PluginsError::InterfaceVersion { found, spoken: VERSION });
        }
    }
    let has = |interface: &str| exports.contains(&ours(interface));
    if has("provider") && has("connection") {
        Ok(World::Provider)
    } else if has("engine") {
        Ok(World::Engine)
    } else {
        let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        Err(PluginsError::WrongWorld { found: found.chars().take(300).collect() })
    }
}

/// The worlds as they are shown.
pub(crate) fn world_names(exports: &[String]) -> Vec<String> {
    let has = |interface: &str| exports.contains(&ours(interface));
    let provider = has("provider") && has("connection");
    let known = [(provider, "provider-plugin"), (has("engine"), "template-engine")];
    known.into_iter().filter(|(fits, _)| *fits).map(|(_, name)| ours(name)).collect()
}

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
        if capabilities.iter().any(|capability| capability == name) && !exports.contains(&ours(name)) {
            let why = format!("it claims the capability {name:?} and does not export {}", ours(name));
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

/// Interfaces of a component. All of WASI and ours are under 50.
const MAX_INTERFACES: usize = 200;

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

/// The names of a component's imports or exports.
pub(crate) fn interfaces<'a>(
    what: &str,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<Vec<String>, PluginsError> {
    if names.len() > MAX_INTERFACES {
        let found = format!("{} {what}", names.len());
        return Err(PluginsError::WrongWorld { found });
    }
    Ok(names.map(ToOwned::to_owned).collect())
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
    fn worlds_and_versions() {
        let provider = names(&["claviger:plugin/connection@1.0.0", "claviger:plugin/provider@1.0.0"]);
        let engine = names(&["claviger:plugin/engine@1.0.0"]);
        assert!(matches!(world(&[], &provider), Ok(World::Provider)));
        assert!(matches!(world(&[], &engine), Ok(World::Engine)));
        assert_eq!(world_names(&engine), ["claviger:plugin/template-engine@1.0.0"]);
        for (imports, exports, expected) in [
            (vec![], vec![], "exports nothing"),
            (vec![], names(&["wasi:cli/run@0.2.0"]), "exports wasi:cli/run@0.2.0"),
            (vec![], names(&["claviger:plugin/provider@1.0.0"]), "but a plugin exports"),
            (vec![], names(&["claviger:plugin/provider@9.9.9"]), "claviger:plugin@9.9.9"),
            (names(&["claviger:plugin/memo@2.0.0"]), provider.clone(), "claviger:plugin@2.0.0"),
        ] {
            let said = world(&imports, &exports).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains(expected), "{expected:?} is not in {said:?}");
        }
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
