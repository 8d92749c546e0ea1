//! Somebody says that something changed in a provider: which ExternalSecrets read it. Pure.
//!
//! A key has several spellings: the manifest's, the provider's own (an ARN, a path of its API, an object's URL). What is
//! meant is matched generously: one ExternalSecret too many costs a read, one too few waits for its interval. Whether and
//! when it is refreshed then is decided in `refresh`.

use std::collections::BTreeSet;

use claviger_crds::external_secret::{ExternalSecretSpec, SecretStoreRef};
use serde_json::Value;

/// Whether a spec reads one of the keys from a store that `is_it` says yes to; without keys, anything. A `find` may find
/// whatever there is. What a generator makes is in no store.
pub fn reads(
    spec: &ExternalSecretSpec,
    is_it: impl Fn(&SecretStoreRef) -> bool,
    keys: Option<&Keys>,
) -> bool {
    let from = |own: Option<&SecretStoreRef>| own.or(spec.secret_store_ref.as_ref()).is_some_and(&is_it);
    let named = |key: &str| keys.is_none_or(|keys| keys.has(key));
    let one = spec.data.iter().any(|entry| {
        let own = entry.source_ref.as_ref().and_then(|source| source.store_ref.as_ref());
        from(own) && named(&entry.remote_ref.key)
    });
    one || spec.data_from.iter().any(|entry| {
        let own = entry.source_ref.as_ref().and_then(|source| source.store_ref.as_ref());
        match (&entry.extract, &entry.find) {
            (Some(extract), _) => from(own) && named(&extract.key),
            (None, Some(_)) => from(own),
            (None, None) => false,
        }
    })
}

/// Keys of one store, in all their spellings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    of: Of,
    all: BTreeSet<String>,
}

/// How keys of a store are spelt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    Aws {
        prefix: String,
        parameters: bool,
    },
    Vault {
        mount: Option<String>,
    },
    Azure,
    Google,
    /// As they stand in the manifest.
    Other,
}

impl Of {
    fn new(provider: &str, config: &Value) -> Self {
        let text = |at: &str| config.get(at).and_then(Value::as_str).unwrap_or_default();
        match provider {
            "aws" => Self::Aws {
                prefix: text("prefix").to_owned(),
                parameters: text("service") == "ParameterStore",
            },
            "vault" | "openBao" => {
                let mount = segments(text("path"));
                Self::Vault { mount: Some(mount).filter(|mount| !mount.is_empty()) }
            }
            "azurekv" => Self::Azure,
            "gcpsm" => Self::Google,
            _ => Self::Other,
        }
    }

    /// What a manifest's key stands for.
    fn of_manifest(&self, key: &str) -> Vec<String> {
        match self {
            Self::Aws { prefix, parameters } => aws(&format!("{prefix}{key}"), *parameters),
            Self::Vault { mount } => {
                let key = segments(key);
                let inside = mount.as_deref().and_then(|mount| below(&key, mount));
                match (mount, inside) {
                    (Some(_), Some(inside)) => vec![inside.to_owned(), without_data(inside).to_owned()],
                    (Some(_), None) => vec![key],
                    (None, _) => vec![without_first_data(&key)],
                }
            }
            Self::Azure => vec![azure(key, &["secret"]).swap_remove(0)],
            Self::Google => vec![google(key)],
            Self::Other => vec![key.to_owned()],
        }
    }

    /// What a key may stand for that somebody names: as the manifest has it, or as the provider has it.
    fn of_event(&self, key: &str) -> Vec<String> {
        let mut all = self.of_manifest(key);
        match self {
            Self::Aws { parameters, .. } => all.extend(aws(key, *parameters)),
            Self::Vault { mount: Some(_) } => all.push(without_data(&segments(key)).to_owned()),
            Self::Azure => all.extend(azure(key, &["secret", "key", "cert"])),
            Self::Vault { mount: None } | Self::Google | Self::Other => {}
        }
        all
    }
}

impl Keys {
    /// Keys of a store whose provider and config are those.
    pub fn new<'a>(provider: &str, config: &Value, keys: impl IntoIterator<Item = &'a str>) -> Self {
        let of = Of::new(provider, config);
        let all = keys.into_iter().flat_map(|key| of.of_event(key)).filter(|key| !key.is_empty()).collect();
        Self { of, all }
    }

    /// Whether a manifest's key is one of them.
    pub fn has(&self, key: &str) -> bool {
        self.of.of_manifest(key).iter().any(|key| self.all.contains(key))
    }
}

/// Without slashes at its ends, and two in a row.
fn segments(path: &str) -> String {
    path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/")
}

/// The rest of a path below another.
fn below<'a>(path: &'a str, above: &str) -> Option<&'a str> {
    path.strip_prefix(above)?.strip_prefix('/')
}

/// Without the part of a path of KV version 2 that says what is asked for.
fn without_data(path: &str) -> &str {
    below(path, "data").or_else(|| below(path, "metadata")).unwrap_or(path)
}

/// The same, where the mount is whatever stands first.
fn without_first_data(path: &str) -> String {
    match path.split_once('/') {
        Some((mount, rest)) => format!("{mount}/{}", without_data(rest)),
        None => path.to_owned(),
    }
}

/// A name, or what an ARN names: `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`, where AWS adds six
/// characters and a dash to the name, and may be given the ARN without them; `arn:…:ssm:…:parameter/NAME`. A parameter's
/// version or label stands behind a colon.
fn aws(key: &str, parameters: bool) -> Vec<String> {
    let arn: Vec<&str> = key.splitn(6, ':').collect();
    if let ["arn", _, service, _, _, resource] = arn.as_slice() {
        return match (*service, resource.strip_prefix("secret:"), resource.strip_prefix("parameter/")) {
            ("secretsmanager", Some(name), _) => {
                let bare = name.rsplit_once('-').filter(|(_, suffix)| {
                    suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
                });
                [Some(name), bare.map(|(name, _)| name)].into_iter().flatten().map(str::to_owned).collect()
            }
            ("ssm", _, Some(name)) => vec![parameter(name)],
            _ => Vec::new(),
        };
    }
    vec![if parameters { parameter(key) } else { key.to_owned() }]
}

fn parameter(name: &str) -> String {
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.trim_start_matches('/').to_owned()
}

/// `KIND/NAME` of an object in a vault, in lower case, for names there are compared so: of a key (`name`, `secret/name`), or
/// of an object's URL. Where no kind stands, of each of `kinds`.
fn azure(key: &str, kinds: &[&str]) -> Vec<String> {
    let key = key.to_ascii_lowercase();
    let path = match key.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => key.as_str(),
    };
    let of = |kind: &str, name: &str| {
        let kind = match kind {
            "secrets" | "secret" => "secret",
            "keys" | "key" => "key",
            "certificates" | "certificate" | "cert" => "cert",
            _ => return None,
        };
        Some(format!("{kind}/{name}"))
    };
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    match second.and_then(|name| of(first, name)) {
        Some(one) => vec![one],
        None => kinds.iter().map(|kind| format!("{kind}/{first}")).collect(),
    }
}

/// A secret's id, of `projects/P/secrets/ID/versions/V` too.
fn google(key: &str) -> String {
    let mut parts = key.split('/');
    match parts.by_ref().find(|part| *part == "secrets").and_then(|_| parts.next()) {
        Some(id) => id.to_owned(),
        None => key.split_once("/versions/").map_or(key, |(id, _)| id).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    /// Spellings as the providers' own documentation has them: ARNs of Secrets Manager and Systems Manager, Vault's paths of
    /// KV version 2, object identifiers of Key Vault, resource names of Secret Manager.
    #[test]
    fn one_key_has_several_spellings() {
        let secrets = json!({"service": "SecretsManager", "region": "eu-west-1"});
        let prefixed = json!({"service": "SecretsManager", "prefix": "prod/"});
        let parameters = json!({"service": "ParameterStore"});
        let mounted = json!({"path": "/kv/"});
        let none = json!({});
        let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop/db-AbCdEf";
        let parameter_arn = "arn:aws-cn:ssm:cn-north-1:111122223333:parameter/shop/db";
        // (provider, config, named, in a manifest, the same)
        #[rustfmt::skip]
        let cases = [
            ("aws", &secrets, "shop/db", "shop/db", true),
            ("aws", &secrets, arn, "shop/db", true),
            ("aws", &secrets, "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop/db", "shop/db", true),
            ("aws", &secrets, "shop/db", arn, true),
            ("aws", &secrets, arn, arn, true),
            ("aws", &secrets, arn, "shop/db-AbCdEf", true),
            ("aws", &secrets, arn, "shop/d", false),
            ("aws", &secrets, "arn:aws:secretsmanager:eu-west-1:1:secret:my-secret", "my", true),
            ("aws", &secrets, "shop/db", "/shop/db", false),
            ("aws", &secrets, "arn:aws:s3:::shop/db", "shop/db", false),
            ("aws", &prefixed, "prod/db", "db", true),
            ("aws", &prefixed, "db", "db", true),
            ("aws", &prefixed, "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbCdEf", "db", true),
            ("aws", &prefixed, "test/db", "db", false),
            ("aws", &parameters, "/shop/db", "/shop/db", true),
            ("aws", &parameters, "/shop/db", "/shop/db:3", true),
            ("aws", &parameters, parameter_arn, "/shop/db", true),
            ("aws", &parameters, "db", parameter_arn, false),
            ("vault", &mounted, "shop/db", "shop/db", true),
            ("vault", &mounted, "kv/data/shop/db", "shop/db", true),
            ("vault", &mounted, "kv/metadata/shop/db", "shop/db", true),
            ("vault", &mounted, "data/shop/db", "/shop//db", true),
            ("vault", &mounted, "shop/db", "kv/data/shop/db", true),
            ("vault", &mounted, "kv/shop/db", "kv/shop/db", true),
            ("vault", &mounted, "other/data/shop/db", "shop/db", false),
            ("openBao", &mounted, "kv/data/shop/db", "shop/db", true),
            ("vault", &none, "kv/data/shop/db", "kv/shop/db", true),
            ("vault", &none, "kv/shop/db", "kv/data/shop/db", true),
            ("vault", &none, "kv/shop/db", "kw/shop/db", false),
            ("azurekv", &none, "https://v.vault.azure.net/secrets/Db/0123", "db", true),
            ("azurekv", &none, "https://v.vault.azure.net/keys/db/0123", "db", false),
            ("azurekv", &none, "https://v.vault.azure.net/certificates/db", "cert/db", true),
            ("azurekv", &none, "db", "cert/db", true),
            ("azurekv", &none, "secret/db", "db", true),
            ("azurekv", &none, "key/db", "secret/db", false),
            ("gcpsm", &none, "projects/123/secrets/db/versions/7", "db", true),
            ("gcpsm", &none, "projects/123/locations/eu/secrets/db", "db", true),
            ("gcpsm", &none, "db", "projects/shop/secrets/db", true),
            ("gcpsm", &none, "db", "db/versions/3", true),
            ("gcpsm", &none, "dc", "db", false),
            ("webhook", &none, "a/b", "a/b", true),
            ("webhook", &none, "a//b", "a/b", false),
        ];
        for (provider, config, named, manifest, same) in cases {
            let keys = Keys::new(provider, config, [named]);
            assert_eq!(keys.has(manifest), same, "{provider} {config}: {named} and {manifest}");
        }
        let two = Keys::new("fake", &none, ["a", "", "b"]);
        assert_eq!(["a", "b", "", "c"].map(|key| two.has(key)), [true, true, false, false]);
    }

    #[test]
    fn who_reads_it() {
        let spec = |spec: Value| -> ExternalSecretSpec { serde_json::from_value(spec).unwrap() };
        let own = json!({"name": "own"});
        let data = |rest: Value| json!([rest]);
        let source = json!({"storeRef": {"name": "other"}});
        let generator = json!({"generatorRef": {"kind": "Password", "name": "p"}});
        // (what, spec, reads `a` of `own`, reads anything of it)
        #[rustfmt::skip]
        let cases = [
            ("its key", json!({"secretStoreRef": own, "data": data(json!({"secretKey": "k", "remoteRef": {"key": "a"}}))}), true, true),
            ("another", json!({"secretStoreRef": own, "data": data(json!({"secretKey": "k", "remoteRef": {"key": "b"}}))}), false, true),
            ("of another store", json!({"secretStoreRef": own, "data": data(json!({"secretKey": "k", "remoteRef": {"key": "a"}, "sourceRef": source}))}), false, false),
            ("of the store by its entry", json!({"secretStoreRef": {"name": "other"}, "data": data(json!({"secretKey": "k", "remoteRef": {"key": "a"}, "sourceRef": {"storeRef": own}}))}), true, true),
            ("extract", json!({"secretStoreRef": own, "dataFrom": [{"extract": {"key": "a"}}]}), true, true),
            ("a search", json!({"secretStoreRef": own, "dataFrom": [{"find": {"name": {"regexp": "^b$"}}}]}), true, true),
            ("a search elsewhere", json!({"secretStoreRef": own, "dataFrom": [{"find": {}, "sourceRef": source}]}), false, false),
            ("a generator", json!({"secretStoreRef": own, "dataFrom": [{"sourceRef": generator}]}), false, false),
            ("no store at all", json!({"dataFrom": [{"extract": {"key": "a"}}]}), false, false),
        ];
        for (what, json, key, anything) in cases {
            let spec = spec(json);
            let is_it = |store: &SecretStoreRef| store.name.as_deref() == Some("own");
            let keys = Keys::new("fake", &json!({}), ["a"]);
            assert_eq!(reads(&spec, is_it, Some(&keys)), key, "{what}");
            assert_eq!(reads(&spec, is_it, None), anything, "{what}: anything");
        }
    }
}
