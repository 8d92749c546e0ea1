//! The texts that a redactor looks for, each once. They are found by halving what is in order: a look takes the logarithm
//! of how many there are, whatever they and the text are. Their number and bytes have limits.
//!
//! Which texts those are, and what stands in their place, is not decided here.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use crate::secret::SecretBytes;

/// Forms of one redactor: a password has seven or eight, so those of four thousand.
pub(super) const MAX_FORMS: usize = 32 << 10;

/// Bytes of all forms of one redactor: a value of 512 bytes and more has 8 KiB of forms, so those of five hundred. Twenty
/// reconciles at once hold 80 MiB of them at most.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// One of them: wiped when dropped, like what it is made of. No `Debug`.
struct Form(SecretBytes);

impl Form {
    fn bytes(&self) -> &[u8] {
        self.0.expose()
    }
}

impl PartialEq for Form {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Form {}

impl Hash for Form {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

/// One in its place.
struct Placed {
    form: Arc<Form>,
    /// Where the longest other one is that this one begins with.
    within: Option<usize>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Forms {
    known: HashSet<Arc<Form>>,
    bytes: usize,
    /// Made at the first look, and anew when more were added since.
    ordered: OnceLock<Vec<Placed>>,
}

impl Forms {
    /// Adds one. Whether there was room for it.
    pub(super) fn add(&mut self, form: SecretBytes) -> bool {
        let form = Form(form);
        if self.known.contains(&form) {
            return true;
        }
        let bytes = self.bytes + form.bytes().len();
        if self.known.len() >= MAX_FORMS || bytes > MAX_BYTES {
            return false;
        }
        self.bytes = bytes;
        self.ordered.take();
        self.known.insert(Arc::new(form));
        true
    }

    /// How long the longest is that a text begins with.
    pub(super) fn longest(&self, text: &[u8]) -> Option<usize> {
        let forms = self.ordered();
        let mut at = forms.partition_point(|one| one.form.bytes() <= text).checked_sub(1);
        // Whatever the text begins with stands no later than this one, and this one begins with it too.
        let last = forms[at?].form.bytes();
        let same = last.iter().zip(text).take_while(|(one, other)| one == other).count();
        while let Some(place) = at {
            let length = forms[place].form.bytes().len();
            if length <= same {
                return Some(length);
            }
            at = forms[place].within;
        }
        None
    }

    /// Whether one of them begins with a text and is longer.
    pub(super) fn continues(&self, text: &[u8]) -> bool {
        let forms = self.ordered();
        // Those that begin with the text stand right behind it.
        let next = forms.get(forms.partition_point(|one| one.form.bytes() <= text));
        next.is_some_and(|one| one.form.bytes().starts_with(text))
    }

    fn ordered(&self) -> &[Placed] {
        self.ordered.get_or_init(|| {
            let mut forms: Vec<Arc<Form>> = self.known.iter().cloned().collect();
            forms.sort_unstable_by(|one, other| one.bytes().cmp(other.bytes()));
            let mut placed: Vec<Placed> = Vec::with_capacity(forms.len());
            for form in forms {
                let mut within = placed.len().checked_sub(1);
                while let Some(place) = within
                    && !form.bytes().starts_with(placed[place].form.bytes())
                {
                    within = placed[place].within;
                }
                placed.push(Placed { form, within });
            }
            placed
        })
    }

    /// How many there are, and their bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.known.len(), self.known.iter().map(|form| form.bytes().len()).sum())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::redact::Redactor;
    use crate::secret::Untrusted;

    fn form(text: &str) -> SecretBytes {
        SecretBytes::copied_from(text.as_bytes())
    }

    fn seeded(values: &impl serde::Serialize) -> Redactor {
        let mut redactor = Redactor::default();
        redactor.seed(&SecretBytes::new(json!(values).to_string().into_bytes()));
        redactor
    }

    #[test]
    fn each_is_held_once_and_so_many_at_most() {
        let mut forms = Forms::default();
        assert!((0..1_000).all(|_| forms.add(form("the-same"))));
        assert_eq!(forms.size(), (1, 8));
        let added = (0..MAX_FORMS).filter(|n| forms.add(form(&format!("{n:08}")))).count();
        assert_eq!(forms.size(), (MAX_FORMS, 8 * MAX_FORMS));
        assert_eq!(added, MAX_FORMS - 1);
        assert!(forms.add(form("the-same")), "it is there");
        let mut forms = Forms::default();
        let added = (0..=MAX_BYTES >> 10).filter(|n| forms.add(form(&format!("{n:01024}")))).count();
        assert_eq!((added, forms.size().1), (MAX_BYTES >> 10, MAX_BYTES));
    }

    /// What a tenant can put into a value of 400 KB: what it costs is what is held, and that has a limit. All that is left
    /// to be said then is that nothing is said.
    #[test]
    fn who_has_more_forms_than_are_looked_for_is_told_nothing() {
        let lines: String = (0..72).map(|line| format!("line{line:02}\n")).collect();
        let strings: Vec<String> = (0..900).map(|n| format!("{n:04}{lines}")).collect();
        assert!(strings.iter().map(String::len).sum::<usize>() > 400_000);
        let mut redactor = seeded(&strings);
        assert!(redactor.overfull);
        let (forms, bytes) = redactor.forms.size();
        assert!(bytes <= MAX_BYTES && forms <= MAX_FORMS);
        assert!(bytes > MAX_BYTES - 2_048, "it is the bytes that were too many");
        let said = redactor.clean(&Untrusted::new("0001line00 and something else"));
        assert_eq!(said, "(detail withheld: too many values to check it for)");
        assert!(redactor.clean_text("a text of our own with line01").ends_with("with [redacted]"));
        redactor.seed(&SecretBytes::copied_from(b"another-value"));
        assert_eq!(redactor.forms.size(), (forms, bytes), "nothing is done for those that come later");
        // Many short ones: there it is the values.
        let numbers: Vec<u64> = (1_000_000..1_005_000).collect();
        let redactor = seeded(&numbers);
        assert!(redactor.overfull && redactor.forms.size().0 <= MAX_FORMS);
        // And what a Secret may hold is none too many.
        let passwords: Vec<String> = (0..3_000).map(|n| format!("pass-word/{n:05}")).collect();
        assert!(!seeded(&passwords).overfull);
    }

    proptest! {
        /// As one finds it who looks at each. Of few letters, so that they begin with each other.
        #[test]
        fn it_finds_what_a_look_at_each_finds(
            forms in proptest::collection::vec("[ab]{1,6}|a{1,9}", 0..20),
            later in "[ab]{1,4}",
            text in "[abc]{0,10}",
        ) {
            let mut all = Forms::default();
            let mut known: Vec<&str> = Vec::new();
            for form in forms.iter().chain([&later]) {
                known.push(form);
                prop_assert!(all.add(SecretBytes::copied_from(form.as_bytes())));
                let longest = known.iter().filter(|form| text.starts_with(**form)).map(|form| form.len()).max();
                prop_assert_eq!(all.longest(text.as_bytes()), longest);
                let continues = known.iter().any(|form| form.len() > text.len() && form.starts_with(&text));
                prop_assert_eq!(all.continues(text.as_bytes()), continues);
            }
        }
    }
}
