//! The reasons that a condition Ready may be False for, each with its cause and its remedy: one table, which a new failure
//! has to be entered in.
//!
//! What the failure itself says names the object and the key; here is what holds for all of a reason.
//! `docs/troubleshooting.md` has a section for each. Reasons of Plugins are the plugin host's (docs/plugins/install.md).

use std::fmt;

/// Where the sections are, in the project's folder.
const PAGE: &str = "docs/troubleshooting.md";

macro_rules! reasons {
    ($($name:ident: $cause:literal, $remedy:literal;)*) => {
        /// Why something is not Ready.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $cause] $name,)*
        }

        impl Reason {
            /// All of them, in the order of the page.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As conditions and metrics spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What is behind it, in a sentence's words.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)* }
            }

            /// What to do, in a sentence's words.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

reasons! {
    ManifestInvalid:
        "the object says something that cannot be meant, or does not parse",
        "correct the field that the message names";
    PolicyInvalid:
        "its policies contradict each other",
        "change one of those that the message names";
    StoreNotFound:
        "there is no store of that name and kind",
        "create the store, or correct name and kind of the secretStoreRef (a SecretStore lies in the same namespace)";
    OtherController:
        "the store is of another controller class",
        "run an operator with that --controller-class, or change spec.controller of the store";
    GeneratorNotFound:
        "there is no generator of that name and kind",
        "create the generator, or correct sourceRef.generatorRef";
    GeneratorUnknown:
        "no plugin makes what that kind of generator stands for",
        "correct generatorRef.kind, or install a Plugin that has it";
    StoreNotReady:
        "the store that it uses does not work",
        "mend the store; what uses it is tried again by itself";
    StoreForbidden:
        "the ClusterSecretStore does not serve this namespace",
        "have spec.conditions of the store match the namespace, or use another store";
    KeyForbidden:
        "the access policy of the ClusterSecretStore does not let this namespace reach the key",
        "ask for a key that the message names as allowed, or have a rule of spec.accessPolicy cover it";
    ValidationUnknown:
        "the store can only be judged for the namespace of who uses it",
        "look at an ExternalSecret that uses it";
    ProviderUnknown:
        "no plugin answers to the provider or template engine that it names",
        "correct the name, or install a Plugin of that name";
    PluginNotLoaded:
        "its plugin is there and cannot be used",
        "look at the Plugin: kubectl get plugin NAME -o yaml says why";
    PluginLoading:
        "its plugin is being loaded",
        "wait for a minute; if it stays, look at the Plugin";
    PluginForbidden:
        "its plugin may not be used from this namespace",
        "have spec.namespaces of the Plugin name the namespace";
    InvalidProviderConfig:
        "the provider's settings in the store are wrong",
        "correct the field of the store that the message points at";
    ReferenceNotFound:
        "something that the store refers to is not there",
        "create the Secret, ConfigMap, ServiceAccount or key that the message names, or correct the reference";
    ReferenceForbidden:
        "the store may not use what it refers to",
        "refer to something in the store's own namespace, or have the Plugin grant it: the message says which";
    ReferenceUnreadable:
        "the operator could not read what the store refers to",
        "give the operator the right to read it (claviger doctor prints the rule), or look at the API server";
    AuthenticationFailed:
        "the backend refused the credential",
        "correct the Secret or ServiceAccount that the store logs in with, or its role in the backend";
    AccessDenied:
        "the backend knows the store's identity and does not let it read the key",
        "give the identity the right to read that key in the backend";
    RemoteKeyNotFound:
        "the backend has no such key",
        "create the key in the backend, or correct remoteRef.key";
    PropertyNotFound:
        "the key has no such property",
        "correct remoteRef.property, or add the property in the backend";
    ValueNotUsable:
        "what was read cannot be used as the entry asks",
        "correct decodingStrategy, extract or rewrite of the entry, or the value in the backend";
    PartiallySynced:
        "some entries could not be read, and the rest was written, as the ExternalSecret asks for",
        "status.failures names the entries, each with its own reason: mend those";
    BackendPaused:
        "the backend limited an earlier request of the same account, and nothing was asked since",
        "wait; if it comes again and again, have longer refresh intervals or a higher limit";
    RateLimited:
        "the backend limits our requests",
        "wait; if it comes again and again, have longer refresh intervals or a higher limit";
    ProviderUnavailable:
        "the backend cannot be reached, or does not work",
        "see that it runs, that the address in the store is right, and that the network lets the operator reach it";
    ProviderFailed:
        "the backend answered something that there is no other name for",
        "the message has its words: look them up in the backend's documentation";
    PluginFault:
        "the plugin failed, or met one of its limits; nothing else was touched by it",
        "raise the limit in the Plugin if that is what the message names, or take another version of it";
    TemplateFailed:
        "a template does not parse, or fails",
        "correct the template at the line and column that the message names; claviger render shows the same without a cluster";
    TemplateSourceNotFound:
        "what a template is read from is not there",
        "create the ConfigMap, Secret or key that the message names, or correct templateFrom";
    TargetOwned:
        "another controller owns the Secret",
        "choose another target.name, or creationPolicy Merge";
    TargetConflict:
        "another ExternalSecret writes the same keys of the Secret",
        "let only one of them write each key";
    TargetImmutable:
        "the Secret is immutable, and its data would change",
        "delete the Secret to have it made anew";
    TargetTypeFixed:
        "the Secret has another type than the template asks for, and types cannot be changed",
        "delete the Secret to have it made anew, or correct template.type";
    TargetTerminating:
        "the Secret is being deleted, and waits for a finalizer",
        "have whoever set the finalizer take it off; the Secret is made anew then";
    TargetForbidden:
        "a Secret of that type would hand out rights in the cluster",
        "take another type";
    SourceNotFound:
        "the Secret to be pushed is not there",
        "create it, or correct selector.secret.name";
    PlaceTaken:
        "an older PushSecret writes to the same place",
        "let only one of them push there";
    StoreReadOnly:
        "the store's provider does not write",
        "push to another store";
    WriteRefused:
        "the backend or its provider refuses the write",
        "give the store's identity the right to write, or let what is there bear managed-by: external-secrets";
    ApiServerDenied:
        "the operator lacks a right in this cluster",
        "claviger doctor prints the rule that adds it";
    ApiServerFailed:
        "the API server could not be reached, or refused what was written",
        "the message has its words; an admission webhook or a quota may stand behind them";
    Errored:
        "something could not be pushed (all PushSecrets have this one reason, as with ESO)",
        "the message begins with what went wrong: look for its words on the page";
    SourceDeleted:
        "the Secret that was pushed is gone, and what was pushed of it was deleted as deletionPolicy says",
        "create the Secret again to have it pushed, or delete the PushSecret";
    NamespacesFailed:
        "some namespaces do not have what a ClusterExternalSecret or ClusterPushSecret makes in each",
        "status.failedNamespaces names them, each with its reason";
}

impl Reason {
    /// The reason of that spelling; none: it is another program's, or another version's.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }

    /// Where more is said of it, in the project's folder.
    pub fn page(self) -> String {
        // As GitHub makes anchors of headings.
        format!("{PAGE}#{}", self.as_str().to_ascii_lowercase())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    /// Sections of the page, by their headings.
    fn sections() -> BTreeMap<String, String> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../", "docs/troubleshooting.md");
        let text = std::fs::read_to_string(path).unwrap();
        let sections = text.split("\n### ").skip(1).map(|section| {
            let (heading, body) = section.split_once('\n').unwrap();
            let body = body.split("\n## ").next().unwrap();
            (heading.to_owned(), body.split_whitespace().collect::<Vec<_>>().join(" "))
        });
        sections.collect()
    }

    #[test]
    fn every_reason_has_its_section() {
        let sections = sections();
        for reason in Reason::ALL {
            let section = sections.get(reason.as_str()).unwrap_or_else(|| panic!("no section of {reason}"));
            for part in ["**See:**", "**Do:**"] {
                assert!(section.contains(part), "{reason}: {part} is missing: {section}");
            }
            let (first, second) = (capitalised(reason.cause()), capitalised(reason.remedy()));
            assert!(section.starts_with(&format!("{first}.")), "{reason} begins with its cause: {section}");
            let remedy = section.split("**Do:** ").nth(1).unwrap();
            assert!(remedy.replace('`', "").starts_with(&format!("{second}.")), "{reason}: {section}");
            let (page, anchor) = (reason.page(), format!("#{}", reason.as_str().to_ascii_lowercase()));
            assert!(page.starts_with(PAGE) && page.ends_with(&anchor), "{page}");
        }
        let known = |name: &&String| Reason::parse(name).is_none();
        let strangers: Vec<_> = sections.keys().filter(known).collect();
        assert!(strangers.is_empty(), "sections of no reason: {strangers:?}");
    }

    fn capitalised(text: &str) -> String {
        let (first, rest) = text.split_at(1);
        // A command stays as it is typed.
        if text.starts_with("claviger ") || text.starts_with("status.") {
            return text.to_owned();
        }
        first.to_uppercase() + rest
    }

    #[test]
    fn a_reason_is_found_by_its_spelling_alone() {
        assert_eq!(Reason::parse("RemoteKeyNotFound"), Some(Reason::RemoteKeyNotFound));
        for other in ["", "remotekeynotfound", "SecretSyncedError", "RemoteKeyNotFound "] {
            assert_eq!(Reason::parse(other), None, "{other}");
        }
        for reason in Reason::ALL {
            for text in [reason.cause(), reason.remedy()] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{reason}: {text}");
            }
        }
    }
}
