//! Tokens to a tree: texts, blocks, definitions. Blocks without an end and ends without a block are errors
//! here, before anything runs, as in Go. What stands inside the delimiters is `pipeline`'s.

use std::collections::BTreeMap;

use super::lexer::{Kind, Token, lex};
use super::literal;
use super::tree::{Branch, Node, Templates, is_empty};
use crate::error::EngineError;

/// Blocks inside one another, and branches of one `if`. In wasmtime's default stack of 512 KiB 800 fit.
const MAX_DEPTH: usize = 200;

pub(super) type Parsed<T> = Result<T, EngineError>;

/// How a list of nodes ended.
enum End {
    End,
    Else(usize),
}

pub(super) struct Parser<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    pub(super) next: usize,
    pub(super) variables: Vec<String>,
    ranges: usize,
    depth: usize,
    pub(super) parens: usize,
    pub(super) known: &'a dyn Fn(&str) -> bool,
    defined: BTreeMap<String, Vec<Node>>,
}

/// Parses a template; `known` says which functions there are.
pub(crate) fn parse(text: &str, left: &str, right: &str, known: &dyn Fn(&str) -> bool) -> Parsed<Templates> {
    let mut parser = Parser {
        tokens: lex(text, left, right),
        next: 0,
        variables: vec!["$".to_owned()],
        ranges: 0,
        depth: 0,
        parens: 0,
        known,
        defined: BTreeMap::new(),
    };
    let main = parser.main()?;
    Ok(Templates { main, defined: parser.defined })
}

pub(super) fn syntax<T>(at: usize, detail: impl Into<String>) -> Parsed<T> {
    Err(EngineError::Syntax { at, detail: detail.into() })
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> &Token<'a> {
        // The last token is Eof or Error and is never passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    pub(super) fn take(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.take();
        }
    }

    pub(super) fn take_word(&mut self) -> Token<'a> {
        self.skip_space();
        self.take()
    }

    pub(super) fn peek_word(&mut self) -> Kind {
        self.skip_space();
        self.peek().kind
    }

    pub(super) fn unexpected<T>(&self, token: &Token<'a>, context: &str) -> Parsed<T> {
        match token.kind {
            Kind::Error => syntax(token.at, token.text.clone()),
            Kind::Eof => syntax(token.at, "unexpected EOF"),
            Kind::Text => syntax(token.at, format!("unexpected text in {context}")),
            _ => syntax(token.at, format!("unexpected {:?} in {context}", token.text)),
        }
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'a>> {
        let token = self.take_word();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn main(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::Eof {
            let at = self.peek().at;
            if self.peek().kind == Kind::LeftDelim {
                let before = self.next;
                self.take();
                if self.peek_word() == Kind::Define {
                    self.take();
                    self.define()?;
                    continue;
                }
                self.next = before;
            }
            match self.text_or_action()? {
                Ok(node) => nodes.push(node),
                Err(End::End) => return syntax(at, "unexpected {{end}}"),
                Err(End::Else(_)) => return syntax(at, "unexpected {{else}}"),
            }
        }
        Ok(nodes)
    }

    fn define(&mut self) -> Parsed<()> {
        let name = self.take_word();
        let name = self.template_name(&name, "define clause")?;
        self.expect(Kind::RightDelim, "define clause")?;
        self.body_of(name, "define clause")
    }

    /// The body of a define or block: its own variables, and no range around it.
    fn body_of(&mut self, name: String, context: &str) -> Parsed<()> {
        let at = self.peek().at;
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, end) = self.list()?;
        self.variables = variables;
        self.ranges = ranges;
        if let End::Else(at) = end {
            return syntax(at, format!("unexpected {{{{else}}}} in {context}"));
        }
        match self.defined.get(&name) {
            Some(other) if !is_empty(other) => {
                if !is_empty(&body) {
                    return syntax(at, format!("multiple definition of template {name:?}"));
                }
            }
            _ => {
                self.defined.insert(name, body);
            }
        }
        Ok(())
    }

    fn list(&mut self) -> Parsed<(Vec<Node>, End)> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return syntax(self.peek().at, format!("blocks or branches are nested deeper than {MAX_DEPTH}"));
        }
        let mut nodes = Vec::new();
        while self.peek_word() != Kind::Eof {
            match self.text_or_action()? {
                Ok(node) => nodes.push(node),
                Err(end) => {
                    self.depth -= 1;
                    return Ok((nodes, end));
                }
            }
        }
        syntax(self.peek().at, "unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Result<Node, End>> {
        let token = self.take_word();
        match token.kind {
            Kind::Text => Ok(Ok(Node::Text(token.text.as_bytes().into()))),
            Kind::LeftDelim => self.action(),
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Result<Node, End>> {
        self.skip_space();
        let before = self.next;
        let token = self.take();
        Ok(Ok(match token.kind {
            Kind::Block => self.block(token.at)?,
            Kind::Break | Kind::Continue => {
                let context = format!("{{{{{}}}}}", token.text);
                self.expect(Kind::RightDelim, &context)?;
                if self.ranges == 0 {
                    return syntax(token.at, format!("{context} outside {{{{range}}}}"));
                }
                if token.kind == Kind::Break { Node::Break } else { Node::Continue }
            }
            Kind::Else => {
                if !matches!(self.peek_word(), Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Err(End::Else(token.at)));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Err(End::End));
            }
            Kind::If => Node::If(self.control(token.at, "if")?),
            Kind::Range => Node::Range(self.control(token.at, "range")?),
            Kind::With => Node::With(self.control(token.at, "with")?),
            Kind::Template => self.template(token.at)?,
            _ => {
                self.next = before;
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        }))
    }

    fn control(&mut self, at: usize, context: &str) -> Parsed<Branch> {
        let scope = self.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let looping = usize::from(context == "range");
        self.ranges += looping;
        let (body, end) = self.list()?;
        self.ranges -= looping;
        let mut otherwise = Vec::new();
        if let End::Else(at) = end {
            let next = self.peek().kind;
            if context == "if" && next == Kind::If {
                self.take();
                otherwise.push(Node::If(self.nested(at, "if")?));
            } else if context == "with" && next == Kind::With {
                self.take();
                otherwise.push(Node::With(self.nested(at, "with")?));
            } else {
                let (nodes, end) = self.list()?;
                if let End::Else(at) = end {
                    return syntax(at, "expected end; found {{else}}");
                }
                otherwise = nodes;
            }
        }
        self.variables.truncate(scope);
        Ok(Branch { at, pipe, body, otherwise })
    }

    /// `else if`: one level deeper in the tree, although not in the text.
    fn nested(&mut self, at: usize, context: &str) -> Parsed<Branch> {
        self.depth += 1;
        let branch = self.control(at, context)?;
        self.depth -= 1;
        Ok(branch)
    }

    fn block(&mut self, at: usize) -> Parsed<Node> {
        let name = self.take_word();
        let name = self.template_name(&name, "block clause")?;
        let pipe = self.pipeline("block clause", Kind::RightDelim)?;
        self.body_of(name.clone(), "block clause")?;
        Ok(Node::Template { at, name, pipe: Some(pipe) })
    }

    fn template(&mut self, at: usize) -> Parsed<Node> {
        let name = self.take_word();
        let name = self.template_name(&name, "template clause")?;
        let pipe = if self.peek_word() == Kind::RightDelim {
            self.take();
            None
        } else {
            Some(self.pipeline("template clause", Kind::RightDelim)?)
        };
        Ok(Node::Template { at, name, pipe })
    }

    fn template_name(&self, token: &Token<'a>, context: &str) -> Parsed<String> {
        match token.kind {
            Kind::Str | Kind::RawString => match literal::unquote(&token.text).map(String::from_utf8) {
                Some(Ok(name)) => Ok(name),
                _ => syntax(token.at, "invalid syntax"),
            },
            _ => self.unexpected(token, context),
        }
    }
}
