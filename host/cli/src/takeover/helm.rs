//! The stored Helm releases that have ESO's definitions: found, and marked so that `helm uninstall` keeps those.
//!
//! `helm uninstall` reads the newest revision from its Secret and deletes what the manifest in there names, whatever
//! stands on the live object (Helm 4 asks for the live owner too, Helm 3 does not). So the live mark is not enough.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::crds::{Edit, Release, deleted_by, flux_release, owner_before};
use super::live::Step;
use super::release::{Kept, keep};
use crate::objects::{Kind, get};

/// The type of a Secret with a revision of a release.
const TYPE: &str = "helm.sh/release.v1";
/// What the API server takes as the data of a Secret, bytes.
const MAX_SECRET: usize = 1024 * 1024;
/// Releases read at once: each may be a megabyte.
const AT_ONCE: usize = 4;

/// What is to be done with releases.
#[derive(Debug, Default)]
pub(super) struct Releases {
    pub(super) steps: Vec<Step>,
    /// The same for releases that no definition names. Whoever may write Secrets somewhere can make such a one, so what
    /// cannot be written of these is said, and stops nothing.
    pub(super) strangers: Vec<Step>,
    /// Releases that would delete the definitions, and cannot be marked; each with what to do.
    pub(super) unsafe_: Vec<String>,
    /// What is known of the strangers that cannot be marked.
    pub(super) named: Vec<String>,
}

/// The newest revision of each release: its Secret's name. Pure.
fn newest(secrets: &[(String, String, BTreeMap<String, String>)]) -> BTreeMap<Release, String> {
    let mut newest: BTreeMap<Release, (u64, String)> = BTreeMap::new();
    for (namespace, secret, labels) in secrets {
        let revision = labels.get("version").and_then(|version| version.parse::<u64>().ok());
        let (Some(name), Some(revision)) = (labels.get("name"), revision) else { continue };
        let release = Release { namespace: namespace.clone(), name: name.clone() };
        let known = newest.entry(release).or_insert_with(|| (revision, secret.clone()));
        if revision > known.0 {
            *known = (revision, secret.clone());
        }
    }
    newest.into_iter().map(|(release, (_, secret))| (release, secret)).collect()
}

/// What makes a release keep the definitions by Helm's own means.
fn commands(release: &Release) -> String {
    let Release { namespace, name } = release;
    format!(
        "give the chart its own mark: helm -n {namespace} upgrade {name} external-secrets/external-secrets --version \
         (the one that is installed) --reuse-values --set 'crds.annotations.helm\\.sh/resource-policy=keep' --set \
         replicaCount=0 --set webhook.replicaCount=0 --set certController.replicaCount=0; or, since the definitions \
         themselves are marked, take them out of the release: the same with --set installCRDs=false"
    )
}

/// What was found of a release.
type Stored = (Release, Result<Kept, String>);

/// The value to be stored of a release, and how many definitions get a mark in it.
type Marked = BTreeMap<Release, (Vec<u8>, usize)>;

/// What the cluster says of releases, beside what is stored of them.
#[derive(Debug, Default)]
struct Said {
    /// Releases that the definitions say they are of.
    expected: BTreeSet<Release>,
    /// Those, and the ones that they were of before.
    esos: BTreeSet<Release>,
    /// The HelmReleases that the definitions say they come from.
    flux: BTreeSet<Release>,
    /// Releases that have a revision in a ConfigMap.
    in_config_maps: BTreeSet<Release>,
    /// It is known that none is kept in anything but Secrets.
    elsewhere: bool,
}

/// What becomes of releases.
#[derive(Debug, Default)]
struct Judged {
    marked: Marked,
    not_kept: Vec<String>,
    named: Vec<String>,
}

/// What becomes of the releases: those to be marked with the value that is stored then and how many definitions get a
/// mark, and those that cannot be. Pure.
fn judge(stored: Vec<Stored>, said: &Said) -> Judged {
    let mut judged = Judged::default();
    let mut missing = said.expected.clone();
    for (release, kept) in stored {
        missing.remove(&release);
        let esos = said.esos.contains(&release);
        let why = match kept {
            Ok(Kept::NotIn | Kept::Already) => continue,
            // Its controller would see that somebody else wrote the release, and make a new revision without the mark.
            Ok(Kept::Now(..)) if esos && !said.flux.is_empty() => {
                judged.not_kept.push(format!(
                    "release {release} is Flux's: put spec.values.crds.annotations \"helm.sh/resource-policy\": keep \
                     into its HelmRelease ({}), and repeat this when it is reconciled",
                    said.flux.iter().map(Release::to_string).collect::<Vec<_>>().join(", ")
                ));
                continue;
            }
            Ok(Kept::Now(value, _)) if value.len() > MAX_SECRET => {
                "with its marks it would be larger than a Secret may be".to_owned()
            }
            Ok(Kept::Now(value, names)) => {
                judged.marked.insert(release, (value, names.len()));
                continue;
            }
            Err(why) => why,
        };
        if esos {
            judged.not_kept.push(format!("release {release}: {why}; {}", commands(&release)));
        } else {
            judged.named.push(format!(
                "release {release}, which no definition names, cannot be marked: {why}; look into it before anybody \
                 uninstalls it"
            ));
        }
    }
    if said.elsewhere {
        return judged;
    }
    for release in said.expected.intersection(&said.in_config_maps) {
        missing.remove(release);
        judged.not_kept.push(format!(
            "release {release} has revisions in ConfigMaps, where they are not marked, and Helm may read those \
             (HELM_DRIVER=configmap); if it does, {}; then, or if they are left over from long ago, say so with \
             --no-stored-release",
            commands(release)
        ));
    }
    judged.not_kept.extend(missing.iter().map(|release| {
        format!(
            "release {release}, which the definitions came from, is in no Secret and in no ConfigMap (Helm may keep it \
             in SQL); if it is there (helm -n {} list), {}; then say so with --no-stored-release",
            release.namespace,
            commands(release)
        )
    }));
    judged
}

/// The releases among objects' metadata, each with the name of its newest revision.
fn releases<K: ResourceExt>(objects: &[K]) -> BTreeMap<Release, String> {
    let listed: Vec<_> = objects
        .iter()
        .map(|object| (object.namespace().unwrap_or_default(), object.name_any(), object.labels().clone()))
        .collect();
    newest(&listed)
}

/// What is stored in a release's Secret.
fn stored(secret: &Value) -> Result<Kept, String> {
    let value = secret["data"]["release"].as_str().unwrap_or_default();
    match keep(&STANDARD.decode(value).unwrap_or_default()) {
        Ok(Kept::Now(..)) if secret["immutable"] == true => Err("its Secret is immutable".to_owned()),
        kept => kept,
    }
}

/// Whether Helm has that release in a Secret or a ConfigMap.
///
/// # Errors
/// If they may not be listed.
pub(super) async fn is_stored(client: &Client, release: &Release) -> anyhow::Result<bool> {
    let Release { namespace, name } = release;
    let of_it = ListParams::default().labels(&format!("owner=helm,name={name}"));
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let listed = tokio::try_join!(secrets.list_metadata(&of_it), maps.list_metadata(&of_it));
    let (secrets, maps) =
        listed.with_context(|| format!("the revisions of release {release} cannot be listed"))?;
    Ok(!secrets.items.is_empty() || !maps.items.is_empty())
}

/// Looks at all releases. With `elsewhere` it is known that none is kept in anything but Secrets.
///
/// A right that is missing is an unsafe release.
pub(super) async fn look(client: &Client, crds: &[Value], elsewhere: bool) -> Releases {
    let (secrets, maps): (Api<Secret>, Api<ConfigMap>) = (Api::all(client.clone()), Api::all(client.clone()));
    let of_helm = ListParams::default().labels("owner=helm");
    let of_type = of_helm.clone().fields(&format!("type={TYPE}"));
    let listed = tokio::try_join!(secrets.list_metadata(&of_type), maps.list_metadata(&of_helm));
    let (secrets, maps) = match listed {
        Ok((secrets, maps)) => (secrets.items, maps.items),
        Err(error) => {
            let unsafe_ = vec![format!(
                "Helm's releases cannot be read ({error}): you need the right to list, get and patch Secrets, and to \
                 list ConfigMaps, in the whole cluster"
            )];
            return Releases { unsafe_, ..Releases::default() };
        }
    };
    let expected: BTreeSet<Release> = crds.iter().filter_map(deleted_by).collect();
    let said = Said {
        esos: expected.iter().cloned().chain(crds.iter().filter_map(owner_before)).collect(),
        expected,
        flux: crds.iter().filter_map(flux_release).collect(),
        in_config_maps: releases(&maps).into_keys().collect(),
        elsewhere,
    };
    let kind = Kind::new("", "v1", "Secret", "secrets", true);
    let reads = releases(&secrets).into_iter().map(|(release, secret)| {
        let kind = &kind;
        async move {
            let object = get(client, kind, &release.namespace, &secret).await;
            (release, object.map_err(|error| format!("{error:#}")))
        }
    });
    let read: BTreeMap<Release, _> = futures::stream::iter(reads).buffer_unordered(AT_ONCE).collect().await;
    let (mut objects, mut found) = (BTreeMap::new(), Vec::new());
    for (release, object) in read {
        match object {
            Ok(Some(object)) => {
                found.push((release.clone(), stored(&object)));
                objects.insert(release, object);
            }
            // Gone since.
            Ok(None) => {}
            Err(why) => found.push((release, Err(why))),
        }
    }
    let Judged { marked, not_kept, named } = judge(found, &said);
    let mut releases = Releases { unsafe_: not_kept, named, ..Releases::default() };
    for (release, (value, count)) in marked {
        let edit = Edit {
            patch: json!({"data": {"release": STANDARD.encode(value)}}),
            says: vec![format!(
                "(the newest revision of the Helm release {release}) keeps {count} definitions when it is uninstalled"
            )],
        };
        let Some(object) = objects.get(&release) else { continue };
        let to = if said.esos.contains(&release) { &mut releases.steps } else { &mut releases.strangers };
        to.push(Step::new(&kind, object, edit));
    }
    releases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_revision_counts_whatever_its_state() {
        let secret = |namespace: &str, release: &str, version: &str| {
            let labels = [("name", release), ("owner", "helm"), ("version", version), ("status", "failed")];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            (namespace.to_owned(), format!("sh.helm.release.v1.{release}.v{version}"), labels)
        };
        let found = newest(&[
            secret("a", "eso", "9"),
            secret("a", "eso", "10"),
            secret("a", "eso", "2"),
            secret("b", "eso", "1"),
            secret("b", "x", "?"),
        ]);
        let found: Vec<_> =
            found.iter().map(|(release, secret)| (release.to_string(), secret.as_str())).collect();
        let expected = [
            ("a/eso".to_owned(), "sh.helm.release.v1.eso.v10"),
            ("b/eso".to_owned(), "sh.helm.release.v1.eso.v1"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_cannot_be_marked_is_not_safe() {
        let release = |name: &str| Release { namespace: "es".to_owned(), name: name.to_owned() };
        let now = |bytes: usize| Ok(Kept::Now(vec![0; bytes], vec!["x".to_owned()]));
        let already = || Ok(Kept::Already);
        let broken = || Err("the stored release is not base64".to_owned());
        let esos = BTreeSet::from([release("eso")]);
        let flux: BTreeSet<_> = Release::parse("flux/eso").into_iter().collect();
        let plain = || Said { expected: esos.clone(), esos: esos.clone(), ..Said::default() };
        let of_flux = || Said { flux: flux.clone(), ..plain() };
        let in_maps = || Said { in_config_maps: esos.clone(), ..plain() };
        let elsewhere = |said: Said| Said { elsewhere: true, ..said };
        // The definitions are out of the release already.
        let before = || Said { esos: esos.clone(), ..Said::default() };
        for (name, stored, said, marked, words) in [
            ("to be marked", vec![("eso", now(9))], plain(), &["eso"][..], &[][..]),
            ("marked", vec![("eso", already())], plain(), &[], &[]),
            ("out of the release", vec![("eso", Ok(Kept::NotIn))], plain(), &[], &[]),
            ("Flux's", vec![("eso", now(9))], of_flux(), &[], &["Flux's", "flux/eso", "crds.annotations"]),
            ("Flux's and marked", vec![("eso", already())], of_flux(), &[], &[]),
            ("too large", vec![("eso", now(MAX_SECRET + 1))], plain(), &[], &["larger", "installCRDs=false"]),
            ("unreadable", vec![("eso", broken())], plain(), &[], &["not base64", "helm -n es upgrade eso"]),
            ("unreadable since", vec![("eso", broken())], before(), &[], &["not base64"]),
            // A chart that has ESO's among others, and whose definitions say nothing.
            ("another's that has them", vec![("eso", already()), ("x", now(9))], plain(), &["x"], &[]),
            ("another's beside Flux", vec![("eso", already()), ("x", now(9))], of_flux(), &["x"], &[]),
            ("nowhere", vec![], plain(), &[], &["no ConfigMap", "SQL", "--no-stored-release"]),
            ("nowhere, and known", vec![], elsewhere(plain()), &[], &[]),
            ("uninstalled since", vec![], before(), &[], &[]),
            ("in ConfigMaps", vec![], in_maps(), &[], &["HELM_DRIVER=configmap", "--no-stored-release"]),
            // The Secret is of before the driver was changed.
            ("in both", vec![("eso", now(9))], in_maps(), &["eso"], &["HELM_DRIVER=configmap"]),
            ("in both, marked", vec![("eso", already())], in_maps(), &[], &["HELM_DRIVER=configmap"]),
            ("in both, and known", vec![("eso", now(9))], elsewhere(in_maps()), &["eso"], &[]),
        ] {
            let stored = stored.into_iter().map(|(of, kept)| (release(of), kept)).collect();
            let found = judge(stored, &said);
            assert!(
                found.marked.keys().eq(marked.iter().map(|name| release(name)).collect::<Vec<_>>().iter()),
                "{name}"
            );
            assert_eq!(found.not_kept.len(), usize::from(!words.is_empty()), "{name}: {found:?}");
            assert!(found.named.is_empty(), "{name}: {found:?}");
            for word in words {
                assert!(found.not_kept[0].contains(word), "{name}: {word}: {found:?}");
            }
        }
        // Anybody can make a release; what is wrong with it is said, and no more.
        for (name, kept, word) in
            [("unreadable", broken(), "not base64"), ("too large", now(MAX_SECRET + 1), "larger")]
        {
            for said in [plain(), of_flux()] {
                let found = judge(vec![(release("eso"), already()), (release("x"), kept.clone())], &said);
                assert!(found.not_kept.is_empty() && found.marked.is_empty(), "{name}: {found:?}");
                assert!(
                    matches!(&found.named[..], [said] if said.contains(word) && said.contains("es/x")),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn an_immutable_secret_cannot_be_marked() {
        let json = concat!(
            r#"{"manifest":"kind: CustomResourceDefinition\nmetadata:\n  name: x\n"#,
            r#"spec:\n  group: external-secrets.io\n"}"#
        );
        let value = STANDARD.encode(STANDARD.encode(json));
        let secret = |immutable: bool| json!({"immutable": immutable, "data": {"release": value}});
        assert!(matches!(stored(&secret(false)), Ok(Kept::Now(..))));
        assert_eq!(stored(&secret(true)), Err("its Secret is immutable".to_owned()));
    }
}
