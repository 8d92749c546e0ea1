//! The marks that ESO leaves on objects and that Claviger leaves too, so that either can take over from
//! the other in silence: labels, annotations, field managers. And the marks on the ConfigMaps that carry
//! a plugin, which `claviger plugin pack` writes and the operator reads.

use crate::hash::sha3_224;

/// Label on every Secret that is written.
pub const LABEL_MANAGED: &str = "reconcile.external-secrets.io/managed";
/// Its selector.
pub const LABEL_MANAGED_SELECTOR: &str = "reconcile.external-secrets.io/managed=true";
/// The selector of all others, those without the label too.
pub const LABEL_NOT_MANAGED_SELECTOR: &str = "reconcile.external-secrets.io/managed!=true";
/// Label with the owner's hash, on Secrets with creationPolicy Owner.
pub const LABEL_CREATED_BY: &str = "reconcile.external-secrets.io/created-by";
/// Annotation with ESO's hash of the data.
pub const ANNOTATION_DATA_HASH: &str = "reconcile.external-secrets.io/data-hash";
/// Begins every field manager; the ExternalSecret's name follows.
pub const FIELD_MANAGER_PREFIX: &str = "externalsecrets.external-secrets.io/";

/// ESO's finalizer on every ExternalSecret. Claviger has none: it is taken off by a takeover, and named where it holds one.
pub const ESO_FINALIZER: &str = "externalsecrets.external-secrets.io/externalsecret-cleanup";

/// Field manager of what a ClusterExternalSecret makes. One for all: each ExternalSecret has one controller.
pub const SPREAD_FIELD_MANAGER: &str = "claviger-clusterexternalsecret";

/// The same of ClusterPushSecrets.
pub const PUSH_SPREAD_FIELD_MANAGER: &str = "claviger-clusterpushsecret";

/// Field manager of whatever else is written: statuses, finalizers, restarts.
pub const OWN_FIELD_MANAGER: &str = "claviger";

/// Field manager of what ESO updates without saying who it is: the API server takes the program's name.
pub const ESO_MANAGER: &str = "external-secrets";

/// Label with the plugin's name on every ConfigMap that holds a part of its component.
pub const LABEL_PLUGIN: &str = "claviger.io/plugin";
/// Which part of a component a ConfigMap holds, from 0; absent where it holds the whole.
pub const ANNOTATION_PART_INDEX: &str = "claviger.io/part-index";
/// How many parts there are.
pub const ANNOTATION_PART_COUNT: &str = "claviger.io/part-count";
/// Digest of the whole component, uncompressed: what parts of one package have in common.
pub const ANNOTATION_PART_DIGEST: &str = "claviger.io/part-digest";

/// Label, `authority`, on the Secret that the operator keeps its webhook's authority in.
pub const LABEL_WEBHOOK: &str = "claviger.io/webhook";
/// On that Secret: since when its authorities are published as they are.
pub const ANNOTATION_WEBHOOK_SINCE: &str = "claviger.io/webhook-since";

/// On an ExternalSecret: when leased credentials are made anew (`automatic`, `every-refresh`).
pub const ANNOTATION_ROTATION_POLICY: &str = "external-secrets.io/rotation-policy";
/// On an ExternalSecret: their longest life, as a Go duration or in days.
pub const ANNOTATION_ROTATION_INTERVAL: &str = "external-secrets.io/rotation-interval";
/// On an ExternalSecret: when a replaced one is revoked, a duration or `rollout`.
pub const ANNOTATION_REVOKE_SUPERSEDED: &str = "claviger.io/revoke-superseded-after";

/// On a ServiceAccount: the rules of a ClusterSecretStore's `spec.accessPolicy` that it is held to, by name, with commas.
pub const ANNOTATION_STORE_ACCESS: &str = "external-secrets.io/secret-store-access";

/// On an ExternalSecret: `true` writes the keys that could be read where others could not.
pub const ANNOTATION_PARTIAL_SYNC: &str = "claviger.io/partial-sync";

/// On an ExternalSecret: `every-refresh` renders a template anew whose text varies with the time or at random.
pub const ANNOTATION_RENDER: &str = "claviger.io/render";
/// Begins every annotation with what a text that varies was rendered from.
pub const RENDERED_ANNOTATIONS: &str = "rendered.claviger.io/";

/// On an ExternalSecret: workloads to restart when the data of its Secret changes, `deployment/NAME` and the like.
pub const ANNOTATION_ROLLOUT: &str = "claviger.io/rollout-restart";
/// On an ExternalSecret: the same by a label selector.
pub const ANNOTATION_ROLLOUT_SELECTOR: &str = "claviger.io/rollout-restart-selector";

/// The annotation of a Secret with the time of the last change of what an ExternalSecret put there, where workloads are
/// restarted for it.
pub fn changed_annotation(external_secret: &str) -> String {
    hashed("changed.claviger.io/", external_secret)
}

/// The annotation of a pod template with the change that its workload was restarted for.
pub fn restart_annotation(external_secret: &str) -> String {
    hashed("restart.claviger.io/", external_secret)
}

/// Begins every annotation with a record of leases.
pub const LEASE_ANNOTATIONS: &str = "lease.claviger.io/";

/// The annotation of a Secret with the record of what an ExternalSecret leased for it: several may write to one.
pub fn lease_annotation(external_secret: &str) -> String {
    hashed(LEASE_ANNOTATIONS, external_secret)
}

/// The annotation of a Secret with what an ExternalSecret rendered its text from, salted and hashed, if that varies:
/// several may write to one.
pub fn rendered_annotation(external_secret: &str) -> String {
    hashed(RENDERED_ANNOTATIONS, external_secret)
}

/// Names of ExternalSecrets may be longer than what stands behind the slash of an annotation's name. Half of the hash is
/// enough: two of one namespace that meet in it would have to be looked for.
fn hashed(prefix: &str, external_secret: &str) -> String {
    format!("{prefix}{}", &sha3_224(external_secret.as_bytes())[..32])
}

/// The ConfigMap that holds part `index`, where `first` holds part 0.
pub fn part_name(first: &str, index: usize) -> String {
    if index == 0 { first.to_owned() } else { format!("{first}-{index}") }
}

/// The longest field manager ESO uses: names over 27 characters are hashed.
const MAX_FIELD_MANAGER: usize = 63;

/// The field manager of an ExternalSecret, as ESO names it.
pub fn field_manager(external_secret: &str) -> String {
    let name = format!("{FIELD_MANAGER_PREFIX}{external_secret}");
    if name.len() <= MAX_FIELD_MANAGER {
        return name;
    }
    format!("{FIELD_MANAGER_PREFIX}sha3/{}", sha3_224(external_secret.as_bytes()))
}

/// The value of [`LABEL_CREATED_BY`].
pub fn created_by(namespace: &str, external_secret: &str) -> String {
    sha3_224(format!("{namespace}/{external_secret}").as_bytes())
}

/// Whether Kubernetes takes it as a key of a Secret's data: at most 253 of `[-._a-zA-Z0-9]`.
pub fn is_valid_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 253
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// Labels and annotations that say what the operator did with an object: a template cannot set them, for they would be
/// believed, those of another ExternalSecret that writes to the same Secret too.
pub fn is_mark(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    domain == "reconcile.external-secrets.io" || is_below(domain, "claviger.io")
}

fn is_below(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Labels and annotations of an ExternalSecret that say something about that object and would be wrong
/// (and, for Argo CD's tracking, dangerous: it prunes what it thinks it owns) on the Secret.
pub fn is_copied(key: &str) -> bool {
    const TOOLS: &[&str] = &[
        "argoproj.io",
        "kubectl.kubernetes.io",
        "helm.sh",
        "fluxcd.io",
        "claviger.io",
        "external-secrets.io",
    ];
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    key != "force-sync" && !TOOLS.iter().any(|tool| is_below(domain, tool))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_managers_are_esos() {
        assert_eq!(field_manager("db"), "externalsecrets.external-secrets.io/db");
        let longest = "a".repeat(27);
        assert_eq!(field_manager(&longest).len(), 63);
        let hashed = field_manager(&"a".repeat(28));
        assert!(hashed.starts_with("externalsecrets.external-secrets.io/sha3/"));
        assert_eq!(hashed.len(), FIELD_MANAGER_PREFIX.len() + 5 + 56);
    }

    /// Another version looks for what this one wrote by these names: a Secret with none of them is written anew, a lease
    /// is nobody's, and a workload is restarted. Expected: Python's `hashlib.sha3_224`.
    #[test]
    fn marks_are_found_again_by_another_version() {
        for (made, expected) in [
            (changed_annotation("app"), "changed.claviger.io/41b825502a8776029d4c5621de332288"),
            (restart_annotation("app"), "restart.claviger.io/41b825502a8776029d4c5621de332288"),
            (lease_annotation("app"), "lease.claviger.io/41b825502a8776029d4c5621de332288"),
            (rendered_annotation("app"), "rendered.claviger.io/41b825502a8776029d4c5621de332288"),
            (created_by("team-a", "app"), "c95ab3945b22b5a0ca794e8ae4509f00cea935954bd860ac3ce1ea15"),
        ] {
            assert_eq!(made, expected);
        }
    }

    #[test]
    fn keys_are_kubernetes_keys() {
        for (key, valid) in [("a.b-c_D9", true), (".env", true), ("", false), ("a/b", false), ("ä", false)] {
            assert_eq!(is_valid_key(key), valid, "{key:?}");
        }
        assert!(is_valid_key(&"a".repeat(253)) && !is_valid_key(&"a".repeat(254)));
    }

    #[test]
    fn parts_are_found_from_the_first() {
        assert_eq!(
            [0, 1, 31].map(|index| part_name("etcd-plugin", index)),
            ["etcd-plugin", "etcd-plugin-1", "etcd-plugin-31"]
        );
    }

    #[test]
    fn marks_of_other_tools_are_not_copied() {
        for key in [
            "argocd.argoproj.io/tracking-id",
            "kubectl.kubernetes.io/last-applied-configuration",
            "meta.helm.sh/release-name",
            "helm.sh/chart",
            "reconcile.fluxcd.io/requestedAt",
            "kustomize.toolkit.fluxcd.io/name",
            "external-secrets.io/rotation-policy",
            "reconcile.external-secrets.io/data-hash",
            ANNOTATION_PARTIAL_SYNC,
            ANNOTATION_RENDER,
            "changed.claviger.io/x",
            "restart.claviger.io/x",
            "force-sync",
        ] {
            assert!(!is_copied(key), "{key}");
        }
        for key in ["app.kubernetes.io/name", "team", "reloader.stakater.com/match", "nothelm.sh/x"] {
            assert!(is_copied(key), "{key}");
        }
        for key in [LABEL_CREATED_BY, ANNOTATION_DATA_HASH, "rendered.claviger.io/x", "lease.claviger.io/x"] {
            assert!(is_mark(key), "{key}");
        }
        assert!(!is_mark("external-secrets.io/type") && !is_mark("team"));
    }
}
