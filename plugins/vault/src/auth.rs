//! Which login a store asks for: exactly one, in ESO's spelling or the reference document's. What is sent
//! for it is in `login`; `iam` and `gcp` have modules of their own.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::{gcp, iam, path};

/// Where a JWT comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jwt {
    /// A key of a Secret.
    Secret {
        /// Pointer to the reference.
        at: String,
    },
    /// A token of a ServiceAccount.
    Account {
        /// Pointer to the reference.
        at: String,
        /// Where the manifest lists audiences, if not beside the reference.
        audiences_at: Option<String>,
        /// What is asked for.
        audiences: Vec<String>,
        /// How long it should live.
        expiration_seconds: u64,
    },
}

/// What is shown at a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing: a Vault Agent or Proxy in between adds a token of its own.
    Nothing,
    /// A token that is there already: no login.
    Token,
    /// AppRole.
    AppRole {
        /// In the manifest; else it is in slot `role-id`.
        role_id: Option<String>,
    },
    /// JWT or Kubernetes: both send a role and a token.
    Jwt(Jwt),
    /// userpass or LDAP: both send a password to the user's path.
    Password {
        /// Pointer to the password's reference.
        at: String,
    },
    /// The TLS client certificate.
    Certificate,
    /// A signed request to AWS.
    Iam {
        /// Which is signed for.
        region: String,
        /// What Vault's mount may ask for besides (`iam_server_id_header_value`).
        server_id: Option<String>,
    },
    /// A JWT that a Google service account's key signs, or Google for it.
    Gcp,
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// The manifest's name of the method.
    pub method: &'static str,
    /// Where it is mounted, below `auth/`. Empty without a login.
    pub mount: String,
    /// Vault's role, or the user.
    pub role: Option<String>,
    /// What is shown.
    pub credential: Credential,
}

const METHODS: [&str; 9] =
    ["tokenSecretRef", "appRole", "kubernetes", "jwt", "ldap", "userPass", "cert", "iam", "gcp"];

/// Where a ServiceAccount's token for Vault's JWT login is meant for, unless the manifest says (as ESO).
const DEFAULT_AUDIENCE: &str = "vault";
/// How long a ServiceAccount's token should live, unless the manifest says (as ESO; the least that the API
/// server gives).
const DEFAULT_EXPIRATION_SECONDS: u64 = 600;

impl Auth {
    /// Reads the one login of a config.
    ///
    /// # Errors
    /// None, several, or one that is incomplete or not supported.
    pub fn parse(config: &Value) -> Result<Self, Error> {
        if !given(config, "/auth") {
            let (mount, role) = (String::new(), None);
            return Ok(Self { method: "nothing", mount, role, credential: Credential::Nothing });
        }
        let found: Vec<&'static str> =
            METHODS.into_iter().filter(|method| given(config, &format!("/auth/{method}"))).collect();
        let method = match found[..] {
            [one] => one,
            [] => {
                return Err(invalid_config(
                    "/auth",
                    format!("one login method is needed: {}", METHODS.join(", ")),
                ));
            }
            _ => {
                return Err(invalid_config(
                    "/auth",
                    format!(
                        "exactly one login method is needed, and there are {}: remove all but one",
                        found.join(", ")
                    ),
                ));
            }
        };
        let form = Form { config, method };
        let (mount, role, credential) = match method {
            "tokenSecretRef" => (String::new(), None, Credential::Token),
            "appRole" => {
                form.reference("secretRef")?;
                // As ESO: roleId before roleRef.
                let role_id = form.text("roleId");
                if role_id.is_none() && !form.given("roleRef") {
                    return Err(invalid_config(&form.at("roleId"), "roleId or roleRef is needed"));
                }
                (form.mount("path", "approle")?, role_id.clone(), Credential::AppRole { role_id })
            }
            "kubernetes" => (
                form.mount("mountPath", "kubernetes")?,
                Some(form.needed("role")?),
                Credential::Jwt(form.kubernetes()?),
            ),
            "jwt" => (form.mount("path", "jwt")?, form.text("role"), Credential::Jwt(form.jwt()?)),
            "ldap" | "userPass" => {
                let mount = form.mount("path", if method == "ldap" { "ldap" } else { "userpass" })?;
                let at = form.reference("secretRef")?;
                (mount, Some(form.needed("username")?), Credential::Password { at })
            }
            "cert" => (form.mount("path", "cert")?, form.text("vaultRole"), Credential::Certificate),
            "iam" => {
                let server_id = form.text("vaultAwsIamServerID");
                let credential = Credential::Iam { region: iam::region(config)?, server_id };
                (form.mount("path", "aws")?, Some(form.needed("vaultRole")?), credential)
            }
            _ => {
                gcp::access(config)?;
                (form.mount("path", "gcp")?, Some(form.needed("role")?), Credential::Gcp)
            }
        };
        Ok(Self { method, mount, role, credential })
    }

    /// The path of the login request; none without a login.
    pub fn login_path(&self) -> Option<String> {
        match (&self.credential, &self.role) {
            (Credential::Nothing | Credential::Token, _) => None,
            (Credential::Password { .. }, Some(user)) => Some(format!("auth/{}/login/{user}", self.mount)),
            _ => Some(format!("auth/{}/login", self.mount)),
        }
    }
}

/// One method's part of the manifest.
pub(crate) struct Form<'a> {
    pub(crate) config: &'a Value,
    pub(crate) method: &'static str,
}

impl Form<'_> {
    pub(crate) fn at(&self, field: &str) -> String {
        format!("/auth/{}/{field}", self.method)
    }

    pub(crate) fn given(&self, field: &str) -> bool {
        given(self.config, &self.at(field))
    }

    /// Without blanks around it, as ESO.
    pub(crate) fn text(&self, field: &str) -> Option<String> {
        let found = text(self.config, &self.at(field)).map(str::trim);
        found.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
    }

    pub(crate) fn needed(&self, field: &str) -> Result<String, Error> {
        self.text(field).ok_or_else(|| invalid_config(&self.at(field), "it is needed"))
    }

    /// A reference that must be there; the pointer to it.
    pub(crate) fn reference(&self, field: &str) -> Result<String, Error> {
        let at = self.at(field);
        if given(self.config, &at) { Ok(at) } else { Err(invalid_config(&at, "it is needed")) }
    }

    pub(crate) fn mount(&self, field: &str, default: &str) -> Result<String, Error> {
        let mount = self.text(field).unwrap_or_else(|| default.to_owned());
        path::clean(&mount)
            .map_err(|_| invalid_config(&self.at(field), "it cannot have . or .. between slashes"))
    }

    pub(crate) fn list(&self, field: &str) -> Vec<String> {
        let items = self.config.pointer(&self.at(field)).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect()
    }

    /// As ESO: the ServiceAccount before the Secret. ESO's third way, the operator's own token, is not
    /// lent: every store of the cluster could then log in as the operator.
    fn kubernetes(&self) -> Result<Jwt, Error> {
        if self.given("serviceAccountRef") {
            return Ok(Jwt::Account {
                at: self.at("serviceAccountRef"),
                audiences_at: None,
                audiences: self.list("serviceAccountRef/audiences"),
                expiration_seconds: DEFAULT_EXPIRATION_SECONDS,
            });
        }
        if self.given("secretRef") {
            return Ok(Jwt::Secret { at: self.at("secretRef") });
        }
        Err(invalid_config(
            &self.at("serviceAccountRef"),
            "serviceAccountRef or secretRef is needed: the operator's own token is not lent to stores",
        ))
    }

    /// ESO's `secretRef` and `kubernetesServiceAccountToken`, and the reference document's
    /// `serviceAccountRef` directly under `jwt`.
    fn jwt(&self) -> Result<Jwt, Error> {
        let forms = ["secretRef", "kubernetesServiceAccountToken", "serviceAccountRef"];
        let found: Vec<&str> = forms.into_iter().filter(|form| self.given(form)).collect();
        let default = || vec![DEFAULT_AUDIENCE.to_owned()];
        match found[..] {
            ["secretRef"] => Ok(Jwt::Secret { at: self.at("secretRef") }),
            ["kubernetesServiceAccountToken"] => {
                let reference = self.reference("kubernetesServiceAccountToken/serviceAccountRef")?;
                // As ESO: those beside the reference, and the others or their default.
                let mut audiences = self.list("kubernetesServiceAccountToken/serviceAccountRef/audiences");
                let others = "kubernetesServiceAccountToken/audiences";
                audiences.extend(if self.given(others) { self.list(others) } else { default() });
                let expiration = self.at("kubernetesServiceAccountToken/expirationSeconds");
                let expiration = self.config.pointer(&expiration).and_then(Value::as_u64);
                Ok(Jwt::Account {
                    audiences,
                    at: reference,
                    audiences_at: Some(self.at(others)).filter(|_| self.given(others)),
                    expiration_seconds: expiration.unwrap_or(DEFAULT_EXPIRATION_SECONDS),
                })
            }
            ["serviceAccountRef"] => {
                let audiences = self.list("serviceAccountRef/audiences");
                Ok(Jwt::Account {
                    audiences: if audiences.is_empty() { default() } else { audiences },
                    at: self.at("serviceAccountRef"),
                    audiences_at: None,
                    expiration_seconds: DEFAULT_EXPIRATION_SECONDS,
                })
            }
            [] => Err(invalid_config("/auth/jwt", format!("one of {} is needed", forms.join(", ")))),
            _ => Err(invalid_config("/auth/jwt", format!("only one of {} may be given", found.join(", ")))),
        }
    }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
