//! Calling functions: how many arguments, of which types, and what an untyped constant becomes. Go does
//! this by reflection; here each function says its signature in letters.

use super::execute::Executor;
use super::tree::{Expr, Number, Term};
use crate::error::EngineError;
use crate::functions::{Env, Function};
use crate::value::{Element, Value};

/// A parameter's Go type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// `interface {}`
    Any,
    Str,
    Int,
    Float,
    Bool,
    /// `map[string]interface {}`
    Dict,
    Time,
    Uint32,
    /// `[]interface {}`
    List,
    /// What sprig's certificate functions give.
    Certificate,
    /// A string type of sprig's own: a literal becomes one, a value of type string does not.
    Algorithm,
}

impl Type {
    fn of(letter: u8) -> Self {
        match letter {
            b's' => Self::Str,
            b'i' => Self::Int,
            b'f' => Self::Float,
            b'b' => Self::Bool,
            b'm' => Self::Dict,
            b't' => Self::Time,
            b'u' => Self::Uint32,
            b'l' => Self::List,
            b'c' => Self::Certificate,
            b'h' => Self::Algorithm,
            _ => Self::Any,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Str => "string",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Dict => "map[string]interface {}",
            Self::Time => "time.Time",
            Self::Uint32 => "uint32",
            Self::List => "[]interface {}",
            Self::Certificate => "sprig.certificate",
            Self::Algorithm => "sprig.HashAlgorithm",
        }
    }

    /// Go's `validateType`.
    fn accept(self, value: Value) -> Result<Value, EngineError> {
        let fits = match (&value, self) {
            (_, Self::Any) | (Value::Nil, Self::Dict | Self::List) => true,
            (Value::Nil, _) => {
                return Err(EngineError::function(format!("invalid value; expected {}", self.name())));
            }
            (Value::Str(_), Self::Str)
            | (Value::Int(_, crate::value::Width::Int), Self::Int)
            | (Value::Float(_), Self::Float)
            | (Value::Bool(_), Self::Bool)
            | (Value::Time(_), Self::Time)
            | (Value::Certificate(_), Self::Certificate) => true,
            (Value::List(list), Self::List) => list.element == Element::Any,
            (Value::Map(map), Self::Dict) => !map.strings,
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        let (expected, got) = (self.name(), value.type_name());
        Err(EngineError::function(format!("wrong type for value; expected {expected}; got {got}")))
    }

    /// A constant where this type is wanted.
    fn constant(self, number: &Number) -> Result<Value, EngineError> {
        let value = match self {
            Self::Any => return ideal(number),
            Self::Int => number.int.map(Value::int),
            Self::Uint32 => number.int.filter(|n| u32::try_from(*n).is_ok()).map(Value::int),
            Self::Float => number.float.map(Value::Float),
            _ => None,
        };
        value.ok_or_else(|| EngineError::function(format!("expected {}; found a number", self.name())))
    }
}

/// A constant where no type is wanted.
pub(super) fn ideal(number: &Number) -> Result<Value, EngineError> {
    match (number.float_syntax, number.float, number.int) {
        (true, Some(float), _) => Ok(Value::Float(float)),
        (_, _, Some(int)) => Ok(Value::int(int)),
        _ => Err(EngineError::function("a constant overflows int")),
    }
}

/// The parameters of a signature: `"si*a"` is a string, an int, and any number of anything.
struct Signature {
    fixed: &'static [u8],
    variadic: Option<Type>,
}

impl Signature {
    fn of(letters: &'static str) -> Self {
        match letters.split_once('*') {
            Some((fixed, rest)) => {
                Self { fixed: fixed.as_bytes(), variadic: rest.bytes().next().map(Type::of) }
            }
            None => Self { fixed: letters.as_bytes(), variadic: None },
        }
    }

    /// The type of the n-th argument.
    fn at(&self, index: usize) -> Type {
        self.fixed.get(index).map_or(self.variadic.unwrap_or(Type::Any), |letter| Type::of(*letter))
    }
}

impl Executor<'_> {
    /// Evaluates the arguments and calls.
    pub(super) fn call(
        &mut self,
        function: &'static Function,
        at: usize,
        dot: &Value,
        args: &[Expr],
        last: Option<Value>,
    ) -> Result<Value, EngineError> {
        let name = function.name;
        let signature = Signature::of(function.parameters);
        let given = args.len() + usize::from(last.is_some());
        let wanted = signature.fixed.len();
        if signature.variadic.is_some() && given < wanted {
            let detail = format!("wrong number of args for {name}: want at least {wanted} got {given}");
            return Err(EngineError::function(detail).at(at));
        }
        if signature.variadic.is_none() && given != wanted {
            let detail = format!("wrong number of args for {name}: want {wanted} got {given}");
            return Err(EngineError::function(detail).at(at));
        }
        // These two stop at the first argument that decides.
        if name == "and" || name == "or" {
            let mut decided = Value::Nil;
            for arg in args {
                decided = self.argument(Type::Any, dot, arg)?;
                if decided.truth() == (name == "or") {
                    return Ok(decided);
                }
            }
            return Ok(last.unwrap_or(decided));
        }
        let mut values = Vec::with_capacity(given);
        for (index, arg) in args.iter().enumerate() {
            values.push(self.argument(signature.at(index), dot, arg)?);
        }
        if let Some(last) = last {
            values.push(signature.at(args.len()).accept(last).map_err(|error| error.at(at))?);
        }
        self.invoke(function, at, &values)
    }

    fn invoke(&self, function: &Function, at: usize, values: &[Value]) -> Result<Value, EngineError> {
        let env: &Env = self.env;
        (function.call)(env, values).map_err(|error| match error {
            EngineError::Function(detail) => {
                EngineError::Execution { at, detail: format!("error calling {}: {detail}", function.name) }
            }
            placed => placed,
        })
    }

    /// An argument where a type is wanted.
    pub(super) fn argument(&mut self, wanted: Type, dot: &Value, arg: &Expr) -> Result<Value, EngineError> {
        let value = match &arg.term {
            Term::Nil if matches!(wanted, Type::Any | Type::Dict | Type::List) => Ok(Value::Nil),
            Term::Nil => Err(EngineError::function(format!("cannot assign nil to {}", wanted.name()))),
            Term::Number(number) => wanted.constant(number),
            Term::Str(text) if wanted == Type::Algorithm => Ok(Value::Str(text.clone())),
            Term::Str(text) => wanted.accept(Value::Str(text.clone())),
            Term::Bool(flag) => wanted.accept(Value::Bool(*flag)),
            _ => self.operand(dot, arg, &[], None).and_then(|value| wanted.accept(value)),
        };
        value.map_err(|error| error.at(arg.at))
    }
}
