//! The hand-over: what the owner of the servers tells the tests, in a file that an environment variable
//! names.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::aws::AwsView;
use crate::azure::AzureView;
use crate::bao::BaoView;
use crate::clouds::CloudsView;
use crate::cluster::ClusterView;
use crate::error::{Error, Result};
use crate::google::GoogleView;
use crate::run::write_private;
use crate::tools::Tools;

/// Names the file.
pub const ENV_VAR: &str = "CLAVIGER_TEST_ENV";

/// Everything a test needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Env {
    /// The control plane.
    pub cluster: ClusterView,
    /// The shared OpenBao, plain HTTP.
    pub bao: BaoView,
    /// The shared AWS.
    pub aws: AwsView,
    /// The shared Azure.
    pub azure: AzureView,
    /// The shared Google.
    pub google: GoogleView,
    /// The clouds under their real names; none where the tests have no network of their own.
    pub clouds: Option<CloudsView>,
    /// For servers of a test's own.
    pub tools: Tools,
    /// The binary.
    pub claviger: PathBuf,
    /// Its plugins.
    pub plugin_dir: PathBuf,
    /// Where it keeps compiled plugins.
    pub cache_dir: PathBuf,
}

impl Env {
    /// The environment that was handed over, if there is one.
    pub fn from_env() -> Option<Self> {
        let path = std::env::var_os(ENV_VAR)?;
        let text = std::fs::read_to_string(path).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes it for another process.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self)
            .map_err(|source| Error::Json { what: "the test environment".to_owned(), source })?;
        write_private(path, &text)
    }
}
