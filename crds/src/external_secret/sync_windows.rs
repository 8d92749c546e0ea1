//! Times at which interval refreshes are allowed or denied. Read here as text; no cron in this crate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Windows in UTC; they hold back interval refreshes, not changes of the spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncWindows {
    /// Whether refreshes are allowed or denied in the windows.
    pub kind: SyncWindowKind,
    /// The windows.
    #[schemars(length(min = 1))]
    pub windows: Vec<SyncWindow>,
}

/// Whether refreshes are allowed or denied in the windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyncWindowKind {
    /// Only in a window.
    #[default]
    Allow,
    /// Never in a window.
    Deny,
}

/// One recurring window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncWindow {
    /// When it opens: five cron fields, `@daily` and the like, or `@every 1h`.
    #[schemars(extend("pattern" =
        r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|@every [^\s]+.*|[^\s]+( [^\s]+){4})$"))]
    pub schedule: String,
    /// How long it stays open, as a Go duration.
    pub duration: String,
}
