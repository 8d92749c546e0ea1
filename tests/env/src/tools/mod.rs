//! The programs that the servers are: found, or built and fetched once into the cache.
//!
//! Each program is placed in the cache by an atomic rename under a name that holds its version, so a
//! broken-off build is never taken for a finished one and two runs never see each other's half. What the
//! machine must have already (Go, Python, PostgreSQL, Chromium) is reported as [`Missing`](crate::Missing).

mod chromium;
mod example;
mod from_go;
mod kube;
mod openbao;
mod postgres;
mod prometheus;
mod python;
mod registry;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::cache::cache_home;
use crate::error::{Error, Missing, Result};
use crate::progress::Progress;
use crate::run::make_private;

pub use example::example;
pub(crate) use postgres::server_user;

/// Paths of the programs. Each is ready to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tools {
    /// The etcd server.
    pub etcd: PathBuf,
    /// The Kubernetes API server.
    pub kube_apiserver: PathBuf,
    /// The controller manager: garbage collection, service accounts, namespaces.
    pub kube_controller_manager: PathBuf,
    /// The command-line client of the same version.
    pub kubectl: PathBuf,
    /// OpenBao's single binary.
    pub bao: PathBuf,
    /// Helm, if it was asked for.
    pub helm: Option<PathBuf>,
    /// crane, with Helm.
    pub crane: Option<PathBuf>,
    /// The interpreter that runs the servers of `tests/servers`.
    pub python: PathBuf,
    /// The folder with PostgreSQL's server programs (`initdb`, `postgres`), if it is installed.
    pub postgres_bin: Option<PathBuf>,
    /// A browser without a screen, if it is installed.
    pub chromium: Option<PathBuf>,
    /// Docker's registry, if it is installed.
    pub registry: Option<PathBuf>,
    /// The folder with Prometheus and promtool, if it was asked for and can be had.
    pub prometheus_bin: Option<PathBuf>,
}

impl Tools {
    /// Finds, builds or fetches everything. The first time this takes minutes (about five on two cores
    /// for the Kubernetes parts), afterwards well under a second.
    ///
    /// PostgreSQL's absence is not an error here, since most servers do without: see
    /// [`Tools::postgres`]; nor is Chromium's: [`Tools::chromium`].
    ///
    /// # Errors
    /// [`Error::Missing`] if Go or Python is missing and something has to be built or fetched; otherwise
    /// whatever made a build fail.
    pub fn prepare(progress: &Progress) -> Result<Self> {
        let kube = kube::prepare(progress)?;
        let bao = openbao::prepare(progress)?;
        Ok(Self {
            etcd: kube.etcd,
            kube_apiserver: kube.apiserver,
            kube_controller_manager: kube.controller_manager,
            kubectl: kube.kubectl,
            bao,
            helm: None,
            crane: None,
            python: python::prepare(progress)?,
            postgres_bin: postgres::find(),
            chromium: chromium::find(),
            registry: registry::find(),
            prometheus_bin: None,
        })
    }

    /// The same with Helm and crane, which servers do without. They are built the first time, in about five minutes on two
    /// cores.
    ///
    /// # Errors
    /// As [`Tools::prepare`].
    pub fn with_clients(mut self, progress: &Progress) -> Result<Self> {
        self.helm = Some(Self::helm(progress)?);
        self.crane = Some(from_go::CRANE.prepare(progress)?);
        Ok(self)
    }

    /// Helm alone.
    ///
    /// # Errors
    /// As [`Tools::prepare`].
    pub fn helm(progress: &Progress) -> Result<PathBuf> {
        from_go::HELM.prepare(progress)
    }

    /// The browser.
    ///
    /// # Errors
    /// [`Error::Missing`] if none is installed.
    pub fn chromium(&self) -> Result<&Path> {
        self.chromium.as_deref().ok_or_else(|| Error::Missing(chromium::missing()))
    }

    /// The registry.
    ///
    /// # Errors
    /// [`Error::Missing`] if none is installed.
    pub fn registry(&self) -> Result<&Path> {
        self.registry.as_deref().ok_or_else(|| Error::Missing(registry::missing()))
    }

    /// The same with Prometheus, which servers do without.
    ///
    /// # Errors
    /// If the cache cannot be used. That it cannot be had is none: see [`Tools::prometheus`].
    pub fn with_prometheus(mut self, progress: &Progress) -> Result<Self> {
        self.prometheus_bin = prometheus::prepare(progress)?;
        Ok(self)
    }

    /// The folder with Prometheus and promtool.
    ///
    /// # Errors
    /// [`Error::Missing`] if they are neither installed nor to be fetched.
    pub fn prometheus(&self) -> Result<&Path> {
        self.prometheus_bin.as_deref().ok_or_else(|| Error::Missing(prometheus::missing()))
    }

    /// The folder with PostgreSQL's server programs.
    ///
    /// # Errors
    /// [`Error::Missing`] if PostgreSQL is not installed.
    pub fn postgres(&self) -> Result<&Path> {
        self.postgres_bin.as_deref().ok_or_else(|| Error::Missing(postgres::missing()))
    }
}

/// The folder of the cache that holds the finished programs.
fn tools_dir() -> Result<PathBuf> {
    let dir = cache_home().join("tools");
    make_private(&dir)?;
    Ok(dir)
}

/// Waits until no other process builds `name`, and keeps others waiting until dropped.
fn lock(progress: &Progress, name: &str) -> Result<File> {
    let path = tools_dir()?.join(format!("{name}.lock"));
    let file = File::create(&path).map_err(Error::file("create", &path))?;
    if file.try_lock().is_err() {
        progress.say(format_args!("waiting for another run that prepares {name}"));
        file.lock().map_err(Error::file("lock", &path))?;
    }
    Ok(file)
}

/// An empty folder beside `finished`, to be filled and then renamed to it.
fn fresh_beside(finished: &Path) -> Result<PathBuf> {
    let new = finished.with_extension("new");
    if new.exists() {
        std::fs::remove_dir_all(&new).map_err(Error::file("remove", &new))?;
    }
    make_private(&new)?;
    Ok(new)
}

/// Fails with `missing` if `program --version` (or `version`) cannot be run.
fn require(program: &str, argument: &str, missing: impl FnOnce() -> Missing) -> Result<()> {
    let ran = Command::new(program).arg(argument).output();
    match ran {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(Error::Missing(missing())),
    }
}
