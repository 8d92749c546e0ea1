//! A test's corner of the cluster: a namespace, a controller class, kubectl, and waiting.

use std::process::Output;
use std::time::Duration;

use claviger_testenv::{BaoView, ClusterView, Env, poll};
use serde_json::Value;

/// Longest wait for something that should take a second or two: the machine may be busy with a build.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

/// One test's corner.
pub(crate) struct World {
    /// The servers.
    pub env: Env,
    /// Name of the test: its namespace and its controller class.
    pub name: String,
}

impl World {
    /// A fresh namespace of that name.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let Some(env) = Env::from_env() else {
            let message = format!("SKIPPED: {name} needs real servers, run it by `cargo xtask test`");
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
            eprintln!("{message}");
            return None;
        };
        Some(Self::with(env, name))
    }

    /// The same with a cluster and an OpenBao of the test's own, where nothing is installed.
    pub(crate) fn moved(mut self, cluster: &ClusterView, bao: &BaoView) -> Self {
        (self.env.cluster, self.env.bao) = (cluster.clone(), bao.clone());
        Self::with(self.env, &self.name)
    }

    fn with(env: Env, name: &str) -> Self {
        let world = Self { env, name: name.to_owned() };
        world.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"));
        world
    }

    /// `kubectl apply` of YAML, which must be accepted.
    pub(crate) fn apply(&self, yaml: &str) {
        self.env.cluster.apply(yaml).unwrap_or_else(|error| panic!("kubectl apply: {error}\n{yaml}"));
    }

    /// kubectl, which must succeed; its standard output.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        let output = self.try_kubectl(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {args:?}: {err}");
        out.into_owned()
    }

    /// kubectl, whatever comes of it.
    pub(crate) fn try_kubectl(&self, args: &[&str]) -> Output {
        self.env.cluster.kubectl(args).unwrap_or_else(|error| panic!("kubectl {args:?} cannot run: {error}"))
    }

    /// Asks for a refresh of an ExternalSecret that is not due yet.
    pub(crate) fn sync_now(&self, name: &str) {
        let at = format!("force-sync={}", std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos());
        self.kubectl(&["-n", &self.name, "annotate", "externalsecret", name, &at, "--overwrite"]);
    }

    /// An object of this namespace, if it is there.
    pub(crate) fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let output = self.try_kubectl(&["-n", &self.name, "get", kind, name, "-o", "json"]);
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The Ready condition of an object: (status, reason, message).
    pub(crate) fn ready(&self, kind: &str, name: &str) -> Option<(String, String, String)> {
        let object = self.get(kind, name)?;
        let conditions = object["status"]["conditions"].as_array()?;
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("reason"), text("message")))
    }

    /// Waits until the object is Ready.
    pub(crate) fn wait_ready(&self, kind: &str, name: &str) {
        self.wait(&format!("{kind} {name} to be ready"), || match self.ready(kind, name) {
            Some((status, ..)) if status == "True" => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    /// Waits until the object is not Ready for that reason; returns the message.
    pub(crate) fn wait_reason(&self, kind: &str, name: &str, reason: &str) -> String {
        self.wait(&format!("{kind} {name} to say {reason}"), || match self.ready(kind, name) {
            Some((status, found, message)) if status == "False" && found == reason => Ok(message),
            other => Err(format!("{other:?}")),
        })
    }

    /// Waits until every definition is served. (`kubectl wait` fails at once for one that has no status yet.)
    pub(crate) fn wait_established(&self) {
        self.wait("every definition to be established", || {
            let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=5s"];
            let output = self.try_kubectl(&wait);
            if output.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            }
        });
    }

    /// Waits until the Secret's data is exactly that.
    pub(crate) fn wait_data(&self, name: &str, expected: &[(&str, &str)]) {
        self.wait(&format!("Secret {name} to hold what is expected"), || {
            let found = self.data(name);
            let expected =
                expected.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
            if found.as_ref() == Some(&expected) { Ok(()) } else { Err(describe(found.as_ref())) }
        });
    }

    /// The decoded data of a Secret.
    pub(crate) fn data(&self, name: &str) -> Option<std::collections::BTreeMap<String, Vec<u8>>> {
        use base64::Engine;
        let secret = self.get("secret", name)?;
        let data = secret["data"].as_object().cloned().unwrap_or_default();
        let decode =
            |text: &Value| base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
        Some(data.iter().map(|(key, value)| (key.clone(), decode(value))).collect())
    }

    /// Polls until `look` says `Ok`, with [`DEADLINE`].
    pub(crate) fn wait<T>(&self, what: &str, look: impl FnMut() -> Result<T, String>) -> T {
        self.wait_for(DEADLINE, what, look)
    }

    /// The same with a deadline of its own, for what takes long by design.
    pub(crate) fn wait_for<T>(
        &self,
        deadline: Duration,
        what: &str,
        look: impl FnMut() -> Result<T, String>,
    ) -> T {
        poll(what, deadline, look).unwrap_or_else(|error| panic!("[{}] {error}", self.name))
    }
}

fn describe(found: Option<&std::collections::BTreeMap<String, Vec<u8>>>) -> String {
    match found {
        None => "no such Secret".to_owned(),
        Some(data) => {
            data.iter().map(|(key, value)| format!("{key}={:?} ", String::from_utf8_lossy(value))).collect()
        }
    }
}
