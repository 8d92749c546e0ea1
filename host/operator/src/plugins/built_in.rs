//! The plugins that come with the binary: names, files, and what is known of each before it is loaded. What they may is in
//! `claviger_plugins::builtin_grants`, which endpoints they know in `settings`.

use claviger_plugins::PluginKind;

/// A plugin that comes with the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name in manifests.
    pub name: &'static str,
    /// Its file in the plugin directory.
    pub file: &'static str,
    /// What it is, known before it is loaded.
    pub kind: PluginKind,
    /// Kinds of generators that it answers to, likewise.
    pub generators: &'static [&'static str],
    /// It is another built-in's plugin, and only a provider under this name: kinds of generators are the other's.
    pub lent: bool,
}

const fn provider(name: &'static str, file: &'static str) -> BuiltIn {
    BuiltIn { name, file, kind: PluginKind::Provider, generators: &[], lent: false }
}

const fn making(generators: &'static [&'static str], built_in: BuiltIn) -> BuiltIn {
    BuiltIn { generators, ..built_in }
}

const fn engine(name: &'static str, file: &'static str) -> BuiltIn {
    BuiltIn { name, file, kind: PluginKind::TemplateEngine, generators: &[], lent: false }
}

/// Providers go by their key under `spec.provider`, template engines by their `engineVersion`.
pub const BUILT_IN: &[BuiltIn] = &[
    making(&["ECRAuthorizationToken", "STSSessionToken"], provider("aws", "aws.wasm")),
    making(&["ACRAccessToken"], provider("azurekv", "azure.wasm")),
    provider("fake", "fake.wasm"),
    making(&["GCRAccessToken"], provider("gcpsm", "gcp.wasm")),
    making(&["Fake", "Password", "SSHKey", "UUID"], provider("generators", "generators.wasm")),
    engine("jinja", "template-jinja.wasm"),
    provider("kubernetes", "kubernetes.wasm"),
    provider("onepassword", "onepassword.wasm"),
    BuiltIn { lent: true, ..provider("openBao", "vault.wasm") },
    engine("v2", "template-go.wasm"),
    making(&["VaultDynamicSecret"], provider("vault", "vault.wasm")),
    making(&["Webhook"], provider("webhook", "webhook.wasm")),
];

/// The plugin that a `Plugin` object of that name is about: its own, but for a built-in whose name has capitals, which no
/// object's may have (`openbao`).
pub fn plugin_of(object: &str) -> &str {
    BUILT_IN.iter().find(|built_in| built_in.name.eq_ignore_ascii_case(object)).map_or(object, |one| one.name)
}

/// The name of the `Plugin` object that is about a plugin.
pub(crate) fn object_of(plugin: &str) -> String {
    plugin.to_ascii_lowercase()
}

/// The built-in of that name.
pub fn built_in(name: &str) -> Option<BuiltIn> {
    BUILT_IN.iter().find(|built_in| built_in.name == name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_built_in_has_one_object() {
        let objects: BTreeSet<String> = BUILT_IN.iter().map(|one| object_of(one.name)).collect();
        assert_eq!(objects.len(), BUILT_IN.len());
        for one in BUILT_IN {
            assert_eq!(plugin_of(&object_of(one.name)), one.name);
        }
        assert_eq!((plugin_of("openbao"), plugin_of("etcd")), ("openBao", "etcd"));
    }
}
