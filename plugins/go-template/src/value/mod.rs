//! The values a template works with: the Go types that text/template and sprig produce, no more. No
//! `Debug`, since most values are secrets.

pub(crate) mod convert;
pub(crate) mod equal;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::functions::semver::Version;
use crate::text::Text;
use crate::time::Time;

/// A value.
#[derive(Clone)]
pub(crate) enum Value {
    /// nil, or nothing at all.
    Nil,
    Bool(bool),
    Int(i64, Width),
    Float(f64),
    Str(Text),
    List(List),
    Map(Map),
    Time(Time),
    Version(Rc<Version>),
    Certificate(Rc<Certificate>),
}

/// What sprig's certificate functions give: PEM texts.
#[derive(PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) cert: Text,
    pub(crate) key: Text,
}

impl Certificate {
    /// The fields in Go's order.
    pub(crate) fn fields(&self) -> [(&'static str, Value); 2] {
        [("Cert", Value::Str(Rc::clone(&self.cert))), ("Key", Value::Str(Rc::clone(&self.key)))]
    }

    /// As a map, which is how JSON and YAML show a struct.
    pub(crate) fn as_map(&self) -> Value {
        let entries = self.fields().map(|(name, value)| (name.as_bytes().into(), value));
        Value::Map(Map::new(BTreeMap::from(entries)))
    }
}

/// Which Go type an integer has: `add` gives int64, `len` int, `index` of a string a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Int,
    Int64,
    Uint8,
    Uint64,
    Month,
    Weekday,
}

/// Which Go type a list's elements have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Any,
    Str,
    Int,
    List,
}

/// A slice. sprig never changes one in place, so sharing is safe.
#[derive(Clone)]
pub(crate) struct List {
    pub(crate) items: Rc<[Value]>,
    pub(crate) element: Element,
    /// Go's nil slice, which JSON shows as null.
    pub(crate) nil: bool,
}

/// A map with string keys, in key order. `set` and `merge` change it in place, and every holder sees it.
#[derive(Clone)]
pub(crate) struct Map {
    entries: Rc<RefCell<BTreeMap<Text, Value>>>,
    /// `map[string]string`: the data, and what `split` gives.
    pub(crate) strings: bool,
}

impl Map {
    /// A `map[string]interface {}`.
    pub(crate) fn new(entries: BTreeMap<Text, Value>) -> Self {
        Self { entries: Rc::new(RefCell::new(entries)), strings: false }
    }

    /// A `map[string]string`.
    pub(crate) fn of_strings(entries: BTreeMap<Text, Value>) -> Self {
        Self { entries: Rc::new(RefCell::new(entries)), strings: true }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    pub(crate) fn insert(&self, key: Text, value: Value) {
        self.entries.borrow_mut().insert(key, value);
    }

    pub(crate) fn remove(&self, key: &[u8]) {
        self.entries.borrow_mut().remove(key);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// A copy of the entries, so that no borrow outlives the call.
    pub(crate) fn entries(&self) -> Vec<(Text, Value)> {
        self.entries.borrow().iter().map(|(key, value)| (Rc::clone(key), value.clone())).collect()
    }

    /// The very same map, not an equal one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }
}

impl Value {
    pub(crate) fn str(text: impl AsRef<[u8]>) -> Self {
        Self::Str(text.as_ref().into())
    }

    pub(crate) fn int(n: i64) -> Self {
        Self::Int(n, Width::Int)
    }

    pub(crate) fn int64(n: i64) -> Self {
        Self::Int(n, Width::Int64)
    }

    /// A length or position.
    pub(crate) fn size(n: usize) -> Self {
        Self::int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// A `[]interface {}`.
    pub(crate) fn list(items: Vec<Value>) -> Self {
        Self::List(List { items: items.into(), element: Element::Any, nil: false })
    }

    /// A nil `[]interface {}`.
    pub(crate) fn nil_list() -> Self {
        Self::List(List { items: Rc::new([]), element: Element::Any, nil: true })
    }

    /// A slice of another element type.
    pub(crate) fn list_of(element: Element, items: Vec<Value>) -> Self {
        Self::List(List { items: items.into(), element, nil: false })
    }

    /// text/template's truth: not zero and not empty.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(flag) => *flag,
            Self::Int(n, _) => *n != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => map.len() != 0,
            Self::Time(_) | Self::Version(_) | Self::Certificate(_) => true,
        }
    }

    /// `%T`.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_, Width::Int) => "int",
            Self::Int(_, Width::Int64) => "int64",
            Self::Int(_, Width::Uint8) => "uint8",
            Self::Int(_, Width::Uint64) => "uint64",
            Self::Int(_, Width::Month) => "time.Month",
            Self::Int(_, Width::Weekday) => "time.Weekday",
            Self::Float(_) => "float64",
            Self::Str(_) => "string",
            Self::List(list) => match list.element {
                Element::Any => "[]interface {}",
                Element::Str => "[]string",
                Element::Int => "[]int",
                Element::List => "[][]interface {}",
            },
            Self::Map(map) if map.strings => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Time(_) => "time.Time",
            Self::Version(_) => "*semver.Version",
            Self::Certificate(_) => "sprig.certificate",
        }
    }

    /// `reflect.Kind`.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Int(_, Width::Month | Width::Weekday) => "int",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Time(_) | Self::Certificate(_) => "struct",
            Self::Version(_) => "ptr",
            other => other.type_name(),
        }
    }
}
