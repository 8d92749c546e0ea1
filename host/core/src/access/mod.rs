//! Which remote keys a namespace may reach through a ClusterSecretStore (`spec.accessPolicy`), and why not.
//!
//! Decided on the key as it stands in the manifest, before anybody is asked. Without a policy there is nothing to
//! decide, and this is not called. What a key means to a backend is not known here; see `pattern`.

mod pattern;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use claviger_crds::store::{Access, AccessRule, LabelSelector, MAX_KEY, MAX_KEYS, MAX_RULES};

use crate::names::ANNOTATION_STORE_ACCESS;
use crate::tenancy::{check_selector, selects};
use pattern::{Cover, Filled, Pattern, is_part_of_paths};

pub use pattern::PatternError;

/// A policy that cannot be meant. Nothing is reached by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No rule at all.
    #[error("spec.accessPolicy has no rule, so nobody could reach anything: add one, or leave the field out")]
    NoRules,
    /// More than are looked at.
    #[error("spec.accessPolicy has {0} rules, more than {MAX_RULES}")]
    ManyRules(usize),
    /// Two of one name.
    #[error("spec.accessPolicy[{rule}].name: {name:?} is the name of another rule too")]
    Twice {
        /// Its place.
        rule: usize,
        /// The name.
        name: String,
    },
    /// A name that no annotation could say.
    #[error("spec.accessPolicy[{0}].name: give a name of letters, digits and dashes")]
    Name(usize),
    /// An empty list, which is not left out.
    #[error("spec.accessPolicy[{0}].namespaces names none: name some, or leave it out for all")]
    NoNamespaces(usize),
    /// A selector that selects nothing, or everything.
    #[error("spec.accessPolicy[{rule}].namespaceSelector: {why}")]
    Selector {
        /// Its place.
        rule: usize,
        /// What is wrong.
        why: String,
    },
    /// None, or too many.
    #[error("spec.accessPolicy[{rule}].keys has {count} patterns: give 1 to {MAX_KEYS}")]
    Keys {
        /// Its place.
        rule: usize,
        /// How many.
        count: usize,
    },
    /// One that is too long.
    #[error("spec.accessPolicy[{rule}].keys[{key}] is longer than {MAX_KEY} bytes")]
    Long {
        /// Its place.
        rule: usize,
        /// The pattern's.
        key: usize,
    },
    /// One that is none.
    #[error("spec.accessPolicy[{rule}].keys[{key}]: {why}")]
    Pattern {
        /// Its place.
        rule: usize,
        /// The pattern's.
        key: usize,
        /// What is wrong.
        why: PatternError,
    },
}

/// What is to be done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// An ExternalSecret's.
    Read,
    /// A PushSecret's: writing, and taking back.
    Write,
}

/// A ServiceAccount of the namespace that asks, as whom the store logs in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its annotation `external-secrets.io/secret-store-access`, if it has one.
    pub access: Option<String>,
}

/// A policy that was checked.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    namespaces: Option<Vec<String>>,
    selector: Option<LabelSelector>,
    access: Access,
    patterns: Vec<Pattern>,
}

impl Policy {
    /// Reads and checks it.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(rules: &[AccessRule]) -> Result<Self, PolicyError> {
        if rules.is_empty() {
            return Err(PolicyError::NoRules);
        }
        if rules.len() > MAX_RULES {
            return Err(PolicyError::ManyRules(rules.len()));
        }
        let mut names = BTreeSet::new();
        let mut parsed = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if rule.name.is_empty() || !rule.name.chars().all(plain) {
                return Err(PolicyError::Name(index));
            }
            if !names.insert(rule.name.as_str()) {
                return Err(PolicyError::Twice { rule: index, name: rule.name.clone() });
            }
            parsed.push(Rule::parse(index, rule)?);
        }
        Ok(Self { rules: parsed })
    }

    /// Whether a namespace's labels are needed to tell what it may reach.
    pub fn needs_labels(&self) -> bool {
        self.rules.iter().any(|rule| rule.selector.is_some())
    }

    /// What a namespace may reach, by the ServiceAccounts of its own that it is logged in as (none where the store has
    /// credentials of its own). Their annotations only ever take away: whoever may write in a namespace can write them.
    pub fn reach(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
        accounts: &BTreeSet<Account>,
    ) -> Reach {
        let mut rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.is_for(namespace, labels)).collect();
        let mut bare = if rules.is_empty() { Some(Bare::Namespace) } else { None };
        for account in accounts {
            let Some(access) = &account.access else { continue };
            let named: BTreeSet<&str> = access.split(',').map(str::trim).collect();
            rules.retain(|rule| named.contains(rule.name.as_str()));
            if rules.is_empty() && bare.is_none() {
                bare = Some(Bare::Account(account.name.clone()));
            }
        }
        let (mut all, mut reserved) = (Vec::new(), None);
        for rule in rules {
            if is_part_of_paths(namespace) && rule.patterns.iter().any(Pattern::is_templated) {
                reserved = Some(namespace.to_owned());
            }
            let filled = rule.patterns.iter().filter_map(|pattern| pattern.of(namespace));
            all.extend(filled.map(|pattern| (pattern, rule.access)));
        }
        Reach { patterns: all, bare, reserved }
    }
}

impl Rule {
    fn parse(index: usize, rule: &AccessRule) -> Result<Self, PolicyError> {
        if rule.namespaces.as_ref().is_some_and(Vec::is_empty) {
            return Err(PolicyError::NoNamespaces(index));
        }
        if let Some(selector) = &rule.namespace_selector {
            check_selector(selector).map_err(|why| PolicyError::Selector { rule: index, why })?;
            // A map that lost its last entry must not come to mean everybody, no more than a list.
            let (labels, expressions) = (selector.match_labels.as_ref(), selector.match_expressions.as_ref());
            if labels.is_none_or(|labels| labels.is_empty()) && expressions.is_none_or(|all| all.is_empty()) {
                let why =
                    "it has neither labels nor expressions: add some, or leave it out for all".to_owned();
                return Err(PolicyError::Selector { rule: index, why });
            }
        }
        if !(1..=MAX_KEYS).contains(&rule.keys.len()) {
            return Err(PolicyError::Keys { rule: index, count: rule.keys.len() });
        }
        let named = rule.namespaces.is_some() && rule.namespace_selector.is_none();
        let mut patterns = Vec::with_capacity(rule.keys.len());
        for (key, text) in rule.keys.iter().enumerate() {
            if text.len() > MAX_KEY {
                return Err(PolicyError::Long { rule: index, key });
            }
            let pattern = Pattern::parse(text, named);
            patterns.push(pattern.map_err(|why| PolicyError::Pattern { rule: index, key, why })?);
        }
        Ok(Self {
            name: rule.name.clone(),
            namespaces: rule.namespaces.clone(),
            selector: rule.namespace_selector.clone(),
            access: rule.access,
            patterns,
        })
    }

    fn is_for(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        let named = self.namespaces.as_ref().map(|names| names.iter().any(|name| name == namespace));
        let selected = self.selector.as_ref().map(|selector| selects(selector, labels));
        match (named, selected) {
            (None, None) => true,
            (named, selected) => named.unwrap_or(false) || selected.unwrap_or(false),
        }
    }
}

/// Why no rule is left.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bare {
    /// None is for the namespace.
    Namespace,
    /// The annotation of this ServiceAccount names none of those that are.
    Account(String),
}

/// What one namespace may reach.
#[derive(Clone, Debug)]
pub struct Reach {
    patterns: Vec<(Filled, Access)>,
    bare: Option<Bare>,
    /// The namespace, if `{{namespace}}` stands for nothing in it and some pattern has that.
    reserved: Option<String>,
}

/// Why a key may not be reached, with what may be: for a condition, after store, key and namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is for the namespace.
    #[error("no rule of its spec.accessPolicy is for this namespace: ask for one")]
    NoRule,
    /// The account gives everything away.
    #[error(
        "the annotation {ANNOTATION_STORE_ACCESS} of ServiceAccount {0} names no rule of its spec.accessPolicy that is \
         for this namespace: correct it, or leave it out"
    )]
    Annotation(String),
    /// Other keys are.
    #[error("its spec.accessPolicy allows {0}: ask for another one, or correct the key")]
    Outside(String),
    /// The same in a namespace that is called like a part of paths.
    #[error(
        "its spec.accessPolicy allows {allowed}: {{{{namespace}}}} stands for nothing in a namespace that is called \
         {namespace:?}, as a part of Vault's paths is; ask for a rule that names the keys without it"
    )]
    Reserved {
        /// It.
        namespace: String,
        /// What is left.
        allowed: String,
    },
    /// It may be read.
    #[error("its spec.accessPolicy lets it be read only: writing needs a rule with access ReadWrite")]
    ReadOnly,
    /// It may mean something else.
    #[error(
        "it might be read as another one: where a pattern of spec.accessPolicy ends in *, a key may have letters, digits, \
         spaces and / _ + = . @ : - only, and no empty, . or .. part; any other must stand there as a whole"
    )]
    Odd,
    /// Of a search, and said whether or not there is something that may not be seen.
    #[error("it found nothing that its spec.accessPolicy allows ({0})")]
    Nothing(String),
}

/// Patterns that a refusal says.
const SAID: usize = 5;

impl Reach {
    /// Whether a key may be reached.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, key: &str, what_for: Use) -> Result<(), Refusal> {
        let (mut odd, mut read_only) = (false, false);
        for (pattern, access) in &self.patterns {
            match (pattern.covers(key), what_for, access) {
                (Cover::Yes, Use::Read, _) | (Cover::Yes, Use::Write, Access::ReadWrite) => return Ok(()),
                (Cover::Yes, Use::Write, Access::ReadOnly) => read_only = true,
                (Cover::Odd, ..) => odd = true,
                (Cover::No, ..) => {}
            }
        }
        Err(match () {
            () if read_only => Refusal::ReadOnly,
            () if odd => Refusal::Odd,
            () => self.outside(what_for),
        })
    }

    /// Whether a search may be made there: below that folder, or among keys that begin so, something may be allowed.
    /// What it finds is to be checked key by key all the same.
    ///
    /// # Errors
    /// Why not.
    pub fn check_search(&self, path: Option<&str>) -> Result<(), Refusal> {
        let path = path.unwrap_or_default();
        match self.patterns.iter().any(|(pattern, _)| pattern.meets(path)) {
            true => Ok(()),
            false => Err(self.outside(Use::Read)),
        }
    }

    /// A search that shows nothing.
    pub fn nothing_found(&self) -> Refusal {
        Refusal::Nothing(self.allowed(Use::Read))
    }

    fn outside(&self, what_for: Use) -> Refusal {
        let allowed = || self.allowed(what_for);
        match (&self.bare, &self.reserved) {
            (Some(Bare::Namespace), _) => Refusal::NoRule,
            (Some(Bare::Account(name)), _) => Refusal::Annotation(name.clone()),
            (None, Some(namespace)) => Refusal::Reserved { namespace: namespace.clone(), allowed: allowed() },
            (None, None) => Refusal::Outside(allowed()),
        }
    }

    fn allowed(&self, what_for: Use) -> String {
        let fits = |access: Access| what_for == Use::Read || access == Access::ReadWrite;
        let all: Vec<String> = self
            .patterns
            .iter()
            .filter(|(_, access)| fits(*access))
            .map(|(pattern, _)| pattern.to_string())
            .collect();
        match all.as_slice() {
            [] => "nothing".to_owned(),
            all if all.len() <= SAID => all.join(", "),
            all => format!("{} and {} more", all[..SAID].join(", "), all.len() - SAID),
        }
    }
}
