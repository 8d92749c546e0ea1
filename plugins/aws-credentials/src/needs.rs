//! What `connect` asks for, round by round, and what it comes to.

use claviger_plugin_sdk::provider::connection::{
    AccountNeed, AmbientKind, AmbientNeed, Annotation, Need, ObjectKind, ObjectNeed, Resolved, SlotValue,
    TokenNeed,
};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::chain::list;
use crate::credentials::{Base, Credentials, Token};
use crate::source::{Access, Source};

const ACCOUNT: &str = "aws-account";
const ACCOUNT_TOKEN: &str = "aws-account-token";
const KEY_ID: &str = "aws-access-key-id";
const KEY_SECRET: &str = "aws-secret-access-key";
const KEY_TOKEN: &str = "aws-session-token";
const ENV_ROLE: &str = "aws-env-role-arn";
const ENV_SESSION: &str = "aws-env-role-session-name";
const ENV_TOKEN: &str = "aws-env-web-identity-token";
const CONTAINER: &str = "aws-container";
const INSTANCE: &str = "aws-instance";

/// Names the role of a ServiceAccount.
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";
/// Names the audience of its tokens.
const AUDIENCE_ANNOTATION: &str = "eks.amazonaws.com/audience";
const DEFAULT_AUDIENCE: &str = "sts.amazonaws.com";

/// As ESO calls its sessions, so that trust policies and searches in CloudTrail go on working.
pub const SESSION_NAME: &str = "external-secrets-provider-aws";

impl Access {
    /// What is asked for next; nothing when all is there. Each round asks what the answers so far leave
    /// open, so the caller may ask for things of its own at the same time.
    ///
    /// # Errors
    /// If what has come shows that there will be no credentials.
    pub fn needs(&self, config: &Value, have: &[SlotValue]) -> Result<Vec<Need>, Error> {
        match &self.source {
            Source::Account { at } => account_needs(at, config, have),
            Source::Keys { id, secret, token } => {
                let parts = [(KEY_ID, Some(id)), (KEY_SECRET, Some(secret)), (KEY_TOKEN, token.as_ref())];
                Ok(parts
                    .into_iter()
                    .filter(|(slot, _)| !asked(have, slot))
                    .filter_map(|(slot, at)| Some(object(slot, at?)))
                    .collect())
            }
            Source::Ambient => self.ambient_needs(have),
        }
    }

    /// Whether STS is called, once all is there.
    ///
    /// # Errors
    /// As [`Access::base`].
    pub fn calls_sts(&self, have: &[SlotValue]) -> Result<bool, Error> {
        Ok(!self.roles.is_empty() || matches!(self.base(have)?, Base::WebIdentity { .. }))
    }

    /// The credentials in a complete session.
    ///
    /// # Errors
    /// If something in it is no text, or is missing.
    pub fn base(&self, have: &[SlotValue]) -> Result<Base, Error> {
        match &self.source {
            Source::Account { at } => Ok(Base::WebIdentity {
                role_arn: role_of(have, at)?,
                session_name: SESSION_NAME.to_owned(),
                token: Token(needed(have, ACCOUNT_TOKEN)?),
            }),
            Source::Keys { .. } => Ok(Base::Keys(Credentials {
                id: needed(have, KEY_ID)?,
                secret: needed(have, KEY_SECRET)?,
                token: text(have, KEY_TOKEN)?,
            })),
            Source::Ambient => self.ambient_base(have)?.ok_or_else(|| self.no_credentials()),
        }
    }

    fn ambient_needs(&self, have: &[SlotValue]) -> Result<Vec<Need>, Error> {
        if !asked(have, KEY_ID) {
            let env = [
                (KEY_ID, "AWS_ACCESS_KEY_ID"),
                (KEY_SECRET, "AWS_SECRET_ACCESS_KEY"),
                (KEY_TOKEN, "AWS_SESSION_TOKEN"),
                (ENV_ROLE, "AWS_ROLE_ARN"),
                (ENV_SESSION, "AWS_ROLE_SESSION_NAME"),
            ];
            let mut needs: Vec<Need> =
                env.iter().map(|(slot, name)| ambient(slot, AmbientKind::Env, name)).collect();
            needs.push(ambient(ENV_TOKEN, AmbientKind::FileByEnv, "AWS_WEB_IDENTITY_TOKEN_FILE"));
            return Ok(needs);
        }
        // One after the other: the metadata services are asked only where nothing else is there.
        if self.ambient_base(have)?.is_some() {
            Ok(Vec::new())
        } else if !asked(have, CONTAINER) {
            Ok(vec![ambient(CONTAINER, AmbientKind::AwsMetadata, "container")])
        } else if !asked(have, INSTANCE) {
            Ok(vec![ambient(INSTANCE, AmbientKind::AwsMetadata, "instance")])
        } else {
            Err(self.no_credentials())
        }
    }

    fn ambient_base(&self, have: &[SlotValue]) -> Result<Option<Base>, Error> {
        if let (Some(id), Some(secret)) = (text(have, KEY_ID)?, text(have, KEY_SECRET)?) {
            return Ok(Some(Base::Keys(Credentials { id, secret, token: text(have, KEY_TOKEN)? })));
        }
        if let (Some(role_arn), Some(token)) = (text(have, ENV_ROLE)?, text(have, ENV_TOKEN)?) {
            let session_name = text(have, ENV_SESSION)?.unwrap_or_else(|| SESSION_NAME.to_owned());
            return Ok(Some(Base::WebIdentity { role_arn, session_name, token: Token(token) }));
        }
        for slot in [CONTAINER, INSTANCE] {
            if let Some(Resolved::Bytes(document)) = find(have, slot) {
                return Credentials::read(document).map(|read| Some(Base::Keys(read)));
            }
        }
        Ok(None)
    }

    fn no_credentials(&self) -> Error {
        let plugin = self.places.plugin;
        invalid_config(
            self.places.auth,
            format!(
                "no credentials: give jwt or secretRef here, or have the operator's own granted (spec.grants.ambient of the Plugin {plugin}: the environment, container or instance that has them)"
            ),
        )
    }
}

fn account_needs(at: &str, config: &Value, have: &[SlotValue]) -> Result<Vec<Need>, Error> {
    if !asked(have, ACCOUNT) {
        let annotations = vec![ROLE_ANNOTATION.to_owned(), AUDIENCE_ANNOTATION.to_owned()];
        return Ok(vec![Need::Account(AccountNeed {
            slot: ACCOUNT.to_owned(),
            at: at.to_owned(),
            annotations,
        })]);
    }
    if asked(have, ACCOUNT_TOKEN) {
        return Ok(Vec::new());
    }
    // Said now, since without it the token would be made for nothing.
    role_of(have, at)?;
    let first = annotation(have, AUDIENCE_ANNOTATION).unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned());
    let mut audiences = vec![first];
    audiences.extend(list(config, &format!("{at}/audiences")));
    Ok(vec![Need::Token(TokenNeed {
        slot: ACCOUNT_TOKEN.to_owned(),
        at: at.to_owned(),
        audiences,
        audiences_at: None,
        expiration_seconds: None,
    })])
}

fn role_of(have: &[SlotValue], at: &str) -> Result<String, Error> {
    annotation(have, ROLE_ANNOTATION).ok_or_else(|| {
        invalid_config(
            at,
            format!("the ServiceAccount has no annotation {ROLE_ANNOTATION}: it names the IAM role"),
        )
    })
}

fn annotation(have: &[SlotValue], name: &str) -> Option<String> {
    let Some(Resolved::Account(annotations)) = find(have, ACCOUNT) else { return None };
    let found = annotations.iter().find(|Annotation { name: own, .. }| own == name)?;
    Some(found.value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn object(slot: &str, at: &str) -> Need {
    Need::Object(ObjectNeed {
        slot: slot.to_owned(),
        at: at.to_owned(),
        kind: ObjectKind::Secret,
        default_key: None,
        hidden: false,
        optional: false,
    })
}

fn ambient(slot: &str, kind: AmbientKind, name: &str) -> Need {
    Need::Ambient(AmbientNeed {
        slot: slot.to_owned(),
        kind,
        name: name.to_owned(),
        audience: None,
        argument_at: None,
        optional: true,
    })
}

fn find<'a>(have: &'a [SlotValue], slot: &str) -> Option<&'a Resolved> {
    have.iter().find(|value| value.slot == slot).map(|value| &value.value)
}

fn asked(have: &[SlotValue], slot: &str) -> bool {
    find(have, slot).is_some()
}

/// A slot's text without white space around it: files and hand-made Secrets end in a newline.
fn text(have: &[SlotValue], slot: &str) -> Result<Option<String>, Error> {
    let Some(Resolved::Bytes(bytes)) = find(have, slot) else { return Ok(None) };
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::Unauthenticated(format!("the value for {slot} is not text")))?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn needed(have: &[SlotValue], slot: &str) -> Result<String, Error> {
    text(have, slot)?.ok_or_else(|| Error::Unauthenticated(format!("the value for {slot} is empty")))
}

#[cfg(test)]
#[path = "needs_tests.rs"]
mod tests;
