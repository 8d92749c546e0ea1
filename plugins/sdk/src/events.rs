//! Where the backend tells of its changes: [`Events`], for [`crate::export_events`], and what is generated for it from
//! `wit/events`, a package of its own beside the interface. A provider without it is read at its stores' intervals.
//!
//! ```
//! use claviger_plugin_sdk::events::{Events, Notice};
//! use claviger_plugin_sdk::prelude::*;
//! # use serde::Deserialize;
//! # #[derive(Deserialize, JsonSchema)]
//! # struct Config { url: String }
//! # struct Vending;
//! # impl Provider for Vending {
//! #     const NAME: &'static str = "vending";
//! #     const VERSION: &'static str = "1.0.0";
//! #     const CONFIG_SCHEMA: &'static str = r#"{"properties": {"url": {}, "events": {"type": "object"}}}"#;
//! #     type Config = Config;
//! #     fn connect(store: &mut Store<Config>) -> Result<Ready, Error> {
//! #         Ok(Ready::to([Origin::new(&store.config.url, "the vending machine")]))
//! #     }
//! # }
//!
//! impl Events for Vending {
//!     fn poll(session: &Session<'_, Config>, most: u32, wait: std::time::Duration) -> Result<Vec<Notice>, Error> {
//!         let url = format!("{}/sold?most={most}&seconds={}", session.config.url, wait.as_secs());
//!         let reply = session.send(Request::get(url))?.ok("what was sold")?;
//!         let sold = String::from_utf8_lossy(&reply.body).into_owned();
//!         Ok(sold.lines().map(|slot| Notice::changed([slot], slot)).collect())
//!     }
//!
//!     fn acknowledge(session: &Session<'_, Config>, receipts: &[String]) -> Result<Vec<Result<(), Error>>, Error> {
//!         let heard = |slot: &String| {
//!             let url = format!("{}/sold/{}", session.config.url, url::escaped(slot));
//!             session.send(Request::new("DELETE", url))?.ok(slot).map(drop)
//!         };
//!         Ok(receipts.iter().map(heard).collect())
//!     }
//! }
//!
//! export_provider!(Vending);
//! export_events!(Vending);
//!
//! use claviger_plugin_sdk::testing::{Bench, Host};
//!
//! let machine = Host::script([
//!     ("GET https://vending.example/sold?most=10&seconds=10", Reply::new(200, "a 1\nb\n")),
//!     ("DELETE https://vending.example/sold/a%201", Reply::new(204, "")),
//! ]);
//! let bench = Bench::<Vending>::new(&serde_json::json!({"url": "https://vending.example"}), machine);
//! let told = bench.poll(10).unwrap();
//! assert_eq!(told.iter().map(|notice| notice.receipt.as_str()).collect::<Vec<_>>(), ["a 1", "b"]);
//! assert!(bench.acknowledge(&[&told[0].receipt]).unwrap()[0].is_ok());
//! ```

use std::time::Duration;

use crate::provider::connection::{self, Annotation, SlotValue};
use crate::{Error, Provider, Session};

pub use generated::export_event_source;
pub use generated::exports::claviger::events::source as interface;
pub use interface::{News, Notice};

/// What is generated, for [`interface`] and the macros.
pub mod generated {
    #![allow(missing_docs, reason = "generated; the documentation is in the WIT files")]
    #![allow(clippy::all, clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "generated")]

    wit_bindgen::generate!({
        path: ["wit", "wit-events"],
        world: "claviger:events/event-source@1.0.0",
        with: {
            "claviger:plugin/types@1.0.0": crate::provider::claviger::plugin::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_event_source",
        default_bindings_module: "claviger_plugin_sdk::events::generated",
    });
}

/// A provider that can be listened to. The host does for a store whose object of the provider has an object `events`, in one
/// replica and without end: what that object says is the provider's own, and stands in its schema. What is told has keys
/// read again, and nothing else.
pub trait Events: Provider {
    /// Waits until something is told, for `wait` at most (10 s or less), and brings `most` notices at most: none is no error.
    /// What is not acknowledged is told again. A message on which this founders is asked for alone then, and is the
    /// backend's to give up.
    ///
    /// # Errors
    /// What keeps it from being listened to; the store says so, and goes on.
    fn poll(session: &Session<'_, Self::Config>, most: u32, wait: Duration) -> Result<Vec<Notice>, Error>;

    /// These were heard, and need not be told again: what follows from them is queued. One answer per receipt, in order.
    ///
    /// # Errors
    /// What keeps anything from being tried.
    fn acknowledge(
        session: &Session<'_, Self::Config>,
        receipts: &[String],
    ) -> Result<Vec<Result<(), Error>>, Error>;
}

impl Notice {
    /// What is stored by these keys may have changed, as the backend spells them or as manifests do.
    pub fn changed<K: Into<String>>(keys: impl IntoIterator<Item = K>, receipt: impl Into<String>) -> Self {
        Self { news: News::Changed(keys.into_iter().map(Into::into).collect()), receipt: receipt.into() }
    }

    /// It is about something else, or nothing that is understood: acknowledged, and without consequence.
    pub fn nothing(receipt: impl Into<String>) -> Self {
        Self { news: News::Nothing, receipt: receipt.into() }
    }
}

/// The same, as every other interface has it.
impl From<interface::Session> for connection::Session {
    fn from(session: interface::Session) -> Self {
        use interface::Resolved;
        let annotation = |it: interface::Annotation| Annotation { name: it.name, value: it.value };
        let slot = |slot: interface::SlotValue| SlotValue {
            slot: slot.slot,
            value: match slot.value {
                Resolved::Bytes(bytes) => connection::Resolved::Bytes(bytes),
                Resolved::Account(list) => {
                    connection::Resolved::Account(list.into_iter().map(annotation).collect())
                }
                Resolved::Withheld => connection::Resolved::Withheld,
                Resolved::Absent => connection::Resolved::Absent,
            },
        };
        Self {
            store: session.store,
            requester: session.requester,
            config: session.config,
            settings: session.settings,
            have: session.have.into_iter().map(slot).collect(),
        }
    }
}
