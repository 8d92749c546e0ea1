//! How a project's name is spelt in its files: as it is, in snake case and in Pascal case. Pure.

use anyhow::ensure;

use super::super::name;

/// What stands in a starter, in the order of [`Names`]' spellings.
pub(super) const PLACEHOLDERS: [&str; 3] = ["plugin-name", "plugin_name", "PluginName"];

/// Words that one of the languages keeps for itself, or that its packages cannot be called.
const WORDS: &str = "abstract alloc and any as assert async await become bool box break byte case catch chan char class \
    complex64 complex128 const continue core crate debugger def default defer del delete do dyn elif else enum error \
    eval except exec export extends extern fallthrough false final finally float32 float64 fn for from func function \
    gen global go goto if impl implements import in init instanceof int interface is lambda let loop macro main map \
    match mod move mut new nil node none nonlocal not null or override package pass priv private proc-macro protected \
    public pub raise range ref return rune sdk select self static std str string struct super switch test this throw \
    trait true try type typeof uint union unsafe unsized use var void where while wit with yield";

/// A name in its three spellings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names([String; 3]);

impl Names {
    /// Of a name that a Plugin and a project of any of the languages can have.
    ///
    /// # Errors
    /// Why it cannot be one.
    pub(super) fn of(text: &str) -> anyhow::Result<Self> {
        if let Some(why) = name::unfit(text) {
            anyhow::bail!("the name {text:?} {why}");
        }
        let letter = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        ensure!(letter, "the name {text:?} begins with a digit: a package's name begins with a letter");
        let taken = WORDS.split_whitespace().any(|word| word == text);
        ensure!(!taken, "the name {text:?} is a word of one of the languages, and no package's name");
        let pascal = text.split('-').map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        });
        Ok(Self([text.to_owned(), text.replace('-', "_"), pascal.collect()]))
    }

    /// As it was given.
    pub(super) fn plain(&self) -> &str {
        &self.0[0]
    }

    /// A text of a starter with the name in it.
    pub(super) fn fill(&self, text: &str) -> String {
        PLACEHOLDERS
            .iter()
            .zip(&self.0)
            .fold(text.to_owned(), |text, (place, name)| text.replace(place, name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_has_three_spellings() {
        for (name, expected) in [
            ("acme", ["acme", "acme", "Acme"]),
            ("my-plugin-name", ["my-plugin-name", "my_plugin_name", "MyPluginName"]),
            ("a-1b--c2", ["a-1b--c2", "a_1b__c2", "A1bC2"]),
        ] {
            let names = Names::of(name).unwrap();
            assert_eq!(names.0, expected);
            assert_eq!(names.fill(&PLACEHOLDERS.join(" ")), expected.join(" "));
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_with_the_reason() {
        let long = "a".repeat(64);
        for (name, expected) in [
            ("", "lower-case letters"),
            ("My", "lower-case letters"),
            ("a.b", "lower-case letters"),
            ("a_b", "lower-case letters"),
            ("-a", "beginning"),
            ("a-", "ending"),
            ("../a", "lower-case letters"),
            (long.as_str(), "at most 63"),
            ("2fa", "begins with a digit"),
            ("vault", "spec.provider.vault"),
            ("v2", "built-in"),
            ("import", "a word of one of the languages"),
            ("sdk", "a word of one of the languages"),
        ] {
            let error = Names::of(name).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }
}
