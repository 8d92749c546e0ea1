//! The parsed template. Every part knows its byte offset, for errors.

use std::collections::BTreeMap;

use crate::text::Text;

/// What a list of nodes holds.
pub(crate) enum Node {
    Text(Text),
    Action(Pipe),
    If(Branch),
    Range(Branch),
    With(Branch),
    Template { at: usize, name: String, pipe: Option<Pipe> },
    Break,
    Continue,
}

/// if, range, with.
pub(crate) struct Branch {
    pub(crate) at: usize,
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// `$x := a | b`.
pub(crate) struct Pipe {
    pub(crate) at: usize,
    /// `=` rather than `:=`.
    pub(crate) assign: bool,
    pub(crate) declared: Vec<String>,
    pub(crate) commands: Vec<Command>,
}

/// A function with its arguments, or one operand.
pub(crate) struct Command {
    pub(crate) first: Expr,
    pub(crate) rest: Vec<Expr>,
}

/// An operand.
pub(crate) struct Expr {
    pub(crate) at: usize,
    pub(crate) term: Term,
}

/// What an operand is.
pub(crate) enum Term {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    Str(Text),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`
    Variable(String, Vec<String>),
    Function(String),
    Pipe(Box<Pipe>),
    /// `(pipe).a.b`, `function.a`
    Chain(Box<Expr>, Vec<String>),
}

/// An untyped constant: what it can be, depending on who asks.
pub(crate) struct Number {
    pub(crate) int: Option<i64>,
    pub(crate) float: Option<f64>,
    /// Written like a float, so a float where nobody asks for a type.
    pub(crate) float_syntax: bool,
}

/// The templates of one text: the text itself, and what it defines.
pub(crate) struct Templates {
    pub(crate) main: Vec<Node>,
    pub(crate) defined: BTreeMap<String, Vec<Node>>,
}

/// Is there nothing but white space? Such a definition yields to another one.
pub(crate) fn is_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| matches!(node, Node::Text(text) if crate::text::trim_space(text).is_empty()))
}
