//! Vault's refusals: what each means to the host, and words that say what to change. Whether a token has
//! ended is judged here from the text, and decided in `client` by asking.

use claviger_plugin_sdk::{Error, RateLimit, invalid_config};
use serde::Deserialize;
use serde_json::Value;

/// An answer that is no success.
#[derive(Debug)]
pub struct Refused<'a> {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` said.
    pub retry_after_ms: Option<u64>,
    /// The body.
    pub body: &'a [u8],
}

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Path below `/v1/`, which is no secret.
    pub path: &'a str,
    /// What a policy must allow there: `read`, `list`, `update`, `delete`, `create update`.
    pub capability: &'static str,
    /// In which namespace.
    pub namespace: Option<&'a str>,
    /// In which the login was: the token's policies are that one's.
    pub login_namespace: Option<&'a str>,
}

impl Asked<'_> {
    /// The path as a rule of the token's policies names it, and where those are kept. From above, a namespace is
    /// the beginning of the path.
    pub(crate) fn rule(&self) -> (String, String) {
        let tidy = |namespace: Option<&str>| match namespace.unwrap_or_default().trim_matches('/') {
            "root" => String::new(),
            other => other.to_owned(),
        };
        let (reads, login) = (tidy(self.namespace), tidy(self.login_namespace));
        let below =
            if login.is_empty() { Some(reads.as_str()) } else { reads.strip_prefix(&format!("{login}/")) };
        match below.filter(|below| !below.is_empty()) {
            Some(below) if login.is_empty() => {
                (format!("{below}/{}", self.path), " in the root namespace".to_owned())
            }
            Some(below) => (format!("{below}/{}", self.path), format!(" in namespace {login}")),
            None if reads.is_empty() => (self.path.to_owned(), String::new()),
            None => (self.path.to_owned(), format!(" in namespace {reads}")),
        }
    }
}

/// Which login was refused.
#[derive(Clone, Copy, Debug)]
pub struct LoginAsked<'a> {
    /// The manifest's name of the method.
    pub method: &'a str,
    /// Where it is mounted, below `auth/`.
    pub mount: &'a str,
    /// Vault's role, or the user.
    pub role: Option<&'a str>,
    /// In which namespace.
    pub namespace: Option<&'a str>,
    /// The field that says so.
    pub namespace_at: &'static str,
}

/// What the text of a 403 says of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It is not known (any more). Vault since 1.11 says so in words.
    Ended,
    /// It is known, and its policies do not allow the path: a refusal by policy comes as a list of one.
    Known,
    /// Older Vaults and OpenBao have the bare words "permission denied" for an unknown token, but also for
    /// a known one that is refused for another reason (its address, a disabled entity).
    Unclear,
}

/// Judges a 403.
pub fn hint(body: &[u8]) -> Hint {
    let said = errors(body).unwrap_or_default().join("\n");
    if said.contains("invalid token") || said.contains("bad token") {
        Hint::Ended
    } else if said.contains("error occurred:") || said.contains("preflight capability check") {
        Hint::Known
    } else {
        Hint::Unclear
    }
}

/// Whether a refusal is Vault's own, and not of something between.
pub fn is_vaults(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|body| body.get("errors").is_some())
        && errors(body).is_some()
}

/// A refusal of a read, as an error.
pub fn error(refused: &Refused<'_>, asked: &Asked<'_>) -> Error {
    let Asked { path, capability, namespace, .. } = *asked;
    let within = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
    let detail = detail(&format!("{path}{within}"), refused);
    match refused.status {
        404 => not_found(refused.body, asked, detail),
        401 => Error::Unauthenticated(detail),
        400 if detail.contains("missing client token") => Error::Unauthenticated(detail),
        // Of OpenBao's metadata it "does not match".
        400 if detail.contains("check-and-set parameter d") => Error::Conflict(detail),
        403 => {
            let (path, within) = asked.rule();
            // A list is asked for with a slash at its end, and goes on into what it finds.
            let path = if capability == "list" { format!("{path}/*") } else { path };
            let because = match hint(refused.body) {
                Hint::Known => "The token's policies lack",
                // Also after a new login.
                _ => {
                    "The token may be refused for its address (bound CIDRs) or its entity, or its policies lack"
                }
            };
            let capabilities = capability.replace(' ', "\", \"");
            Error::Denied(format!(
                "{detail}. {because}: path \"{path}\" {{ capabilities = [\"{capabilities}\"] }}{within}"
            ))
        }
        405 => Error::Other(format!("{detail}. What is mounted there cannot do that: is it a KV engine?")),
        status => other(status, refused.retry_after_ms, detail),
    }
}

/// A refusal by what is no KV engine, as an error. Its 404 has no versions and no mount that the store could name, and
/// says that something is missing only in Vault's own way: with no words at all.
pub fn engine_error(refused: &Refused<'_>, asked: &Asked<'_>) -> Error {
    let within = asked.namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
    let said = detail(&format!("{}{within}", asked.path), refused);
    match refused.status {
        404 => match errors(refused.body).filter(|_| is_vaults(refused.body)) {
            Some(errors) if errors.is_empty() => {
                Error::NotFound(format!("{}: there is no such thing", asked.path))
            }
            Some(_) if said.contains("namespace not found") => invalid_config("/namespace", said),
            Some(_) => Error::Other(said),
            // With what an answer has anyway, and nothing in it.
            None if is_an_answer(refused.body) => {
                Error::NotFound(format!("{}: there is no such thing", asked.path))
            }
            None => Error::Unavailable(format!("{said}. This is no answer of Vault's: a proxy's?")),
        },
        405 => Error::Other(format!("{said}. It is not for this method ({})", asked.capability)),
        _ => error(refused, asked),
    }
}

/// Gateways have a request_id too, and errors of their own form.
fn is_an_answer(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("errors").is_none() && body.get("request_id").is_some() && body.get("lease_id").is_some()
}

/// A refusal of a login, as an error. Vault has the same codes for a wrong role, secret, token and mount,
/// so all that could be wrong is named; the secret is not.
pub fn login_error(refused: &Refused<'_>, asked: &LoginAsked<'_>) -> Error {
    let mut what = format!("login by {} at auth/{}", asked.method, asked.mount);
    if let Some(role) = asked.role {
        what.push_str(&format!(" as {role}"));
    }
    if let Some(namespace) = asked.namespace {
        what.push_str(&format!(" in namespace {namespace}"));
    }
    let mut detail = detail(&what, refused);
    if detail.contains("namespace not found") {
        return invalid_config(asked.namespace_at, detail);
    }
    match refused.status {
        404 => invalid_config(
            &format!("/auth/{}", asked.method),
            format!("{detail}: no auth method is mounted at auth/{}", asked.mount),
        ),
        400 | 401 | 403 => {
            // The bare words tell nothing; others do.
            if refused.status == 403 && detail.ends_with("permission denied") {
                detail.push_str(match asked.method {
                    "kubernetes" => {
                        " (Vault also says this if no auth method is mounted there, if the token is not one of its cluster's, or if it may not review tokens: without a token_reviewer_jwt of the mount, the ServiceAccount that logs in needs the ClusterRole system:auth-delegator)"
                    }
                    _ => " (Vault also says this if no auth method is mounted there)",
                });
            }
            Error::Unauthenticated(detail)
        }
        status => other(status, refused.retry_after_ms, detail),
    }
}

fn other(status: u16, retry_after_ms: Option<u64>, detail: String) -> Error {
    match status {
        429 => Error::RateLimited(RateLimit { retry_after_ms, detail }),
        300..=399 => Error::Unavailable(format!(
            "{detail}. It redirects, which is not followed: a standby that cannot reach the active node, or a proxy; let server name one that answers"
        )),
        412 => Error::Unavailable(format!("{detail}. The standby is behind and will catch up")),
        472 | 473 => Error::Unavailable(format!(
            "{detail}. This is a standby that serves no reads: let server name the active cluster"
        )),
        500..=599 => Error::Unavailable(detail),
        _ => Error::Other(detail),
    }
}

/// 404 is Vault's answer to much besides a missing key, and only that may be said to be one: the host may
/// delete what depends on it.
fn not_found(body: &[u8], asked: &Asked<'_>, detail: String) -> Error {
    let path = asked.path;
    let foreign = || Error::Unavailable(format!("{detail}. This is no answer of Vault's: a proxy's?"));
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = body.get("errors").and_then(Value::as_array);
    // Gateways have a request_id too, and errors of their own form.
    let answered = body.get("request_id").is_some() && body.get("lease_id").is_some();
    match errors {
        Some(errors) if errors.iter().all(Value::is_string) => {}
        None if body.get("errors").is_none() && answered => {}
        _ => return foreign(),
    }
    let list = |name: &str| {
        let texts = body.get(name).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
    };
    let (said, warnings) = (list("errors"), list("warnings"));
    if warnings.contains("versioned K/V") {
        let what = format!("what is mounted at the start of {path} is KV version 2: set version to v2");
        return invalid_config("/version", what);
    }
    if said.contains("namespace not found") {
        return invalid_config("/namespace", detail);
    }
    if said.contains("no handler for route") || said.contains("unsupported path") {
        return invalid_config(
            "/path",
            format!("{detail}. No KV engine is mounted there: path must name one, and the key what is in it"),
        );
    }
    if errors.is_some_and(|errors| !errors.is_empty()) {
        return Error::Other(detail);
    }
    if errors.is_some() {
        return Error::NotFound(format!("{path}: there is no such key, or not this version of it"));
    }
    // A version that is gone is answered with what is left of it.
    let Some(version) = body.pointer("/data/metadata").and_then(Value::as_object) else { return foreign() };
    let number = version.get("version").and_then(Value::as_u64).unwrap_or_default();
    if version.get("destroyed") == Some(&Value::Bool(true)) {
        return Error::NotFound(format!("{path}: version {number} was destroyed"));
    }
    match version.get("deletion_time").and_then(Value::as_str).filter(|time| !time.is_empty()) {
        Some(time) => Error::NotFound(format!("{path}: version {number} was deleted ({time})")),
        None => Error::NotFound(format!("{path}: version {number} has no data")),
    }
}

fn detail(what: &str, refused: &Refused<'_>) -> String {
    let said = errors(refused.body).map(|errors| tidy(&errors)).unwrap_or_default();
    if said.is_empty() {
        format!("{what}: HTTP {}", refused.status)
    } else {
        format!("{what}: HTTP {}: {said}", refused.status)
    }
}

/// Vault's `errors`; `None` if the body is not Vault's.
fn errors(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<String>,
    }
    serde_json::from_slice::<Errors>(body).map(|errors| errors.errors).ok()
}

/// On one line, without the bullets ("1 error occurred:\n\t* permission denied\n\n").
fn tidy(errors: &[String]) -> String {
    let lines = errors.iter().flat_map(|error| error.lines()).map(|line| line.trim());
    let lines = lines.map(|line| line.strip_prefix("* ").unwrap_or(line));
    let lines = lines.filter(|line| !line.is_empty() && !line.ends_with("occurred:"));
    lines.collect::<Vec<_>>().join("; ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
