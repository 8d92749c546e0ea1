//! What bytes are before they are run: whether they are a component at all, of which worlds, and built for which version of
//! the interface. Nothing here runs guest code; what a component says of itself is looked at in `described`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::{PluginsError, first_line};

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
    /// JSON Schema of each kind's spec.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub generator_schemas: BTreeMap<String, serde_json::Value>,
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

/// An interface of ours by its whole name.
pub(crate) fn ours(interface: &str) -> String {
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
    let has = |interface: &str| self::exports(exports, interface);
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
    let has = |interface: &str| self::exports(exports, interface);
    let provider = has("provider") && has("connection");
    let known = [(provider, "provider-plugin"), (has("engine"), "template-engine")];
    known.into_iter().filter(|(fits, _)| *fits).map(|(_, name)| ours(name)).collect()
}

/// Interfaces of a component. All of WASI and ours are under 50.
const MAX_INTERFACES: usize = 200;

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
}
