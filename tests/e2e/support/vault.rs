//! A test's own mounts, policies and logins in the shared OpenBao, made with the root token.

use serde_json::{Value, json};

use super::World;

/// A KV engine of a test's own, and logins that may read it.
pub(crate) struct Mount<'a> {
    pub world: &'a World,
    /// Where it is mounted; also the prefix of everything else that belongs to it.
    pub path: String,
}

impl<'a> Mount<'a> {
    /// Mounts KV version 2 under the test's name, with a policy of the same name that reads it.
    pub(crate) fn kv2(world: &'a World) -> Self {
        let mount = Self { world, path: world.name.clone() };
        world.env.bao.mount_kv2(&mount.path).unwrap();
        let policy = format!(
            "path \"{p}/data/*\" {{ capabilities = [\"read\"] }}\npath \"{p}/metadata/*\" {{ capabilities = [\"read\", \"list\"] }}",
            p = mount.path
        );
        mount.api("PUT", &format!("sys/policies/acl/{}", mount.path), json!({"policy": policy}));
        mount
    }

    /// Writes a secret (a new version).
    pub(crate) fn put(&self, key: &str, data: Value) {
        self.api("POST", &format!("{}/data/{key}", self.path), json!({"data": data}));
    }

    /// Removes a secret with all versions.
    pub(crate) fn remove(&self, key: &str) {
        self.api("DELETE", &format!("{}/metadata/{key}", self.path), Value::Null);
    }

    /// A JWT login that takes the cluster's ServiceAccount tokens with audience `vault`; its mount path.
    pub(crate) fn jwt_login(&self, service_account: &str) -> String {
        let path = format!("jwt-{}", self.path);
        let cluster = &self.world.env.cluster;
        self.api("POST", &format!("sys/auth/{path}"), json!({"type": "jwt"}));
        let keys = cluster.token_key_pem();
        self.api("POST", &format!("auth/{path}/config"), json!({"jwt_validation_pubkeys": keys}));
        self.api(
            "POST",
            &format!("auth/{path}/role/reader"),
            json!({
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": ["vault"],
                "bound_subject": format!("system:serviceaccount:{}:{service_account}", self.world.name),
                "token_policies": [self.path],
                "token_ttl": "10m",
            }),
        );
        path
    }

    /// An AppRole login: (mount path, role id, secret id).
    pub(crate) fn app_role(&self, ttl: &str) -> (String, String, String) {
        let path = format!("approle-{}", self.path);
        self.api("POST", &format!("sys/auth/{path}"), json!({"type": "approle"}));
        self.api(
            "POST",
            &format!("auth/{path}/role/reader"),
            json!({"token_policies": [self.path], "token_ttl": ttl}),
        );
        let role = self.api("GET", &format!("auth/{path}/role/reader/role-id"), Value::Null);
        let secret = self.api("POST", &format!("auth/{path}/role/reader/secret-id"), json!({}));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (path, text(&role["data"]["role_id"]), text(&secret["data"]["secret_id"]))
    }

    /// A call with the root token, which must succeed.
    pub(crate) fn api(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.world.env.bao.api(method, path, &body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }
}
