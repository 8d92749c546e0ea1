//! A template language as an author writes it: one template at a time. Which template failed, and that no two of them
//! get the same chance, is seen to here.

use sha2::{Digest as _, Sha256};

pub use crate::template::interface::Options;
use crate::template::interface::{self as wit, Template};

/// A template language. It has no network and no memo.
pub trait Engine: Sized + 'static {
    /// Its name; `engineVersion` of a template names the plugin.
    const NAME: &'static str;
    /// Its version, for humans: `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;

    /// Names of its functions and filters, for `claviger plugin inspect`.
    fn functions() -> Vec<String> {
        Vec::new()
    }

    /// Renders one template. `options.seed` is this template's own.
    ///
    /// # Errors
    /// Where it failed and why; never with a value in the words.
    fn render(text: &str, data: &Data<'_>, options: &Options) -> Result<Rendered, Failure>;
}

/// The data of a template: keys and values, in the host's order.
#[derive(Clone, Copy)]
pub struct Data<'d>(&'d [(String, Vec<u8>)]);

impl<'d> Data<'d> {
    /// Of pairs.
    pub fn new(data: &'d [(String, Vec<u8>)]) -> Self {
        Self(data)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'d [u8]> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_slice())
    }

    /// All of it.
    pub fn pairs(&self) -> &'d [(String, Vec<u8>)] {
        self.0
    }
}

/// What a template gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: Vec<u8>,
    /// Another time or another seed could have given another.
    pub varies: bool,
}

impl From<Vec<u8>> for Rendered {
    /// Of a text that is always the same.
    fn from(text: Vec<u8>) -> Self {
        Self { text, varies: false }
    }
}

/// Why a template failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// From 1; 0 where it is about no place.
    pub line: u32,
    /// From 1, in characters; 0 where it is about no place.
    pub column: u32,
    /// Never with a value.
    pub detail: String,
}

impl Failure {
    /// At a byte of a template.
    pub fn at(text: &str, byte: usize, detail: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: number(line), column: number(column), detail: detail.into() }
    }
}

pub(crate) fn render_all<E: Engine>(
    templates: Vec<Template>,
    data: &[(String, Vec<u8>)],
    options: &Options,
) -> Result<Vec<wit::Rendered>, wit::Failure> {
    let one = |(nth, Template { name, text }): (usize, Template)| {
        let mut seed = Sha256::new();
        seed.update(&options.seed);
        seed.update((nth as u64).to_le_bytes());
        let own = Options { seed: seed.finalize().to_vec(), ..options.clone() };
        match E::render(&text, &Data(data), &own) {
            Ok(Rendered { text, varies }) => Ok(wit::Rendered { name, data: text, varies }),
            Err(Failure { line, column, detail }) => {
                Err(wit::Failure { template: name, line, column, detail })
            }
        }
    };
    templates.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::export::Exported;
    use crate::template::interface::Guest as _;

    /// Its text is its seed.
    struct Seeds;

    impl Engine for Seeds {
        const NAME: &'static str = "seeds";
        const VERSION: &'static str = "1";

        fn render(text: &str, data: &Data<'_>, options: &Options) -> Result<Rendered, Failure> {
            match data.get(text) {
                Some(_) => Ok(Rendered { text: options.seed.clone(), varies: true }),
                None => Err(Failure::at("a\nüb!", 5, "no such key")),
            }
        }
    }

    fn render(texts: &[&str]) -> Result<Vec<wit::Rendered>, wit::Failure> {
        let template = |text: &&str| Template { name: format!("data.{text}"), text: (*text).to_owned() };
        let options = Options {
            strict: true,
            left_delimiter: String::new(),
            right_delimiter: String::new(),
            now_ms: 0,
            seed: vec![1; 32],
        };
        Exported::<Seeds>::render(
            texts.iter().map(template).collect(),
            vec![("k".to_owned(), Vec::new())],
            options,
        )
    }

    #[test]
    fn each_template_has_its_own_chance_and_a_failure_its_name() {
        let both = render(&["k", "k"]).unwrap();
        assert!(both[0].data != both[1].data && both[0].varies && both[0].data.len() == 32);
        assert_eq!(both[1].data, render(&["k", "k"]).unwrap()[1].data);
        let failure = render(&["k", "gone"]).unwrap_err();
        assert_eq!((failure.template.as_str(), failure.line, failure.column), ("data.gone", 2, 3));
    }
}
