//! Running a template: walking the tree with dot and variables, writing what it shows.

use std::rc::Rc;

use super::call::{Type, ideal};
use super::tree::{Branch, Command, Expr, Node, Pipe, Templates, Term};
use crate::error::EngineError;
use crate::format::print;
use crate::functions::{Env, lookup, methods};
use crate::limits;
use crate::value::{Value, Width};

/// Blocks and templates inside one another. Go takes 100000 templates; in wasmtime's default stack of
/// 512 KiB 800 of these fit and 1200 trap, and an expression needs room on top.
const MAX_DEPTH: usize = 500;

type Outcome<T> = Result<T, EngineError>;

/// How a walk ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// The state of one run.
pub(crate) struct Executor<'a> {
    pub(super) env: &'a Env,
    templates: &'a Templates,
    /// A key that is not there is an error.
    strict: bool,
    variables: Vec<(Rc<str>, Value)>,
    out: Vec<u8>,
    passes: u64,
    depth: usize,
}

/// Renders the main template with `data` as dot.
pub(crate) fn execute(templates: &Templates, data: &Value, strict: bool, env: &Env) -> Outcome<Vec<u8>> {
    let mut executor = Executor {
        env,
        templates,
        strict,
        variables: vec![("$".into(), data.clone())],
        out: Vec::new(),
        passes: 0,
        depth: 0,
    };
    executor.walk(data, &templates.main)?;
    Ok(executor.out)
}

fn fail<T>(at: usize, detail: impl Into<String>) -> Outcome<T> {
    Err(EngineError::function(detail).at(at))
}

impl Executor<'_> {
    fn walk(&mut self, dot: &Value, nodes: &[Node]) -> Outcome<Flow> {
        self.depth += 1;
        for node in nodes {
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                self.depth -= 1;
                return Ok(flow);
            }
        }
        self.depth -= 1;
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Value, node: &Node) -> Outcome<Flow> {
        match node {
            Node::Text(text) => self.write(text, 0)?,
            Node::Action(pipe) => {
                let value = self.pipeline(dot, pipe)?;
                if pipe.declared.is_empty() {
                    match &value {
                        Value::Nil => self.write(b"<no value>", pipe.at)?,
                        Value::Str(text) => self.write(text, pipe.at)?,
                        other => self.write(&print::show(other), pipe.at)?,
                    }
                }
            }
            Node::If(branch) => return self.scoped(|this| this.choose(dot, branch, false)),
            Node::With(branch) => return self.scoped(|this| this.choose(dot, branch, true)),
            Node::Range(branch) => return self.scoped(|this| this.range(dot, branch)),
            Node::Template { at, name, pipe } => self.template(dot, *at, name, pipe.as_ref())?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, text: &[u8], at: usize) -> Outcome<()> {
        limits::check_size("rendering", self.out.len() + text.len()).map_err(|error| error.at(at))?;
        self.out.extend_from_slice(text);
        Ok(())
    }

    /// Forgets the variables that the step declares.
    fn scoped(&mut self, step: impl FnOnce(&mut Self) -> Outcome<Flow>) -> Outcome<Flow> {
        let mark = self.variables.len();
        let flow = step(self);
        self.variables.truncate(mark);
        flow
    }

    fn choose(&mut self, dot: &Value, branch: &Branch, with: bool) -> Outcome<Flow> {
        let value = self.pipeline(dot, &branch.pipe)?;
        if value.truth() {
            self.walk(if with { &value } else { dot }, &branch.body)
        } else {
            self.walk(dot, &branch.otherwise)
        }
    }

    fn range(&mut self, dot: &Value, branch: &Branch) -> Outcome<Flow> {
        let value = self.pipeline(dot, &branch.pipe)?;
        let mark = self.variables.len();
        let mut ran = false;
        match &value {
            Value::Nil => {}
            Value::Int(_, Width::Uint64) => return fail(branch.at, "range can't iterate over uint64"),
            Value::Int(n, width) => {
                if branch.pipe.declared.len() > 1 {
                    return fail(branch.at, "can't use an int to iterate over more than one variable");
                }
                for index in 0..*n {
                    ran = true;
                    if !self.pass(branch, mark, Value::Nil, Value::Int(index, *width))? {
                        break;
                    }
                }
            }
            Value::List(list) => {
                for (index, item) in list.items.iter().enumerate() {
                    ran = true;
                    if !self.pass(branch, mark, Value::size(index), item.clone())? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, item) in map.entries() {
                    ran = true;
                    if !self.pass(branch, mark, Value::Str(key), item)? {
                        break;
                    }
                }
            }
            other => return fail(branch.at, format!("range can't iterate over a {}", other.type_name())),
        }
        if ran { Ok(Flow::Next) } else { self.walk(dot, &branch.otherwise) }
    }

    /// One pass of a loop; tells whether there may be another.
    fn pass(&mut self, branch: &Branch, mark: usize, index: Value, item: Value) -> Outcome<bool> {
        self.passes += 1;
        if self.passes > limits::MAX_PASSES {
            return fail(branch.at, format!("range: more than {} passes", limits::MAX_PASSES));
        }
        let pipe = &branch.pipe;
        match (pipe.declared.as_slice(), pipe.assign) {
            ([], _) => {}
            ([only], true) => self.assign(only, item.clone(), pipe.at)?,
            ([first, second, ..], true) => {
                self.assign(first, index, pipe.at)?;
                self.assign(second, item.clone(), pipe.at)?;
            }
            // `pipeline` has pushed the declared ones.
            ([_], false) => self.variables[mark - 1].1 = item.clone(),
            (_, false) => {
                self.variables[mark - 1].1 = item.clone();
                self.variables[mark - 2].1 = index;
            }
        }
        let flow = self.walk(&item, &branch.body);
        self.variables.truncate(mark);
        Ok(flow? != Flow::Break)
    }

    fn assign(&mut self, name: &str, value: Value, at: usize) -> Outcome<()> {
        // The parser takes an assignment for a declaration, as Go's does.
        match self.variables.iter_mut().rev().find(|(known, _)| **known == *name) {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => fail(at, format!("undefined variable: {name}")),
        }
    }

    fn template(&mut self, dot: &Value, at: usize, name: &str, pipe: Option<&Pipe>) -> Outcome<()> {
        let templates = self.templates;
        let Some(body) = templates.defined.get(name) else {
            return fail(at, format!("template {name:?} not defined"));
        };
        if self.depth >= MAX_DEPTH {
            return fail(at, format!("exceeded maximum template depth ({MAX_DEPTH})"));
        }
        let dot = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Nil,
        };
        // No variables are inherited.
        let outer = std::mem::replace(&mut self.variables, vec![("$".into(), dot.clone())]);
        self.walk(&dot, body)?;
        self.variables = outer;
        Ok(())
    }

    fn pipeline(&mut self, dot: &Value, pipe: &Pipe) -> Outcome<Value> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipe.declared {
            if pipe.assign {
                self.assign(name, value.clone(), pipe.at)?;
            } else {
                self.variables.push((name.as_str().into(), value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Value, command: &Command, last: Option<Value>) -> Outcome<Value> {
        if matches!(command.first.term, Term::Nil) {
            return fail(command.first.at, "nil is not a command");
        }
        self.operand(dot, &command.first, &command.rest, last)
    }

    /// An operand, with arguments where it is a function or a method.
    pub(super) fn operand(
        &mut self,
        dot: &Value,
        expr: &Expr,
        args: &[Expr],
        last: Option<Value>,
    ) -> Outcome<Value> {
        let at = expr.at;
        let callable = match &expr.term {
            Term::Function(_) | Term::Field(_) | Term::Chain(..) => true,
            Term::Variable(_, fields) => !fields.is_empty(),
            _ => false,
        };
        if !callable && (last.is_some() || !args.is_empty()) {
            return fail(at, "can't give argument to non-function");
        }
        match &expr.term {
            Term::Dot => Ok(dot.clone()),
            Term::Nil => Ok(Value::Nil),
            Term::Bool(flag) => Ok(Value::Bool(*flag)),
            Term::Number(number) => ideal(number).map_err(|error| error.at(at)),
            Term::Str(text) => Ok(Value::Str(text.clone())),
            Term::Pipe(pipe) => self.pipeline(dot, pipe),
            Term::Function(name) => match lookup(name) {
                Some(function) => self.call(function, at, dot, args, last),
                None => fail(at, format!("{name:?} is not a defined function")),
            },
            Term::Field(fields) => self.fields(dot.clone(), fields, at, dot, args, last),
            Term::Variable(name, fields) => {
                let found = self.variables.iter().rev().find(|(known, _)| **known == **name);
                let Some((_, value)) = found else { return fail(at, format!("undefined variable: {name}")) };
                let value = value.clone();
                if fields.is_empty() { Ok(value) } else { self.fields(value, fields, at, dot, args, last) }
            }
            Term::Chain(inner, fields) => {
                if matches!(inner.term, Term::Nil) {
                    return fail(at, "indirection through explicit nil");
                }
                let value = self.argument(Type::Any, dot, inner)?;
                self.fields(value, fields, at, dot, args, last)
            }
        }
    }

    /// `.a.b`; the last one may be a method, which gets the arguments.
    fn fields(
        &mut self,
        mut value: Value,
        names: &[String],
        at: usize,
        dot: &Value,
        args: &[Expr],
        last: Option<Value>,
    ) -> Outcome<Value> {
        let mut last = last;
        for (index, name) in names.iter().enumerate() {
            let ends = index + 1 == names.len();
            let (args, last) = if ends { (args, last.take()) } else { (&[][..], None) };
            value = self.field(&value, name, at, dot, args, last)?;
        }
        Ok(value)
    }

    fn field(
        &mut self,
        value: &Value,
        name: &str,
        at: usize,
        dot: &Value,
        args: &[Expr],
        last: Option<Value>,
    ) -> Outcome<Value> {
        match value {
            Value::Nil if self.strict => fail(at, format!("nil data; no entry for key {name:?}")),
            Value::Nil => Ok(Value::Nil),
            Value::Map(map) => {
                if !args.is_empty() || last.is_some() {
                    return fail(at, format!("{name} is not a method but has arguments"));
                }
                match map.get(name.as_bytes()) {
                    Some(value) => Ok(value),
                    None if self.strict => fail(at, format!("map has no entry for key {name:?}")),
                    None => Ok(Value::Nil),
                }
            }
            Value::Certificate(issued) => {
                let found = issued.fields().into_iter().find(|(known, _)| *known == name);
                match found {
                    Some(_) if !args.is_empty() || last.is_some() => {
                        fail(at, format!("{name} is not a method but has arguments"))
                    }
                    Some((_, value)) => Ok(value),
                    None => fail(at, format!("can't evaluate field {name} in type sprig.certificate")),
                }
            }
            Value::Time(_) | Value::Version(_) => {
                let mut values = Vec::with_capacity(args.len() + 1);
                for arg in args {
                    values.push(self.argument(Type::Any, dot, arg)?);
                }
                values.extend(last);
                match methods::call(value, name, &values) {
                    Some(result) => result.map_err(|error| error.at(at)),
                    None => fail(at, format!("can't evaluate field {name} in type {}", value.type_name())),
                }
            }
            other => fail(at, format!("can't evaluate field {name} in type {}", other.type_name())),
        }
    }
}
