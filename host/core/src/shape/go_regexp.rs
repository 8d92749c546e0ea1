//! Regular expressions as Go's regexp package has them, by the regex crate: both are RE2, and differ in their syntax
//! (`go_syntax`) and in that of replacements. What one takes, and what is searched with it, has limits.

use regex::{Captures, Regex, RegexBuilder};

use super::ShapeError;
use super::effort::Effort;
use super::go_syntax::translated;
use super::names::MAX_NAME;

/// Bytes of an expression's program, which it is searched with: a class of all letters has 43 KiB, `^.{1,253}$` 260.
const MAX_PROGRAM: usize = 1 << 20;

/// Bytes of the program of an ordinary expression.
const SMALL_PROGRAM: usize = 64 << 10;

/// What a byte costs that is searched with another than an ordinary one: a search may take a step for each byte of the text
/// and of the program.
const LARGE: usize = MAX_PROGRAM / SMALL_PROGRAM;

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRegexp {
    /// Go does not take it either.
    #[error("{0:?} is not a regular expression (RE2)")]
    Syntax(String),
    /// It is longer than any is compiled.
    #[error("the regular expression has more than {MAX_NAME} bytes: shorten it")]
    TooLong,
    /// It is larger once it is compiled.
    #[error(
        "the regular expression {0:?} takes more than {MAX_PROGRAM} bytes once it is compiled: let it repeat less (of what is \
         repeated a hundred times there are a hundred, and one class of all letters is large)"
    )]
    TooLarge(String),
}

/// An expression of Go's, compiled.
pub struct GoRegexp {
    regex: Regex,
    cost: usize,
}

/// Compiles an expression of Go's. That may take seconds: not where others wait for it.
///
/// # Errors
/// If Go does not take it, or it would take too much.
pub fn compile(source: &str) -> Result<GoRegexp, BadRegexp> {
    if source.len() > MAX_NAME {
        return Err(BadRegexp::TooLong);
    }
    let syntax = || BadRegexp::Syntax(source.to_owned());
    let translated = translated(source).ok_or_else(syntax)?;
    let sized = |most| RegexBuilder::new(&translated).size_limit(most).build();
    let (compiled, cost) = match sized(SMALL_PROGRAM) {
        Err(regex::Error::CompiledTooBig(_)) => (sized(MAX_PROGRAM), LARGE),
        other => (other, 1),
    };
    let regex = compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => BadRegexp::TooLarge(source.to_owned()),
        _ => syntax(),
    })?;
    // Each group is kept for each of its possible beginnings.
    let cost = cost * regex.captures_len().div_ceil(8);
    Ok(GoRegexp { regex, cost })
}

impl GoRegexp {
    /// Whether it is found in a text.
    ///
    /// # Errors
    /// [`ShapeError::TooMuchSearch`].
    pub fn is_match(&self, text: &str, effort: &mut Effort) -> Result<bool, ShapeError> {
        effort.spend(text.len() + 1, self.cost)?;
        Ok(self.regex.is_match(text))
    }

    /// Go's `ReplaceAllString`, which ends as soon as it would have more than `most` bytes: ten groups in a replacement are
    /// ten times the text, and ten such replacements the memory.
    ///
    /// # Errors
    /// [`ShapeError::NameTooLong`] or [`ShapeError::TooMuchSearch`].
    pub(crate) fn replace_all(
        &self,
        text: &str,
        template: &str,
        most: usize,
        effort: &mut Effort,
    ) -> Result<String, ShapeError> {
        let mut out = Bounded { text: String::new(), most };
        let mut end = 0;
        let mut all = self.regex.captures_iter(text);
        loop {
            // It may be looked at to its end each time, however little is found.
            effort.spend(text.len() - end + 1, self.cost)?;
            let Some(found) = all.next() else { break };
            effort.spend(template.len(), 1)?;
            let whole = found.get_match();
            let pushed =
                out.push(&text[end..whole.start()]).and_then(|()| expand(template, &found, &mut out));
            pushed.ok_or(ShapeError::NameTooLong)?;
            end = whole.end();
        }
        out.push(&text[end..]).ok_or(ShapeError::NameTooLong)?;
        Ok(out.text)
    }
}

/// A text that grows no further than that.
struct Bounded {
    text: String,
    most: usize,
}

impl Bounded {
    /// None if there is no room for it.
    fn push(&mut self, more: &str) -> Option<()> {
        if more.len() > self.most - self.text.len() {
            return None;
        }
        self.text.push_str(more);
        Some(())
    }
}

/// Go's `Expand`: `$1`, `$name`, `${name}`, `$$`; anything else after a dollar leaves it as it is.
fn expand(template: &str, found: &Captures<'_>, out: &mut Bounded) -> Option<()> {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push(before)?;
        if let Some(after) = after.strip_prefix('$') {
            out.push("$")?;
            rest = after;
            continue;
        }
        let braced = after.strip_prefix('{');
        let body = braced.unwrap_or(after);
        let end = body.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(body.len());
        let (name, left) = body.split_at(end);
        let left = if braced.is_some() { left.strip_prefix('}') } else { Some(left) };
        match left.filter(|_| !name.is_empty()) {
            Some(left) => {
                out.push(group(name, found).unwrap_or_default())?;
                rest = left;
            }
            None => {
                out.push("$")?;
                rest = after;
            }
        }
    }
    out.push(rest)
}

/// A number stands for a group only if it is written as numbers are.
fn group<'a>(name: &str, found: &Captures<'a>) -> Option<&'a str> {
    if !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return found.name(name).map(|group| group.as_str());
    }
    if name.len() > 1 && name.starts_with('0') {
        return None;
    }
    found.get(name.parse().ok()?).map(|group| group.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_replacement_is_not_made_further_than_it_may_grow() {
        let regexp = compile("(a+)").unwrap();
        let replaced = |most| regexp.replace_all("baab", "<$1>", most, &mut Effort::default());
        assert_eq!(replaced(6).as_deref(), Ok("b<aa>b"));
        assert_eq!(replaced(5), Err(ShapeError::NameTooLong), "what stands behind it counts");
        let found = regexp.regex.captures("aaaa").unwrap();
        for template in ["$1".repeat(1_000), "x$1$$".repeat(1_000), "${1}-".repeat(1_000)] {
            let mut out = Bounded { text: String::new(), most: 10 };
            assert_eq!(expand(&template, &found, &mut out), None);
            assert!((7..=10).contains(&out.text.len()), "{}", out.text);
        }
    }

    /// Sizes as the regex crate counts them.
    #[test]
    fn an_expression_has_a_limit_of_what_it_takes() {
        for (source, cost) in [
            (r"^/app/(.*)$", 1),
            (r"(?i)^(dev|prod|staging)/([^/]+)/(.+)$", 1),
            (r"[^\pL\pN]+", 1),
            (r"^[\p{L}\p{N}_.-]+$", 1),
            (r"(?i)\pL+", 1),
            (r"[a-z]{1,500}", 1),
            (r"(a)(b)(c)(d)(e)(f)(g)(h)", 2),
            (r"^.{1,253}$", LARGE),
            (r"\pL{10}", LARGE),
        ] {
            assert_eq!(compile(source).map(|regexp| regexp.cost).ok(), Some(cost), "{source}");
        }
        let refused = |source: &str| compile(source).err().unwrap();
        for source in [r"\pL{100}", r"(((\pL{10}){10}){10}){10}", &r"\pL".repeat(600)] {
            assert_eq!(refused(source), BadRegexp::TooLarge(source.to_owned()));
        }
        assert_eq!(refused(&r"\pL".repeat(700)), BadRegexp::TooLong);
        assert_eq!(refused("(?=x)"), BadRegexp::Syntax("(?=x)".to_owned()));
    }

    /// Each of the 2,000 matches looks at the whole rest: with a program of this size that took minutes.
    #[test]
    fn searches_that_find_little_and_look_at_all_come_to_an_end() {
        let regexp = compile("(?:(?:a?){100}){30}b|a").unwrap();
        assert_eq!(regexp.cost, LARGE);
        let mut effort = Effort::of(100 * LARGE);
        assert_eq!(
            regexp.replace_all(&"a".repeat(30), "x", MAX_NAME, &mut effort),
            Err(ShapeError::TooMuchSearch)
        );
        let mut effort = Effort::of(100 * LARGE);
        assert_eq!(regexp.is_match(&"c".repeat(98), &mut effort), Ok(false));
        assert_eq!(regexp.is_match("c", &mut effort), Err(ShapeError::TooMuchSearch));
        // An ordinary one changes each byte of five hundred keys as long as a Secret's may be.
        let (regexp, mut effort) = (compile("[^a-z]").unwrap(), Effort::default());
        for _ in 0..250 {
            assert!(regexp.replace_all(&"/".repeat(253), "_", MAX_NAME, &mut effort).is_ok());
        }
    }
}
