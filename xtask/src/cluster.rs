//! The servers of a test run or a demo, owned by this process and stopped with it.

use anyhow::{Context, Result};
use claviger_testenv::{Bao, BaoOptions, Cluster, Env, Progress, RunDir, Tools};
use std::path::PathBuf;
use std::process::Command;

use crate::build;

/// Running servers.
pub(crate) struct Servers {
    pub(crate) env: Env,
    pub(crate) dir: RunDir,
    _cluster: Cluster,
    _bao: Bao,
}

/// Starts a control plane with our definitions and rights, and an OpenBao.
pub(crate) fn start(progress: &Progress, claviger: PathBuf, plugin_dir: PathBuf) -> Result<Servers> {
    let tools = Tools::prepare(progress)?;
    let dir = RunDir::create("servers")?;
    progress.say("starting etcd, kube-apiserver, kube-controller-manager");
    let cluster_dir = dir.path().join("cluster");
    let bao_dir = dir.path().join("bao");
    std::fs::create_dir_all(&cluster_dir)?;
    std::fs::create_dir_all(&bao_dir)?;
    let cluster = Cluster::start(&tools, &cluster_dir).inspect_err(|_| dir.keep())?;
    progress.say("starting OpenBao");
    let bao = Bao::start(&tools, &bao_dir, BaoOptions::default()).inspect_err(|_| dir.keep())?;
    let definitions = Command::new(&claviger).arg("crds").output().context("claviger crds")?;
    let view = cluster.view();
    view.apply(&String::from_utf8(definitions.stdout)?)?;
    view.apply(include_str!("../../examples/cluster/rbac.yaml"))?;
    for kind in ["externalsecrets", "secretstores", "clustersecretstores"] {
        wait_established(view, &format!("{kind}.external-secrets.io"))?;
    }
    wait_established(view, "plugins.claviger.io")?;
    let cache_dir = build::target_dir().join("aot");
    let env = Env { cluster: view.clone(), bao: bao.view().clone(), tools, claviger, plugin_dir, cache_dir };
    Ok(Servers { env, dir, _cluster: cluster, _bao: bao })
}

fn wait_established(view: &claviger_testenv::ClusterView, name: &str) -> Result<()> {
    let output = view.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", name])?;
    if !output.status.success() {
        anyhow::bail!("{name} is not served: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
