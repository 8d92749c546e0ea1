//! Go's template language: text to tokens, tokens to a tree, and what a tree does with data. The
//! specification is Go's text/template; what it refuses is refused here, since a template that is cut
//! short in silence would write a wrong secret.

pub(crate) mod call;
pub(crate) mod execute;
pub(crate) mod lexer;
pub(crate) mod literal;
pub(crate) mod parser;
mod pipeline;
pub(crate) mod tree;
