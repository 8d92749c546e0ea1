//! Labels of namespaces, kept for a moment.
//!
//! A store or plugin that chooses its namespaces by label asks at every refresh of every ExternalSecret; a
//! label that changes counts within [`KEPT`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claviger_core::error::Failure;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use moka::sync::Cache;

use crate::cluster::live;

/// Long enough that a round of refreshes asks once, short enough that nobody waits for a new label.
const KEPT: Duration = Duration::from_secs(10);

/// More namespaces than the largest clusters have.
const MAX_NAMESPACES: u64 = 10_000;

/// The labels that were read.
pub(crate) struct NamespaceLabels {
    kept: Cache<String, Arc<BTreeMap<String, String>>>,
}

impl Default for NamespaceLabels {
    fn default() -> Self {
        Self { kept: Cache::builder().max_capacity(MAX_NAMESPACES).time_to_live(KEPT).build() }
    }
}

impl NamespaceLabels {
    /// The labels of one.
    ///
    /// # Errors
    /// [`Failure::ApiServer`].
    pub(crate) async fn of(
        &self,
        client: &Client,
        name: &str,
    ) -> Result<Arc<BTreeMap<String, String>>, Failure> {
        if let Some(labels) = self.kept.get(name) {
            return Ok(labels);
        }
        let api: Api<Namespace> = Api::all(client.clone());
        let namespace = api
            .get_metadata(name)
            .await
            .map_err(|error| live::api_failure("reading the labels of", "Namespace", "", name, &error))?;
        let labels = Arc::new(namespace.metadata.labels.unwrap_or_default());
        self.kept.insert(name.to_owned(), labels.clone());
        Ok(labels)
    }
}
