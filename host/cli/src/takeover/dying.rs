//! Definitions of ESO's that are being deleted already: told apart, and how their objects come back. Pure.
//!
//! Nothing ends a deletion. The API server has deleted every object of such a definition, and they are there only as
//! long as ESO's finalizers hold them; with an ExternalSecret goes the Secret that it owns. So nothing is written here
//! that lets go: a person saves what is there first.

use serde_json::Value;

use crate::objects::full_name;

/// Whether it is being deleted.
pub(super) fn is_dying(crd: &Value) -> bool {
    crd["metadata"]["deletionTimestamp"].is_string()
}

/// What is lost with those of the definitions that are being deleted, and what to do; none if none is.
pub(super) fn rescue(crds: &[Value]) -> Option<String> {
    let dying: Vec<String> = crds.iter().filter(|crd| is_dying(crd)).map(full_name).collect();
    if dying.is_empty() {
        return None;
    }
    let (names, count) = (dying.join(","), dying.len());
    // Objects that another one made come back with it; what the API server gave them is not taken by a new one.
    let clean = "(.items // [.])[] | select(.metadata.ownerReferences | not) | del(.metadata | .uid, .resourceVersion, \
                 .generation, .managedFields, .finalizers, .deletionTimestamp, .deletionGracePeriodSeconds)";
    let owned = r#"{{range .items}}{{$s := .metadata}}{{range $s.ownerReferences}}{{if eq .kind "ExternalSecret"}}{{$s.namespace}} {{$s.name}}{{"\n"}}{{end}}{{end}}{{end}}"#;
    let held = r#"{{range .items}}{{.kind}}.{{.apiVersion}} {{.metadata.name}} {{with .metadata.namespace}}-n {{.}}{{end}}{{"\n"}}{{end}}"#;
    Some(format!(
        "{count} definitions are being deleted, and every object of theirs with them ({names}); only ESO's finalizers \
         still hold those, so take none off, and do not start ESO. Run claviger takeover apply, which gets ESO's dead webhooks \
         out of the way and says this again; then, in this order:\n  \
         save the definitions and the manifests, and look into the files:\n    \
         kubectl get crd {spaced} -o json | jq '{clean}' > definitions.json\n    \
         kubectl get {names} -A -o json | jq '{clean}' > manifests.json\n  \
         take the owners off the Secrets, so that they stay:\n    \
         kubectl get secrets -A -o go-template='{owned}' | while read -r namespace name; do kubectl -n \"$namespace\" patch \
         secret \"$name\" --type=merge -p '{{\"metadata\":{{\"ownerReferences\":null}}}}'; done\n  \
         let go (after this only the files have them):\n    \
         kubectl get {names} -A -o go-template='{held}' | sed 's,/[^ ]* , ,' | while read -r kind name scope; do kubectl \
         patch \"$kind\" \"$name\" $scope --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'; done\n    \
         kubectl wait --for=delete crd {spaced}\n  \
         bring all back:\n    \
         kubectl apply --server-side -f definitions.json\n    \
         claviger crds | kubectl apply --server-side --force-conflicts -f -\n    \
         kubectl wait --for=condition=Established crd {spaced}\n    \
         kubectl apply -f manifests.json",
        spaced = dying.join(" "),
    ))
}

/// Whether what is being deleted may be let go.
///
/// # Errors
/// If it is deleted with its definition: then it is not somebody's wish for that one.
pub(super) fn refuse(finish_deletions: bool, crds: &[Value]) -> anyhow::Result<()> {
    match rescue(crds).filter(|_| finish_deletions) {
        Some(rescue) => anyhow::bail!("--finish-deletions would lose everything: {rescue}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_being_deleted_is_saved_before_it_is_let_go() {
        let crd =
            |name: &str, deleted: Value| json!({"metadata": {"name": name, "deletionTimestamp": deleted}});
        let (a, b, c) = (
            crd("a.external-secrets.io", json!("2026-01-01T00:00:00Z")),
            crd("b.external-secrets.io", Value::Null),
            crd("c.external-secrets.io", json!("2026-01-01T00:00:00Z")),
        );
        for (crds, named) in [
            (vec![], None),
            (vec![b.clone()], None),
            (vec![a.clone(), b.clone()], Some("get a.external-secrets.io -A")),
            (vec![a, b, c], Some("get a.external-secrets.io,c.external-secrets.io -A")),
        ] {
            let said = rescue(&crds);
            assert!(refuse(false, &crds).is_ok());
            assert_eq!(refuse(true, &crds).is_err(), named.is_some(), "{crds:?}");
            assert_eq!(said.is_some(), named.is_some(), "{crds:?}");
            let (Some(said), Some(named)) = (said, named) else { continue };
            assert!(said.contains(named) && !said.contains("b.external-secrets.io"), "{said}");
            // The order is what saves them.
            let places: Vec<_> = [
                "> definitions.json",
                "> manifests.json",
                r#"'{"metadata":{"ownerReferences":null}}'"#,
                r#"'{"metadata":{"finalizers":null}}'"#,
                "apply --server-side -f definitions.json",
                "claviger crds |",
                "condition=Established crd a.external-secrets.io",
                "kubectl apply -f manifests.json",
            ]
            .map(|part| said.find(part))
            .into();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {said}");
            assert!(!said.contains("--finish-deletions"), "{said}");
        }
    }
}
