//! Walks a schema: every field under a dotted path, `[]` for the items of a list.

use serde_json::Value;

/// Everything a test says about one field.
#[derive(Debug)]
pub(crate) struct Node {
    /// `spec.data[].remoteRef.key`.
    pub(crate) path: String,
    /// Whether the object it is in requires it.
    pub(crate) required: bool,
    /// Its schema.
    pub(crate) schema: Value,
}

/// The schema of the stored version of a kind.
pub(crate) fn schema_of(kind: &str) -> Value {
    let crd = claviger_crds::generate::definitions()
        .into_iter()
        .find(|crd| crd.spec.names.kind == kind)
        .expect("kind");
    serde_json::to_value(&crd.spec.versions[0].schema).unwrap()["openAPIV3Schema"].clone()
}

/// Every field below `root`, which is itself not among them.
pub(crate) fn fields(root: &Value) -> Vec<Node> {
    let mut nodes = Vec::new();
    collect(root, "", &mut nodes);
    nodes
}

fn collect(schema: &Value, path: &str, nodes: &mut Vec<Node>) {
    if let Some(items) = schema.get("items") {
        collect(items, &format!("{path}[]"), nodes);
    }
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        nodes.push(Node {
            path: path.clone(),
            required: required.contains(&name.as_str()),
            schema: inner.clone(),
        });
        collect(inner, &path, nodes);
    }
}
