//! Tokens to a tree: pipelines, commands, operands. Unknown functions and variables are errors here, before
//! anything runs, as in Go.

use super::lexer::{Kind, Token};
use super::literal;
use super::parser::{Parsed, Parser, syntax};
use super::tree::{Command, Expr, Number, Pipe, Term};

/// Parentheses inside one another. Go takes 10000; in wasmtime's default stack of 512 KiB 400 calls fit,
/// and the blocks around them need most of it.
const MAX_PARENS: usize = 100;

impl<'a> Parser<'a> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        self.skip_space();
        let at = self.peek().at;
        let mut pipe = Pipe { at, assign: false, declared: Vec::new(), commands: Vec::new() };
        while self.peek_word() == Kind::Variable {
            let before = self.next;
            let variable = self.take();
            self.skip_space();
            let next = self.peek().clone();
            if matches!(next.kind, Kind::Assign | Kind::Declare) {
                self.take();
                pipe.assign = next.kind == Kind::Assign;
                self.declare(&mut pipe, &variable);
                break;
            } else if next.kind == Kind::Char && next.text == "," {
                self.take();
                self.declare(&mut pipe, &variable);
                if context != "range" || pipe.declared.len() >= 2 {
                    return syntax(next.at, format!("too many declarations in {context}"));
                }
                if !matches!(self.peek_word(), Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                    return syntax(next.at, "range can only initialize variables");
                }
            } else {
                self.next = before;
                break;
            }
        }
        loop {
            let token = self.take_word();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::Str
                | Kind::Variable
                | Kind::LeftParen => {
                    self.next -= 1;
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if pipe.commands.is_empty() {
            return syntax(at, format!("missing value for {context}"));
        }
        for (stage, command) in pipe.commands.iter().enumerate().skip(1) {
            if matches!(
                command.first.term,
                Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::Str(_)
            ) {
                let stage = stage + 1;
                return syntax(command.first.at, format!("non executable command in pipeline stage {stage}"));
            }
        }
        Ok(pipe)
    }

    fn declare(&mut self, pipe: &mut Pipe, variable: &Token<'a>) {
        pipe.declared.push(variable.text.to_string());
        self.variables.push(variable.text.to_string());
    }

    fn command(&mut self) -> Parsed<Command> {
        let at = self.peek().at;
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            operands.extend(self.operand()?);
            let token = self.take();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.next -= 1,
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        let mut operands = operands.into_iter();
        match operands.next() {
            Some(first) => Ok(Command { first, rest: operands.collect() }),
            None => syntax(at, "empty command"),
        }
    }

    fn operand(&mut self) -> Parsed<Option<Expr>> {
        let Some(Expr { at, term }) = self.term()? else { return Ok(None) };
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.take().text[1..].to_owned());
        }
        if fields.is_empty() {
            return Ok(Some(Expr { at, term }));
        }
        let term = match term {
            Term::Field(mut names) => {
                names.extend(fields);
                Term::Field(names)
            }
            Term::Variable(name, mut names) => {
                names.extend(fields);
                Term::Variable(name, names)
            }
            Term::Bool(_) | Term::Str(_) | Term::Number(_) | Term::Nil | Term::Dot => {
                return syntax(at, "unexpected . after term");
            }
            term => Term::Chain(Box::new(Expr { at, term }), fields),
        };
        Ok(Some(Expr { at, term }))
    }

    fn term(&mut self) -> Parsed<Option<Expr>> {
        self.skip_space();
        let before = self.next;
        let token = self.take();
        let at = token.at;
        let constant = |number: Result<Number, String>| match number {
            Ok(number) => Ok(Term::Number(number)),
            Err(why) => syntax(at, why),
        };
        let term = match token.kind {
            Kind::Identifier => {
                if !(self.known)(&token.text) {
                    return syntax(at, format!("function {:?} not defined", token.text));
                }
                Term::Function(token.text.to_string())
            }
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable => {
                if !self.variables.iter().any(|name| *name == token.text) {
                    return syntax(at, format!("undefined variable {:?}", token.text));
                }
                Term::Variable(token.text.to_string(), Vec::new())
            }
            Kind::Field => Term::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => Term::Bool(token.text == "true"),
            Kind::Number => constant(literal::number(&token.text))?,
            Kind::CharConstant => constant(literal::character_number(&token.text))?,
            Kind::Str | Kind::RawString => match literal::unquote(&token.text) {
                Some(text) => Term::Str(text.into()),
                None => return syntax(at, "invalid syntax"),
            },
            Kind::LeftParen => {
                self.parens += 1;
                if self.parens > MAX_PARENS {
                    return syntax(at, "max expression depth exceeded");
                }
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.parens -= 1;
                Term::Pipe(Box::new(pipe))
            }
            _ => {
                self.next = before;
                return Ok(None);
            }
        };
        Ok(Some(Expr { at, term }))
    }
}
