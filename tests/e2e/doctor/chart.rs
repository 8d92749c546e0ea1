//! The chart grants what the operator uses, and nothing else: its roles, as Helm renders them, against the operator's own
//! table, for the settings that the same chart's Deployment gives it.

use std::collections::BTreeSet;

use claviger_testenv::RunDir;
use serde_json::Value;

use super::{documents, given};
use crate::support::{Person, world};

const NAMESPACE: &str = "claviger-system";

/// Flags of `claviger run` that `claviger doctor` has too.
const SETTINGS: [&str; 6] = [
    "--namespace=",
    "--enable-",
    "--leader-election-id=",
    "--controller-class=",
    "--unsafe-allow-generic-targets",
    "--webhook-",
];

fn settings(deployment: &Value) -> Vec<String> {
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
    let args = args.iter().map(|arg| arg.as_str().unwrap().to_owned());
    args.filter(|arg| {
        SETTINGS.iter().any(|flag| arg.starts_with(flag)) && !arg.starts_with("--webhook-port=")
    })
    .collect()
}

#[test]
fn the_chart_grants_what_the_operator_uses_and_nothing_else() {
    let world = world!("doctor-chart");
    let dir = RunDir::create(&world.name).unwrap();
    let person = Person::new(&world, dir.path());
    for values in [
        "",
        "replicaCount=2",
        "webhook.replicaCount=2",
        "leaderElect=true,leaderElectionID=mine",
        "webhook.create=false",
        "rbac.rollouts=false",
        "webhook.certSecret=theirs",
        "refresh.enabled=true",
        "refresh.enabled=true,scopedNamespace=team,scopedRBAC=true",
        "processClusterExternalSecret=false",
        "processPushSecret=false",
        "processClusterPushSecret=false",
        "processClusterExternalSecret=false,processPushSecret=false",
        "processClusterExternalSecret=false,processClusterPushSecret=false",
        "scopedNamespace=team,scopedRBAC=true",
        "scopedNamespace=team,scopedRBAC=true,webhook.create=false",
        "scopedNamespace=team,scopedRBAC=true,replicaCount=2,processPushSecret=false",
        "scopedNamespace=claviger-system,scopedRBAC=true",
        "serviceAccount.name=another,fullnameOverride=other,scopedNamespace=team,scopedRBAC=true",
    ] {
        let set = if values.is_empty() { String::new() } else { format!("--set {values}") };
        let text = person.does(&format!(
            "helm template x charts/claviger --namespace {NAMESPACE} --kube-version 1.33.0 --set installCRDs=false {set} 2>&1 \
             | grep -v ^walk.go"
        ));
        let all = documents(&text);
        let of_kind = |kind: &str| all.iter().find(|document| document["kind"] == kind).unwrap();
        let flags = settings(of_kind("Deployment")).join(" ");
        let account = of_kind("ServiceAccount")["metadata"]["name"].as_str().unwrap();
        // Those for people and for other controllers are no business of the operator's.
        let for_others = |role: &&Value| {
            let others =
                |label: &String| label.contains("/aggregate-to-") || label.starts_with("servicebinding.io/");
            role["metadata"]["labels"].as_object().is_some_and(|labels| labels.keys().any(others))
        };
        let chart = given(all.iter().filter(|role| !for_others(role)));
        let table = person.does(&format!(
            "claviger doctor --print-rights --operator-namespace {NAMESPACE} --service-account {account} {flags}"
        ));
        let table = given(&documents(&table));
        let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
            one.difference(other).cloned().collect()
        };
        assert!(table.len() > 40, "{values}: {table:?}");
        assert_eq!(only(&table, &chart), Vec::<String>::new(), "{values}: the chart lacks these");
        assert_eq!(
            only(&chart, &table),
            Vec::<String>::new(),
            "{values}: the chart grants these for nothing"
        );
    }
}

#[test]
fn rights_in_the_cluster_are_more_than_one_namespace_takes() {
    let world = world!("doctor-chart-scoped");
    let dir = RunDir::create(&world.name).unwrap();
    let person = Person::new(&world, dir.path());
    // Without scopedRBAC the operator watches one namespace and may more: what it uses is among it.
    let text = person.does(&format!(
        "helm template x charts/claviger --namespace {NAMESPACE} --kube-version 1.33.0 --set installCRDs=false,scopedNamespace=team \
         2>&1 | grep -v ^walk.go"
    ));
    let all = documents(&text);
    let flags = settings(all.iter().find(|one| one["kind"] == "Deployment").unwrap()).join(" ");
    let table =
        person.does(&format!("claviger doctor --print-rights --operator-namespace {NAMESPACE} {flags}"));
    let chart = given(&all);
    for right in given(&documents(&table)) {
        let everywhere = right.split_once(' ').map(|(_, rest)| format!("* {rest}")).unwrap();
        assert!(chart.contains(&right) || chart.contains(&everywhere), "{right}");
    }
}
