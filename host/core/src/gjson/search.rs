//! A path taken through a text: from object to object, from array to array.
//!
//! Where a step leads to nothing, the search goes on behind it: of two equal names the second one counts if the path
//! does not fit into the first one's value.

use zeroize::Zeroizing;

use super::glob;
use super::look_up;
use super::meter::{Buffer, Meter, Refused};
use super::path::{Elements, Name, Next, Query, Which, split_at_pipe};
use super::query;
use super::scan::{self, Span, Token, token};
use super::text;
use super::value::{Kind, Value};

/// What a path without modifiers at its beginning leads to.
pub(super) fn search<'d>(json: &'d [u8], path: &[u8], meter: &Meter) -> Result<Value<'d>, Refused> {
    let mut search = Search { json, found: Value::NOTHING, pipe: None, meter };
    match path {
        // Every value of the text, as if they were elements of an array.
        [b'.', b'.', rest @ ..] => {
            search.array(0, rest)?;
        }
        _ => {
            let start = json.iter().position(|byte| matches!(byte, b'{' | b'['));
            meter.read(start.unwrap_or(json.len()))?;
            match start {
                Some(start) if json.get(start) == Some(&b'{') => search.object(start + 1, path)?,
                Some(start) => search.array(start + 1, path)?,
                None => Outcome { next: 0, hit: false },
            };
        }
    }
    match search.pipe {
        Some(pipe) => search.found.look_up(pipe, meter),
        None => Ok(search.found),
    }
}

struct Search<'d, 'p, 'm> {
    json: &'d [u8],
    /// Also set by a query for all where nothing was hit, in case that nothing else will be.
    found: Value<'d>,
    /// The last pipe that was met: what is found goes through it.
    pipe: Option<&'p [u8]>,
    meter: &'m Meter,
}

struct Outcome {
    /// Where to go on.
    next: usize,
    /// The search is over.
    hit: bool,
}

impl<'d, 'p> Search<'d, 'p, '_> {
    /// Takes a step in the object whose content begins there.
    fn object(&mut self, mut at: usize, path: &'p [u8]) -> Result<Outcome, Refused> {
        let meter = self.meter;
        let _level = meter.enter()?;
        let json = self.json;
        let step = Name::of(path);
        meter.read(step.name.len())?;
        if let Next::Piped(pipe) = step.next {
            self.pipe = Some(pipe);
        }
        while at < json.len() {
            let from = at;
            let rest = json.get(at..).unwrap_or_default();
            let Some(key) = rest.iter().position(|byte| matches!(byte, b'"' | b'}')) else {
                meter.read(rest.len())?;
                break;
            };
            at += key + 1;
            if rest.get(key) == Some(&b'}') {
                meter.read(at - from)?;
                return Ok(Outcome { next: at, hit: false });
            }
            let (Some(end), escaped) = scan::closing_quote(json, at) else {
                meter.read(rest.len())?;
                break;
            };
            let named = self.named(&step, json.get(at..end).unwrap_or_default(), escaped)?;
            // Anything that begins no value is passed over, be it another bracket.
            at = end + 1;
            while at < json.len() && matches!(token(json, at), Token::End | Token::Other) {
                at += 1;
            }
            meter.read(at - from)?;
            if at >= json.len() {
                break;
            }
            let outcome = match step.next {
                Next::Inside(path) if named => self.inside(at, path)?,
                _ => self.value(at, named)?,
            };
            let Some(outcome) = outcome else { break };
            at = outcome.next;
            if outcome.hit {
                return Ok(outcome);
            }
        }
        Ok(Outcome { next: at.max(json.len()), hit: false })
    }

    fn named(&self, step: &Name<'_>, key: &[u8], escaped: bool) -> Result<bool, Refused> {
        let mut unescaped = Buffer::new(self.meter);
        let key = match escaped {
            true => {
                text::unescape(key, &mut unescaped)?;
                unescaped.bytes()
            }
            false => key,
        };
        if step.wild { glob::matches(key, &step.name, self.meter) } else { Ok(*step.name == *key) }
    }

    /// Goes on with the path in the value that begins there; `None` if it has no end.
    fn inside(&mut self, at: usize, path: &'p [u8]) -> Result<Option<Outcome>, Refused> {
        match token(self.json, at) {
            Token::Object => self.object(at + 1, path).map(Some),
            Token::Array => self.array(at + 1, path).map(Some),
            _ => self.value(at, false),
        }
    }

    /// The place of the value that begins there.
    fn span(&self, at: usize) -> Result<Option<Span>, Refused> {
        let span = scan::span(self.json, at, token(self.json, at));
        self.meter.value(span.map_or(self.json.len(), |span| span.next) - at)?;
        Ok(span)
    }

    /// Passes the value over, or takes it.
    fn value(&mut self, at: usize, hit: bool) -> Result<Option<Outcome>, Refused> {
        let Some(span) = self.span(at)? else { return Ok(None) };
        if hit {
            self.found = span.value(self.json, self.meter)?;
        }
        Ok(Some(Outcome { next: span.next, hit }))
    }

    /// Takes a step in the array whose content begins there. The end of the text closes it too.
    fn array(&mut self, mut at: usize, path: &'p [u8]) -> Result<Outcome, Refused> {
        let meter = self.meter;
        let _level = meter.enter()?;
        let json = self.json;
        let Elements { which, next } = Elements::of(path, meter)?;
        if let Next::Piped(pipe) = next {
            self.pipe = Some(pipe);
        }
        let mut gathered = Gathered::new(next, meter);
        let mut count = 0;
        while at <= json.len() {
            if matches!(which, Which::Each) {
                gathered.each(json, at, meter)?;
            }
            let from = at;
            while at < json.len() && token(json, at) == Token::Other {
                at += 1;
            }
            meter.read(at - from + 1)?;
            if at >= json.len() || token(json, at) == Token::End {
                return self.end(at + 1, count, &which, gathered);
            }
            let outcome = match (&which, next) {
                (Which::Query(query), _) => self.asked(at, query, &mut gathered)?,
                (Which::Index(Some(wanted)), next) if *wanted == count as i64 => match next {
                    Next::Inside(path) => self.inside(at, path)?,
                    Next::End | Next::Piped(_) => self.value(at, true)?,
                },
                _ => self.value(at, false)?,
            };
            let Some(outcome) = outcome else { return Ok(Outcome { next: json.len(), hit: false }) };
            at = outcome.next;
            if outcome.hit {
                return Ok(outcome);
            }
            count += 1;
        }
        Ok(Outcome { next: at, hit: false })
    }

    /// What there is to say when an array has ended.
    fn end(
        &mut self,
        next: usize,
        count: usize,
        which: &Which<'p>,
        mut gathered: Gathered<'p, '_>,
    ) -> Result<Outcome, Refused> {
        let hit = match which {
            Which::Each => {
                gathered.inside(self.meter)?;
                self.pipe = gathered.pipe.or(self.pipe);
                self.found = Value::json(gathered.done()?);
                true
            }
            Which::Count => {
                self.found = Value::count(count);
                true
            }
            Which::Query(query) if query.all && !self.found.exists() => {
                self.found = Value::json(gathered.done()?);
                false
            }
            _ => false,
        };
        Ok(Outcome { next, hit })
    }

    /// Asks the element that begins there.
    fn asked(
        &mut self,
        at: usize,
        query: &Query<'p>,
        gathered: &mut Gathered<'p, '_>,
    ) -> Result<Option<Outcome>, Refused> {
        let meter = self.meter;
        let Some(span) = self.span(at)? else { return Ok(None) };
        meter.ask()?;
        let passed = Ok(Some(Outcome { next: span.next, hit: false }));
        let element = span.value(self.json, meter)?;
        let answers = match element.kind() {
            Kind::Json => query::answers(query, &look_up(span.raw(self.json), query.path, meter)?, meter)?,
            _ => query.path.is_empty() && query::answers(query, &element, meter)?,
        };
        if !answers {
            return passed;
        }
        let found = match gathered.inside(meter)? {
            Some(path) => {
                self.pipe = gathered.pipe.or(self.pipe);
                look_up(span.raw(self.json), path, meter)?
            }
            None => element,
        };
        if query.all {
            gathered.add(&found)?;
            return passed;
        }
        self.found = found;
        Ok(Some(Outcome { next: span.next, hit: true }))
    }
}

/// What elements give, as an array.
struct Gathered<'p, 'm> {
    values: Buffer<'m>,
    /// What is looked up in each.
    path: Option<&'p [u8]>,
    /// Where all go through; known when the path has been asked for.
    pipe: Option<&'p [u8]>,
    split: bool,
}

impl<'p, 'm> Gathered<'p, 'm> {
    fn new(next: Next<'p>, meter: &'m Meter) -> Self {
        let path = match next {
            Next::Inside(path) => Some(path),
            Next::End | Next::Piped(_) => None,
        };
        Self { values: Buffer::new(meter), path, pipe: None, split: false }
    }

    /// The path into an element.
    fn inside(&mut self, meter: &Meter) -> Result<Option<&'p [u8]>, Refused> {
        if let (false, Some(path)) = (self.split, self.path) {
            self.split = true;
            if let Some((path, pipe)) = split_at_pipe(path, meter)? {
                (self.path, self.pipe) = (Some(path), Some(pipe));
            }
        }
        Ok(self.path)
    }

    /// The value that is at the path in the next value of the text, or in what is left of it.
    fn each(&mut self, json: &[u8], at: usize, meter: &Meter) -> Result<(), Refused> {
        let blanks = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let rest = json.get(at..).unwrap_or_default();
        let at = at + rest.iter().take_while(|byte| blanks(byte)).count();
        if json.get(at) == Some(&b']') {
            return Ok(());
        }
        let Some(span) = scan::next_span(json, at) else {
            return meter.read(json.len() - at.min(json.len()));
        };
        meter.read(span.next - at)?;
        let Some(path) = self.inside(meter)? else { return Ok(()) };
        let found = look_up(span.raw(json), path, meter)?;
        if found.exists() { self.add(&found) } else { Ok(()) }
    }

    fn add(&mut self, value: &Value<'_>) -> Result<(), Refused> {
        if value.raw().is_empty() {
            return Ok(());
        }
        self.values.push(if self.values.len() == 0 { b"[" } else { b"," })?;
        self.values.push(value.raw())
    }

    fn done(mut self) -> Result<Zeroizing<Vec<u8>>, Refused> {
        self.values.push(if self.values.len() == 0 { b"[]" } else { b"]" })?;
        Ok(self.values.done())
    }
}
