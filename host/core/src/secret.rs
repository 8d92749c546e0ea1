//! The one type that holds secret bytes, and the mark of texts that nobody vouches for.
//!
//! `SecretBytes` cannot be formatted, compared in variable time, serialized or cloned by accident:
//! whoever needs the bytes says `expose`, which can be searched for. It does not protect memory from
//! a debugger; it is wiped when dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

/// Values by their keys, as a Secret has them.
pub type Data = BTreeMap<String, Arc<SecretBytes>>;

/// Secret bytes, wiped when dropped. No `Debug`, `Display`, `Serialize`, `Clone`, `PartialEq`.
pub struct SecretBytes(Zeroizing<Box<[u8]>>);

impl SecretBytes {
    /// Takes the bytes over. A vector with spare capacity is copied to an exact one and the old
    /// allocation is wiped, so that no copy stays behind.
    pub fn new(bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(Zeroizing::new(bytes.into_boxed_slice()));
        }
        let source = Zeroizing::new(bytes);
        Self(Zeroizing::new(source.as_slice().into()))
    }

    /// A copy of borrowed bytes; the caller answers for the original.
    pub fn copied_from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves. Every use is a place an auditor reads.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Equality in constant time for equal lengths.
    pub fn same(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.expose(), other.expose()).into()
    }

    /// An explicit second copy, for the places that need two owners and cannot share an `Arc`.
    pub fn duplicate(&self) -> Self {
        Self::copied_from(self.expose())
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

/// Text from a plugin, a server or a parser: it may quote a secret. Capped when made, and readable only
/// through [`crate::redact::Redactor::clean`].
#[derive(Clone, Default)]
pub struct Untrusted {
    // Boxed, so that the mark beside it makes no error larger.
    text: Box<str>,
    /// There was more of it: a secret may stand at its end in part.
    cut: bool,
}

/// Longest untrusted text that is kept, in bytes: a condition message has to stay readable, and a
/// server's HTML error page says nothing after its first lines.
pub const UNTRUSTED_CAP: usize = 512;

impl Untrusted {
    /// Keeps at most [`UNTRUSTED_CAP`] bytes, cut at a character.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let end = text.floor_char_boundary(UNTRUSTED_CAP);
        Self { text: text[..end].into(), cut: end < text.len() }
    }

    /// One that was cut before, if `cut`: what was made of it is still a beginning.
    pub(crate) fn rest_of(text: &str, cut: bool) -> Self {
        let new = Self::new(text);
        Self { cut: cut || new.cut, ..new }
    }

    /// Whether there is any text.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// For the redactor alone.
    pub(crate) fn raw(&self) -> &str {
        &self.text
    }

    /// Whether it ends where it was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }
}

impl std::fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Untrusted({} bytes)", self.text.len())
    }
}
