//! Which controllers run in a cluster, ESO's or Claviger's own; what is read of them is decided upon purely.
//!
//! Labels alone are no proof: Claviger's chart may be installed under the name `external-secrets`. So what counts is the
//! image, and labels only where the image is of another name and the process is not Claviger's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use serde_json::Value;

use crate::objects::{Kind, list, text};

/// Whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Eso,
    Claviger,
}

/// What somebody runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// `Deployment external-secrets/external-secrets`.
    pub(crate) what: String,
    /// Whether it writes objects; a webhook and a certificate controller do not.
    pub(crate) controller: bool,
    /// The namespace that it is confined to.
    pub(crate) only: Option<String>,
    /// What ends it.
    pub(crate) command: Option<String>,
}

impl Running {
    /// Whether it looks after objects of those namespaces; none means all.
    pub(crate) fn concerns(&self, namespaces: &[String]) -> bool {
        if namespaces.is_empty() {
            return true;
        }
        self.controller && self.only.as_ref().is_none_or(|only| namespaces.contains(only))
    }
}

/// ESO's own Lease, if it is told no other, and what Claviger's begin with.
const ESO_LEASE: &str = "external-secrets-controller";
const CLAVIGER_LEASES: &str = "claviger-controller";
/// ESO's parts, as its chart names them.
const ESO_NAMES: [&str; 3] =
    ["external-secrets", "external-secrets-webhook", "external-secrets-cert-controller"];

/// What runs of a product.
///
/// # Errors
/// If Deployments, Pods or Leases may not be listed.
pub(crate) async fn who_runs(client: &Client, product: Product) -> anyhow::Result<Vec<Running>> {
    let deployments = Kind::new("apps", "v1", "Deployment", "deployments", true);
    let pods = Kind::new("", "v1", "Pod", "pods", true);
    let leases = Kind::new("coordination.k8s.io", "v1", "Lease", "leases", true);
    let (deployments, pods, leases) = tokio::try_join!(
        list(client, &deployments, &[]),
        list(client, &pods, &[]),
        list(client, &leases, &[])
    )?;
    Ok(running(product, &deployments, &pods, &leases, Timestamp::now()))
}

/// The same, among these Deployments, Pods and Leases.
fn running(
    product: Product,
    deployments: &[Value],
    pods: &[Value],
    leases: &[Value],
    now: Timestamp,
) -> Vec<Running> {
    let mut found = Vec::new();
    let mut named = Vec::new();
    let parts = Parts::of(product, deployments, pods);
    for deployment in deployments {
        let (namespace, name) = (text(deployment, "/metadata/namespace"), text(deployment, "/metadata/name"));
        let replicas = deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        if replicas == 0 {
            continue;
        }
        let template = &deployment["spec"]["template"];
        if let Some((controller, only)) = part(product, template) {
            named.push((namespace, name));
            found.push(Running {
                what: format!("Deployment {namespace}/{name}"),
                controller,
                only,
                command: Some(format!("kubectl -n {namespace} scale deployment {name} --replicas=0")),
            });
        }
    }
    for pod in pods {
        let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        if matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
            continue;
        }
        // A ReplicaSet is called as its Deployment, with a hash.
        let owner = text(pod, "/metadata/ownerReferences/0/name");
        let deployment = owner.rsplit_once('-').map_or("", |(deployment, _)| deployment);
        if named.contains(&(namespace, deployment)) {
            continue;
        }
        if let Some((controller, only)) = part(product, pod) {
            let ending = !text(pod, "/metadata/deletionTimestamp").is_empty();
            let rest = if ending { ", which is ending" } else { "" };
            found.push(Running {
                what: format!("Pod {namespace}/{name}{rest}"),
                controller,
                only,
                command: None,
            });
        }
    }
    found.extend(leases.iter().filter(|lease| held(product, lease, &parts, now)).map(|lease| {
        let (namespace, name) = (text(lease, "/metadata/namespace"), text(lease, "/metadata/name"));
        let holder = text(lease, "/spec/holderIdentity");
        Running {
            what: format!("Lease {namespace}/{name}, which {holder} holds"),
            controller: true,
            only: parts.scope(namespace, holder),
            command: None,
        }
    }));
    found
}

/// What is known of a product's controllers before their Leases are looked at.
#[derive(Default)]
struct Parts<'a> {
    /// Names of Leases that they are told to take.
    leases: BTreeSet<&'a str>,
    /// Controllers' Pods (namespace, name), with the namespace that each is confined to.
    pods: BTreeMap<(&'a str, &'a str), Option<String>>,
}

impl<'a> Parts<'a> {
    /// Also of Deployments without a replica: their Pods may be there still.
    fn of(product: Product, deployments: &'a [Value], pods: &'a [Value]) -> Self {
        let mut parts = Self::default();
        for template in deployments.iter().map(|deployment| &deployment["spec"]["template"]).chain(pods) {
            if part(product, template).is_some() {
                let containers = template["spec"]["containers"].as_array().into_iter().flatten();
                parts
                    .leases
                    .extend(containers.filter_map(|container| value_of(container, "leader-election-id")));
            }
        }
        for pod in pods {
            if let Some((true, only)) = part(product, pod) {
                parts.pods.insert((text(pod, "/metadata/namespace"), text(pod, "/metadata/name")), only);
            }
        }
        parts
    }

    /// The namespace that a Lease's holder is confined to: `POD_UUID` is its name, and the Lease is where the Pod is.
    /// One that is not found, for it is gone or of the host's network, may be of all.
    fn scope(&self, namespace: &str, holder: &str) -> Option<String> {
        let (pod, _) = holder.rsplit_once('_')?;
        self.pods.get(&(namespace, pod)).cloned().flatten()
    }
}

/// The value of a container's flag; an empty one is none.
fn value_of<'a>(container: &'a Value, flag: &str) -> Option<&'a str> {
    let mut args = texts(container, "args").into_iter();
    let value = loop {
        let Some(rest) = args.next()?.strip_prefix("--").and_then(|arg| arg.strip_prefix(flag)) else {
            continue;
        };
        match rest.strip_prefix('=') {
            Some(value) => break value,
            None if rest.is_empty() => break args.next()?,
            None => {}
        }
    };
    Some(value).filter(|value| !value.is_empty())
}

fn texts<'a>(container: &'a Value, field: &str) -> Vec<&'a str> {
    container[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a pod (or template of one) is of the product: whether it is the controller, and its namespace.
fn part(product: Product, pod: &Value) -> Option<(bool, Option<String>)> {
    let labels = &pod["metadata"]["labels"];
    let of_eso_by_labels = ESO_NAMES.contains(&labels["app.kubernetes.io/name"].as_str().unwrap_or_default())
        || labels["helm.sh/chart"].as_str().is_some_and(|chart| chart.starts_with("external-secrets-"));
    let containers = pod["spec"]["containers"].as_array();
    let container = containers.into_iter().flatten().find(|container| {
        let image = repository(container["image"].as_str().unwrap_or_default());
        let claviger = image == "claviger" || runs_claviger(container);
        match product {
            Product::Claviger => claviger,
            Product::Eso => !claviger && (image == "external-secrets" || of_eso_by_labels),
        }
    })?;
    let args = texts(container, "args");
    let controller =
        !args.iter().any(|arg| matches!(*arg, "webhook" | "certcontroller" | "render" | "diff" | "takeover"));
    Some((controller, value_of(container, "namespace").map(str::to_owned)))
}

/// ESO's controller has no subcommand; `run` is Claviger's.
fn runs_claviger(container: &Value) -> bool {
    let program = |word: &&str| word.rsplit('/').next() == Some("claviger");
    texts(container, "command").iter().any(program)
        || texts(container, "args").first().is_some_and(|word| *word == "run" || program(word))
}

/// The last part of an image's name, without tag and digest.
fn repository(image: &str) -> &str {
    let last = image.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}

/// Renewed within its duration.
fn held(product: Product, lease: &Value, parts: &Parts<'_>, now: Timestamp) -> bool {
    let name = text(lease, "/metadata/name");
    let of_product = match product {
        Product::Eso => name == ESO_LEASE || parts.leases.contains(name),
        Product::Claviger => name.starts_with(CLAVIGER_LEASES),
    };
    let seconds = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or_default();
    let renewed: Option<Timestamp> = text(lease, "/spec/renewTime").parse().ok();
    of_product
        && !text(lease, "/spec/holderIdentity").is_empty()
        && renewed.is_some_and(|renewed| now.duration_since(renewed) < SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn deployment(name: &str, replicas: Value, image: &str, args: &[&str], labels: Value) -> Value {
        json!({
            "metadata": {"namespace": "es", "name": name},
            "spec": {"replicas": replicas, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"image": image, "args": args}]},
            }},
        })
    }

    fn of(product: Product, deployments: &[Value]) -> Vec<(bool, Option<String>)> {
        let found = running(product, deployments, &[], &[], Timestamp::UNIX_EPOCH);
        found.into_iter().map(|running| (running.controller, running.only)).collect()
    }

    #[test]
    fn by_image_then_by_labels() {
        let (none, esos) = (json!({}), json!({"app.kubernetes.io/name": "external-secrets"}));
        let chart = json!({"helm.sh/chart": "external-secrets-2.9.0"});
        let scoped = &["--namespace=team", "--loglevel=info"][..];
        let mirror = "registry:5000/mirror/external-secrets";
        let only = |name: &str| Some(name.to_owned());
        for (image, args, labels, replicas, eso, claviger) in [
            (
                "ghcr.io/external-secrets/external-secrets:v2.9.0",
                &[][..],
                &none,
                json!(1),
                Some((true, None)),
                None,
            ),
            (mirror, &[], &none, json!(null), Some((true, None)), None),
            (mirror, &[], &none, json!(0), None, None),
            (
                &format!("{mirror}:v2-ubi@sha256:00"),
                &["webhook", "--port=10250"],
                &none,
                json!(2),
                Some((false, None)),
                None,
            ),
            (mirror, &["certcontroller"], &none, json!(1), Some((false, None)), None),
            (mirror, scoped, &none, json!(1), Some((true, only("team"))), None),
            (mirror, &["--namespace", "team"], &none, json!(1), Some((true, only("team"))), None),
            ("mirror/eso:2.9", &["--concurrent=4"], &esos, json!(1), Some((true, None)), None),
            ("mirror/eso:2.9", &[], &chart, json!(1), Some((true, None)), None),
            ("mirror/eso:2.9", &[], &none, json!(1), None, None),
            ("example/external-secrets-exporter:1", &[], &none, json!(1), None, None),
            // Claviger's chart under ESO's name.
            ("example/claviger:1", &["run"], &esos, json!(1), None, Some((true, None))),
            ("mirror/key-bearer:1", &["run"], &esos, json!(1), None, Some((true, None))),
            (
                "mirror/external-secrets:claviger",
                &["run", "--namespace=a"],
                &esos,
                json!(1),
                None,
                Some((true, only("a"))),
            ),
        ] {
            let all = [deployment("d", replicas, image, args, labels.clone())];
            assert_eq!(of(Product::Eso, &all).pop(), eso, "{image} {args:?}");
            assert_eq!(of(Product::Claviger, &all).pop(), claviger, "{image} {args:?}");
        }
    }

    #[test]
    fn pods_count_until_they_are_finished_and_are_not_named_twice() {
        let eso = deployment("eso", json!(1), "x/external-secrets:1", &[], json!({}));
        let stopped = deployment("eso", json!(0), "x/external-secrets:1", &[], json!({}));
        let pod = |phase: &str| {
            json!({
                "metadata": {"namespace": "es", "name": "eso-5f-x", "ownerReferences": [{"name": "eso-5f"}]},
                "spec": {"containers": [{"image": "x/external-secrets:1"}]}, "status": {"phase": phase},
            })
        };
        let names = |deployment: &Value, phase: &str| -> Vec<String> {
            let found = running(
                Product::Eso,
                std::slice::from_ref(deployment),
                &[pod(phase)],
                &[],
                Timestamp::UNIX_EPOCH,
            );
            found.into_iter().map(|running| running.what).collect()
        };
        assert_eq!(names(&eso, "Running"), ["Deployment es/eso"]);
        assert_eq!(names(&stopped, "Running"), ["Pod es/eso-5f-x"]);
        assert_eq!(names(&stopped, "Pending"), ["Pod es/eso-5f-x"]);
        assert!(names(&stopped, "Succeeded").is_empty());
        let commands: Vec<_> = running(Product::Eso, &[eso], &[], &[], Timestamp::UNIX_EPOCH)
            .into_iter()
            .filter_map(|running| running.command)
            .collect();
        assert_eq!(commands, ["kubectl -n es scale deployment eso --replicas=0"]);
    }

    #[test]
    fn a_lease_counts_for_its_duration() {
        let lease = |name: &str, holder: &str| {
            json!({"metadata": {"namespace": "es", "name": name}, "spec": {
                "holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z",
            }})
        };
        for (name, holder, now, held) in [
            ("external-secrets-controller", "pod", "2026-01-01T00:00:14Z", true),
            ("external-secrets-controller", "pod", "2026-01-01T00:00:15Z", false),
            ("external-secrets-controller", "", "2026-01-01T00:00:14Z", false),
            ("another", "pod", "2026-01-01T00:00:14Z", false),
        ] {
            let found = running(Product::Eso, &[], &[], &[lease(name, holder)], now.parse().unwrap());
            assert_eq!(!found.is_empty(), held, "{name} {holder} {now}");
        }
        let lease = lease("claviger-controller.team", "pod");
        let now = "2026-01-01T00:00:01Z".parse().unwrap();
        assert_eq!(running(Product::Claviger, &[], &[], std::slice::from_ref(&lease), now).len(), 1);
        assert!(running(Product::Eso, &[], &[], &[lease], now).is_empty());
    }

    #[test]
    fn a_lease_is_of_its_holders_namespace() {
        let image = "x/external-secrets:1";
        let pod = |namespace: &str, name: &str, args: &[&str]| {
            json!({
                "metadata": {"namespace": namespace, "name": name, "ownerReferences": [{"name": "eso-5f"}]},
                "spec": {"containers": [{"image": image, "args": args}]}, "status": {"phase": "Running"},
            })
        };
        let scoped = &["--namespace=team", "--leader-election-id=mine"][..];
        let only = || Some("team".to_owned());
        for (name, args, pods, holder, scope) in [
            (
                "external-secrets-controller",
                scoped,
                vec![pod("es", "eso-5f-x", scoped)],
                "eso-5f-x_0a-1b",
                Some(only()),
            ),
            ("mine", scoped, vec![pod("es", "eso-5f-x", scoped)], "eso-5f-x_0a", Some(only())),
            ("mine", &["--leader-election-id", "mine"], vec![], "eso-5f-x_0a", Some(None)),
            // Nobody of ESO's has that name for its Lease.
            (
                "mine",
                &["--namespace=team"],
                vec![pod("es", "eso-5f-x", &["--namespace=team"])],
                "eso-5f-x_0a",
                None,
            ),
            // Of the whole cluster, gone, of another namespace, by another name: it may be everybody's.
            ("mine", scoped, vec![pod("es", "eso-5f-x", &[])], "eso-5f-x_0a", Some(None)),
            ("mine", scoped, vec![], "eso-5f-x_0a", Some(None)),
            ("mine", scoped, vec![pod("b", "eso-5f-x", scoped)], "eso-5f-x_0a", Some(None)),
            ("mine", scoped, vec![pod("es", "eso-5f-x", scoped)], "node_0a", Some(None)),
            ("mine", scoped, vec![pod("es", "eso-5f-x", scoped)], "eso-5f-x", Some(None)),
        ] {
            let lease = json!({"metadata": {"namespace": "es", "name": name}, "spec": {
                "holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z",
            }});
            // Ended, and its Pod may be there still.
            let eso = deployment("eso", json!(0), image, args, json!({}));
            let now = "2026-01-01T00:00:01Z".parse().unwrap();
            let found = running(Product::Eso, &[eso], &pods, &[lease], now);
            let found = found.into_iter().find(|running| running.what.starts_with("Lease "));
            assert_eq!(found.map(|lease| lease.only), scope, "{name} {args:?} {holder}");
        }
    }

    #[test]
    fn others_in_other_namespaces_are_no_concern() {
        let running = |controller, only: Option<&str>| Running {
            what: String::new(),
            controller,
            only: only.map(str::to_owned),
            command: None,
        };
        let scope = ["a".to_owned()];
        for (of, all, one) in [
            (running(true, None), true, true),
            (running(true, Some("a")), true, true),
            (running(true, Some("b")), true, false),
            (running(false, None), true, false),
        ] {
            assert_eq!((of.concerns(&[]), of.concerns(&scope)), (all, one), "{of:?}");
        }
    }
}
