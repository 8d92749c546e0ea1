//! The requests for tokens, by AWS's own SDK.

use aws_credentials::client::{SdkConfig, Trouble, sdk_config};
use aws_credentials::login::Login;
use aws_credentials::{Access, endpoint};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::provider::generator::Generated;
use wstd::runtime::block_on;

use crate::aws::with_login;
use crate::config::PLACES;
use crate::renewal::Seen;
use crate::token::{self, Asked, Token, Values};

/// Makes one.
///
/// # Errors
/// A wrong spec, a refused login, or what AWS answers instead of a token.
pub(crate) fn generate(session: &Session, kind: &str, spec: &str) -> Result<Generated, Error> {
    let token = Token::parse(kind, spec)?;
    let access = Access::parse(&token.json, PLACES, &session.store, &session.requester)?;
    let url = endpoint::url(token.service(), &token.region, &session.settings)?;
    let values = with_login(session, access, &token.region, |login| {
        let sdk = sdk_config(&token.region, &url, Some(&login.credentials));
        match block_on(call(&sdk, &token, login)) {
            Ok(values) => (values, Seen::default()),
            Err(Trouble::Answer(failure)) => {
                (Err(failure.error(token.action(), "*")), Seen::default().and(&failure))
            }
            Err(Trouble::Nothing(error)) => (Err(error), Seen::default()),
        }
    })?;
    Ok(Generated { values, state: None, lease: None })
}

/// `Err` is AWS's, or that there was no answer; what is odd about an answer is within.
async fn call(sdk: &SdkConfig, token: &Token, login: &Login) -> Result<Result<Values, Error>, Trouble> {
    let credentials = Some(&login.credentials);
    let odd = |what: &str| Err(Error::Other(format!("{}: the answer has {what}", token.action())));
    Ok(match &token.asked {
        Asked::Registry => {
            let answer = aws_sdk_ecr::Client::new(sdk).get_authorization_token().send().await;
            let answer = answer.map_err(|error| Trouble::of(&error, credentials))?;
            match answer.authorization_data() {
                [data] => match (data.authorization_token(), data.expires_at()) {
                    (Some(token), Some(end)) => token::registry(token, data.proxy_endpoint(), end.secs()),
                    _ => odd("no token"),
                },
                several => odd(&format!("{} tokens", several.len())),
            }
        }
        Asked::PublicRegistry => {
            let answer = aws_sdk_ecrpublic::Client::new(sdk).get_authorization_token().send().await;
            let answer = answer.map_err(|error| Trouble::of(&error, credentials))?;
            let data = answer.authorization_data();
            let made = data.and_then(|data| Some((data.authorization_token()?, data.expires_at()?.secs())));
            match made {
                Some((token, end)) => token::registry(token, None, end),
                None => odd("no token"),
            }
        }
        Asked::Session { duration, serial_number, token_code } => {
            let request = aws_sdk_sts::Client::new(sdk)
                .get_session_token()
                .set_duration_seconds(*duration)
                .set_serial_number(serial_number.clone())
                .set_token_code(token_code.clone());
            let answer = request.send().await.map_err(|error| Trouble::of(&error, credentials))?;
            match answer.credentials() {
                Some(made) => Ok(token::session(
                    made.access_key_id(),
                    made.secret_access_key(),
                    made.session_token(),
                    made.expiration().secs(),
                )),
                None => odd("no credentials"),
            }
        }
    })
}
