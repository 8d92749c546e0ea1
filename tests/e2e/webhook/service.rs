//! A webhook behind a Service, as `examples/cluster/webhook.yaml` has it: its rights, its configuration, its operators.
//!
//! No pod network is here: the Service is one by name, which leads the API server to loopback. It asks for the
//! certificate of `<service>.<namespace>.svc` all the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{ApiRequest, Mark, free_port, workspace_root};
use serde_json::{Value, json};

use super::{external_secret, judged};
use crate::support::{Operator, World};

/// The webhook of a test: Secret, Service and configuration all go by the name of its namespace, since configurations
/// are the cluster's.
pub(super) struct Hook<'a> {
    pub(super) world: &'a World,
    /// Where the replicas serve: ExternalSecrets are asked about at the first, stores at the second.
    pub(super) ports: [u16; 2],
    /// Of the example: rights and configuration.
    documents: Vec<Value>,
}

impl<'a> Hook<'a> {
    /// With a Service, and without rights and configuration.
    pub(super) fn new(world: &'a World) -> Self {
        let example = workspace_root().join("examples/cluster/webhook.yaml");
        let text = std::fs::read_to_string(example).unwrap();
        let text = text.replace("claviger-webhook", &world.name).replace("claviger-system", &world.name);
        let documents = text.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect();
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": world.name, "namespace": world.name},
            "spec": {"type": "ExternalName", "externalName": "127.0.0.1"}});
        world.apply(&service.to_string());
        Self { world, ports: [free_port().unwrap(), free_port().unwrap()], documents }
    }

    /// Binds the example's rights to the ServiceAccount of a replica.
    pub(super) fn grant(&self, account: &str) {
        for document in &self.documents {
            let kind = document["kind"].as_str().unwrap();
            let mut document = document.clone();
            match kind {
                "Role" | "ClusterRole" => {}
                "RoleBinding" | "ClusterRoleBinding" => {
                    document["metadata"]["name"] = json!(format!("{account}-webhook"));
                    document["subjects"][0]["name"] = json!(account);
                }
                _ => continue,
            }
            self.world.apply(&document.to_string());
        }
    }

    /// Applies the example's configuration, for this test's objects.
    pub(super) fn configure(&self) {
        let is_configuration = |document: &&Value| document["kind"] == "ValidatingWebhookConfiguration";
        let mut configuration = self.documents.iter().find(is_configuration).unwrap().clone();
        let ns = &self.world.name;
        for webhook in configuration["webhooks"].as_array_mut().unwrap() {
            assert_eq!(webhook["failurePolicy"], "Ignore");
            assert!(webhook["clientConfig"].get("caBundle").is_none());
            let secrets = webhook["rules"][0]["resources"][0] == "externalsecrets";
            webhook["clientConfig"]["service"]["port"] = json!(self.ports[usize::from(!secrets)]);
            webhook["matchConditions"] = json!([{"name": "ours", "expression":
                format!("request.?namespace.orValue('') == '{ns}' || request.name.startsWith('{ns}')")}]);
        }
        self.world.apply(&configuration.to_string());
    }

    /// Flags of the replica that serves on one of the ports.
    pub(super) fn flags(&self, which: usize) -> Vec<String> {
        let name = &self.world.name;
        ["--enable-webhook", "--webhook-port", &self.ports[which].to_string()]
            .into_iter()
            .chain(["--webhook-secret-name", name, "--webhook-service-name", name])
            .chain(["--webhook-configuration-name", name])
            .map(str::to_owned)
            .collect()
    }

    /// Starts one of several replicas.
    pub(super) fn replica(&self, which: usize) -> Operator {
        let suffix = ["-a", "-b"][which];
        self.grant(&format!("operator-{}{suffix}", self.world.name));
        let flags = self.flags(which);
        Operator::replica_flagged(self.world, suffix, &flags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn object(&self, kind: &str) -> Option<Value> {
        self.world.get(kind, &self.world.name)
    }

    /// A key of the Secret.
    pub(super) fn key(&self, key: &str) -> Option<String> {
        let data = self.world.data(&self.world.name)?;
        data.get(key).map(|value| String::from_utf8(value.clone()).unwrap())
    }

    /// Versions of Secret and configuration.
    pub(super) fn versions(&self) -> [Value; 2] {
        ["secret", "validatingwebhookconfiguration"].map(|kind| {
            self.object(kind).map_or(Value::Null, |object| object["metadata"]["resourceVersion"].clone())
        })
    }

    /// The bundle, if all webhooks tell the same one.
    pub(super) fn bundle(&self) -> Result<String, String> {
        let object = self.object("validatingwebhookconfiguration").ok_or("no configuration")?;
        let bundles: Vec<_> = object["webhooks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hook| &hook["clientConfig"]["caBundle"])
            .collect();
        assert_eq!(bundles.len(), 3);
        if bundles.iter().any(|bundle| *bundle != bundles[0]) {
            return Err(format!("{bundles:?}"));
        }
        let bundle = bundles[0].as_str().ok_or("no bundle")?;
        Ok(String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap())
    }

    /// Waits until the bundle has so many authorities, and is what the Secret says.
    pub(super) fn wait_bundle(&self, count: usize) -> String {
        self.world.wait(&format!("{count} authorities to be published"), || {
            let bundle = self.bundle()?;
            let found = bundle.matches("BEGIN CERTIFICATE").count();
            if found == count && self.key("ca.crt").as_ref() == Some(&bundle) {
                Ok(bundle)
            } else {
                Err(format!("{found}: {bundle}"))
            }
        })
    }

    /// Whether OpenSSL takes what a replica serves for the Service, by the authorities of a bundle.
    pub(super) fn judged(&self, which: usize, bundle: &str) -> Result<(), String> {
        let name = format!("{0}.{0}.svc", self.world.name);
        judged(self.ports[which], bundle, &["-verify_hostname", &name, "-servername", &name])
    }

    /// Waits until the API server asks about an ExternalSecret, and takes no for an answer.
    pub(super) fn wait_asked(&self) {
        self.world.wait("a bad manifest to be refused in the webhook's words", || {
            match self.world.env.cluster.apply(&external_secret(self.world, "bad", "")) {
                Ok(()) => Err("it was taken".to_owned()),
                Err(error) => {
                    let said = error.to_string();
                    assert!(said.contains("denied the request: "), "{said}");
                    assert!(said.contains("either data or dataFrom should be specified"), "{said}");
                    Ok(())
                }
            }
        });
    }

    /// Writes to the Secret and to the configuration since then, by a replica.
    pub(super) fn writes(&self, since: Mark, replica: &Operator) -> Vec<ApiRequest> {
        let requests = self.world.env.cluster.audit_requests(since).unwrap().into_iter();
        requests
            .filter(|request| request.user == replica.user())
            .filter(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch"))
            .filter(|request| request.uri.contains("/secrets") || request.uri.contains("/validatingwebhook"))
            .collect()
    }

    /// How often a replica has looked at the configuration since then, which only one that leads does.
    pub(super) fn looks(&self, since: Mark, replica: &Operator) -> usize {
        let place = format!("/validatingwebhookconfigurations/{}", self.world.name);
        let requests = self.world.env.cluster.audit_requests(since).unwrap().into_iter();
        let looks = requests.filter(|request| request.user == replica.user() && request.verb == "get");
        looks.filter(|request| request.uri.ends_with(&place)).count()
    }

    /// Whether there is an event about the Secret.
    pub(super) fn event(&self, reason: &str, note: &str) -> Result<(), String> {
        let list = self.world.kubectl(&["-n", &self.world.name, "get", "events", "-o", "json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        let found = list["items"].as_array().unwrap().iter().any(|event| {
            event["reason"] == reason && event["message"].as_str().is_some_and(|text| text.contains(note))
        });
        if found { Ok(()) } else { Err(format!("{reason}: {note} is not in {list}")) }
    }
}

impl Drop for Hook<'_> {
    fn drop(&mut self) {
        // It would go on asking for the tests that follow.
        let _ = self.world.try_kubectl(&["delete", "validatingwebhookconfiguration", &self.world.name]);
    }
}
