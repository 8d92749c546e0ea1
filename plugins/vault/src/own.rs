//! The token that something is made with. Vault ends a lease with its token, so the memo's will not do: it is left to run
//! out while others have a use for what was made with it. Each call logs in for itself, and hands on by which
//! accessor that token is kept alive and ended; the token is forgotten.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::login::unkept;
use claviger_plugin_sdk::provider::interface::Holder;
use serde::Deserialize;
use serde_json::json;

use crate::answer::Login;
use crate::ask::{Ask, Of};
use crate::client::{Client, LOOKUP_SELF};
use crate::session::Token;
use crate::world::Reply;

/// A token that does not end, as far as a lease is concerned: none lives for ten years.
pub(crate) const FOREVER_MS: u64 = 10 * 365 * 24 * 3_600_000;

/// Who asks for something that is made.
pub(crate) enum Maker {
    /// A login of this call alone.
    Own(Token, Holder),
    /// The store's token, or whatever something between adds: there is no login.
    Store,
}

impl Client<'_> {
    /// Logs in, if the store has a login.
    ///
    /// # Errors
    /// A refused login, of which all who ask within ten seconds are told the same.
    pub(crate) fn maker(&self) -> Result<Maker, Error> {
        if self.auth.login_path().is_none() {
            return Ok(Maker::Store);
        }
        let (login, held) = unkept(self.world.memo(), || self.log_in())?;
        Ok(Maker::Own(Token { held, raw: Vec::new() }, holder(login)))
    }

    /// One answer or error for each, in order.
    pub(crate) fn make(&self, maker: &Maker, asks: &[Ask]) -> Vec<Result<Reply, Error>> {
        match maker {
            Maker::Own(token, _) => self.call_with(token, asks),
            Maker::Store => {
                self.call(asks).unwrap_or_else(|error| asks.iter().map(|_| Err(error.clone())).collect())
            }
        }
    }

    /// With whom a lease ends. The store's own token has no accessor here: it is neither kept alive nor ended for a lease.
    pub(crate) fn holder(&self, maker: Maker) -> Option<Holder> {
        match maker {
            Maker::Own(_, holder) => Some(holder),
            Maker::Store => {
                let ask = Ask { of: Of::Tokens, ..Ask::get(LOOKUP_SELF.to_owned()) };
                let left = ttl(&self.one(ask).ok()?.body).filter(|seconds| *seconds > 0)?;
                Some(Holder { accessor: None, ttl_ms: left.saturating_mul(1000), renewable: false })
            }
        }
    }

    /// Ends a token that nothing depends on, or nothing should, and with it whatever was made. It needs no right of
    /// its own but a policy's for `auth/token/revoke-self`, which `default` has; without, it runs out.
    pub(crate) fn give_up(&self, maker: &Maker) {
        if let Maker::Own(token, _) = maker {
            let _ = self
                .call_with(token, &[Ask::put(Of::Tokens, "auth/token/revoke-self".to_owned(), &json!({}))]);
        }
    }
}

fn holder(login: Login) -> Holder {
    Holder {
        accessor: Some(login.accessor).filter(|accessor| !accessor.is_empty()),
        ttl_ms: match login.lease_duration {
            0 => FOREVER_MS,
            seconds => seconds.saturating_mul(1000),
        },
        renewable: login.renewable,
    }
}

/// Seconds that a token has left; 0: it does not end.
fn ttl(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Answer {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        ttl: u64,
    }
    serde_json::from_slice::<Answer>(body).ok().map(|answer| answer.data.ttl)
}
