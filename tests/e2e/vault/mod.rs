//! The provider `vault` against OpenBao, with stores and ExternalSecrets as users write them. What Vault has and
//! OpenBao has not (the logins `ldap`, `iam`, `gcp`) is in front of it, see `tests/servers/vault_logins.py`.

mod clouds;
mod deletion;
mod google;
mod in_transit;
mod kv;
mod login;
mod namespaces;
mod openbao;
mod policy;
mod proxy;
mod render;
mod store;
mod tls;
mod tokens;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{Bao, BaoView, VaultLogins};
use serde_json::{Value, json};

use crate::support::World;

/// What [`Server::mount`] holds under `app`, property `v`.
const VALUE: &str = "MARKED-vault-value";

type Api<'a> = dyn Fn(&str, &str, &Value) -> claviger_testenv::Result<(u16, Value)> + 'a;

/// A Vault, as its administrator and as stores see it.
struct Server<'a> {
    world: &'a World,
    address: String,
    api: Box<Api<'a>>,
}

impl<'a> Server<'a> {
    /// One with TLS or without.
    fn of(world: &'a World, bao: &BaoView) -> Self {
        let view = bao.clone();
        let api = move |method: &str, path: &str, body: &Value| view.api(method, path, body);
        Self { world, address: bao.address().to_owned(), api: Box::new(api) }
    }

    /// The proxy with the other logins.
    fn with_logins(world: &'a World, logins: &VaultLogins) -> Self {
        let view = logins.view().clone();
        let address = view.address().to_owned();
        let api = move |method: &str, path: &str, body: &Value| view.api(method, path, body);
        Self { world, address, api: Box::new(api) }
    }

    /// A call with the root token, which must succeed. A namespace is the beginning of the path.
    fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = (self.api)(method, path, &body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Namespaces, each in the one before; what stands before paths in the last.
    fn namespaces(&self, names: &[&str]) -> String {
        names.iter().fold(String::new(), |outer, name| {
            self.call("POST", &format!("{outer}sys/namespaces/{name}"), json!({}));
            format!("{outer}{name}/")
        })
    }

    /// KV version 2 at a path, with [`VALUE`], and a policy of that name that reads `data` and nothing else.
    /// `within` is a namespace's path with its slash, or empty.
    fn mount(&self, within: &str, path: &str) {
        self.call(
            "POST",
            &format!("{within}sys/mounts/{path}"),
            json!({"type": "kv", "options": {"version": "2"}}),
        );
        let policy = format!("path \"{path}/data/*\" {{ capabilities = [\"read\"] }}");
        self.call("PUT", &format!("{within}sys/policies/acl/{path}"), json!({"policy": policy}));
        // A moment passes until a new mount of version 2 takes writes.
        self.world.wait("the mount to take writes", || {
            let data = json!({"data": {"v": VALUE}});
            match (self.api)("POST", &format!("{within}{path}/data/app"), &data) {
                Ok((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    /// A token with policies, and with nothing else.
    fn token(&self, within: &str, policies: &[&str]) -> String {
        let asked = json!({"policies": policies, "no_default_policy": true, "ttl": "10m"});
        let answer = self.call("POST", &format!("{within}auth/token/create"), asked);
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// A jwt login at a path that takes the cluster's tokens of a ServiceAccount for audience `vault`, with the
    /// role `reader`, which is also that of those who name none.
    fn jwt(&self, within: &str, path: &str, service_account: &str, policies: &[&str]) {
        self.call("POST", &format!("{within}sys/auth/{path}"), json!({"type": "jwt"}));
        let keys = self.world.env.cluster.token_key_pem();
        self.call(
            "POST",
            &format!("{within}auth/{path}/config"),
            json!({"jwt_validation_pubkeys": keys, "default_role": "reader"}),
        );
        let subject = format!("system:serviceaccount:{}:{service_account}", self.world.name);
        self.call(
            "POST",
            &format!("{within}auth/{path}/role/reader"),
            json!({
                "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"],
                "bound_subject": subject, "token_policies": policies, "token_ttl": "10m",
            }),
        );
    }

    /// A SecretStore at this server; `vault` is the provider's object without `server`.
    fn store(&self, name: &str, vault: Value) {
        self.store_as(name, "vault", vault);
    }

    /// The same of a provider of another name.
    fn store_as(&self, name: &str, provider: &str, mut settings: Value) {
        settings["server"] = self.address.as_str().into();
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": name, "namespace": self.world.name},
            "spec": {"controller": self.world.name, "refreshInterval": 5, "provider": {provider: settings}},
        }));
    }

    /// A store that works: it is ready, and an ExternalSecret reads [`VALUE`] through it.
    fn works(&self, name: &str, vault: Value) {
        self.works_as(name, "vault", vault);
    }

    fn works_as(&self, name: &str, provider: &str, settings: Value) {
        self.store_as(name, provider, settings);
        self.world.wait_ready("secretstore", name);
        let one = json!({"data": [{"secretKey": "v", "remoteRef": {"key": "app", "property": "v"}}]});
        let synced = format!("synced-{name}");
        external_secret(self.world, &synced, name, "1h", one);
        self.world.wait_data(&synced, &[("v", VALUE)]);
    }

    /// A store that does not, for a reason and in words that have all of `parts`.
    fn refused(&self, name: &str, vault: Value, reason: &str, parts: &[&str]) -> String {
        self.store(name, vault);
        let message = self.world.wait_reason("secretstore", name, reason);
        println!("{name}: {reason}: {message}");
        for part in parts {
            assert!(message.contains(part), "{name}: {part:?} is not in: {message}");
        }
        message
    }
}

/// An ExternalSecret: `spec` beside store and interval.
fn external_secret(world: &World, name: &str, store: &str, interval: &str, spec: Value) {
    let mut whole = json!({"refreshInterval": interval, "secretStoreRef": {"name": store}});
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name}, "spec": whole,
    }));
}

/// `data` of references by the Secret's keys.
fn data(references: &[(&str, Value)]) -> Value {
    let entry = |(key, reference): &(&str, Value)| json!({"secretKey": key, "remoteRef": reference});
    json!({"data": references.iter().map(entry).collect::<Vec<_>>()})
}

/// A Kubernetes Secret with those texts.
fn secret(world: &World, name: &str, texts: Value) {
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": world.name},
        "stringData": texts,
    }));
}

fn service_account(world: &World, name: &str, annotations: Value) {
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": world.name, "annotations": annotations},
    }));
}

/// The CA of a server with TLS, as `caBundle`.
fn bundle(bao: &Bao) -> String {
    STANDARD.encode(bao.authority().unwrap().pem())
}
