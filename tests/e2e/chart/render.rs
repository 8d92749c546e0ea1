//! What the chart renders: all of it, by default and with everything on, as snapshots; and what is there only where the
//! cluster, or the values, want it.

use serde_json::{Value, json};

use super::{args, objects, of_kind, rendered, the, with_person};
use crate::support::world;

/// Lists of these are long, and the business of others.
const LEFT_OUT: &str = "--set installCRDs=false";

/// A dashboard is one line.
fn readable(rendered: &str) -> String {
    rendered.lines().fold(String::new(), |text, line| {
        let cut: String = line.chars().take(200).collect();
        text + &cut + "\n"
    })
}

#[test]
fn the_default_and_everything() {
    let world = world!("chart-render");
    with_person(&world, |person, _| {
        insta::assert_snapshot!("default", readable(&rendered(person, LEFT_OUT)));
        let everything =
            format!("{LEFT_OUT} -f tests/e2e/chart/everything.yaml --api-versions claviger.io/v1alpha1");
        insta::assert_snapshot!("everything", readable(&rendered(person, &everything)));
    });
}

/// Helm writes 1 for 1.0.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn definitions_are_those_of_the_binary_and_stay() {
    let world = world!("chart-definitions");
    with_person(&world, |person, _| {
        let ours: Vec<Value> = serde_saphyr::from_multiple(&person.does("claviger crds")).unwrap();
        let all = objects(person, "");
        let rendered = of_kind(&all, "CustomResourceDefinition");
        assert_eq!(rendered.len(), ours.len());
        for crd in rendered {
            let name = &crd["metadata"]["name"];
            assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep", "{name}");
            let same = ours.iter().find(|ours| ours["metadata"]["name"] == *name).unwrap();
            assert_eq!(floats(&crd["spec"]), floats(&same["spec"]), "{name}");
        }
    });
}

#[test]
fn what_watches_it_is_there_where_the_cluster_knows_it() {
    let world = world!("chart-monitoring");
    with_person(&world, |person, _| {
        let on = "--set installCRDs=false,serviceMonitor.enabled=true,prometheusRule.enabled=true,\
                  serviceMonitor.additionalLabels.release=x,prometheusRule.additionalLabels.release=x,\
                  prometheusRule.namespace=monitoring,grafanaDashboard.enabled=true,grafanaDashboard.extraLabels.of=us";
        let without = objects(person, on);
        assert!(
            of_kind(&without, "ServiceMonitor").is_empty() && of_kind(&without, "PrometheusRule").is_empty()
        );
        // ESO's chart renders it whatever is there, if it is told to.
        let always = objects(person, &format!("{on},serviceMonitor.renderMode=alwaysRender"));
        assert_eq!(of_kind(&always, "ServiceMonitor").len(), 1);

        let with = objects(person, &format!("{on} --api-versions monitoring.coreos.com/v1"));
        let monitor = the(&with, "ServiceMonitor");
        assert_eq!(monitor["metadata"]["labels"]["release"], "x");
        let services = of_kind(&with, "Service");
        let matches = |service: &&&Value| {
            let wanted = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
            let ports = service["spec"]["ports"].as_array().unwrap();
            wanted.iter().all(|(label, value)| service["metadata"]["labels"][label] == *value)
                && ports.iter().any(|port| port["name"] == monitor["spec"]["endpoints"][0]["port"])
        };
        assert_eq!(services.iter().filter(matches).count(), 1, "one Service fits it");
        let rule = the(&with, "PrometheusRule");
        assert_eq!(
            (&rule["metadata"]["namespace"], &rule["metadata"]["labels"]["release"]),
            (&json!("monitoring"), &json!("x"))
        );
        // As it is in the file: its braces are Prometheus's.
        let file = std::fs::read_to_string(
            claviger_testenv::workspace_root().join("charts/claviger/files/alerts.yaml"),
        );
        let file: Value = serde_saphyr::from_str(&file.unwrap()).unwrap();
        assert_eq!(rule["spec"], file);
        assert!(rule.to_string().contains("{{ $labels."), "{rule}");
        let dashboards = of_kind(&with, "ConfigMap");
        let dashboard =
            dashboards.iter().find(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1").unwrap();
        assert_eq!(dashboard["metadata"]["labels"]["of"], "us");
        let json: Value = serde_json::from_str(dashboard["data"]["claviger.json"].as_str().unwrap()).unwrap();
        assert_eq!(json["title"], "Claviger");

        // The policies, about tokens and about writes, take an API of Kubernetes 1.30.
        let policy = |flags: &str| of_kind(&objects(person, flags), "ValidatingAdmissionPolicy").len();
        assert_eq!(policy("--kube-version 1.29.14"), 0);
        assert_eq!(policy("--kube-version 1.30.0"), 2);
        assert_eq!(policy("--set tokenRequests.restrict=false"), 1);
        assert_eq!(policy("--set tokenRequests.restrict=false,writes.restrict=false"), 0);
        // Who lets ExternalSecrets make Deployments means the operator to write them.
        let targets = "genericTargets.enabled=true,genericTargets.resources[0].apiGroup=apps,\
                       genericTargets.resources[0].resources[0]=deployments,genericTargets.resources[0].verbs[0]=create";
        let makes = objects(person, &format!("--set {targets}"));
        let policies = of_kind(&makes, "ValidatingAdmissionPolicy");
        let writes =
            policies.iter().find(|one| one["metadata"]["name"].as_str().unwrap().ends_with("-writes"));
        let rules = writes.unwrap()["spec"]["matchConstraints"]["resourceRules"].as_array().unwrap();
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0]["resources"], json!(["secrets"]));
    });
}

#[test]
fn a_scoped_release_has_nothing_of_the_cluster_but_what_is_named() {
    let world = world!("chart-scoped");
    with_person(&world, |person, _| {
        let scoped = "--set installCRDs=false,scopedRBAC=true,scopedNamespace=team";
        let places = |flags: &str| -> Vec<String> {
            let objects = objects(person, &format!("{scoped},{flags}"));
            let place = |object: &Value| {
                let namespace = object["metadata"]["namespace"].as_str().unwrap_or("cluster");
                format!("{} {namespace}", object["kind"].as_str().unwrap())
            };
            let mut places: Vec<String> = objects.iter().map(place).collect();
            places.sort();
            places.dedup();
            places
        };
        let own = "external-secrets-system";
        // In the release's own namespace: a token of the operator's own account.
        let kinds = [
            "Deployment",
            "Role",
            "Role team",
            "RoleBinding",
            "RoleBinding team",
            "Service",
            "ServiceAccount",
        ];
        let least =
            kinds.map(|place| if place.contains(' ') { place.to_owned() } else { format!("{place} {own}") });
        assert_eq!(places("webhook.create=false,rbac.apiServerAddresses=false"), least);
        let mut with_addresses =
            [&least[..], &["Role default".to_owned(), "RoleBinding default".to_owned()]].concat();
        with_addresses.sort();
        assert_eq!(places("webhook.create=false"), with_addresses);
        let of_cluster = |flags: &str| -> Vec<String> {
            places(flags).into_iter().filter(|place| place.ends_with(" cluster")).collect()
        };
        assert_eq!(
            of_cluster("replicaCount=2"),
            ["ClusterRole cluster", "ClusterRoleBinding cluster", "ValidatingWebhookConfiguration cluster"]
        );
        assert_eq!(of_cluster("webhook.certSecret=x"), ["ValidatingWebhookConfiguration cluster"]);

        let objects = objects(person, scoped);
        let hooks = the(&objects, "ValidatingWebhookConfiguration")["webhooks"].as_array().unwrap();
        assert_eq!(hooks.len(), 2, "ClusterSecretStores are somebody else's");
        for hook in hooks {
            let only = json!({"kubernetes.io/metadata.name": "team"});
            assert_eq!(hook["namespaceSelector"]["matchLabels"], only);
        }
        let of_operator = |role: &&&Value| role["metadata"]["namespace"] == "team";
        let roles = of_kind(&objects, "Role");
        let rules = roles.iter().find(of_operator).unwrap()["rules"].to_string();
        for kind in ["cluster", "namespaces", "plugins"] {
            assert!(!rules.contains(kind), "{kind}: {rules}");
        }
    });
}

#[test]
fn settings_come_by_a_file_and_pods_with_it() {
    let world = world!("chart-config");
    with_person(&world, |person, _| {
        let checksum = |objects: &[Value]| {
            the(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                .clone()
        };
        let variables = |objects: &[Value]| -> Vec<String> {
            let env = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"].clone();
            let names =
                env.as_array().unwrap().iter().map(|variable| variable["name"].as_str().unwrap().to_owned());
            names.filter(|name| name.starts_with("CLAVIGER_LOG")).collect()
        };
        let config = "--config=/etc/claviger/config.yaml".to_owned();
        let none = objects(person, "");
        assert!(!args(the(&none, "Deployment")).contains(&config));
        assert_eq!(variables(&none), ["CLAVIGER_LOG", "CLAVIGER_LOG_FORMAT"]);

        let written =
            "--set config.logging.level=debug,audit.logSecretAccess=true,caBundle.configMap=authorities";
        let written = objects(person, written);
        let map = the(&written, "ConfigMap");
        let text = map["data"]["config.yaml"].as_str().unwrap();
        let read: Value = serde_saphyr::from_str(text).unwrap();
        let expected = json!({
            "logging": {"level": "debug"}, "audit": {"logSecretAccess": true}, "caBundle": "/etc/claviger-ca/ca.crt",
        });
        assert_eq!(read, expected);
        let deployment = the(&written, "Deployment");
        assert!(args(deployment).contains(&config));
        assert_eq!(variables(&written), ["CLAVIGER_LOG_FORMAT"], "a variable would go before the file");
        let pod = &deployment["spec"]["template"]["spec"];
        let mounted = |name: &str| {
            let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap().iter();
            let volumes = pod["volumes"].as_array().unwrap().iter();
            let at =
                mounts.clone().find(|mount| mount["name"] == name).map(|mount| mount["mountPath"].clone());
            let of = volumes
                .clone()
                .find(|volume| volume["name"] == name)
                .map(|volume| volume["configMap"]["name"].clone());
            (at.unwrap_or_default(), of.unwrap_or_default())
        };
        assert_eq!(mounted("config"), (json!("/etc/claviger"), map["metadata"]["name"].clone()));
        assert_eq!(mounted("ca"), (json!("/etc/claviger-ca"), json!("authorities")));
        let other = objects(person, "--set config.logging.level=warn");
        assert!(checksum(&written).is_string() && checksum(&written) != checksum(&other));

        // The reference document's ConfigMap.
        let theirs = objects(person, "--set existingConfigMap=external-secrets-config");
        assert!(of_kind(&theirs, "ConfigMap").is_empty());
        assert!(args(the(&theirs, "Deployment")).contains(&config));
        assert!(variables(&theirs).is_empty());
        let volumes = the(&theirs, "Deployment")["spec"]["template"]["spec"]["volumes"].to_string();
        assert!(volumes.contains("\"external-secrets-config\""), "{volumes}");
    });
}
