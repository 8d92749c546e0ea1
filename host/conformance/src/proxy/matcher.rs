//! Which requests are logins and which read data: by method, path, header field, body or server.

use http::request::Parts;
use regex::Regex;
use serde::Deserialize;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Login,
    Data,
    Other,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderGiven {
    name: String,
    regex: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    server: Option<String>,
    method: Option<String>,
    path: Option<String>,
    header: Option<HeaderGiven>,
    body: Option<String>,
}

/// All of what it names must fit.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Given")]
pub(crate) struct Matcher {
    server: Option<String>,
    method: Option<String>,
    /// Of path and query.
    path: Option<Regex>,
    header: Option<(String, Regex)>,
    body: Option<Regex>,
}

impl TryFrom<Given> for Matcher {
    type Error = String;

    fn try_from(given: Given) -> Result<Self, String> {
        let regex =
            |text: String| Regex::new(&text).map_err(|_| format!("{text:?} is not a regular expression"));
        let matcher = Self {
            server: given.server,
            method: given.method,
            path: given.path.map(regex).transpose()?,
            header: given
                .header
                .map(|header| Ok::<_, String>((header.name, regex(header.regex)?)))
                .transpose()?,
            body: given.body.map(regex).transpose()?,
        };
        let Self { server, method, path, header, body } = &matcher;
        if server.is_none() && method.is_none() && path.is_none() && header.is_none() && body.is_none() {
            return Err(
                "a request without server, method, path, header or body matches everything".to_owned()
            );
        }
        Ok(matcher)
    }
}

impl Matcher {
    /// The server that it is about, if it is about one.
    pub(crate) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    fn fits(&self, server: &str, parts: &Parts, body: &[u8]) -> bool {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        self.server.as_deref().is_none_or(|name| name == server)
            && self.method.as_deref().is_none_or(|method| parts.method.as_str() == method)
            && self.path.as_ref().is_none_or(|regex| regex.is_match(path))
            && self.header.as_ref().is_none_or(|(name, regex)| {
                let values = parts.headers.get_all(name.as_str());
                values.iter().any(|value| value.to_str().is_ok_and(|text| regex.is_match(text)))
            })
            && self.body.as_ref().is_none_or(|regex| regex.is_match(&String::from_utf8_lossy(body)))
    }
}

/// The bench's rules. What is a login is no data request.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    pub(crate) logins: Vec<Matcher>,
    /// None: whatever is no login.
    pub(crate) data: Vec<Matcher>,
}

impl Rules {
    pub(super) fn kind(&self, server: &str, parts: &Parts, body: &[u8]) -> Kind {
        let fits = |matchers: &[Matcher]| matchers.iter().any(|matcher| matcher.fits(server, parts, body));
        if fits(&self.logins) {
            Kind::Login
        } else if self.data.is_empty() || fits(&self.data) {
            Kind::Data
        } else {
            Kind::Other
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;

    use super::*;

    fn matchers(json: serde_json::Value) -> Vec<Matcher> {
        serde_json::from_value(json).unwrap()
    }

    /// The two kinds of API that are in use: by path, and AWS's, where all is POST to `/`.
    #[test]
    fn logins_and_data_requests_are_told_apart() {
        let vault = Rules {
            logins: matchers(serde_json::json!([{"method": "POST", "path": "^/v1/auth/[^/]+/login"}])),
            data: matchers(serde_json::json!([{"path": "^/v1/secret/data/.*version=3$"}])),
        };
        let aws = Rules {
            logins: matchers(serde_json::json!([{"body": "Action=AssumeRole"}, {"server": "OIDC"}])),
            data: matchers(serde_json::json!([
                {"header": {"name": "x-amz-target", "regex": "^secretsmanager[.]GetSecretValue$"}}
            ])),
        };
        let target = ("X-Amz-Target", "secretsmanager.GetSecretValue");
        let listing = ("X-Amz-Target", "secretsmanager.ListSecrets");
        for (rules, server, method, path, header, body, expected) in [
            (&vault, "VAULT", "POST", "/v1/auth/userpass/login/u", None, "", Kind::Login),
            (&vault, "VAULT", "GET", "/v1/auth/userpass/login/u", None, "", Kind::Other),
            (&vault, "VAULT", "GET", "/v1/secret/data/a?version=3", None, "", Kind::Data),
            (&vault, "VAULT", "GET", "/v1/sys/health", None, "", Kind::Other),
            (&aws, "SM", "POST", "/", Some(target), "{}", Kind::Data),
            (&aws, "SM", "POST", "/", Some(listing), "{}", Kind::Other),
            (&aws, "STS", "POST", "/", None, "Version=1&Action=AssumeRoleWithWebIdentity", Kind::Login),
            (&aws, "OIDC", "GET", "/x", Some(target), "", Kind::Login),
            (&Rules::default(), "X", "GET", "/", None, "", Kind::Data),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            if let Some((name, value)) = header {
                request = request.header(name, value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(rules.kind(server, &parts, body.as_bytes()), expected, "{server} {method} {path}");
        }
    }
}
