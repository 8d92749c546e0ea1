//! Whether the definitions are there, serve what the operator speaks, and know every field that it writes.

use std::collections::BTreeMap;

use claviger_operator::config::OperatorConfig;
use kube::Client;
use serde_json::Value;

use super::finding::Finding;
use crate::objects::{self, text};

const CHECK: &str = "definitions";
/// What puts them right.
const INSTALL: &str = "claviger crds | kubectl apply --server-side --force-conflicts -f -";
/// Fields of one definition that are named.
const NAMED: usize = 5;
/// Where a PushSecret says what it is about to push.
const PUSHING: (&str, &str) = ("pushsecrets.external-secrets.io", ".status.pushing");

/// Looks.
pub(super) async fn look(client: &Client, config: &OperatorConfig) -> Vec<Finding> {
    let found = match objects::definitions(client).await {
        Ok(found) => found,
        Err(error) => return vec![Finding::not_looked(CHECK, &error)],
    };
    let ours =
        claviger_crds::generate::definitions().into_iter().filter_map(|crd| serde_json::to_value(crd).ok());
    judge(&ours.collect::<Vec<_>>(), &found, config)
}

/// Whether the operator does not become ready without it.
fn is_needed(kind: &str, config: &OperatorConfig) -> bool {
    match kind {
        "ExternalSecret" | "SecretStore" | "GeneratorState" => true,
        "ClusterSecretStore" | "Plugin" => config.namespace.is_none(),
        "ClusterExternalSecret" => config.spreads(),
        "PushSecret" => config.push_secrets,
        "ClusterPushSecret" => config.spreads_pushes(),
        _ => false,
    }
}

/// What is wrong with them, each sort once.
fn judge(ours: &[Value], found: &[Value], config: &OperatorConfig) -> Vec<Finding> {
    let found: BTreeMap<&str, &Value> = found.iter().map(|crd| (text(crd, "/metadata/name"), crd)).collect();
    let (mut missing, mut unneeded, mut broken, mut stored, mut converted) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut old, mut unwritten, mut unsure_of_pushes) = (Vec::new(), Vec::new(), false);
    for our in ours {
        let name = text(our, "/metadata/name");
        let needed = is_needed(text(our, "/spec/names/kind"), config);
        let Some(there) = found.get(name) else {
            if needed { &mut missing } else { &mut unneeded }.push(name.to_owned());
            continue;
        };
        let version = stored_version(our);
        let served = versions(there).find(|one| one["name"] == version && one["served"] == true);
        match served {
            None => broken.push(format!("{name} does not serve {version}")),
            Some(_) if !is_established(there) => broken.push(format!("{name} is not established")),
            Some(served) => {
                let (of_status, others) = unknown_fields(version, our, served);
                old.extend(listed(name, version, others));
                unsure_of_pushes |= name == PUSHING.0
                    && of_status.iter().any(|field| field == ".status" || field.starts_with(PUSHING.1));
                unwritten.extend(listed(name, version, of_status));
            }
        }
        let kept = there["status"]["storedVersions"].as_array().into_iter().flatten();
        let others: Vec<&str> = kept.filter_map(Value::as_str).filter(|kept| *kept != version).collect();
        if !others.is_empty() {
            stored.push(format!("{name}: {} (the operator's is {version})", others.join(", ")));
        }
        if there["spec"]["conversion"]["strategy"] == "Webhook" {
            let service = &there["spec"]["conversion"]["webhook"]["clientConfig"]["service"];
            converted.push(format!(
                "{name}: Service {}/{}",
                text(service, "/namespace"),
                text(service, "/name")
            ));
        }
    }
    let mut findings = Vec::new();
    let mut add = |finding: Finding, details: Vec<String>, remedy: &str| {
        if !details.is_empty() {
            findings.push(finding.with_details(details).with_remedy(remedy));
        }
    };
    add(
        Finding::problem(CHECK, "definitions are missing, and the operator does not start"),
        missing,
        INSTALL,
    );
    add(
        Finding::warning(CHECK, "definitions are missing; objects of these kinds cannot be made"),
        unneeded,
        INSTALL,
    );
    add(Finding::problem(CHECK, "definitions that do not serve what the operator asks for"), broken, INSTALL);
    add(
        Finding::warning(
            CHECK,
            "definitions are older than this version and do not know fields of it: they are dropped when somebody sets them",
        ),
        old,
        INSTALL,
    );
    let mut lost = "definitions are older than this version, and what the operator records in these fields is lost: what it \
                    knew by them it does not know after a restart"
        .to_owned();
    if unsure_of_pushes {
        lost.push_str(" (status.pushing of PushSecrets: what may have been pushed when it was killed)");
    }
    add(Finding::warning(CHECK, lost), unwritten, INSTALL);
    let rewrite = "write each object as it is now (kubectl get KIND -A -o json | kubectl replace -f -), then say that nothing \
                   is left: kubectl patch crd NAME --subresource=status --type=merge -p \
                   '{\"status\":{\"storedVersions\":[\"v1\"]}}' (the version in brackets)";
    add(Finding::warning(CHECK, "objects may be stored in older versions still"), stored, rewrite);
    let conversion = "see who answers there: after ESO nobody does, and objects of other versions cannot be read. claviger \
                      takeover plan says what frees them";
    add(
        Finding::warning(CHECK, "definitions have their versions converted by a webhook"),
        converted,
        conversion,
    );
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("all {} are there, as this version has them", ours.len())));
    }
    findings
}

fn versions(crd: &Value) -> impl Iterator<Item = &Value> {
    crd["spec"]["versions"].as_array().into_iter().flatten()
}

/// The version that ours is stored in, which is the one that the operator speaks.
fn stored_version(crd: &Value) -> &str {
    versions(crd).find(|version| version["storage"] == true).map_or("", |version| text(version, "/name"))
}

fn is_established(crd: &Value) -> bool {
    let conditions = crd["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|one| one["type"] == "Established" && one["status"] == "True")
}

/// Fields that a served version does not have: those of the status, which the operator writes, and the others.
fn unknown_fields(version: &str, our: &Value, there: &Value) -> (Vec<String>, Vec<String>) {
    let mut fields = Vec::new();
    if let Some(our) = versions(our).find(|one| one["name"] == version) {
        unknown(&our["schema"]["openAPIV3Schema"], &there["schema"]["openAPIV3Schema"], "", &mut fields);
    }
    fields.into_iter().partition(|field| field == ".status" || field.starts_with(".status."))
}

fn listed(name: &str, version: &str, mut fields: Vec<String>) -> Option<String> {
    let more = fields.len().saturating_sub(NAMED);
    if fields.is_empty() {
        return None;
    }
    fields.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("{name} {version}: {}{more}", fields.join(", ")))
}

/// Fields of a schema that another does not have, the uppermost only.
fn unknown(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<String>) {
    // What is below is kept as it comes.
    if theirs["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    for (field, schema) in ours["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{field}");
        match theirs["properties"].get(field) {
            Some(theirs) => unknown(schema, theirs, &path, found),
            None => found.push(path),
        }
    }
    for (below, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if ours[below].is_object() && theirs[below].is_object() {
            unknown(&ours[below], &theirs[below], &format!("{path}{mark}"), found);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::super::finding::Level;
    use super::*;

    /// Ours, as a cluster has them.
    fn ours() -> Vec<Value> {
        let all = claviger_crds::generate::definitions().into_iter();
        all.map(|crd| {
            let mut crd = serde_json::to_value(crd).unwrap();
            crd["status"] = json!({"storedVersions": [stored_version(&crd)],
                "conditions": [{"type": "Established", "status": "True"}]});
            crd
        })
        .collect()
    }

    fn named<'a>(found: &'a mut [Value], name: &str) -> &'a mut Value {
        found.iter_mut().find(|crd| crd["metadata"]["name"] == name).unwrap()
    }

    const ES: &str = "externalsecrets.external-secrets.io";

    /// What somebody does to the definitions; level, words and detail of the one finding.
    type Case = (fn(&mut Vec<Value>), Level, &'static str, &'static str);

    #[test]
    fn each_fault_is_one_finding() {
        let cases: [Case; 10] = [
            (|_| {}, Level::Ok, "all 19 are there", ""),
            (
                |all| all.retain(|crd| crd["metadata"]["name"] != "plugins.claviger.io"),
                Level::Problem,
                "does not start",
                "plugins.claviger.io",
            ),
            (
                |all| all.retain(|crd| crd["metadata"]["name"] != "uuids.generators.external-secrets.io"),
                Level::Warning,
                "cannot be made",
                "uuids.generators.external-secrets.io",
            ),
            (
                |all| named(all, ES)["spec"]["versions"][0]["served"] = false.into(),
                Level::Problem,
                "do not serve",
                "externalsecrets.external-secrets.io does not serve v1",
            ),
            (
                |all| named(all, ES)["status"]["conditions"][0]["status"] = "False".into(),
                Level::Problem,
                "do not serve",
                "externalsecrets.external-secrets.io is not established",
            ),
            (
                |all| named(all, ES)["status"]["storedVersions"] = json!(["v1beta1", "v1"]),
                Level::Warning,
                "older versions",
                "externalsecrets.external-secrets.io: v1beta1 (the operator's is v1)",
            ),
            (
                |all| {
                    let schema = &mut named(all, ES)["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
                    let status = schema["properties"]["status"]["properties"].as_object_mut().unwrap();
                    status.remove("failures").unwrap();
                },
                Level::Warning,
                "records in these fields is lost",
                "externalsecrets.external-secrets.io v1: .status.failures",
            ),
            (
                |all| {
                    let crd = named(all, "pushsecrets.external-secrets.io");
                    let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
                    schema["properties"]["status"]["properties"]
                        .as_object_mut()
                        .unwrap()
                        .remove("pushing")
                        .unwrap();
                },
                Level::Warning,
                "records in these fields is lost",
                "pushsecrets.external-secrets.io v1alpha1: .status.pushing",
            ),
            (
                |all| {
                    let crd = named(all, "clustersecretstores.external-secrets.io");
                    let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
                    schema["properties"]["spec"]["properties"]
                        .as_object_mut()
                        .unwrap()
                        .remove("accessPolicy")
                        .unwrap();
                },
                Level::Warning,
                "dropped when somebody sets them",
                "clustersecretstores.external-secrets.io v1: .spec.accessPolicy",
            ),
            (
                |all| {
                    named(all, ES)["spec"]["conversion"] = json!({"strategy": "Webhook",
                        "webhook": {"clientConfig": {"service": {"namespace": "es", "name": "hook"}}}});
                },
                Level::Warning,
                "converted by a webhook",
                "externalsecrets.external-secrets.io: Service es/hook",
            ),
        ];
        for (change, level, words, detail) in cases {
            let mut found = ours();
            change(&mut found);
            let findings = judge(&ours(), &found, &OperatorConfig::default());
            assert_eq!(findings.len(), 1, "{words}: {findings:?}");
            let finding = &findings[0];
            assert!(finding.level == level && finding.message.contains(words), "{words}: {finding:?}");
            assert_eq!(finding.details.join("\n"), detail);
        }
    }

    #[test]
    fn what_is_not_known_of_pushes_is_told_where_it_is_not() {
        let without = |name: &str, path: &[&str]| {
            let mut found = ours();
            let schema = &mut named(&mut found, name)["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            let (last, above) = path.split_last().unwrap();
            let of = above.iter().fold(schema, |schema, field| &mut schema["properties"][*field]);
            of["properties"].as_object_mut().unwrap().remove(*last).unwrap();
            judge(&ours(), &found, &OperatorConfig::default())[0].message.contains("status.pushing")
        };
        assert!(without(PUSHING.0, &["status", "pushing"]));
        assert!(without(PUSHING.0, &["status"]));
        assert!(!without(PUSHING.0, &["status", "syncedPushSecrets"]));
        assert!(!without(ES, &["status", "failures"]));
    }

    #[test]
    fn who_serves_one_namespace_needs_none_of_the_cluster() {
        let found: Vec<Value> =
            ours().into_iter().filter(|crd| crd["spec"]["scope"] == "Namespaced").collect();
        let config = OperatorConfig { namespace: Some("team".to_owned()), ..OperatorConfig::default() };
        assert!(judge(&ours(), &found, &config).iter().all(|finding| finding.level == Level::Warning));
        assert_eq!(judge(&ours(), &found, &OperatorConfig::default())[0].level, Level::Problem);
    }

    #[test]
    fn fields_are_named_by_their_uppermost() {
        let ours = json!({"properties": {
            "a": {"items": {"properties": {"x": {}, "y": {"properties": {"z": {}}}}}},
            "free": {"properties": {"p": {}}},
            "map": {"additionalProperties": {"properties": {"q": {}}}},
        }});
        let theirs = json!({"properties": {
            "a": {"items": {"properties": {"x": {}}}},
            "free": {"x-kubernetes-preserve-unknown-fields": true},
            "map": {"additionalProperties": {"properties": {}}},
        }});
        let mut found = Vec::new();
        unknown(&ours, &theirs, "", &mut found);
        assert_eq!(found, [".a[].y", ".map{}.q"]);
    }
}
