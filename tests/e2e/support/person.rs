//! A person at a shell: commands as the documentation has them, and what somebody wrote to the API server meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use claviger_testenv::{Mark, workspace_root};

use super::corner::World;

/// A person at a shell, with a ServiceAccount of a cluster admin.
pub(crate) struct Person<'a> {
    world: &'a World,
    dir: &'a Path,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) user: String,
}

impl<'a> Person<'a> {
    /// With `claviger`, `kubectl` and `helm` at hand, in `dir`.
    pub(crate) fn new(world: &'a World, dir: &'a Path) -> Self {
        let ns = &world.name;
        world.apply(&format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: person, namespace: {ns}}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: person-{ns}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}\n\
             subjects: [{{kind: ServiceAccount, name: person, namespace: {ns}}}]\n"
        ));
        let tools = &world.env.tools;
        let programs = [
            ("claviger", Some(&world.env.claviger)),
            ("kubectl", Some(&tools.kubectl)),
            ("helm", tools.helm.as_ref()),
        ];
        std::fs::create_dir(dir.join("bin")).unwrap();
        for (name, program) in programs {
            std::os::unix::fs::symlink(program.unwrap(), dir.join("bin").join(name)).unwrap();
        }
        let kubeconfig = world.env.cluster.kubeconfig_for_service_account(ns, "person").unwrap();
        Self { world, dir, kubeconfig, user: format!("system:serviceaccount:{ns}:person") }
    }

    /// A command line, not started yet.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let path = format!("{}:/usr/bin:/bin", self.dir.join("bin").display());
        command
            .args(["-c", line])
            .current_dir(workspace_root())
            .env("PATH", path)
            .env("HOME", self.dir)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("CLAVIGER_PLUGIN_DIR", &self.world.env.plugin_dir)
            .env("CLAVIGER_CACHE_DIR", &self.world.env.cache_dir)
            .stdin(Stdio::null());
        command
    }

    /// What becomes of a command line; no value shows in it.
    pub(crate) fn tries(&self, line: &str) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        let said = format!("{}{}", String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(!said.contains("MARKED"), "{line}: {said}");
        (status.code(), said)
    }

    /// What a command line says that has to work.
    pub(crate) fn does(&self, line: &str) -> String {
        let (code, said) = self.tries(line);
        assert_eq!(code, Some(0), "{line}: {said}");
        said
    }

    /// What somebody wrote since then.
    pub(crate) fn writes(&self, user: &str, since: Mark) -> Vec<String> {
        let requests = self.world.env.cluster.audit_requests(since).unwrap().into_iter();
        requests
            .filter(|request| request.user == user)
            .filter(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch"))
            .filter(|request| !request.uri.contains("selfsubject") && !request.uri.contains("/token"))
            .map(|request| format!("{} {}", request.verb, request.uri))
            .collect()
    }
}
