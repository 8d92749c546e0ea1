//! What has to be written on a CustomResourceDefinition of ESO's, so that nobody deletes it by removing ESO. Pure.
//!
//! The mark on the live object is what `helm upgrade` and Argo CD look at; `helm uninstall` looks at the stored release
//! (see `release`). Schemas and versions are not touched: those come with Claviger's definitions.

use serde_json::{Map, Value, json};

/// Helm's mark, and its value.
pub(super) const RESOURCE_POLICY: &str = "helm.sh/resource-policy";
pub(super) const KEEP: &str = "keep";
/// Whose a thing is, to Helm.
pub(super) const RELEASE_NAME: &str = "meta.helm.sh/release-name";
pub(super) const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// On a definition: whose it was, as `NAMESPACE/NAME`.
pub(super) const OWNER_BEFORE: &str = "claviger.io/release-before";
/// On a definition: `spec.conversion` as it was.
pub(super) const CONVERSION_BEFORE: &str = "claviger.io/conversion-before";

const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
const FLUX_PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";

/// A Helm release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Release {
    /// From `NAMESPACE/NAME`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/')?;
        Some(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A merge patch, and what it does in words.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Edit {
    pub(super) patch: Value,
    pub(super) says: Vec<String>,
}

impl Edit {
    /// With the parts that are not empty.
    pub(super) fn of(
        annotations: Map<String, Value>,
        labels: Map<String, Value>,
        says: Vec<String>,
    ) -> Option<Self> {
        if says.is_empty() {
            return None;
        }
        let mut metadata = Map::new();
        if !annotations.is_empty() {
            metadata.insert("annotations".to_owned(), annotations.into());
        }
        if !labels.is_empty() {
            metadata.insert("labels".to_owned(), labels.into());
        }
        Some(Self { patch: json!({ "metadata": metadata }), says })
    }
}

/// Whether a definition is of one of ESO's groups.
pub(super) fn is_esos(crd: &Value) -> bool {
    matches!(crd["spec"]["group"].as_str(), Some("external-secrets.io" | "generators.external-secrets.io"))
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][name].as_str()
}

fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["labels"][name].as_str()
}

/// Whether it is of Claviger's own group: a chart that comes over has those too.
pub(super) fn is_own(crd: &Value) -> bool {
    crd["spec"]["group"] == "claviger.io"
}

/// The release that it belongs to.
pub(super) fn owner(crd: &Value) -> Option<Release> {
    let name = annotation(crd, RELEASE_NAME)?;
    Some(Release {
        namespace: annotation(crd, RELEASE_NAMESPACE).unwrap_or_default().to_owned(),
        name: name.to_owned(),
    })
}

/// The release that it belonged to before it was taken over.
pub(super) fn owner_before(crd: &Value) -> Option<Release> {
    annotation(crd, OWNER_BEFORE).and_then(Release::parse)
}

/// The release that would still delete it: the one that it belongs to, if that is not whose it was made here.
pub(super) fn deleted_by(crd: &Value) -> Option<Release> {
    owner(crd).filter(|owner| match owner_before(crd) {
        // Somebody has upgraded ESO since.
        Some(before) => before == *owner,
        None => !is_clavigers(crd),
    })
}

/// What Claviger's own chart has installed stays its own.
fn is_clavigers(crd: &Value) -> bool {
    label(crd, "app.kubernetes.io/part-of") == Some("claviger")
}

/// What keeps it, whoever would remove it.
pub(super) fn mark(crd: &Value) -> Option<Edit> {
    let (mut annotations, mut says) = (Map::new(), Vec::new());
    if annotation(crd, RESOURCE_POLICY) != Some(KEEP) {
        annotations.insert(RESOURCE_POLICY.to_owned(), KEEP.into());
        says.push("is marked to be kept".to_owned());
    }
    if let Some(options) = sync_options(crd) {
        annotations.insert(SYNC_OPTIONS.to_owned(), options.into());
        says.push("is kept by Argo CD (Prune=false, Delete=false)".to_owned());
    }
    if label(crd, "kustomize.toolkit.fluxcd.io/name").is_some()
        && annotation(crd, FLUX_PRUNE) != Some("disabled")
    {
        annotations.insert(FLUX_PRUNE.to_owned(), "disabled".into());
        says.push("is kept by Flux (prune: disabled)".to_owned());
    }
    Edit::of(annotations, Map::new(), says)
}

/// What makes it `release`'s, or nobody's. To be done last: whose it is tells which stored release must keep it.
pub(super) fn take(crd: &Value, release: Option<&Release>) -> Option<Edit> {
    let (mut annotations, mut labels, mut says) = (Map::new(), Map::new(), Vec::new());
    let esos = deleted_by(crd);
    match release {
        Some(release) if owner(crd).as_ref() != Some(release) || label(crd, MANAGED_BY) != Some("Helm") => {
            own(release, &mut annotations, &mut labels);
            says.push(format!("becomes the release {release}'s"));
        }
        None if esos.is_some() => {
            annotations.insert(RELEASE_NAME.to_owned(), Value::Null);
            annotations.insert(RELEASE_NAMESPACE.to_owned(), Value::Null);
            if label(crd, MANAGED_BY) == Some("Helm") {
                labels.insert(MANAGED_BY.to_owned(), Value::Null);
            }
            says.push("belongs to no release any more".to_owned());
        }
        _ => {}
    }
    if let Some(esos) = esos.filter(|esos| !says.is_empty() && Some(esos) != release) {
        annotations.insert(OWNER_BEFORE.to_owned(), esos.to_string().into());
    }
    Edit::of(annotations, labels, says)
}

fn own(release: &Release, annotations: &mut Map<String, Value>, labels: &mut Map<String, Value>) {
    annotations.insert(RELEASE_NAME.to_owned(), release.name.clone().into());
    annotations.insert(RELEASE_NAMESPACE.to_owned(), release.namespace.clone().into());
    labels.insert(MANAGED_BY.to_owned(), "Helm".into());
}

/// Argo CD's options with those that keep it, if it is Argo CD's and they are not all there. A label with the instance
/// alone may be a chart's; Helm itself leaves its own marks, which Argo CD does not.
fn sync_options(crd: &Value) -> Option<String> {
    let tracked = annotation(crd, "argocd.argoproj.io/tracking-id").is_some()
        || label(crd, "argocd.argoproj.io/instance").is_some()
        || (label(crd, "app.kubernetes.io/instance").is_some()
            && owner(crd).is_none()
            && owner_before(crd).is_none());
    let present: Vec<&str> = annotation(crd, SYNC_OPTIONS).unwrap_or_default().split(',').collect();
    let mut options: Vec<&str> =
        present.iter().map(|option| option.trim()).filter(|option| !option.is_empty()).collect();
    let missing: Vec<&str> =
        ["Prune=false", "Delete=false"].into_iter().filter(|option| !options.contains(option)).collect();
    if !tracked || missing.is_empty() {
        return None;
    }
    options.retain(|option| !matches!(option.split('=').next(), Some("Prune" | "Delete")));
    options.extend(["Prune=false", "Delete=false"]);
    Some(options.join(","))
}

/// The HelmRelease of Flux that it comes from: its controller writes the release anew when somebody else changed it.
pub(super) fn flux_release(crd: &Value) -> Option<Release> {
    let name = label(crd, "helm.toolkit.fluxcd.io/name")?;
    let namespace = label(crd, "helm.toolkit.fluxcd.io/namespace").unwrap_or_default();
    Some(Release { namespace: namespace.to_owned(), name: name.to_owned() })
}

/// What frees it from ESO's conversion webhook, which nobody will answer: between v1beta1 and v1 only the name of the
/// version differs, so the API server can do it alone.
///
/// # Errors
/// If objects may be stored in a version that only the webhook converts.
pub(super) fn without_webhook(crd: &Value) -> Result<Option<Edit>, String> {
    let conversion = &crd["spec"]["conversion"];
    if conversion["strategy"] != "Webhook" {
        return Ok(None);
    }
    let stored = crd["status"]["storedVersions"].as_array();
    let stored: Vec<&str> = stored.into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(old) = stored.iter().find(|version| version.starts_with("v1alpha") && stored.len() > 1) {
        return Err(format!(
            "objects may still be stored as {old}, which only ESO's webhook converts: with ESO running, write each \
             object again (kubectl get … -o yaml | kubectl replace -f -), and take {old} off status.storedVersions"
        ));
    }
    Ok(Some(Edit {
        patch: json!({
            "metadata": {"annotations": {CONVERSION_BEFORE: conversion.to_string()}},
            "spec": {"conversion": {"strategy": "None", "webhook": null}},
        }),
        says: vec!["is converted by the API server and not by ESO's webhook".to_owned()],
    }))
}

/// What gives it back to ESO's release: the one named, else the one that it came from.
pub(super) fn give_back(crd: &Value, release: Option<&Release>) -> Option<Edit> {
    let (mut annotations, mut labels, mut says) = (Map::new(), Map::new(), Vec::new());
    let recorded = owner_before(crd);
    if let Some(to) = release.or(recorded.as_ref())
        && owner(crd).as_ref() != Some(to)
    {
        own(to, &mut annotations, &mut labels);
        says.push(format!("becomes the release {to}'s"));
    }
    if recorded.is_some() {
        annotations.insert(OWNER_BEFORE.to_owned(), Value::Null);
        if says.is_empty() {
            says.push("loses the record of its release".to_owned());
        }
    }
    Edit::of(annotations, labels, says)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crd(annotations: Value, labels: Value) -> Value {
        json!({
            "metadata": {"name": "x.external-secrets.io", "annotations": annotations, "labels": labels},
            "spec": {"group": "external-secrets.io"},
        })
    }

    /// As the API server merges.
    fn merged(mut object: Value, patch: &Value) -> Value {
        fn merge(into: &mut Value, patch: &Value) {
            let Some(patch) = patch.as_object() else { return };
            for (key, value) in patch {
                if value.is_null() {
                    let _ = into.as_object_mut().and_then(|into| into.remove(key));
                } else if value.is_object() && into[key].is_object() {
                    merge(&mut into[key], value);
                } else {
                    into[key] = value.clone();
                }
            }
        }
        merge(&mut object, patch);
        object
    }

    fn taken(object: &Value, release: Option<&Release>) -> Value {
        let mut after = object.clone();
        let Some(edit) = mark(&after).or_else(|| take(&after, release)) else {
            panic!("nothing to do: {object}")
        };
        after = merged(after, &edit.patch);
        if let Some(edit) = take(&after, release) {
            after = merged(after, &edit.patch);
        }
        assert_eq!((mark(&after), take(&after, release)), (None, None), "once is enough: {after}");
        assert_eq!(deleted_by(&after), None);
        after["metadata"].clone()
    }

    #[test]
    fn what_helm_installed_is_nobodys_or_the_new_releases() {
        let helm = json!({"a": "b", RELEASE_NAME: "eso", RELEASE_NAMESPACE: "es"});
        let object = crd(helm, json!({MANAGED_BY: "Helm", "l": "m"}));
        let alone = taken(&object, None);
        assert_eq!(
            alone,
            json!({
                "name": "x.external-secrets.io", "labels": {"l": "m"},
                "annotations": {"a": "b", RESOURCE_POLICY: "keep", OWNER_BEFORE: "es/eso"},
            })
        );
        let release = Release { namespace: "c".to_owned(), name: "claviger".to_owned() };
        let owned = taken(&object, Some(&release));
        let expected = json!({
            "a": "b", RESOURCE_POLICY: "keep", OWNER_BEFORE: "es/eso", RELEASE_NAME: "claviger", RELEASE_NAMESPACE: "c",
        });
        assert_eq!((&owned["annotations"], &owned["labels"][MANAGED_BY]), (&expected, &json!("Helm")));
        // Without saying for whom, it stays whose it was made.
        let mut made = object.clone();
        made["metadata"] = owned.clone();
        assert_eq!((take(&made, None), deleted_by(&made)), (None, None));
        // A later upgrade of ESO takes it back, and it has to be taken again.
        made["metadata"]["annotations"][RELEASE_NAME] = "eso".into();
        made["metadata"]["annotations"][RELEASE_NAMESPACE] = "es".into();
        assert_eq!(deleted_by(&made), Release::parse("es/eso"));
        assert!(take(&made, None).is_some());
        // First for nobody, then for a release: what it was is still known, and it goes back.
        let mut later = object.clone();
        later["metadata"] = alone;
        later["metadata"] = taken(&later, Some(&release));
        assert_eq!(owner_before(&later), Release::parse("es/eso"));
        let Some(edit) = give_back(&later, None) else { panic!("nothing to give back") };
        let back = merged(later, &edit.patch);
        assert_eq!((owner(&back), owner_before(&back)), (Release::parse("es/eso"), None));
        assert_eq!(back["metadata"]["annotations"][RESOURCE_POLICY], "keep", "that stays");
        assert_eq!(give_back(&back, None), None);
    }

    #[test]
    fn clavigers_own_stay_its_own() {
        let own = json!({RESOURCE_POLICY: "keep", RELEASE_NAME: "external-secrets", RELEASE_NAMESPACE: "es"});
        let object = crd(own, json!({MANAGED_BY: "Helm", "app.kubernetes.io/part-of": "claviger"}));
        assert_eq!((mark(&object), take(&object, None), deleted_by(&object)), (None, None, None));
        assert_eq!(give_back(&object, None), None);
    }

    #[test]
    fn gitops_tools_are_told_to_keep_it() {
        for (annotations, labels, options) in [
            (json!({"argocd.argoproj.io/tracking-id": "x"}), json!({}), Some("Prune=false,Delete=false")),
            (json!({}), json!({"argocd.argoproj.io/instance": "x"}), Some("Prune=false,Delete=false")),
            (json!({}), json!({"app.kubernetes.io/instance": "x"}), Some("Prune=false,Delete=false")),
            (json!({RELEASE_NAME: "eso"}), json!({"app.kubernetes.io/instance": "x"}), None),
            (
                json!({"argocd.argoproj.io/tracking-id": "x", SYNC_OPTIONS: "ServerSideApply=true, Prune=confirm,Delete=false"}),
                json!({}),
                Some("ServerSideApply=true,Prune=false,Delete=false"),
            ),
            (json!({}), json!({}), None),
        ] {
            let after = taken(&crd(annotations, labels), None);
            assert_eq!(after["annotations"][SYNC_OPTIONS].as_str(), options);
        }
        let flux = json!({"kustomize.toolkit.fluxcd.io/name": "infra"});
        assert_eq!(taken(&crd(json!({}), flux), None)["annotations"][FLUX_PRUNE], "disabled");
        let helm = json!({"helm.toolkit.fluxcd.io/name": "eso", "helm.toolkit.fluxcd.io/namespace": "flux"});
        assert_eq!(flux_release(&crd(json!({}), helm)), Release::parse("flux/eso"));
    }

    #[test]
    fn a_conversion_webhook_goes_where_it_is_not_needed() {
        let with = |stored: Value| {
            let mut object = crd(json!({}), json!({}));
            object["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {"clientConfig": {}}});
            object["status"]["storedVersions"] = stored;
            object
        };
        for (stored, works) in [
            (json!(["v1"]), true),
            (json!(["v1beta1", "v1"]), true),
            (json!(["v1alpha1"]), true),
            (json!(["v1alpha1", "v1beta1"]), false),
        ] {
            let object = with(stored.clone());
            match without_webhook(&object) {
                Ok(Some(edit)) => {
                    assert!(works, "{stored}");
                    let after = merged(object, &edit.patch);
                    assert_eq!(after["spec"]["conversion"], json!({"strategy": "None"}));
                    assert_eq!(without_webhook(&after), Ok(None));
                }
                Ok(None) => panic!("{stored} is left"),
                Err(why) => assert!(!works && why.contains("v1alpha1"), "{stored}: {why}"),
            }
        }
        assert_eq!(without_webhook(&crd(json!({}), json!({}))), Ok(None));
    }
}
