//! Tokens. Trim markers and comments are dealt with here; the parser never sees them.

use std::borrow::Cow;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Assign,
    Block,
    Bool,
    Break,
    Char,
    CharConstant,
    Continue,
    Declare,
    Define,
    Dot,
    Else,
    End,
    Eof,
    Field,
    Identifier,
    If,
    LeftDelim,
    LeftParen,
    Nil,
    Number,
    Pipe,
    Range,
    RawString,
    RightDelim,
    RightParen,
    Space,
    Str,
    Template,
    Text,
    Variable,
    With,
}

/// A token; of `Error` the text is the message.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) at: usize,
    pub(crate) text: Cow<'a, str>,
}

struct Lexer<'a> {
    input: &'a str,
    at: usize,
    start: usize,
    left: &'a str,
    right: &'a str,
    parens: usize,
    tokens: Vec<Token<'a>>,
}

/// Stops at the first error, which is then the last token; otherwise the last token is `Eof`.
pub(crate) fn lex<'a>(input: &'a str, left: &'a str, right: &'a str) -> Vec<Token<'a>> {
    let left = if left.is_empty() { "{{" } else { left };
    let right = if right.is_empty() { "}}" } else { right };
    let mut lexer = Lexer { input, at: 0, start: 0, left, right, parens: 0, tokens: Vec::new() };
    if let Err(message) = lexer.text() {
        let at = lexer.start;
        lexer.tokens.push(Token { kind: Kind::Error, at, text: message.into() });
    }
    lexer.tokens
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_numeric()
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.input[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn emit(&mut self, kind: Kind) {
        let text = &self.input[self.start..self.at];
        self.tokens.push(Token { kind, at: self.start, text: text.into() });
        self.start = self.at;
    }

    fn accept(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|c| valid.contains(c));
        if found {
            self.next();
        }
        found
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    /// Whole input: texts and actions.
    fn text(&mut self) -> Result<(), String> {
        while let Some(found) = self.rest().find(self.left) {
            let after = &self.rest()[found + self.left.len()..];
            let text = &self.rest()[..found];
            let kept = if left_trim(after) { text.trim_end_matches(SPACES).len() } else { found };
            self.at += kept;
            if kept > 0 {
                self.emit(Kind::Text);
            }
            self.at += found - kept;
            self.start = self.at;
            self.action()?;
        }
        self.at = self.input.len();
        if self.at > self.start {
            self.emit(Kind::Text);
        }
        self.emit(Kind::Eof);
        Ok(())
    }

    /// From the left delimiter to behind the right one.
    fn action(&mut self) -> Result<(), String> {
        self.at += self.left.len();
        let marker = if left_trim(self.rest()) { 2 } else { 0 };
        if self.rest()[marker..].starts_with("/*") {
            self.at += marker;
            self.start = self.at;
            let end = self.rest().find("*/").ok_or("unclosed comment")?;
            self.at += end + 2;
            if !self.right_delim() {
                return Err("comment ends before closing delimiter".to_owned());
            }
            return Ok(());
        }
        self.emit(Kind::LeftDelim);
        self.at += marker;
        self.start = self.at;
        self.parens = 0;
        self.inside()
    }

    /// Skips a right delimiter and what it trims; tells whether there was one. Emits nothing.
    fn right_delim(&mut self) -> bool {
        let trims = self.at_trimming_right();
        if !trims && !self.rest().starts_with(self.right) {
            return false;
        }
        self.at += self.right.len() + if trims { 2 } else { 0 };
        if trims {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(SPACES).len();
        }
        self.start = self.at;
        true
    }

    fn at_trimming_right(&self) -> bool {
        let rest = self.rest();
        rest.starts_with(SPACES) && rest[1..].starts_with('-') && rest[2..].starts_with(self.right)
    }

    fn inside(&mut self) -> Result<(), String> {
        loop {
            if self.at_trimming_right() || self.rest().starts_with(self.right) {
                if self.parens > 0 {
                    return Err("unclosed left paren".to_owned());
                }
                let at = self.start;
                self.right_delim();
                self.tokens.push(Token { kind: Kind::RightDelim, at, text: self.right.into() });
                return Ok(());
            }
            let Some(c) = self.next() else { return Err("unclosed action".to_owned()) };
            match c {
                c if SPACES.contains(&c) => self.space(),
                '=' => self.emit(Kind::Assign),
                ':' => {
                    if self.next() != Some('=') {
                        return Err("expected :=".to_owned());
                    }
                    self.emit(Kind::Declare);
                }
                '|' => self.emit(Kind::Pipe),
                '"' => self.quoted('"', Kind::Str, "unterminated quoted string")?,
                '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant")?,
                '`' => {
                    let end = self.rest().find('`').ok_or("unterminated raw quoted string")?;
                    self.at += end + 1;
                    self.emit(Kind::RawString);
                }
                '$' => self.field_or_variable(Kind::Variable)?,
                '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                    self.field_or_variable(Kind::Field)?
                }
                '.' | '+' | '-' | '0'..='9' => {
                    self.at = self.start;
                    self.number()?;
                }
                c if is_word(c) => self.identifier()?,
                '(' => {
                    self.parens += 1;
                    self.emit(Kind::LeftParen);
                }
                ')' => {
                    self.parens = self.parens.checked_sub(1).ok_or("unexpected right paren")?;
                    self.emit(Kind::RightParen);
                }
                c if c.is_ascii_graphic() => self.emit(Kind::Char),
                c => return Err(format!("unrecognized character in action: U+{:04X}", u32::from(c))),
            }
        }
    }

    /// A run of spaces, less the last one where it belongs to a trimming delimiter.
    fn space(&mut self) {
        self.accept_run(" \t\r\n");
        self.at -= 1;
        if !self.at_trimming_right() {
            self.at += 1;
        }
        if self.at > self.start {
            self.emit(Kind::Space);
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Result<(), String> {
        loop {
            match self.next() {
                Some('\\') if self.next().is_some_and(|c| c != '\n') => {}
                Some('\\' | '\n') | None => return Err(unterminated.to_owned()),
                Some(c) if c == quote => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    fn terminated(&self) -> bool {
        match self.peek() {
            None => true,
            Some(c) if SPACES.contains(&c) => true,
            Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            _ => self.rest().starts_with(self.right),
        }
    }

    fn require_end(&self) -> Result<(), String> {
        match self.peek() {
            Some(c) if !self.terminated() => Err(format!("bad character U+{:04X}", u32::from(c))),
            _ => Ok(()),
        }
    }

    fn word(&mut self) -> Result<(), String> {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        self.require_end()
    }

    fn field_or_variable(&mut self, kind: Kind) -> Result<(), String> {
        if self.terminated() {
            self.emit(if kind == Kind::Variable { kind } else { Kind::Dot });
            return Ok(());
        }
        self.word()?;
        self.emit(kind);
        Ok(())
    }

    fn identifier(&mut self) -> Result<(), String> {
        self.word()?;
        let kind = match &self.input[self.start..self.at] {
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "nil" => Kind::Nil,
            "template" => Kind::Template,
            "with" => Kind::With,
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.emit(kind);
        Ok(())
    }

    /// Takes too much ("0x0.2"); what is no number is found when it is read.
    fn number(&mut self) -> Result<(), String> {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        if self.peek().is_some_and(|c| is_word(c) || c == '+' || c == '-') {
            self.next();
            return Err("bad number syntax".to_owned());
        }
        self.emit(Kind::Number);
        Ok(())
    }
}

fn left_trim(text: &str) -> bool {
    text.starts_with('-') && text[1..].starts_with(SPACES)
}
