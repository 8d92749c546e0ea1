//! What AWS answers, as far as it is not its own SDK that reads it: errors, messages of a queue, tokens of registries,
//! cursors; and the metadata of a push.
//!
//! Holds: few and short keys are told of a message; no error says what was sent; a cursor leads where it was left.

use aws::parameter::Cursor;
use aws::push_metadata::{ParameterSpec, SecretSpec};
use aws::token::{self, Token};
use aws::{notice, parameter, secret};
use aws_credentials::{Credentials, Failure, Service};

use crate::script::{line, text};

/// See the module. A status, a kind and a text in lines, the body behind them.
pub fn run(data: &[u8]) {
    let mut rest = data;
    let [status, kind, said] = [(); 3].map(|()| line(&mut rest));
    let body = text(rest);
    for service in [Service::SecretsManager, Service::Ssm] {
        let keys = notice::changed(body, service);
        assert!(keys.len() <= 16 && keys.iter().all(|key| !key.is_empty() && key.len() <= 2048), "{keys:?}");
    }
    let error_type = (!kind.is_empty()).then_some(kind);
    let failure = Failure::read(status.parse().unwrap_or(400), error_type, None, rest);
    let _ =
        (failure.class(), failure.error("action", "what"), failure.sts_error("action", "role", "step", None));
    if let Ok(credentials) = Credentials::read(rest) {
        let again = Credentials::read(&credentials.write()).expect("it was written");
        assert!(again.write() == credentials.write(), "it is written otherwise");
        let _ = failure.clean(&credentials).said();
    }
    let metadata = Some(body);
    let _ = (SecretSpec::parse(metadata), ParameterSpec::parse(metadata));
    for kind in ["ECRAuthorizationToken", "STSSessionToken"] {
        let _ = Token::parse(kind, body);
    }
    let _ = token::registry(said, None, 0);
    for tags in [false, true] {
        let cursor = Cursor::read(Some(said), tags);
        let next = cursor.next(Some(kind.to_owned()));
        assert_eq!(next.is_none(), kind.is_empty(), "an empty token is the end");
    }
    let _ = (parameter::selector(said, error_type), parameter::is_arn(said), parameter::unversioned(said));
    let _ = secret::version(Some(said));
}
