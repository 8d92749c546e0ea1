//! The provider's object: the fields that are not about logging in, and in which project secrets are.

use claviger_plugin_sdk::json::text;
use claviger_plugin_sdk::provider::connection::SlotValue;
use claviger_plugin_sdk::{Error, invalid_config};
use google_credentials::source::Source;
use google_credentials::{Access, Places, endpoint, needs};
use serde_json::Value;

use crate::name::Parent;

/// Where the fields about logging in stand.
pub const PLACES: Places = Places { auth: "/auth", projects: &["/projectID", "/projectId"], plugin: "gcpsm" };

/// What a disabled or destroyed latest version means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// It is the error.
    LatestOrFail,
    /// The newest enabled version is read instead.
    LatestOrFetch,
}

/// A store's config, ready for use.
#[derive(Clone, Debug)]
pub struct Config {
    /// Of regional secrets.
    pub location: Option<String>,
    /// See there.
    pub selection: Selection,
    /// Where an access token comes from.
    pub access: Access,
    /// Everything.
    pub json: Value,
}

impl Config {
    /// Parses.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(config: &str) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(config).map_err(|_| invalid_config("", "it is not JSON"))?;
        let access = Access::parse(&json, PLACES)?;
        if access.project.as_deref().is_some_and(|project| !needs::plain(project)) {
            return Err(invalid_config(project_at(&json), "it is not the id or number of a project"));
        }
        // As in ESO: a key says nothing about where the operator runs.
        if access.project.is_none() && matches!(access.source, Source::Key { .. }) {
            return Err(invalid_config(
                "/projectID",
                "it is needed with secretRef: the project of the secrets",
            ));
        }
        let selection = match text(&json, "/secretVersionSelectionPolicy") {
            None | Some("LatestOrFail") => Selection::LatestOrFail,
            Some("LatestOrFetch") => Selection::LatestOrFetch,
            Some(_) => {
                return Err(invalid_config(
                    "/secretVersionSelectionPolicy",
                    "it must be LatestOrFail or LatestOrFetch",
                ));
            }
        };
        let location = endpoint::location(&json, "/location")?.map(ToOwned::to_owned);
        Ok(Self { location, selection, access, json })
    }

    /// The project of the secrets, if the config says it: by itself, or as that of the cluster (as ESO).
    fn named_project(&self) -> Option<&str> {
        let cluster = match &self.access.source {
            Source::Gke(gke) => gke.project.as_deref(),
            _ => None,
        };
        self.access.project.as_deref().or(cluster)
    }

    /// Whether it must be asked for.
    pub fn lacks_project(&self) -> bool {
        self.named_project().is_none()
    }

    /// Where the secrets are, in a complete session.
    ///
    /// # Errors
    /// If neither the config nor the metadata server names a project.
    pub fn parent(&self, have: &[SlotValue]) -> Result<Parent, Error> {
        let project = match self.named_project() {
            Some(project) => Some(project.to_owned()),
            None => needs::project_id(have)?,
        };
        let project = project.ok_or_else(|| {
            invalid_config(
                "/projectID",
                "it is needed, or have the metadata server's granted (spec.grants.ambient of the Plugin gcpsm: {kind: gcpMetadata, name: project-id})",
            )
        })?;
        Ok(Parent { project, location: self.location.clone() })
    }
}

/// The spelling that is used.
pub fn project_at(config: &Value) -> &'static str {
    if text(config, "/projectId").is_some() { "/projectId" } else { "/projectID" }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugin_sdk::provider::connection::Resolved;
    use serde_json::json;

    use super::*;

    fn wrong(config: Value) -> String {
        match Config::parse(&config.to_string()) {
            Err(Error::InvalidConfig(error)) => error.path,
            other => panic!("{config}: {other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        let key = json!({"secretRef": {"secretAccessKeySecretRef": {"name": "k", "key": "k"}}});
        for (config, path) in [
            (json!({"projectID": "p", "projectId": "p"}), "/projectId"),
            (json!({"projectID": "p/secrets/x"}), "/projectID"),
            (json!({"projectId": ".."}), "/projectId"),
            (json!({"projectID": "p", "location": "us-east1.evil"}), "/location"),
            (
                json!({"projectID": "p", "secretVersionSelectionPolicy": "Latest"}),
                "/secretVersionSelectionPolicy",
            ),
            (json!({"auth": key}), "/projectID"),
            (
                json!({"projectID": "p", "auth": {"secretRef": {}}}),
                "/auth/secretRef/secretAccessKeySecretRef",
            ),
        ] {
            assert_eq!(wrong(config), path);
        }
        let config = Config::parse(r#"{"projectID":"example.com:shop","location":"us-east1"}"#).unwrap();
        assert_eq!(config.selection, Selection::LatestOrFail);
        let parent = config.parent(&[]).unwrap();
        assert_eq!(parent.path(), "projects/example.com:shop/locations/us-east1");
    }

    /// The order of ESO's clusterProjectID.
    #[test]
    fn the_project_of_the_secrets() {
        let wi = json!({"serviceAccountRef": {"name": "sa"}, "clusterProjectID": "cluster"});
        let metadata =
            SlotValue { slot: "google-project-id".to_owned(), value: Resolved::Bytes(b"metadata".to_vec()) };
        for (config, lacks, expected) in [
            (json!({"projectID": "own", "auth": {"workloadIdentity": wi}}), false, "own"),
            (json!({"auth": {"workloadIdentity": wi}}), false, "cluster"),
            (json!({}), true, "metadata"),
        ] {
            let config = Config::parse(&config.to_string()).unwrap();
            assert_eq!(config.lacks_project(), lacks);
            assert_eq!(config.parent(std::slice::from_ref(&metadata)).unwrap().project, expected);
        }
        let nowhere = Config::parse("{}").unwrap().parent(&[]).unwrap_err();
        assert!(matches!(nowhere, Error::InvalidConfig(error) if error.detail.contains("gcpMetadata")));
    }

    /// Every field of ESO's, as its definition of SecretStore lists them, is one that the schema takes.
    #[test]
    fn the_schema_takes_every_field_of_eso() {
        let schema: Value = serde_json::from_str(include_str!("../config-schema.json")).unwrap();
        let fields = include_str!("../../../crds/tests/eso-fields/provider-gcpsm.txt");
        let also = include_str!("../../../crds/tests/eso-fields/also-accepted.txt");
        let resolved = |place: &'_ Value| match place["$ref"].as_str() {
            Some(at) => schema.pointer(at.trim_start_matches('#')).unwrap().clone(),
            None => place.clone(),
        };
        let also = also.lines().filter_map(|line| line.strip_prefix("gcpsm."));
        let mut count = 0;
        for line in fields.lines().filter(|line| !line.starts_with('#')).chain(also) {
            let (path, kind) = line.split_once(" : ").unwrap();
            let mut place = schema.clone();
            for step in path.split('.') {
                place = resolved(&place["properties"][step.trim_end_matches('*')]);
                assert!(place.is_object(), "{path}");
            }
            let inner = kind
                .split_once('{')
                .and_then(|(_, rest)| rest.split_once('}'))
                .map_or("", |(inner, _)| inner);
            for field in inner.split(',').filter(|field| !field.is_empty()) {
                let field = &place["properties"][field.trim_end_matches("[]")];
                assert!(field.is_object(), "{path}: {kind}");
            }
            let refers = kind.contains('{');
            assert_eq!(place["x-claviger"].is_string(), refers, "{path}");
            count += 1;
        }
        assert_eq!(count, 22);
    }
}
