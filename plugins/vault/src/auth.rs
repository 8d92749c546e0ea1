//! Which login a store asks for: exactly one, in ESO's spelling or the reference document's.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

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
        expiration_seconds: Option<u64>,
    },
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A token that is there already.
    Token,
    /// AppRole.
    AppRole {
        /// Mount.
        path: String,
        /// In the manifest; else it is in slot `role-id`.
        role_id: Option<String>,
    },
    /// JWT or Kubernetes: both send a role and a token.
    Jwt {
        /// Mount.
        path: String,
        /// Role in Vault.
        role: Option<String>,
        /// The token.
        jwt: Jwt,
    },
    /// userpass or LDAP: both send a password to the user's path.
    Password {
        /// Mount.
        path: String,
        /// Who.
        username: String,
        /// Pointer to the password's reference.
        at: String,
    },
    /// The TLS client certificate is the credential.
    Cert {
        /// Mount.
        path: String,
        /// Role in Vault.
        role: Option<String>,
    },
}

const METHODS: [&str; 9] =
    ["tokenSecretRef", "appRole", "kubernetes", "jwt", "ldap", "userPass", "cert", "iam", "gcp"];

/// Where a ServiceAccount's token for Vault's JWT login is meant for, unless the manifest says (as ESO).
const DEFAULT_AUDIENCE: &str = "vault";

impl Auth {
    /// Reads the one login of a config.
    ///
    /// # Errors
    /// None, several, or one that is incomplete or not supported.
    pub fn parse(config: &Value) -> Result<Self, Error> {
        let found: Vec<&str> =
            METHODS.into_iter().filter(|method| given(config, &format!("/auth/{method}"))).collect();
        let method = match found[..] {
            [one] => one,
            [] => {
                return Err(invalid_config(
                    "/auth",
                    format!("one login method is needed: {}", METHODS[..7].join(", ")),
                ));
            }
            _ => {
                return Err(invalid_config(
                    "/auth",
                    format!("exactly one login method is needed, and there are {}", found.join(", ")),
                ));
            }
        };
        let at = |field: &str| format!("/auth/{method}/{field}");
        let field = |name: &str| text(config, &at(name)).map(ToOwned::to_owned);
        let or = |name: &str, default: &str| field(name).unwrap_or_else(|| default.to_owned());
        let needed = |name: &str| field(name).ok_or_else(|| invalid_config(&at(name), "it is needed"));
        let reference = |name: &str| {
            if given(config, &at(name)) {
                Ok(at(name))
            } else {
                Err(invalid_config(&at(name), "it is needed"))
            }
        };
        Ok(match method {
            "tokenSecretRef" => Self::Token,
            "appRole" => {
                reference("secretRef")?;
                let role_id = field("roleId");
                match (&role_id, given(config, &at("roleRef"))) {
                    (Some(_), true) => {
                        return Err(invalid_config(&at("roleRef"), "roleId is given too: remove one"));
                    }
                    (None, false) => {
                        return Err(invalid_config(&at("roleId"), "roleId or roleRef is needed"));
                    }
                    _ => {}
                }
                Self::AppRole { path: or("path", "approle"), role_id }
            }
            "kubernetes" => Self::Jwt {
                path: or("mountPath", "kubernetes"),
                role: Some(needed("role")?),
                jwt: match (given(config, &at("serviceAccountRef")), given(config, &at("secretRef"))) {
                    (true, false) => Jwt::Account {
                        audiences: list(config, &at("serviceAccountRef/audiences")),
                        at: at("serviceAccountRef"),
                        audiences_at: None,
                        expiration_seconds: None,
                    },
                    (false, true) => Jwt::Secret { at: at("secretRef") },
                    (true, true) => {
                        return Err(invalid_config(
                            &at("secretRef"),
                            "serviceAccountRef is given too: remove one",
                        ));
                    }
                    (false, false) => {
                        return Err(invalid_config(
                            &at("serviceAccountRef"),
                            "serviceAccountRef or secretRef is needed: the operator's own token is not lent to stores",
                        ));
                    }
                },
            },
            "jwt" => Self::Jwt { path: or("path", "jwt"), role: field("role"), jwt: jwt(config)? },
            "ldap" | "userPass" => Self::Password {
                path: or("path", if method == "ldap" { "ldap" } else { "userpass" }),
                username: needed("username")?,
                at: reference("secretRef")?,
            },
            "cert" => {
                reference("clientCert")?;
                reference("secretRef")?;
                Self::Cert { path: or("path", "cert"), role: field("vaultRole") }
            }
            other => {
                return Err(invalid_config(
                    &format!("/auth/{other}"),
                    "this login method is not supported yet",
                ));
            }
        })
    }

    /// The path of the login request.
    pub fn login_path(&self) -> Option<String> {
        match self {
            Self::Token => None,
            Self::AppRole { path, .. } | Self::Jwt { path, .. } | Self::Cert { path, .. } => {
                Some(format!("auth/{}/login", path.trim_matches('/')))
            }
            Self::Password { path, username, .. } => {
                Some(format!("auth/{}/login/{username}", path.trim_matches('/')))
            }
        }
    }
}

/// ESO's `secretRef` and `kubernetesServiceAccountToken`, and the reference document's
/// `serviceAccountRef` directly under `jwt`.
fn jwt(config: &Value) -> Result<Jwt, Error> {
    let at = |field: &str| format!("/auth/jwt/{field}");
    let forms = ["secretRef", "kubernetesServiceAccountToken", "serviceAccountRef"];
    let found: Vec<&str> = forms.into_iter().filter(|form| given(config, &at(form))).collect();
    match found[..] {
        ["secretRef"] => Ok(Jwt::Secret { at: at("secretRef") }),
        ["kubernetesServiceAccountToken"] => {
            let reference = at("kubernetesServiceAccountToken/serviceAccountRef");
            if !given(config, &reference) {
                return Err(invalid_config(&reference, "it is needed"));
            }
            let audiences_at = at("kubernetesServiceAccountToken/audiences");
            let mut audiences = list(config, &audiences_at);
            audiences.extend(list(config, &format!("{reference}/audiences")));
            let expiration = config.pointer(&at("kubernetesServiceAccountToken/expirationSeconds"));
            Ok(Jwt::Account {
                audiences: or_default(audiences),
                at: reference,
                audiences_at: Some(audiences_at),
                expiration_seconds: expiration.and_then(Value::as_u64),
            })
        }
        ["serviceAccountRef"] => Ok(Jwt::Account {
            audiences: or_default(list(config, &at("serviceAccountRef/audiences"))),
            at: at("serviceAccountRef"),
            audiences_at: None,
            expiration_seconds: None,
        }),
        [] => Err(invalid_config("/auth/jwt", format!("one of {} is needed", forms.join(", ")))),
        _ => Err(invalid_config("/auth/jwt", format!("only one of {} may be given", found.join(", ")))),
    }
}

fn or_default(audiences: Vec<String>) -> Vec<String> {
    if audiences.is_empty() { vec![DEFAULT_AUDIENCE.to_owned()] } else { audiences }
}

fn list(config: &Value, at: &str) -> Vec<String> {
    let items = config.pointer(at).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn parse(auth: Value) -> Result<Auth, String> {
        Auth::parse(&json!({"auth": auth})).map_err(|error| match error {
            Error::InvalidConfig(error) => error.path,
            other => format!("{other:?}"),
        })
    }

    fn account(at: &str, audiences_at: Option<&str>, audiences: &[&str], seconds: Option<u64>) -> Jwt {
        Jwt::Account {
            at: at.to_owned(),
            audiences_at: audiences_at.map(ToOwned::to_owned),
            audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
            expiration_seconds: seconds,
        }
    }

    #[test]
    fn both_spellings_of_jwt() {
        let sa = json!({"name": "sa"});
        let jwt = |jwt| Ok(Auth::Jwt { path: "jwt".to_owned(), role: None, jwt });
        assert_eq!(
            parse(json!({"jwt": {"serviceAccountRef": sa}})),
            jwt(account("/auth/jwt/serviceAccountRef", None, &["vault"], None))
        );
        assert_eq!(
            parse(
                json!({"jwt": {"kubernetesServiceAccountToken": {"serviceAccountRef": sa, "audiences": ["x"], "expirationSeconds": 900}}})
            ),
            jwt(account(
                "/auth/jwt/kubernetesServiceAccountToken/serviceAccountRef",
                Some("/auth/jwt/kubernetesServiceAccountToken/audiences"),
                &["x"],
                Some(900)
            ))
        );
        assert_eq!(
            parse(
                json!({"jwt": {"serviceAccountRef": sa, "kubernetesServiceAccountToken": {"serviceAccountRef": sa}}})
            ),
            Err("/auth/jwt".to_owned()),
            "both at once"
        );
        assert_eq!(parse(json!({"jwt": {}})), Err("/auth/jwt".to_owned()));
    }

    #[test]
    fn exactly_one_whole_login() {
        for (auth, path) in [
            (json!({}), "/auth"),
            (json!({"tokenSecretRef": {"name": "t"}, "jwt": {"secretRef": {"name": "j"}}}), "/auth"),
            (json!({"appRole": {"roleId": "r"}}), "/auth/appRole/secretRef"),
            (json!({"appRole": {"secretRef": {"name": "s"}}}), "/auth/appRole/roleId"),
            (
                json!({"appRole": {"roleId": "r", "roleRef": {"name": "r"}, "secretRef": {"name": "s"}}}),
                "/auth/appRole/roleRef",
            ),
            (json!({"kubernetes": {"serviceAccountRef": {"name": "s"}}}), "/auth/kubernetes/role"),
            (json!({"kubernetes": {"role": "r"}}), "/auth/kubernetes/serviceAccountRef"),
            (json!({"userPass": {"secretRef": {"name": "s"}}}), "/auth/userPass/username"),
            (json!({"iam": {"vaultRole": "r"}}), "/auth/iam"),
        ] {
            assert_eq!(parse(auth.clone()), Err(path.to_owned()), "{auth}");
        }
        assert_eq!(
            parse(json!({"kubernetes": {"role": "r", "serviceAccountRef": {"name": "s"}}})),
            Ok(Auth::Jwt {
                path: "kubernetes".to_owned(),
                role: Some("r".to_owned()),
                jwt: account("/auth/kubernetes/serviceAccountRef", None, &[], None),
            })
        );
        let ldap = parse(json!({"ldap": {"username": "u", "secretRef": {"name": "s"}}})).unwrap();
        assert_eq!(ldap.login_path().as_deref(), Some("auth/ldap/login/u"));
    }
}
