//! A real PostgreSQL behind the database engine of an OpenBao: what is made, who may log in with it, and what is left.

use std::process::Command;

use claviger_testenv::{BaoView, Postgres, RunDir};
use serde_json::{Value, json};

use super::{Logins, World};

/// A database, and the engine that makes its users.
pub(crate) struct Database<'a> {
    world: &'a World,
    bao: BaoView,
    /// Where the engine is mounted.
    pub mount: String,
    postgres: Postgres,
    _dir: RunDir,
}

impl<'a> Database<'a> {
    /// Starts a PostgreSQL and mounts an engine for it.
    pub(crate) fn start(world: &'a World, bao: &BaoView, mount: &str) -> Self {
        let dir = RunDir::create(&format!("{}-database", world.name)).unwrap();
        let postgres = Postgres::start(&world.env.tools, dir.path()).unwrap();
        let database = Self { world, bao: bao.clone(), mount: mount.to_owned(), postgres, _dir: dir };
        database.api("POST", &format!("sys/mounts/{mount}"), json!({"type": "database"}));
        let view = database.postgres.view();
        let url = format!(
            "postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/postgres?sslmode=disable",
            view.port
        );
        let config = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url,
            "username": view.superuser, "password": "not asked for",
        });
        database.api("POST", &format!("{mount}/config/main"), config);
        database
    }

    /// A role whose users live for `ttl`, and at most for `max` however often they are renewed.
    pub(crate) fn role(&self, name: &str, ttl: &str, max: &str) {
        let statement = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'";
        let role = json!({
            "db_name": "main", "default_ttl": ttl, "max_ttl": max, "creation_statements": [statement],
        });
        self.api("POST", &format!("{}/roles/{name}", self.mount), role);
    }

    /// A policy with the rights that docs/providers/vault.md lists for a role's credentials.
    pub(crate) fn policy(&self, name: &str, roles: &[&str], more: &str) {
        let creds: String = roles
            .iter()
            .map(|role| format!("path \"{}/creds/{role}\" {{ capabilities = [\"read\"] }}\n", self.mount))
            .collect();
        self.api("PUT", &format!("sys/policies/acl/{name}"), json!({"policy": format!("{creds}{more}")}));
    }

    /// Whether the server takes that user and password.
    pub(crate) fn accepts(&self, user: &str, password: &str) -> Result<(), String> {
        let psql = self.world.env.tools.postgres().unwrap().join("psql");
        let output = Command::new(psql)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.postgres.view().port.to_string(),
                "-U",
                user,
                "-d",
                "postgres",
            ])
            .args(["-tAc", "select current_user"])
            .env("PGPASSWORD", password)
            .env("PGCONNECT_TIMEOUT", "5")
            .output()
            .unwrap();
        if output.status.success() && String::from_utf8_lossy(&output.stdout).trim() == user {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// The same again and again, at less cost.
    pub(crate) fn logins(&self) -> Logins {
        Logins::new(self.world.env.tools.postgres().unwrap().join("psql"), self.postgres.view().clone())
    }

    /// Runs a statement as the superuser; what it gives, a line for each row.
    pub(crate) fn run(&self, statement: &str) -> String {
        let psql = self.world.env.tools.postgres().unwrap().join("psql");
        let port = self.postgres.view().port.to_string();
        let output = Command::new(psql)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                &self.postgres.view().superuser,
                "-d",
                "postgres",
                "-tAc",
                statement,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether it takes what a Secret holds under `username` and `password`; what that is.
    pub(crate) fn accepts_secret(&self, secret: &str) -> Result<(String, String), String> {
        let data = self.world.data(secret).ok_or("no such Secret")?;
        let text = |key: &str| -> Result<String, String> {
            let value = data.get(key).ok_or_else(|| format!("no {key}"))?;
            Ok(String::from_utf8(value.clone()).unwrap())
        };
        let (user, password) = (text("username")?, text("password")?);
        self.accepts(&user, &password).map(|()| (user, password))
    }

    /// Users that may still log in.
    pub(crate) fn users(&self) -> Vec<String> {
        let users = self.run("select rolname from pg_roles where rolcanlogin and rolvaliduntil > now()");
        users.lines().map(ToOwned::to_owned).collect()
    }

    /// Whether a lease has not ended. Who goes away while one is being made may leave an entry behind that OpenBao lists
    /// for longer than it lives.
    pub(crate) fn lives(&self, lease: &str) -> bool {
        let (status, answer) = self.bao.api("PUT", "sys/leases/lookup", &json!({"lease_id": lease})).unwrap();
        status == 200 && answer["data"]["ttl"].as_i64().is_some_and(|ttl| ttl > 0)
    }

    /// Ids of a role's leases that have not ended.
    pub(crate) fn leases(&self, role: &str) -> Vec<String> {
        let path = format!("sys/leases/lookup/{}/creds/{role}", self.mount);
        let (status, answer) = self.bao.api("LIST", &path, &Value::Null).unwrap();
        if status == 404 {
            return Vec::new();
        }
        assert_eq!(status, 200, "{answer}");
        let keys = answer["data"]["keys"].as_array().unwrap();
        keys.iter().map(|key| format!("{}/creds/{role}/{}", self.mount, key.as_str().unwrap())).collect()
    }

    /// A call with the root token, which must succeed.
    pub(crate) fn api(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.bao.api(method, path, &body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }
}
