//! What the client needs of the world: requests, the memo, the time, AWS. A trait, so that what the client
//! makes of Vault's answers is tested natively; the host's side of it is at the end.

use std::time::SystemTime;

use aws_credentials::{Access, Credentials};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::Memo;
use claviger_plugin_sdk::provider::connection::Session;
pub use claviger_plugin_sdk::request::{Reply, Request};

/// The header field by which a server says how new what it answered is.
pub const INDEX: &str = "x-vault-index";

/// See the module.
pub trait World {
    /// Sends all, some of them at once; one answer or error for each, in order.
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>>;
    /// The time.
    fn now(&self) -> SystemTime;
    /// What outlives a call.
    fn memo(&self) -> &dyn Memo;
    /// AWS credentials, and whether they are kept, so that there can be newer ones.
    ///
    /// # Errors
    /// What keeps STS from giving them.
    fn aws(&self, access: &Access, session: &Session, region: &str) -> Result<(Credentials, bool), Error>;
    /// Gives up kept AWS credentials.
    fn evict_aws(&self, credentials: Credentials);
}

/// The host.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Host;

#[cfg(target_arch = "wasm32")]
impl World for Host {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        claviger_plugin_sdk::http::send_all(requests, crate::read::AT_ONCE)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn memo(&self) -> &dyn Memo {
        &claviger_plugin_sdk::memo::Host
    }

    fn aws(&self, access: &Access, session: &Session, region: &str) -> Result<(Credentials, bool), Error> {
        let sts = crate::iam::sts(region, &session.settings)?;
        let login = aws_credentials::login::login(access, session, region, &sts)?;
        Ok((login.credentials, login.kept))
    }

    fn evict_aws(&self, credentials: Credentials) {
        aws_credentials::login::Login { credentials, kept: true }.evict();
    }
}
