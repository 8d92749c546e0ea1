//! Rights: what is missing under the reference document's own role is listed, and nothing else; what is printed adds just
//! that. And who has none, or may not ask, is told so.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{doctor, given};
use crate::support::{World, world};

const NAMESPACE: &str = "external-secrets-system";

/// The list that was worked out by hand, one verb a line.
fn by_hand() -> BTreeSet<String> {
    let lines =
        include_str!("seed-missing.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .flat_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [place, group, resource, verbs, name @ ..] = fields.as_slice() else { panic!("{line}") };
            let name = name.first().copied();
            verbs.split(',').map(|verb| super::line(place, group, resource, verb, name)).collect::<Vec<_>>()
        })
        .collect()
}

fn manifests(findings: &[Value]) -> Vec<Value> {
    findings.iter().flat_map(|finding| finding["manifests"].as_array().cloned().unwrap_or_default()).collect()
}

#[test]
fn under_the_documents_role_exactly_what_is_missing_is_listed() {
    let world = world!("doctor-seed");
    let admin = world.env.cluster.kubeconfig().to_owned();
    world.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n"));
    world.apply(include_str!("../document/rbac.yaml"));
    let flags = ["-n", NAMESPACE, "--service-account", "external-secrets"];
    let said = doctor(&world, &admin, &[&flags[..], &["-o", "json"]].concat());
    assert_eq!(said.code, Some(2), "{} {}", said.out, said.err);
    let found = said.of("rights");
    let levels: Vec<_> = found.iter().map(|finding| finding["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["problem", "warning"]);
    let expected = by_hand();
    let missing = given(&manifests(&found));
    assert_eq!(missing, expected, "{:?}", missing.symmetric_difference(&expected).collect::<Vec<_>>());
    let details: Vec<_> =
        found.iter().flat_map(|finding| finding["details"].as_array().unwrap().clone()).collect();
    for line in [
        "ClusterExternalSecrets (not needed with --enable-cluster-external-secret-reconciler=false):",
        "  create serviceaccounts/token",
        "  get services kubernetes in namespace default",
    ] {
        assert!(details.iter().any(|detail| detail == line), "{line}: {details:?}");
    }

    // The same as text, whose end is what adds it.
    let said = doctor(&world, &admin, &flags);
    let (_, yaml) = said.out.split_once("# What is missing, for kubectl apply -f -\n").unwrap();
    world.apply(yaml);
    let said = doctor(&world, &admin, &[&flags[..], &["-o", "json"]].concat());
    let found = said.of("rights");
    assert_eq!((found.len(), found[0]["level"].as_str()), (1, Some("ok")), "{found:?}");
    let message = found[0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("system:serviceaccount:external-secrets-system:external-secrets has all "),
        "{message}"
    );
    // As itself it has the same.
    let own = world.env.cluster.kubeconfig_for_service_account(NAMESPACE, "external-secrets").unwrap();
    let said = doctor(&world, &own, &["-n", NAMESPACE, "-o", "json"]);
    assert_eq!(said.of("rights"), found);
}

/// A ServiceAccount without rights.
fn nobody(world: &World) -> std::path::PathBuf {
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: nobody, namespace: {ns}}}\n"
    ));
    world.env.cluster.kubeconfig_for_service_account(ns, "nobody").unwrap()
}

#[test]
fn who_has_no_rights_is_told_all_of_them_and_what_could_not_be_looked_at() {
    let world = world!("doctor-nobody");
    let nobody = nobody(&world);
    let said = doctor(&world, &nobody, &["-n", &world.name, "-o", "json"]);
    assert_eq!(said.code, Some(2), "{} {}", said.out, said.err);
    let listed = given(&manifests(&said.of("rights")));
    let printed = doctor(&world, &nobody, &["-n", &world.name, "--print-rights"]);
    assert_eq!(printed.code, Some(0));
    assert_eq!(listed, given(&super::documents(&printed.out)));
    for check in ["definitions", "ESO", "stores", "ExternalSecrets", "PushSecrets", "Plugins"] {
        let found = said.of(check);
        assert!(
            !found.is_empty() && found.iter().all(|one| one["level"] == "notLooked"),
            "{check}: {found:?}"
        );
        assert!(found[0]["message"].as_str().unwrap().contains("orbidden"), "{check}: {found:?}");
    }
    assert_eq!(said.of("API server")[0]["level"], "ok");

    // Nor may it ask for others, nor whether they are there.
    let said = doctor(&world, &nobody, &["-n", &world.name, "--service-account", "x", "-o", "json"]);
    let found = said.of("rights");
    assert_eq!((found.len(), found[0]["level"].as_str()), (1, Some("notLooked")), "{found:?}");
    assert!(found[0]["remedy"].as_str().unwrap().contains("subjectaccessreviews"), "{found:?}");
}

#[test]
fn a_service_account_that_is_not_there_gets_no_roles() {
    let world = world!("doctor-absent");
    let admin = world.env.cluster.kubeconfig().to_owned();
    let said = doctor(&world, &admin, &["-n", &world.name, "--service-account", "clavigr", "-o", "json"]);
    assert_eq!(said.code, Some(2), "{} {}", said.out, said.err);
    let found = said.of("rights");
    assert_eq!((found.len(), found[0]["level"].as_str()), (1, Some("problem")), "{found:?}");
    let message = found[0]["message"].as_str().unwrap();
    assert!(message.contains(&format!("no ServiceAccount clavigr in namespace {}", world.name)), "{message}");
    assert!(found[0]["remedy"].as_str().unwrap().contains("--operator-namespace"), "{found:?}");
    assert!(manifests(&said.of("rights")).is_empty(), "{found:?}");
}

#[test]
fn without_a_cluster_it_says_so() {
    let world = world!("doctor-no-cluster");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kubeconfig");
    let said = doctor(&world, &file, &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("kubeconfig") && said.err.contains("cannot be used"), "{}", said.err);

    // Nobody listens there; and somebody who does not know the token.
    let text = std::fs::read_to_string(nobody(&world)).unwrap();
    let port = claviger_testenv::free_port().unwrap();
    let away = text.replace(world.env.cluster.issuer(), &format!("https://127.0.0.1:{port}"));
    let mut stranger: Value = serde_saphyr::from_str(&text).unwrap();
    stranger["users"][0]["user"]["token"] = "MARKED-no-token".into();
    for (config, words) in
        [(away, "cannot be asked"), (stranger.to_string(), "does not take the credentials")]
    {
        std::fs::write(&file, config).unwrap();
        let said = doctor(&world, &file, &["-o", "json"]);
        assert_eq!(said.code, Some(2), "{} {}", said.out, said.err);
        let found = said.findings();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0]["message"].as_str().unwrap().contains(words) && found[0]["remedy"].is_string(),
            "{found:?}"
        );
    }
}
