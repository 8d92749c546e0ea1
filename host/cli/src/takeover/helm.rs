//! The stored Helm releases that have ESO's definitions: found, and marked so that `helm uninstall` keeps those.
//!
//! `helm uninstall` reads the newest revision from its Secret and deletes what the manifest in there names, whatever
//! stands on the live object (Helm 4 asks for the live owner too, Helm 3 does not). So the live mark is not enough.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::crds::{Edit, Release, deleted_by, flux_release};
use super::live::{Kind, Step, get};
use super::release::{Kept, keep};

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
    /// Releases that would delete the definitions, and cannot be marked; each with what to do.
    pub(super) unsafe_: Vec<String>,
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

/// What becomes of the releases: those to be marked with the value that is stored then and how many definitions get a
/// mark, and those that cannot be. Pure.
///
/// `expected`: releases that the definitions say they are of; `flux`: the HelmReleases they say they come from;
/// `elsewhere`: it is known that none is kept in anything but Secrets.
fn judge(
    stored: Vec<Stored>,
    mut expected: BTreeSet<Release>,
    flux: &BTreeSet<Release>,
    elsewhere: bool,
) -> (Marked, Vec<String>) {
    let (mut marked, mut not_kept) = (BTreeMap::new(), Vec::new());
    for (release, kept) in stored {
        match kept {
            Ok(Kept::NotIn | Kept::Already) => {}
            // Its controller would see that somebody else wrote the release, and make a new revision without the mark.
            Ok(Kept::Now(..)) if !flux.is_empty() => not_kept.push(format!(
                "release {release} is Flux's: put spec.values.crds.annotations \"helm.sh/resource-policy\": keep into \
                 its HelmRelease ({}), and repeat this when it is reconciled",
                flux.iter().map(Release::to_string).collect::<Vec<_>>().join(", ")
            )),
            Ok(Kept::Now(value, _)) if value.len() > MAX_SECRET => not_kept.push(format!(
                "release {release} with its marks would be larger than a Secret may be; {}",
                commands(&release)
            )),
            Ok(Kept::Now(value, names)) => {
                marked.insert(release.clone(), (value, names.len()));
            }
            // Somebody's broken release is a matter only if it may be ESO's.
            Err(why) if expected.contains(&release) => {
                not_kept.push(format!("release {release}: {why}; {}", commands(&release)));
            }
            Err(_) => {}
        }
        expected.remove(&release);
    }
    not_kept.extend(expected.iter().filter(|_| !elsewhere).map(|release| {
        format!(
            "release {release}, which the definitions came from, is in no Secret (Helm may keep it in ConfigMaps or in \
             SQL); if it is there (helm -n {} list), {}; then say so with --no-stored-release",
            release.namespace,
            commands(release)
        )
    }));
    (marked, not_kept)
}

/// Looks at all releases. With `elsewhere` it is known that none is kept in anything but Secrets.
///
/// # Errors
/// If the cluster cannot be asked at all; a right that is missing is an unsafe release.
pub(super) async fn look(client: &Client, crds: &[Value], elsewhere: bool) -> anyhow::Result<Releases> {
    let api: Api<Secret> = Api::all(client.clone());
    let of_helm = ListParams::default().labels("owner=helm").fields(&format!("type={TYPE}"));
    let secrets = match api.list_metadata(&of_helm).await {
        Ok(list) => list.items,
        Err(error) => {
            let unsafe_ = vec![format!(
                "Helm's releases cannot be read ({error}): you need the right to list, get and patch Secrets in the \
                 whole cluster"
            )];
            return Ok(Releases { steps: Vec::new(), unsafe_ });
        }
    };
    let listed: Vec<_> = secrets
        .iter()
        .map(|secret| (secret.namespace().unwrap_or_default(), secret.name_any(), secret.labels().clone()))
        .collect();
    let kind = Kind::new("", "v1", "Secret", "secrets", true);
    let reads = newest(&listed).into_iter().map(|(release, secret)| {
        let kind = &kind;
        async move {
            let object = get(client, kind, &release.namespace, &secret).await?;
            anyhow::Ok(object.map(|object| (release, object)))
        }
    });
    let objects: Vec<_> = futures::stream::iter(reads).buffer_unordered(AT_ONCE).try_collect().await?;
    let objects: BTreeMap<Release, Value> = objects.into_iter().flatten().collect();
    let stored = objects.iter().map(|(release, object)| {
        let value = object["data"]["release"].as_str().unwrap_or_default();
        (release.clone(), keep(&STANDARD.decode(value).unwrap_or_default()))
    });
    let (expected, flux) =
        (crds.iter().filter_map(deleted_by).collect(), crds.iter().filter_map(flux_release).collect());
    let (marked, unsafe_) = judge(stored.collect(), expected, &flux, elsewhere);
    let steps = marked.into_iter().filter_map(|(release, (value, count))| {
        let edit = Edit {
            patch: json!({"data": {"release": STANDARD.encode(value)}}),
            says: vec![format!(
                "(the newest revision of the Helm release {release}) keeps {count} definitions when it is uninstalled"
            )],
        };
        Some(Step::new(&kind, objects.get(&release)?, edit))
    });
    Ok(Releases { steps: steps.collect(), unsafe_ })
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
        let broken = || Err("the stored release is not base64".to_owned());
        for (name, stored, flux, elsewhere, marked, words) in [
            ("to be marked", vec![("eso", now(9))], false, false, true, &[][..]),
            ("marked", vec![("eso", Ok(Kept::Already))], false, false, false, &[]),
            ("out of the release", vec![("eso", Ok(Kept::NotIn))], false, false, false, &[]),
            (
                "Flux's",
                vec![("eso", now(9))],
                true,
                false,
                false,
                &["Flux's", "flux/eso", "crds.annotations"],
            ),
            ("Flux's and marked", vec![("eso", Ok(Kept::Already))], true, false, false, &[]),
            (
                "too large",
                vec![("eso", now(MAX_SECRET + 1))],
                false,
                false,
                false,
                &["larger", "installCRDs=false"],
            ),
            (
                "unreadable",
                vec![("eso", broken())],
                false,
                false,
                false,
                &["not base64", "helm -n es upgrade eso"],
            ),
            (
                "another's, unreadable",
                vec![("eso", Ok(Kept::Already)), ("x", broken())],
                false,
                false,
                false,
                &[],
            ),
            // A chart that has ESO's among others, and whose definitions say nothing.
            (
                "another's that has them",
                vec![("eso", Ok(Kept::Already)), ("x", now(9))],
                false,
                false,
                true,
                &[],
            ),
            ("not in Secrets", vec![], false, false, false, &["ConfigMaps", "--no-stored-release"]),
            ("not in Secrets, and known", vec![], false, true, false, &[]),
        ] {
            let stored = stored.into_iter().map(|(of, kept)| (release(of), kept)).collect();
            let flux = if flux { Release::parse("flux/eso").into_iter().collect() } else { BTreeSet::new() };
            let (found, not_kept) = judge(stored, BTreeSet::from([release("eso")]), &flux, elsewhere);
            assert_eq!(!found.is_empty(), marked, "{name}");
            assert_eq!(not_kept.len(), usize::from(!words.is_empty()), "{name}: {not_kept:?}");
            for word in words {
                assert!(not_kept[0].contains(word), "{name}: {word}: {not_kept:?}");
            }
        }
    }
}
