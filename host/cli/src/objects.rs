//! Objects of any kind as JSON, read from a cluster: for commands that look at many kinds. Nothing here writes.

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;

/// Objects in one answer of the API server.
const PAGE: u32 = 500;

/// What an object is.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
}

impl Kind {
    pub(crate) fn new(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let gvk = GroupVersionKind::gvk(group, version, kind);
        Self { resource: ApiResource::from_gvk_with_plural(&gvk, plural), namespaced }
    }

    /// The kind that a definition defines, in the version that is stored or one that is served.
    pub(crate) fn of(crd: &Value) -> Option<Self> {
        let spec = &crd["spec"];
        let versions = || spec["versions"].as_array().into_iter().flatten();
        let served = |version: &&Value| version["served"] == true;
        let version = versions()
            .filter(served)
            .find(|version| version["storage"] == true)
            .or_else(|| versions().find(served))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self::new(
            &text(&spec["group"])?,
            &text(&version["name"])?,
            &text(&spec["names"]["kind"])?,
            &text(&spec["names"]["plural"])?,
            spec["scope"] == "Namespaced",
        ))
    }

    pub(crate) fn api(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }
}

/// All objects of a kind: of these namespaces, if some are named and the kind has them.
///
/// # Errors
/// If they may not be listed.
pub(crate) async fn list(client: &Client, kind: &Kind, namespaces: &[String]) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    each(client, kind, namespaces, |value| found.push(value)).await?;
    Ok(found)
}

/// The same, one after the other: so that no more than a page of them is held.
///
/// # Errors
/// If they may not be listed.
pub(crate) async fn each(
    client: &Client,
    kind: &Kind,
    namespaces: &[String],
    mut take: impl FnMut(Value),
) -> anyhow::Result<()> {
    let scopes: Vec<Option<&str>> = match namespaces {
        [] => vec![None],
        _ if !kind.namespaced => vec![None],
        some => some.iter().map(|namespace| Some(namespace.as_str())).collect(),
    };
    for scope in scopes {
        let api = kind.api(client, scope);
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = api.list(&params).await;
            let page = page.with_context(|| format!("{} cannot be listed", kind.resource.plural))?;
            for object in page.items {
                let mut value = serde_json::to_value(object).context("an object is no JSON")?;
                // Lists of built-in kinds leave it out.
                value["kind"] = kind.resource.kind.clone().into();
                take(value);
            }
            match page.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => params = params.continue_token(&next),
                None => break,
            }
        }
    }
    Ok(())
}

/// One object, if it is there.
///
/// # Errors
/// If it may not be read.
pub(crate) async fn get(
    client: &Client,
    kind: &Kind,
    namespace: &str,
    name: &str,
) -> anyhow::Result<Option<Value>> {
    let found = kind.api(client, Some(namespace)).get_opt(name).await;
    let found = found.with_context(|| format!("{} {namespace}/{name} cannot be read", kind.resource.kind))?;
    found.map(|object| serde_json::to_value(object).context("an object is no JSON")).transpose()
}

/// The definitions of this cluster.
///
/// # Errors
/// If they may not be listed.
pub(crate) async fn definitions(client: &Client) -> anyhow::Result<Vec<Value>> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let all = api.list(&ListParams::default()).await.context("the definitions cannot be listed")?;
    let all = all.items.into_iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
    Ok(all)
}

/// What is written there in an object; nothing if that is no text.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `NAMESPACE/NAME`, or the name alone.
pub(crate) fn full_name(object: &Value) -> String {
    match (text(object, "/metadata/namespace"), text(object, "/metadata/name")) {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}
