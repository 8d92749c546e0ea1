//! Semantic versions and constraints as Masterminds/semver reads them, which is looser than the standard:
//! `v1`, `1.2`, `~1.2`, `1.x`, `1 - 2`, `>=1, <2 || ^3`.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use regex::Regex;

use super::args::{lossy, refuse};
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::value::Value;

pub(super) const TABLE: &[Function] =
    &[function("semver", "s", semver), function("semverCompare", "ss", semver_compare)];

/// A version.
#[derive(PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) patch: u64,
    pub(crate) prerelease: String,
    pub(crate) metadata: String,
    pub(crate) original: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

const TAIL: &str = r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

fn constrained() -> String {
    format!(r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?{TAIL}")
}

fn compiled(pattern: &str) -> Result<Regex, EngineError> {
    Regex::new(pattern).map_err(|_| EngineError::function("semver: a pattern does not compile"))
}

impl Version {
    fn parse(text: &str) -> Result<Self, EngineError> {
        let pattern = compiled(&format!(r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?{TAIL}$"))?;
        let Some(found) = pattern.captures(text) else { return refuse("Invalid Semantic Version") };
        let part = |index: usize| found.get(index).map_or("", |part| part.as_str());
        let number = |index: usize| match part(index).trim_start_matches('.') {
            "" => Ok(0),
            digits => digits.parse().map_err(|_| EngineError::function("Error parsing version segment")),
        };
        if part(5).split('.').any(|id| id.len() > 1 && id.starts_with('0') && is_number(id)) {
            return refuse("Version segment starts with 0");
        }
        Ok(Self {
            major: number(1)?,
            minor: number(2)?,
            patch: number(3)?,
            prerelease: part(5).to_owned(),
            metadata: part(8).to_owned(),
            original: text.to_owned(),
        })
    }

    /// Metadata does not count.
    fn order(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch)).then_with(
            || match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => prerelease_order(&self.prerelease, &other.prerelease),
            },
        )
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn prerelease_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => x.cmp(y),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

struct Constraint {
    operator: String,
    version: Version,
    /// Some part is left open ("1", "1.x").
    open: bool,
    open_minor: bool,
    open_patch: bool,
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, EngineError> {
        let improper = || EngineError::function("improper constraint");
        let pattern = compiled(&format!(r"^\s*({OPERATORS})\s*({})\s*$", constrained()))?;
        let found = pattern.captures(text).ok_or_else(improper)?;
        let part = |index: usize| found.get(index).map_or("", |part| part.as_str());
        let is_open = |text: &str| matches!(text.trim_start_matches('.'), "" | "x" | "X" | "*");
        let (version, open_minor, open_patch, open) = if is_open(part(3)) {
            (format!("0.0.0{}", part(6)), false, false, true)
        } else if is_open(part(4)) {
            (format!("{}.0.0{}", part(3), part(6)), true, false, true)
        } else if is_open(part(5)) {
            (format!("{}{}.0{}", part(3), part(4), part(6)), false, true, true)
        } else {
            (part(2).to_owned(), false, false, false)
        };
        let version =
            Version::parse(&version).map_err(|_| EngineError::function("constraint Parser Error"))?;
        Ok(Self { operator: part(1).to_owned(), version, open, open_minor, open_patch })
    }

    fn holds(&self, v: &Version) -> bool {
        let c = &self.version;
        // A constraint on releases never takes a prerelease.
        let strange = !v.prerelease.is_empty() && c.prerelease.is_empty();
        match self.operator.as_str() {
            "!=" => {
                if !self.open {
                    return v.order(c) != Ordering::Equal;
                }
                let same = prerelease_order(&v.prerelease, &c.prerelease) == Ordering::Equal;
                !strange
                    && (c.major != v.major
                        || (!self.open_minor
                            && (c.minor != v.minor
                                || (!self.open_patch && v.order(c) != Ordering::Equal)
                                || (self.open_patch && !same))))
            }
            _ if strange => false,
            ">" if !self.open => v.order(c) == Ordering::Greater,
            ">" if v.major != c.major => v.major > c.major,
            ">" if self.open_minor => false,
            ">" if self.open_patch => v.minor > c.minor,
            ">" => v.order(c) == Ordering::Greater,
            "<" => v.order(c) == Ordering::Less,
            ">=" | "=>" => v.order(c) != Ordering::Less,
            "<=" | "=<" if !self.open => v.order(c) != Ordering::Greater,
            "<=" | "=<" => {
                v.major < c.major || (v.major == c.major && (v.minor <= c.minor || self.open_minor))
            }
            "^" => self.caret(v),
            "~" | "~>" => self.tilde(v),
            _ if self.open => self.tilde(v),
            _ => v.order(c) == Ordering::Equal,
        }
    }

    fn tilde(&self, v: &Version) -> bool {
        let c = &self.version;
        if v.order(c) == Ordering::Less {
            return false;
        }
        let any = (c.major, c.minor, c.patch) == (0, 0, 0) && !self.open_minor && !self.open_patch;
        any || (v.major == c.major && (v.minor == c.minor || self.open_minor))
    }

    fn caret(&self, v: &Version) -> bool {
        let c = &self.version;
        if v.order(c) == Ordering::Less || v.major != c.major {
            return false;
        }
        if c.major > 0 || self.open_minor {
            return true;
        }
        if c.minor > 0 || self.open_patch || v.minor > 0 {
            return v.minor == c.minor;
        }
        c.patch == v.patch
    }
}

fn semver(_: &Env, args: &[Value]) -> Outcome {
    Ok(Value::Version(Rc::new(Version::parse(&lossy(args, 0))?)))
}

fn semver_compare(_: &Env, args: &[Value]) -> Outcome {
    let one = constrained();
    let range = compiled(&format!(r"\s*({one})\s+-\s+({one})\s*"))?;
    let text = lossy(args, 0);
    let text = range.replace_all(&text, ">= $1, <= $11 ");
    let valid =
        compiled(&format!(r"^(\s*({OPERATORS})\s*({one})\s*)((?:\s+|,\s*)({OPERATORS})\s*({one})\s*)*$"))?;
    let single = compiled(&format!(r"({OPERATORS})\s*({one})"))?;
    let mut alternatives = Vec::new();
    for alternative in text.split("||") {
        if !valid.is_match(alternative) {
            return refuse("improper constraint");
        }
        let all: Result<Vec<Constraint>, EngineError> =
            single.find_iter(alternative).map(|found| Constraint::parse(found.as_str())).collect();
        alternatives.push(all?);
    }
    let version = Version::parse(&lossy(args, 1))?;
    Ok(Value::Bool(alternatives.iter().any(|all| all.iter().all(|constraint| constraint.holds(&version)))))
}
