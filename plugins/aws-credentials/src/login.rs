//! The way from what the session holds to credentials that sign: by STS, once for all who wait.

use std::time::SystemTime;

use aws_sdk_sts::types::{Credentials as StsCredentials, Tag};
use claviger_plugin_sdk::login::keep_ms;
use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::{Error, memo};

use crate::chain::Role;
use crate::client::{Trouble, sdk_config};
use crate::credentials::{Base, Credentials, Token};
use crate::needs::SESSION_NAME;
use crate::source::Access;

/// The end of the chain is what is kept: the steps before are of no other use.
const MEMO: &str = "aws-credentials";

/// Credentials, and whether they came from STS, so that there can be newer ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// They sign.
    pub credentials: Credentials,
    /// The memo holds them.
    pub kept: bool,
}

impl Login {
    /// Gives up credentials that AWS refused. Newer ones stay.
    pub fn evict(&self) {
        if self.kept {
            memo::evict(MEMO, &self.credentials.write());
        }
    }
}

/// The credentials of a session, from the memo or made now. `sts` is STS's URL in the region.
///
/// # Errors
/// [`Error::Unauthenticated`] naming the step that was refused, and whatever keeps STS from answering.
pub fn login(access: &Access, session: &Session, region: &str, sts: &str) -> Result<Login, Error> {
    let base = access.base(&session.have)?;
    if let (Base::Keys(credentials), true) = (&base, access.roles.is_empty()) {
        return Ok(Login { credentials: credentials.clone(), kept: false });
    }
    let kept = memo::get_or_make(MEMO, || {
        let made = wstd::runtime::block_on(chain(base, &access.roles, region, sts))?;
        let left = made.until.saturating_sub(now());
        Ok((made.credentials.write(), keep_ms(left)))
    })?;
    Ok(Login { credentials: Credentials::read(&kept)?, kept: true })
}

/// Credentials with their end, in seconds since 1970.
struct Made {
    credentials: Credentials,
    until: u64,
}

async fn chain(base: Base, roles: &[Role], region: &str, sts: &str) -> Result<Made, Error> {
    let client =
        |credentials: Option<&Credentials>| aws_sdk_sts::Client::new(&sdk_config(region, sts, credentials));
    let first = usize::from(matches!(base, Base::WebIdentity { .. }));
    let steps = first + roles.len();
    let mut made = match base {
        Base::Keys(credentials) => Made { credentials, until: 0 },
        Base::WebIdentity { role_arn, session_name, token: Token(token) } => {
            let answer = client(None)
                .assume_role_with_web_identity()
                .role_arn(&role_arn)
                .role_session_name(session_name)
                .web_identity_token(token)
                .send()
                .await;
            let step = format!("step 1 of {steps}");
            let answer = answer.map_err(|error| match Trouble::of(&error, None) {
                Trouble::Answer(failure) => {
                    failure.sts_error("sts:AssumeRoleWithWebIdentity", &role_arn, &step, None)
                }
                Trouble::Nothing(error) => error,
            })?;
            read(answer.credentials)?
        }
    };
    for (index, role) in roles.iter().enumerate() {
        let step = format!("step {} of {steps}", first + index + 1);
        made = assume(&client(Some(&made.credentials)), role, &step, &made.credentials).await?;
    }
    Ok(made)
}

async fn assume(
    client: &aws_sdk_sts::Client,
    role: &Role,
    step: &str,
    with: &Credentials,
) -> Result<Made, Error> {
    let mut request = client
        .assume_role()
        .role_arn(&role.arn)
        .role_session_name(SESSION_NAME)
        .set_external_id(role.external_id.clone());
    for (key, value) in &role.tags {
        let tag = Tag::builder().key(key).value(value).build();
        request = request.tags(tag.map_err(|_| Error::Other("a session tag cannot be built".to_owned()))?);
    }
    for key in &role.transitive_tag_keys {
        request = request.transitive_tag_keys(key);
    }
    let answer = request.send().await.map_err(|error| match Trouble::of(&error, Some(with)) {
        Trouble::Answer(failure) => failure.sts_error("sts:AssumeRole", &role.arn, step, Some(&role.at)),
        Trouble::Nothing(error) => error,
    })?;
    read(answer.credentials)
}

fn read(credentials: Option<StsCredentials>) -> Result<Made, Error> {
    let given = credentials.ok_or_else(|| Error::Other("STS answered without credentials".to_owned()))?;
    Ok(Made {
        until: u64::try_from(given.expiration.secs()).unwrap_or(0),
        credentials: Credentials {
            id: given.access_key_id,
            secret: given.secret_access_key,
            token: Some(given.session_token),
        },
    })
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
