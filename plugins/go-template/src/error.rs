//! What can go wrong in a template. Details name keys, functions and types; they never quote a value,
//! because a detail ends in a status that everybody may read.

/// Why a template was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The text is no template. `at` is a byte offset.
    #[error("{detail}")]
    Syntax {
        /// Byte offset into the template.
        at: usize,
        /// In Go's words, where Go has any.
        detail: String,
    },
    /// It failed while running, at a place.
    #[error("{detail}")]
    Execution {
        /// Byte offset into the template.
        at: usize,
        /// In Go's words, where Go has any.
        detail: String,
    },
    /// A function refused; the executor adds the place.
    #[error("{0}")]
    Function(String),
}

impl EngineError {
    /// A function's refusal.
    pub(crate) fn function(detail: impl Into<String>) -> Self {
        Self::Function(detail.into())
    }

    /// Puts a refusal at a place; an error that has one keeps it.
    pub(crate) fn at(self, at: usize) -> Self {
        match self {
            Self::Function(detail) => Self::Execution { at, detail },
            placed => placed,
        }
    }
}
