//! Those who call: ServiceAccounts, their tokens and rights, and curl.

use std::io::Write as _;
use std::process::{Command, Stdio};

use claviger_testenv::{Authority, Usage, free_port};
use serde_json::{Value, json};

use crate::support::{Operator, World};

/// What callers' tokens are for.
pub(super) const AUDIENCE: &str = "claviger";

/// An answer: status, head and body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Value,
}

/// Where an operator serves, with a certificate of the test's own.
pub(super) struct Endpoint<'a> {
    world: &'a World,
    dir: tempfile::TempDir,
    ports: [u16; 2],
}

impl<'a> Endpoint<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("refresh authority").unwrap();
        authority.leaf(Usage::Server, "refresh", &[], &[]).unwrap().write(dir.path(), "tls").unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        Self { world, dir, ports: [free_port().unwrap(), free_port().unwrap()] }
    }

    /// Flags of an operator that serves at the first or second port.
    pub(super) fn flags(&self, which: usize) -> Vec<String> {
        let dir = self.dir.path().to_str().unwrap();
        ["--enable-webhook", "--webhook-port=0", "--webhook-cert-dir", dir, "--enable-refresh"]
            .into_iter()
            .map(str::to_owned)
            .chain([format!("--refresh-port={}", self.ports[which])])
            .collect()
    }

    /// An operator that serves at the first port.
    pub(super) fn start(&self) -> Operator {
        self.may_review(&format!("operator-{}", self.world.name));
        let flags = self.flags(0);
        Operator::start_flagged(self.world, &flags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What `rights` says that an operator needs for this.
    pub(super) fn may_review(&self, account: &str) {
        let ns = &self.world.name;
        self.world.apply(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {account}-refresh}}\nrules:\n\
             - {{apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]}}\n\
             - {{apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create]}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {account}-refresh}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {account}-refresh}}\n\
             subjects: [{{kind: ServiceAccount, name: {account}, namespace: {ns}}}]\n"
        ));
    }

    /// A ServiceAccount that may have that SecretStore refreshed; without a store, none.
    pub(super) fn caller(&self, name: &str, store: Option<&str>) {
        let ns = &self.world.name;
        self.world.apply(&format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {ns}}}\n"
        ));
        let Some(store) = store else { return };
        self.world.apply(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {name}, namespace: {ns}}}\nrules:\n\
             - {{apiGroups: [external-secrets.io], resources: [secretstores], resourceNames: [{store}], verbs: [refresh]}}\n\
             ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {name}, namespace: {ns}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}\n\
             subjects: [{{kind: ServiceAccount, name: {name}, namespace: {ns}}}]\n"
        ));
    }

    /// A token of a caller's.
    pub(super) fn token(&self, name: &str, audience: &str) -> String {
        self.world.env.cluster.service_account_token(&self.world.name, name, audience).unwrap()
    }

    /// A SecretStore of this test and keys of it.
    pub(super) fn wanted(&self, store: &str, keys: &[&str]) -> Value {
        let store = json!({"kind": "SecretStore", "namespace": self.world.name, "name": store});
        if keys.is_empty() { json!({"store": store}) } else { json!({"store": store, "keys": keys}) }
    }

    /// Posts to the operator at the first port.
    pub(super) fn post(&self, token: Option<&str>, body: &Value) -> Answer {
        self.send(0, "POST", token, &body.to_string())
    }

    /// Sends with curl, which takes no certificate but the test's.
    pub(super) fn send(&self, which: usize, method: &str, token: Option<&str>, body: &str) -> Answer {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--include", "--max-time", "30", "--noproxy", "*"])
            .args(["--request", method, "--config", "-", "--cacert"])
            .arg(self.dir.path().join("ca.pem"))
            .arg(format!("https://127.0.0.1:{}/refresh", self.ports[which]));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), body).unwrap();
        command.arg("--data-binary").arg(format!("@{}", file.path().display()));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let header =
            token.map(|token| format!("header = \"Authorization: Bearer {token}\"\n")).unwrap_or_default();
        let config = format!("{header}header = \"Expect:\"\n");
        child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }
}
