//! `examples/cluster`: what the chart renders, without the marks of a Helm release, for `kubectl apply`.
//!
//! The end-to-end tests run their operators with the rights of these files, so with the chart's and no others.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::workspace_root;

/// A file that is made of some templates.
pub(super) struct Example {
    /// In `examples/cluster`.
    pub file: &'static str,
    /// What stands above.
    head: &'static str,
    templates: &'static [&'static str],
    values: &'static str,
}

pub(super) const EXAMPLES: [Example; 2] = [
    Example {
        file: "rbac.yaml",
        head: "\
# What the operator may do, as the ServiceAccount it runs as: what the chart renders (`cargo xtask chart` writes it).
#
# Not needed with --enable-cluster-external-secret-reconciler=false: create and delete of externalsecrets, list and watch of
# namespaces. With --enable-push-secret-reconciler=false: all about pushsecrets. Targets other than Secrets
# (--unsafe-allow-generic-targets) need get, create, patch and delete of each kind: bind a Role with them in the namespaces
# that may have such targets. The Role for the election is for several replicas (--enable-leader-election): with
# --controller-class, --namespace or --leader-election-id the Lease has another name, which the operator logs at its start
# (\"standing for election\").
apiVersion: v1
kind: Namespace
metadata:
  name: claviger-system
",
        templates: &["serviceaccount", "rbac"],
        values: "leaderElect=true,leaderElectionID=claviger-controller",
    },
    Example {
        file: "webhook.yaml",
        head: "\
# The validating webhook (`claviger run --enable-webhook`, docs/webhook.md): the API server asks the operator about each
# ExternalSecret and store before it takes it. What the chart renders (`cargo xtask chart` writes it). The operator is its
# own authority: it writes caBundle itself, as the rights below allow. With certificates of your own
# (--webhook-cert-dir) those rights are not needed; then caBundle is the authority of your tls.crt in base64, which
# cert-manager puts in by the annotation cert-manager.io/inject-ca-from.
#
# Ignore: when no operator answers, everything passes, and the status says later what is wrong with it. Fail would keep
# everybody from changing their manifests while the operator is away.
#
# Whoever may read the Secret claviger-webhook can pass for the webhook. Make an empty Secret of that name, and the right to
# create one can be left out. (The ClusterRole of rbac.yaml has these rights already, for all Secrets.)
",
        templates: &["webhook"],
        values: "installCRDs=false",
    },
];

impl Example {
    /// The file.
    ///
    /// # Errors
    /// If Helm does not render the chart.
    pub(super) fn make(&self, helm: &Path) -> Result<String> {
        let mut command = Command::new(helm);
        command
            .current_dir(workspace_root())
            .args(["template", "claviger", "charts/claviger", "--namespace", "claviger-system"])
            .args(["--kube-version", "1.33.0", "--set", self.values]);
        for template in self.templates {
            command.args(["--show-only", &format!("templates/{template}.yaml")]);
        }
        let output = command.stdin(Stdio::null()).output().with_context(|| helm.display().to_string())?;
        if !output.status.success() {
            bail!("helm template: {}", String::from_utf8_lossy(&output.stderr));
        }
        let rendered = plain(&String::from_utf8(output.stdout).context("helm template")?);
        let rendered = rendered.trim_start_matches("---\n");
        // A head that ends in an object is a document of its own.
        let line = if self.head.contains("\nkind: ") { "---\n" } else { "\n" };
        Ok(format!("{}{line}{rendered}", self.head))
    }
}

/// Without what tells of a release: the template's name, and the labels that Helm's charts give.
fn plain(rendered: &str) -> String {
    let is_mark = |line: &str| {
        let text = line.trim_start();
        let release = ["helm.sh/chart:", "app.kubernetes.io/version:", "app.kubernetes.io/managed-by:"];
        // Of one installation of several, in labels and in the selectors of Services.
        let instance = "app.kubernetes.io/instance:";
        release.iter().chain([&instance]).any(|label| text.starts_with(label))
            || line.starts_with("# Source: ")
    };
    let mut plain = String::new();
    let mut in_labels = false;
    for line in rendered.lines().filter(|line| !is_mark(line)) {
        in_labels = line == "  labels:" || in_labels && line.starts_with("    ");
        if !in_labels {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_and_selectors_stay() {
        let rendered = "---\n# Source: claviger/templates/x.yaml\n# Why.\nkind: Service\nmetadata:\n  name: x\n  labels:\n    \
                        helm.sh/chart: claviger-1\n    app.kubernetes.io/name: claviger\n  annotations:\n    a: b\nspec:\n  selector:\n    \
                        app.kubernetes.io/name: claviger\n    app.kubernetes.io/instance: x\n  ports: []\n";
        let expected = "---\n# Why.\nkind: Service\nmetadata:\n  name: x\n  annotations:\n    a: b\nspec:\n  selector:\n    \
                        app.kubernetes.io/name: claviger\n  ports: []\n";
        assert_eq!(plain(rendered), expected);
    }
}
