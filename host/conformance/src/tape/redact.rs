//! The exchanges of a case as they are written down: values by name, tokens by stand-ins, what is another each time
//! opaque. What still holds a value afterwards is refused; that is looked for by other code than what names values.
//! Pure.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use claviger_core::redact::Redactor;
use claviger_core::secret::SecretBytes;
use regex::Regex;

use super::exchange::{Answered, Asked, Exchange, is_credential};
use super::file::{CaseFile, Fields, Recorded, RecordedAnswer};
use super::needles::{Known, Needles, SHORTEST, leaves};
use super::stand_in::{ISSUED, READ, StandIn};
use super::{issued, text};
use crate::proxy::Kind;

/// Values that one redactor looks for.
const PER_REDACTOR: usize = 64;

/// What a plugin signs itself carries the time.
static SIGNED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*").ok());
/// The number of a request, of this one alone.
static NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").ok());
/// What a login is made with, beyond what the bench gives: signatures, and what is signed.
static SIGNATURE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_=.%-]{40,}").ok());
/// Names, behind the name of a scheme at most.
static CREDENTIAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:[A-Za-z][A-Za-z0-9_-]* )?⟦+$").ok());

/// What is known of the bench, for all cases.
pub(super) struct Book {
    known: Vec<Known>,
    /// `http://127.0.0.1:PORT` of servers and of what stands before them, by name.
    origins: Vec<(String, String)>,
    checks: Vec<Redactor>,
}

impl Book {
    /// Of the bench's values.
    ///
    /// # Errors
    /// Which value is too short to be told from other text.
    pub(super) fn new(known: Vec<Known>, origins: Vec<(String, String)>) -> Result<Self, String> {
        for Known { name, value } in &known {
            if !value.is_empty() && value.len() < SHORTEST {
                return Err(format!(
                    "the value {name} has {} bytes, and one of fewer than {SHORTEST} cannot be told from other text: \
                     give the bench a longer one",
                    value.len()
                ));
            }
        }
        let checks = redactors(known.iter().map(|known| &known.value));
        Ok(Self { known, origins, checks })
    }

    /// Names for values and addresses.
    pub(super) fn needles(&self) -> Needles {
        let mut needles = Needles::of(&self.known);
        origins(&mut needles, &self.origins);
        needles
    }

    /// The file of a case. `read` is what the plugin answered meanwhile.
    ///
    /// # Errors
    /// Which exchange cannot be written down, and why; never a value.
    pub(super) fn write(&self, exchanges: &[Exchange], read: &[SecretBytes]) -> Result<CaseFile, String> {
        let mut needles = self.needles();
        let unknown = unknown(&needles, read);
        let tokens = issued::tokens(exchanges, &needles);
        for (kind, values) in [(READ, &unknown), (ISSUED, &tokens)] {
            for (index, value) in values.iter().enumerate() {
                needles
                    .add_forms(&StandIn::for_value(kind, index + 1, value.expose()).write(), value.expose());
            }
        }
        let more = redactors(unknown.iter().chain(&tokens));
        let mut file = CaseFile::default();
        for (index, exchange) in exchanges.iter().enumerate() {
            let Some(answered) = &exchange.answered else { continue };
            let recorded = recorded(&needles, &exchange.asked, answered, &exchanges[..index])
                .map_err(|why| format!("{} {}", self.line(&needles, &exchange.asked), why))?;
            for text in texts(&recorded) {
                self.check(&more, &text).map_err(|()| {
                    format!(
                        "{}: a value is in it in a way in which it cannot be replaced",
                        self.line(&needles, &exchange.asked)
                    )
                })?;
            }
            match file.exchanges.last_mut() {
                Some(last) if Recorded { times: 1, ..last.clone() } == recorded => last.times += 1,
                _ => file.exchanges.push(recorded),
            }
        }
        Ok(file)
    }

    /// A request's line for a message.
    fn line(&self, needles: &Needles, asked: &Asked) -> String {
        let named = text::encode(needles, asked.line().as_bytes());
        self.checks.iter().fold(named, |line, check| check.clean_text(&line))
    }

    fn check(&self, more: &[Redactor], text: &str) -> Result<(), ()> {
        let literal = text::literal(text);
        let clean = |redactor: &Redactor| !redactor.clean_text(&literal).contains("[redacted]");
        if self.checks.iter().chain(more).all(clean) { Ok(()) } else { Err(()) }
    }
}

/// Names for addresses: a backend names its own, and a plugin the proxy's.
pub(super) fn origins(needles: &mut Needles, origins: &[(String, String)]) {
    for (name, origin) in origins {
        needles.add_forms(&format!("server {name}"), origin.as_bytes());
        if let Some((_, host)) = origin.split_once("://") {
            needles.add_forms(&format!("host {name}"), host.as_bytes());
        }
    }
}

fn redactors<'a>(values: impl Iterator<Item = &'a SecretBytes>) -> Vec<Redactor> {
    let mut redactors = Vec::new();
    for (index, value) in values.enumerate() {
        if index % PER_REDACTOR == 0 {
            redactors.push(Redactor::default());
        }
        if let Some(last) = redactors.last_mut() {
            last.seed(value);
        }
    }
    redactors
}

/// Of what the plugin answered, what the bench does not know: the texts of JSON, or the whole.
fn unknown(needles: &Needles, read: &[SecretBytes]) -> Vec<SecretBytes> {
    let mut unknown: Vec<SecretBytes> = Vec::new();
    for value in read {
        let texts: Vec<SecretBytes> = leaves(value).into_iter().map(|(_, text)| text).collect();
        let parts = if texts.is_empty() { vec![value.duplicate()] } else { texts };
        for part in parts.into_iter().filter(|part| part.len() >= SHORTEST) {
            let known =
                needles.any_in(part.expose()) || unknown.iter().any(|other| other.expose() == part.expose());
            if !known {
                unknown.push(part);
            }
        }
    }
    unknown
}

fn recorded(
    needles: &Needles,
    asked: &Asked,
    answered: &Answered,
    before: &[Exchange],
) -> Result<Recorded, String> {
    let login = asked.kind == Kind::Login;
    let request = |bytes: &[u8]| changing(needles, bytes, login, before);
    let mut headers = BTreeMap::new();
    for (name, value) in &asked.headers {
        let value = if is_credential(name) { credential(needles, value) } else { request(value) };
        Fields::add(&mut headers, name, value);
    }
    let mut answer =
        RecordedAnswer { status: answered.status.as_u16(), headers: BTreeMap::new(), body: String::new() };
    for (name, value) in &answered.headers {
        if name == "content-encoding" && value != b"identity" {
            return Err("has an answer that is compressed, in which values cannot be looked for".to_owned());
        }
        let value =
            if is_credential(name) { credential(needles, value) } else { text::encode(needles, value) };
        Fields::add(&mut answer.headers, name, value);
    }
    answer.body = text::encode(needles, &answered.body);
    Ok(Recorded {
        server: asked.server.clone(),
        method: asked.method.clone(),
        path: request(asked.path.as_bytes()),
        times: 1,
        headers,
        body: request(&asked.body),
        answer,
    })
}

/// A field that carries a credential: one with a name, or nothing that is shown.
fn credential(needles: &Needles, value: &[u8]) -> String {
    let encoded = text::encode(needles, value);
    let names =
        CREDENTIAL.as_ref().is_some_and(|names| names.is_match(&text::literal(&encoded).replace(':', "")));
    if names { encoded } else { text::opaque(value.len()) }
}

/// Part of a request: without what is another each time.
fn changing(needles: &Needles, bytes: &[u8], login: bool, before: &[Exchange]) -> String {
    let Ok(whole) = std::str::from_utf8(bytes) else { return text::encode(needles, bytes) };
    // What a plugin was given, by the bench or an answer, is the same again.
    let given = |text: &str| {
        let answers = before.iter().filter_map(|exchange| exchange.answered.as_ref());
        needles.any_in(text.as_bytes())
            || answers.into_iter().any(|answer| String::from_utf8_lossy(&answer.body).contains(text))
    };
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    let patterns = [SIGNED.as_ref(), NUMBER.as_ref(), SIGNATURE.as_ref().filter(|_| login)];
    for found in patterns.into_iter().flatten().flat_map(|pattern| pattern.find_iter(whole)) {
        let free = cuts.iter().all(|(start, end)| found.end() <= *start || *end <= found.start());
        let has_value = text::encode(needles, found.as_str().as_bytes()).contains('⟦');
        if free && !has_value && !given(found.as_str()) {
            cuts.push((found.start(), found.end()));
        }
    }
    cuts.sort_unstable();
    let (mut out, mut at) = (String::new(), 0);
    for (start, end) in cuts {
        out.push_str(&text::encode(needles, &whole.as_bytes()[at..start]));
        out.push_str(&text::opaque(end - start));
        at = end;
    }
    out + &text::encode(needles, &whole.as_bytes()[at..])
}

/// Everything of an exchange that came from outside.
fn texts(recorded: &Recorded) -> Vec<String> {
    let headers = recorded.headers.values().chain(recorded.answer.headers.values());
    let mut texts: Vec<String> = headers.flat_map(|fields| fields.each().to_vec()).collect();
    texts.extend([recorded.path.clone(), recorded.body.clone(), recorded.answer.body.clone()]);
    texts
}
