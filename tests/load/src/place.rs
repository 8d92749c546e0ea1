//! A control plane and an OpenBao of a benchmark's own, with the definitions and the operator's rights in place.
//!
//! Fresh for each benchmark, so that nothing of one is in the way of the next. What is put into it is `objects`' and
//! `vault`'s.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{Bao, BaoOptions, Cluster, Progress, RunDir, Tools, workspace_root};
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::Product;
use crate::operator::{Launch, Operator};
use crate::process::Tree;

/// Where the operator lives, see examples/cluster/rbac.yaml.
const NAMESPACE: &str = "claviger-system";
const ACCOUNT: &str = "claviger";

/// Its user in the API server's audit log.
pub(crate) const OPERATOR: &str = "system:serviceaccount:claviger-system:claviger";

/// The servers. They end when this is dropped.
pub(crate) struct Place<'a> {
    pub(crate) cluster: Cluster,
    pub(crate) bao: Bao,
    /// The administrator's client.
    pub(crate) client: kube::Client,
    product: &'a Product,
    kubeconfig: PathBuf,
    run: RunDir,
}

impl<'a> Place<'a> {
    /// Starts the servers.
    ///
    /// # Errors
    /// If one does not start.
    pub(crate) async fn start(progress: &Progress, product: &'a Product, name: &str) -> Result<Self> {
        progress
            .say(format_args!("{name}: starting etcd, kube-apiserver, kube-controller-manager and OpenBao"));
        let tools = Tools::prepare(progress)?;
        let run = RunDir::create(name)?;
        let cluster = Cluster::start(&tools, run.path())?;
        let bao = Bao::start(&tools, run.path(), BaoOptions::default())?;
        install(&cluster, product)?;
        let config = Kubeconfig::read_from(cluster.view().kubeconfig())?;
        let mut config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
        // A watch that is quiet is no dead one.
        config.read_timeout = None;
        let client = kube::Client::try_from(config)?;
        let kubeconfig = cluster.view().kubeconfig_for_service_account(NAMESPACE, ACCOUNT)?;
        Ok(Self { cluster, bao, client, product, kubeconfig, run })
    }

    /// Starts an operator with the product's defaults, and with these flags besides. It is not waited for.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn operator(&self, flags: &[&str]) -> Result<Operator> {
        self.launch(&Launch { flags, cache_dir: &self.product.cache_dir, prefix: &[] })
    }

    /// The same, with another cache, or behind another program.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn launch(&self, launch: &Launch<'_>) -> Result<Operator> {
        Operator::start(self.product, &self.kubeconfig, self.run.path(), launch)
    }

    /// Starts one of several operators, whose log lies in a folder of its own. It is not waited for.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn replica(&self, name: &str, flags: &[&str]) -> Result<Operator> {
        let dir = self.run.path().join(name);
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let launch = Launch { flags, cache_dir: &self.product.cache_dir, prefix: &[] };
        Operator::start(self.product, &self.kubeconfig, &dir, &launch)
    }

    /// The folder of logs.
    pub(crate) fn dir(&self) -> &Path {
        self.run.path()
    }

    /// Gives operators that are started from now on a token for two hours more.
    ///
    /// # Errors
    /// If the API server gives none.
    pub(crate) fn renew_token(&self) -> Result<()> {
        self.cluster.view().kubeconfig_for_service_account(NAMESPACE, ACCOUNT)?;
        Ok(())
    }

    /// The processes of the servers, by name, as children of this one.
    pub(crate) fn servers(&self) -> Tree {
        Tree::of_servers(self.run.path())
    }

    /// Keeps logs of a run that failed.
    pub(crate) fn keep(&self) {
        self.run.keep();
    }
}

/// The definitions, and the operator's ClusterRole and ServiceAccount.
fn install(cluster: &Cluster, product: &Product) -> Result<()> {
    let output = Command::new(&product.claviger).arg("crds").output().context("claviger crds")?;
    if !output.status.success() {
        bail!("claviger crds failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let view = cluster.view();
    view.apply(&String::from_utf8(output.stdout)?)?;
    let rights = workspace_root().join("examples/cluster/rbac.yaml");
    view.apply(&std::fs::read_to_string(&rights).with_context(|| rights.display().to_string())?)?;
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
    let output = view.kubectl(&wait)?;
    if !output.status.success() {
        bail!("the definitions are not established: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// How long anything may take before a benchmark gives up: it would be twenty times what was ever seen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(900);
