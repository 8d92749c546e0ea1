//! From a plugin's need to a name: pure rules. A need is a place in the store's config; name, key and
//! namespace are read there, the schema must mark the place, and the namespace rule holds.

use claviger_core::provider::NeedError;
use claviger_core::tenancy::{ResolvedNamespace, resolve_namespace};
use serde_json::Value;

use crate::grants::Grants;
use crate::schema::{ConfigSchema, Mark};
use crate::session::{Requester, StoreRef};
use crate::source::ObjectKind;
use crate::store_text::{Surroundings, fill};

/// A reference that may be followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The namespace is the asker's.
    pub(crate) referent: bool,
    /// The namespace is the one that stands in where a ClusterSecretStore names none.
    pub(crate) stands_in: bool,
    /// The namespace that stands in where this one has no such object.
    fallback: Option<String>,
}

impl Reference {
    /// Where to look next if there is no such object.
    pub(crate) fn next(&self) -> Option<Self> {
        let namespace = self.fallback.clone()?;
        Some(Self { namespace, name: self.name.clone(), referent: false, stands_in: true, fallback: None })
    }
}

/// What rules are applied to.
pub(crate) struct Rules<'a> {
    pub(crate) store: &'a StoreRef,
    pub(crate) requester: &'a Requester,
    pub(crate) config: &'a Value,
    pub(crate) schema: &'a ConfigSchema,
    pub(crate) grants: &'a Grants,
    /// The namespace that stands in for one that a ClusterSecretStore leaves out, if the admin has it so.
    pub(crate) stand_in: Option<&'a str>,
    /// What metadata services said in this connect.
    pub(crate) surroundings: &'a Surroundings,
}

impl Rules<'_> {
    /// A key of a Secret or ConfigMap.
    pub(crate) fn object(
        &self,
        at: &str,
        wanted: Option<ObjectKind>,
        default_key: Option<&str>,
    ) -> Result<(ObjectKind, Reference, String), NeedError> {
        let (mark, place) = self.marked(at)?;
        let named = match place.get("type").and_then(Value::as_str) {
            Some("ConfigMap") => Some(ObjectKind::ConfigMap),
            Some("Secret") => Some(ObjectKind::Secret),
            _ => None,
        };
        let kind = match mark {
            Mark::Secret => ObjectKind::Secret,
            Mark::ConfigMap => ObjectKind::ConfigMap,
            Mark::Object => named.or(wanted).unwrap_or(ObjectKind::Secret),
            Mark::ServiceAccount => return Err(bad(at, "it refers to a ServiceAccount, not to a key")),
        };
        if wanted.is_some_and(|wanted| wanted != kind) {
            return Err(bad(at, "it refers to another kind of object than the plugin asks for"));
        }
        let key = text(place, "key").or(default_key).ok_or_else(|| bad(at, "it names no key"))?;
        Ok((kind, self.reference(at, place)?, key.to_owned()))
    }

    /// A ServiceAccount.
    pub(crate) fn account(&self, at: &str) -> Result<Reference, NeedError> {
        match self.marked(at)? {
            (Mark::ServiceAccount, place) => self.reference(at, place),
            _ => Err(bad(at, "it does not refer to a ServiceAccount")),
        }
    }

    /// Which audiences a token may have: those that the manifest names beside the reference (or at
    /// `audiences_at`, a list of that name), an annotation of that very account which is there to name one,
    /// or the grant; the API server's own only by its own grant. `annotations` are what an account need of
    /// the same connect showed of the account.
    pub(crate) fn audiences(
        &self,
        at: &str,
        audiences_at: Option<&str>,
        asked: &[String],
        annotations: &[(String, String)],
        api_server: &[String],
    ) -> Result<(), NeedError> {
        let refuse = |audience: &str, why: &str| {
            Err(NeedError::AudienceRefused {
                audience: audience.chars().take(200).collect(),
                why: why.to_owned(),
            })
        };
        if asked.is_empty() && !self.grants.api_server_audience {
            return refuse(
                "",
                "the API server's own audience is not granted to this plugin (spec.grants.apiServerAudience)",
            );
        }
        if asked.len() > MAX_AUDIENCES {
            return refuse(
                "",
                &format!("{} audiences of one token are more than {MAX_AUDIENCES}", asked.len()),
            );
        }
        let beside = format!("{at}/audiences");
        // Any list of the manifest's could hold what a plugin is after; only these are there for it.
        let elsewhere = audiences_at.filter(|place| place.ends_with("/audiences"));
        let places = [Some(beside.as_str()), elsewhere];
        let in_manifest = |audience: &String| {
            places.iter().flatten().any(|place| {
                let list = self.config.pointer(place).and_then(Value::as_array);
                list.is_some_and(|list| list.iter().any(|item| item.as_str() == Some(audience)))
            })
        };
        for audience in asked {
            if audience.is_empty() {
                return refuse("", "an empty audience is none");
            }
            if api_server.contains(audience) {
                if !self.grants.api_server_audience {
                    return refuse(
                        audience,
                        "it is the API server's own, and that is not granted to this plugin (spec.grants.apiServerAudience)",
                    );
                }
            } else if !(in_manifest(audience)
                || annotations.iter().any(|(name, value)| names_audience(name) && value == audience)
                || self.grants.audiences.contains(audience)
                || self.follows(audience))
            {
                return refuse(
                    audience,
                    "it stands neither in the store nor in an annotation of the ServiceAccount, and is not granted",
                );
            }
        }
        Ok(())
    }

    /// Whether an audience follows from another field of the store, in the way of its provider.
    fn follows(&self, audience: &str) -> bool {
        let mut texts = self.grants.store_audiences.iter();
        texts.any(|text| fill(text, self.config, self.surroundings).as_deref() == Some(audience))
    }

    fn marked(&self, at: &str) -> Result<(Mark, &Value), NeedError> {
        /// Deeper than any manifest's place.
        const MAX_POINTER: usize = 1024;
        if at.len() > MAX_POINTER {
            return Err(bad(at, "the pointer is too long"));
        }
        let mark = self
            .schema
            .mark(at)
            .ok_or_else(|| bad(at, "the plugin's schema does not mark this place as a reference"))?;
        let place = self.config.pointer(at).ok_or_else(|| bad(at, "it is missing"))?;
        Ok((mark, place))
    }

    fn reference(&self, at: &str, place: &Value) -> Result<Reference, NeedError> {
        let name = text(place, "name").ok_or_else(|| bad(at, "it names no object"))?;
        let store = self.store;
        let resolved = resolve_namespace(
            &store.kind,
            store.namespace.as_deref(),
            &self.requester.namespace,
            text(place, "namespace"),
            at,
        );
        let (ResolvedNamespace { namespace, referent }, stands_in) = match (resolved, self.stand_in) {
            // Nobody asks: what stands in is all there is.
            (Err(NeedError::NoRequester { .. }), Some(own)) => {
                (ResolvedNamespace { namespace: own.to_owned(), referent: false }, true)
            }
            (resolved, _) => (resolved?, false),
        };
        // Names go into request paths; the API server would refuse these too, but later.
        let plain = |part: &str| {
            !part.is_empty() && !part.contains(['/', '?', '#', '%']) && part != "." && part != ".."
        };
        if !plain(name) || !plain(&namespace) {
            return Err(bad(at, "it names no valid object"));
        }
        let fallback = self.stand_in.filter(|own| referent && *own != namespace).map(ToOwned::to_owned);
        Ok(Reference { namespace, name: name.to_owned(), referent, stands_in, fallback })
    }
}

/// Audiences of one token: nobody is known to need more than two.
const MAX_AUDIENCES: usize = 8;

/// Whether an annotation of a ServiceAccount is there to name an audience, as `eks.amazonaws.com/audience`
/// is. Others hold what tools and people write, whole manifests among it.
fn names_audience(annotation: &str) -> bool {
    annotation.rsplit('/').next().is_some_and(|name| name == "audience")
}

fn text<'a>(place: &'a Value, field: &str) -> Option<&'a str> {
    place.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn bad(at: &str, why: &str) -> NeedError {
    NeedError::BadReference { pointer: at.chars().take(200).collect(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn with<T>(cluster: bool, requester: &str, grants: &Grants, test: impl FnOnce(&Rules<'_>) -> T) -> T {
        let store = StoreRef {
            kind: if cluster { "ClusterSecretStore" } else { "SecretStore" }.to_owned(),
            name: "s".to_owned(),
            namespace: (!cluster).then(|| "own".to_owned()),
            uid: "u".to_owned(),
            generation: 1,
        };
        let config = json!({
            "ref": {"name": "n", "key": "k"},
            "foreign": {"name": "n", "key": "k", "namespace": "other"},
            "foreignCa": {"type": "ConfigMap", "name": "ca", "key": "ca.crt", "namespace": "other"},
            "foreignMap": {"name": "ca", "key": "ca.crt", "namespace": "other"},
            "keyless": {"name": "n"},
            "path": {"name": "../../api", "key": "k"},
            "ca": {"type": "ConfigMap", "name": "ca"},
            "account": {"name": "sa", "audiences": ["theirs"]},
            "jwt": {"audiences": ["from-elsewhere"], "names": ["a-name"]},
            "unmarked": {"name": "n", "key": "k"},
        });
        let place = |mark: &str| json!({"type": "object", "x-claviger": mark});
        let schema = json!({"properties": {
            "ref": place("secretRef"), "foreign": place("secretRef"), "keyless": place("secretRef"),
            "foreignCa": place("objectRef"), "foreignMap": place("configMapRef"),
            "path": place("secretRef"), "ca": place("objectRef"), "account": place("serviceAccountRef"),
            "unmarked": {"type": "object"},
        }});
        let schema = ConfigSchema::new(&schema.to_string()).unwrap();
        let requester = Requester { namespace: requester.to_owned() };
        test(&Rules {
            store: &store,
            requester: &requester,
            config: &config,
            schema: &schema,
            grants,
            stand_in: None,
            surroundings: &Surroundings::from([("gcpMetadata project-id".to_owned(), "here".to_owned())]),
        })
    }

    #[test]
    fn a_plugin_reaches_only_what_the_manifest_names_and_the_schema_marks() {
        with(false, "own", &Grants::default(), |rules| {
            let secret = Some(ObjectKind::Secret);
            let (kind, reference, key) = rules.object("/ref", secret, None).unwrap();
            assert_eq!((kind, reference.namespace.as_str(), key.as_str()), (ObjectKind::Secret, "own", "k"));
            assert!(matches!(
                rules.object("/foreign", secret, None),
                Err(NeedError::ForeignNamespace { .. })
            ));
            for at in ["/unmarked", "/absent", "/ref/name", "/account", "/keyless", "/path", ""] {
                assert!(
                    matches!(rules.object(at, secret, None), Err(NeedError::BadReference { .. })),
                    "{at}"
                );
            }
            assert_eq!(rules.object("/keyless", secret, Some("token")).unwrap().2, "token");
            let (kind, ..) = rules.object("/ca", None, Some("ca.crt")).unwrap();
            assert_eq!(kind, ObjectKind::ConfigMap);
            assert!(rules.object("/ca", secret, Some("ca.crt")).is_err());
            assert!(rules.account("/account").is_ok() && rules.account("/ref").is_err());
        });
        with(true, "tenant", &Grants::default(), |rules| {
            let (_, reference, _) = rules.object("/ref", None, None).unwrap();
            assert_eq!((reference.namespace.as_str(), reference.referent), ("tenant", true));
            let (_, reference, _) = rules.object("/foreign", None, None).unwrap();
            assert_eq!((reference.namespace.as_str(), reference.referent), ("other", false));
        });
    }

    #[test]
    fn another_namespace_stands_in_only_for_one_that_is_left_out() {
        let grants = Grants::default();
        let of = |cluster, requester: &str, at: &str| {
            with(cluster, requester, &grants, |rules| {
                let rules = Rules { stand_in: Some("operator"), ..*rules };
                let (_, first, _) = rules.object(at, None, None).map_err(drop)?;
                let said = |it: &Reference| (it.namespace.clone(), it.referent, it.stands_in);
                Ok::<_, ()>((said(&first), first.next().as_ref().map(said)))
            })
        };
        let place = |namespace: &str, referent, stands_in| (namespace.to_owned(), referent, stands_in);
        // The asker's own comes first, and what is named is meant.
        assert_eq!(
            of(true, "tenant", "/ref"),
            Ok((place("tenant", true, false), Some(place("operator", false, true))))
        );
        assert_eq!(of(true, "tenant", "/foreign"), Ok((place("other", false, false), None)));
        assert_eq!(of(true, "", "/ref"), Ok((place("operator", false, true), None)));
        assert_eq!(of(true, "operator", "/ref"), Ok((place("operator", true, false), None)));
        // A SecretStore stays in its namespace.
        assert_eq!(of(false, "own", "/ref"), Ok((place("own", false, false), None)));
        assert_eq!(of(false, "own", "/foreign"), Err(()));
    }

    #[test]
    fn audiences_follow_from_what_a_store_names() {
        let templates = ["{text:/jwt/names/0}", "{google-project:gcpMetadata project-id}.svc.id.goog"];
        let grants =
            Grants { store_audiences: templates.map(ToOwned::to_owned).to_vec(), ..Grants::default() };
        with(false, "own", &grants, |rules| {
            let ok = |asked: &str, api: &[&str]| {
                let api: Vec<_> = api.iter().map(|own| (*own).to_owned()).collect();
                rules.audiences("/account", None, &[asked.to_owned()], &[], &api).is_ok()
            };
            assert!(ok("a-name", &[]) && ok("here.svc.id.goog", &[]));
            assert!(!ok("there.svc.id.goog", &[]) && !ok("x", &[]));
            assert!(!ok("a-name", &["a-name"]), "whatever a store names, the API server's own is not it");
        });
    }

    /// The places in the built-ins' grants are those of their manifests: the seed's, and ESO's.
    #[test]
    fn built_ins_have_the_audiences_that_their_stores_mean() {
        let federation =
            "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q";
        let gke = json!({"clusterProjectID": "gke-project"});
        for (name, config, audience, ok) in [
            ("gcpsm", json!({"projectId": "my-gcp-project"}), "my-gcp-project.svc.id.goog", true),
            ("gcpsm", json!({"projectID": "my-gcp-project"}), "my-gcp-project.svc.id.goog", true),
            (
                "gcpsm",
                json!({"projectID": "p", "auth": {"workloadIdentity": gke}}),
                "gke-project.svc.id.goog",
                true,
            ),
            ("gcpsm", json!({"projectID": "p"}), "other.svc.id.goog", false),
            (
                "gcpsm",
                json!({"auth": {"workloadIdentityFederation": {"audience": federation}}}),
                federation,
                true,
            ),
            ("gcpsm", json!({}), federation, false),
            ("azurekv", json!({}), "api://AzureADTokenExchange", true),
            ("azurekv", json!({}), "my-gcp-project.svc.id.goog", false),
            ("vault", json!({"auth": {"gcp": {"workloadIdentity": gke}}}), "gke-project.svc.id.goog", true),
            (
                "vault",
                json!({"auth": {"gcp": {"projectID": "my-gcp-project"}}}),
                "my-gcp-project.svc.id.goog",
                true,
            ),
        ] {
            with(false, "own", &crate::builtin::builtin_grants(name), |rules| {
                let rules = Rules { config: &config, ..*rules };
                let asked = [audience.to_owned()];
                assert_eq!(rules.audiences("/a", None, &asked, &[], &[]).is_ok(), ok, "{name} {config}");
            });
        }
    }

    #[test]
    fn audiences_need_somebody_who_vouches() {
        let api = ["https://kubernetes.default.svc".to_owned()];
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let granted = Grants { audiences: list(&["vault"]), ..Grants::default() };
        with(false, "own", &granted, |rules| {
            let ok = |asked: &[&str], annotation: Option<(&str, &str)>| {
                let shown: Vec<_> = annotation
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect();
                rules.audiences("/account", None, &list(asked), &shown, &api).is_ok()
            };
            let named = |value| Some(("eks.amazonaws.com/audience", value));
            assert!(ok(&["theirs"], None) && ok(&["vault"], None) && ok(&["x"], named("x")));
            assert!(!ok(&["x"], None) && !ok(&["vault", "x"], None) && !ok(&["x"], named("y")));
            assert!(!ok(&["x"], Some(("kubectl.kubernetes.io/last-applied-configuration", "x"))));
            assert!(!ok(&["x"], Some(("not-an-audience", "x"))));
            assert!(!ok(&[], None), "no audience is the API server's");
            assert!(!ok(&["https://kubernetes.default.svc"], named("https://kubernetes.default.svc")));
            assert!(!ok(&["vault"; MAX_AUDIENCES + 1], None), "that many");
            let at = |place, asked: &str| {
                rules.audiences("/account", Some(place), &list(&[asked]), &[], &api).is_ok()
            };
            assert!(at("/jwt/audiences", "from-elsewhere") && !at("/jwt/names", "a-name"));
        });
        let own = Grants { api_server_audience: true, ..Grants::default() };
        with(false, "own", &own, |rules| {
            assert!(rules.audiences("/account", None, &[], &[], &api).is_ok());
            assert!(rules.audiences("/account", None, &api, &[], &api).is_ok());
        });
    }

    /// The rule is the same whatever kind is referred to, and whatever the plugin asks for: a SecretStore, and everything
    /// else that is not a ClusterSecretStore (a generator), stays in its namespace.
    #[test]
    fn no_kind_of_object_leaves_the_namespace() {
        with(false, "own", &Grants::default(), |rules| {
            for kind in ["SecretStore", "VaultDynamicSecret", "ClusterGenerator", ""] {
                let store = StoreRef { kind: kind.to_owned(), ..rules.store.clone() };
                let rules = Rules { store: &store, ..*rules };
                for at in ["/foreign", "/foreignCa", "/foreignMap"] {
                    for wanted in [None, Some(ObjectKind::Secret), Some(ObjectKind::ConfigMap)] {
                        // Of another kind than is marked is refused as that; never followed.
                        assert!(rules.object(at, wanted, Some("ca.crt")).is_err(), "{kind} {at} {wanted:?}");
                    }
                    let refused = rules.object(at, None, None);
                    assert!(matches!(refused, Err(NeedError::ForeignNamespace { .. })), "{kind} {at}");
                }
            }
        });
    }
}
