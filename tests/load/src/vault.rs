//! What the OpenBao of a benchmark holds: an engine, keys with five properties each, and an AppRole that may read them.

use anyhow::{Result, bail};
use claviger_testenv::BaoView;
use serde_json::{Value, json};

/// The engine's path.
pub(crate) const MOUNT: &str = "bench";

/// Properties of each key.
pub(crate) const PROPERTIES: usize = 5;

/// How a store logs in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) role: String,
    pub(crate) secret: String,
}

/// Mounts the engine, writes `keys` keys and makes the login; its tokens live for an hour.
///
/// # Errors
/// If a step is refused.
pub(crate) fn prepare(bao: &BaoView, keys: usize) -> Result<Login> {
    bao.mount_kv2(MOUNT)?;
    let policy = format!("path \"{MOUNT}/data/*\" {{ capabilities = [\"read\"] }}");
    call(bao, "PUT", "sys/policies/acl/bench", &json!({"policy": policy}))?;
    call(bao, "POST", "sys/auth/approle", &json!({"type": "approle"}))?;
    call(bao, "POST", "auth/approle/role/reader", &json!({"token_policies": ["bench"], "token_ttl": "60m"}))?;
    for key in 0..keys {
        put(bao, key, 0)?;
    }
    let role = call(bao, "GET", "auth/approle/role/reader/role-id", &Value::Null)?;
    let secret = call(bao, "POST", "auth/approle/role/reader/secret-id", &json!({}))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Login { role: text(&role["data"]["role_id"]), secret: text(&secret["data"]["secret_id"]) })
}

/// Writes a key in a generation of its values.
///
/// # Errors
/// If it is refused.
pub(crate) fn put(bao: &BaoView, key: usize, generation: usize) -> Result<()> {
    let data: serde_json::Map<String, Value> =
        (0..PROPERTIES).map(|p| (format!("p{p}"), json!(value(key, p, generation)))).collect();
    call(bao, "POST", &format!("{MOUNT}/data/{}", name(key)), &json!({"data": data}))?;
    Ok(())
}

/// A key's name.
pub(crate) fn name(key: usize) -> String {
    format!("key{key}")
}

/// What a property of a key holds.
pub(crate) fn value(key: usize, property: usize, generation: usize) -> String {
    format!("value-{key}-{property}-{generation}")
}

/// A call with the root token that must succeed.
///
/// # Errors
/// If it does not.
pub(crate) fn call(bao: &BaoView, method: &str, path: &str, body: &Value) -> Result<Value> {
    let (status, answer) = bao.api(method, path, body)?;
    if !(200..300).contains(&status) {
        bail!("OpenBao: {method} {path}: {status} {answer}");
    }
    Ok(answer)
}
