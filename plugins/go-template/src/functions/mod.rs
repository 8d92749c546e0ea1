//! What a template can call: text/template's own functions, sprig's as ESO has them, and ESO's own. Names, signatures and results are those of the originals; `tests/corpus.rs` compares them
//! with Go. Not here: what reaches outside (`env`, `expandenv`, `getHostByName`), which ESO removed too.

mod args;
mod builtins;
mod certificates;
mod crypto;
mod dates;
mod decimal;
mod dicts;
pub(crate) mod encode;
mod files;
mod json;
mod lists;
mod logic;
mod math;
mod merge;
pub(crate) mod methods;
mod paths;
mod random;
mod regexp;
pub(crate) mod semver;
mod strings;
mod urls;
mod words;
mod yaml;
mod yaml_read;
mod yaml_scalar;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use claviger_plugin_sdk::random::Random;

use crate::error::EngineError;
use crate::value::Value;

/// What functions may know besides their arguments.
pub(crate) struct Env {
    now_ms: u64,
    random: RefCell<Random>,
    /// The clock or the generator was read.
    varies: Cell<bool>,
    /// The template's own text: `fail` may repeat what stands in it, and nothing else.
    pub(crate) source: String,
}

impl Env {
    /// For one template.
    pub(crate) fn new(now_ms: u64, seed: &[u8], source: &str) -> Self {
        Self {
            now_ms,
            random: RefCell::new(Random::new(seed)),
            varies: Cell::new(false),
            source: source.to_owned(),
        }
    }

    /// What `now` says, unix milliseconds. Whoever asks makes a text that varies.
    pub(crate) fn now_ms(&self) -> u64 {
        self.varies.set(true);
        self.now_ms
    }

    /// Source of all randomness, seeded by the host. Whoever asks makes a text that varies.
    pub(crate) fn random(&self) -> RefMut<'_, Random> {
        self.varies.set(true);
        self.random.borrow_mut()
    }

    /// Could another time or another seed have given another text?
    pub(crate) fn varies(&self) -> bool {
        self.varies.get()
    }
}

/// What a call gives.
pub(crate) type Outcome = Result<Value, EngineError>;

/// A function of the template language.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// One letter a parameter, `*` before the one that repeats: a anything, s string, i int, f float64,
    /// b bool, m map[string]interface {}, t time.Time, u uint32, l []interface {}, c sprig.certificate, h
    /// sprig.HashAlgorithm.
    pub(crate) parameters: &'static str,
    pub(crate) call: fn(&Env, &[Value]) -> Outcome,
}

/// A table row.
const fn function(
    name: &'static str,
    parameters: &'static str,
    call: fn(&Env, &[Value]) -> Outcome,
) -> Function {
    Function { name, parameters, call }
}

/// Earlier tables win: sprig's `slice` hides the builtin one, as in ESO.
const TABLES: &[&[Function]] = &[
    strings::TABLE,
    words::TABLE,
    encode::TABLE,
    crypto::TABLE,
    certificates::TABLE,
    files::TABLE,
    lists::TABLE,
    dicts::TABLE,
    logic::TABLE,
    math::TABLE,
    dates::TABLE,
    regexp::TABLE,
    json::TABLE,
    yaml::TABLE,
    paths::TABLE,
    urls::TABLE,
    semver::TABLE,
    random::TABLE,
    builtins::TABLE,
];

static BY_NAME: LazyLock<BTreeMap<&'static str, &'static Function>> = LazyLock::new(|| {
    let rows = TABLES.iter().rev().flat_map(|table| table.iter());
    rows.map(|function| (function.name, function)).collect()
});

/// A function by its name.
pub(crate) fn lookup(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name).copied()
}

/// All names, in order.
pub fn names() -> Vec<String> {
    BY_NAME.keys().map(|name| (*name).to_owned()).collect()
}
