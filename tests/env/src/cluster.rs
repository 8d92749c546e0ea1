//! A Kubernetes control plane: etcd, kube-apiserver with RBAC and an audit log, kube-controller-manager.
//! No nodes: nothing here runs a pod.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::jsonl::{self, Mark};
use crate::pki::{Authority, Leaf, Usage, sign_jwt, signing_key};
use crate::run::{Process, free_port, write_private};
use crate::tools::Tools;

/// An API server on a machine that compiles at the same time needs its while.
const DEADLINE: Duration = Duration::from_secs(120);

/// Who signs the certificates of servers and clients.
const AUTHORITY: &str = "claviger-test-ca";

/// Every request, without bodies: who did what to what.
const AUDIT_POLICY: &str =
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n";

/// A running control plane; stopped when dropped.
pub struct Cluster {
    view: ClusterView,
    // In this order: each is a client of the next.
    _controller_manager: Process,
    api_server: Option<Process>,
    api_server_command: Command,
    etcd: Option<Process>,
    etcd_command: Command,
    etcd_url: String,
}

/// How to reach it, for other processes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterView {
    dir: PathBuf,
    kubectl: PathBuf,
    server: String,
    kubeconfig: PathBuf,
    audit_log: PathBuf,
    token_key: String,
    ca: String,
}

/// A request in the API server's audit log.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// Who.
    pub user: String,
    /// `get`, `patch` …
    pub verb: String,
    /// What, with its query.
    pub uri: String,
    /// The answer's HTTP status; 504 also if whoever asked went away before there was one.
    pub status: u64,
    /// When its head arrived, RFC 3339 with microseconds; the log has it when it was answered.
    pub received: String,
}

impl Cluster {
    /// Starts one in `dir` and waits until it is ready.
    ///
    /// # Errors
    /// If a server does not start; the end of its log is in the error.
    pub fn start(tools: &Tools, dir: &Path) -> Result<Self> {
        let (etcd_port, peer_port, port) = (free_port()?, free_port()?, free_port()?);
        let server = format!("https://127.0.0.1:{port}");
        let authority = Authority::new(AUTHORITY)?;
        let path = |name: &str| dir.join(name);
        let write = |name: &str, text: &str| {
            let file = dir.join(name);
            write_private(&file, text).map(|()| file)
        };
        let ca = write("ca.crt", authority.pem())?;
        let ca_key = write("ca.key", &authority.key_pem())?;
        let dns = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let (cert, key) =
            authority.leaf(Usage::Server, "kube-apiserver", &[], &dns)?.write(dir, "apiserver")?;
        let (signing, public) = signing_key()?;
        let signing = write("sa.key", &signing)?;
        let verifying = write("sa.pub", &public)?;
        let policy = write("audit-policy.yaml", AUDIT_POLICY)?;
        let admin = client_config(&authority, dir, "admin", &["system:masters"], &server, &ca)?;
        let manager = client_config(&authority, dir, "system:kube-controller-manager", &[], &server, &ca)?;

        let etcd_url = format!("http://127.0.0.1:{etcd_port}");
        let peer_url = format!("http://127.0.0.1:{peer_port}");
        let mut etcd = Command::new(&tools.etcd);
        etcd.arg("--data-dir").arg(path("etcd"));
        etcd.args(["--listen-client-urls", &etcd_url, "--advertise-client-urls", &etcd_url]);
        etcd.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
        // A test's data may be lost with the machine.
        etcd.args([
            "--initial-cluster",
            &format!("default={peer_url}"),
            "--unsafe-no-fsync",
            "--log-level",
            "warn",
        ]);
        let etcd_process = launch_etcd(&mut etcd, &etcd_url, dir)?;

        let audit_log = path("audit.jsonl");
        let mut apiserver = Command::new(&tools.kube_apiserver);
        let flag = |command: &mut Command, name: &str, value: &Path| {
            command.arg(format!("--{name}={}", value.display()));
        };
        apiserver.args([
            format!("--etcd-servers={etcd_url}"),
            format!("--secure-port={port}"),
            format!("--service-account-issuer={server}"),
            format!("--service-account-jwks-uri={server}/openid/v1/jwks"),
        ]);
        apiserver.args([
            "--bind-address=127.0.0.1",
            // Told, since it would otherwise look for a default route, and tests run where there is none.
            "--advertise-address=127.0.0.1",
            // A loopback address may not stand in the Endpoints of the kubernetes Service.
            "--endpoint-reconciler-type=none",
            "--authorization-mode=RBAC",
            // As OpenShift has it: who names an owner that its object holds needs a right on the owner's finalizers.
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--audit-log-mode=blocking",
            // One file, whatever its size: tests know places in it.
            "--audit-log-maxsize=4096",
        ]);
        flag(&mut apiserver, "tls-cert-file", &cert);
        flag(&mut apiserver, "tls-private-key-file", &key);
        flag(&mut apiserver, "client-ca-file", &ca);
        flag(&mut apiserver, "service-account-key-file", &verifying);
        flag(&mut apiserver, "service-account-signing-key-file", &signing);
        flag(&mut apiserver, "audit-policy-file", &policy);
        flag(&mut apiserver, "audit-log-path", &audit_log);
        let view = ClusterView {
            dir: dir.to_owned(),
            kubectl: tools.kubectl.clone(),
            server,
            kubeconfig: admin,
            audit_log,
            token_key: public,
            ca: authority.pem().to_owned(),
        };
        let api_server = view.launch(&mut apiserver)?;

        let mut controller_manager = Command::new(&tools.kube_controller_manager);
        for name in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
            flag(&mut controller_manager, name, &manager);
        }
        let secure_port = free_port()?;
        controller_manager.args([
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={secure_port}"),
            "--leader-elect=false".to_owned(),
            "--use-service-account-credentials=true".to_owned(),
        ]);
        flag(&mut controller_manager, "service-account-private-key-file", &signing);
        flag(&mut controller_manager, "root-ca-file", &ca);
        flag(&mut controller_manager, "cluster-signing-cert-file", &ca);
        flag(&mut controller_manager, "cluster-signing-key-file", &ca_key);
        let mut controller_manager =
            Process::start("kube-controller-manager", &mut controller_manager, dir, dir)?;
        controller_manager.wait_ready(DEADLINE, || {
            let account = ["-n", "default", "get", "serviceaccount", "default"];
            view.kubectl(&account).is_ok_and(|output| output.status.success())
        })?;
        Ok(Self {
            view,
            _controller_manager: controller_manager,
            api_server: Some(api_server),
            api_server_command: apiserver,
            etcd: Some(etcd_process),
            etcd_command: etcd,
            etcd_url,
        })
    }

    /// Ends the API server; the others go on.
    pub fn stop_api_server(&mut self) {
        self.api_server = None;
    }

    /// Starts it again at the same address with its data, and waits until it is ready.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_api_server(&mut self) -> Result<()> {
        self.api_server = Some(self.view.launch(&mut self.api_server_command)?);
        Ok(())
    }

    /// Ends etcd; its data stays. The API server goes on, and can neither read nor write.
    pub fn stop_etcd(&mut self) {
        self.etcd = None;
    }

    /// Starts it again at the same address with its data, and waits until it answers. The API server finds it again by
    /// itself, within seconds.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_etcd(&mut self) -> Result<()> {
        self.etcd = Some(launch_etcd(&mut self.etcd_command, &self.etcd_url, &self.view.dir)?);
        Ok(())
    }

    /// How to reach it.
    pub fn view(&self) -> &ClusterView {
        &self.view
    }
}

impl ClusterView {
    /// Starts the API server and waits until it is ready.
    fn launch(&self, command: &mut Command) -> Result<Process> {
        let mut process = Process::start("kube-apiserver", command, &self.dir, &self.dir)?;
        process.wait_ready(DEADLINE, || {
            self.kubectl(&["get", "--raw", "/readyz"]).is_ok_and(|output| output.status.success())
        })?;
        Ok(process)
    }

    /// The admin's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs kubectl as admin.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn kubectl(&self, args: &[&str]) -> Result<Output> {
        self.command(args)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::Spawn { program: self.kubectl.display().to_string(), source })
    }

    /// kubectl with arguments, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        // Its own home, so that no configuration or cache of a person's is read or written.
        command.env("KUBECONFIG", &self.kubeconfig).env("HOME", &self.dir).args(args);
        command
    }

    /// What kubectl prints, if it succeeds.
    fn must(&self, args: &[&str]) -> Result<String> {
        let output = self.kubectl(args)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Failed {
            what: format!("kubectl {}", args.join(" ")),
            status: output.status.to_string(),
            detail: format!("\n{}", String::from_utf8_lossy(&output.stderr)),
        })
    }

    /// Applies manifests.
    ///
    /// # Errors
    /// If they are refused.
    pub fn apply(&self, yaml: &str) -> Result<()> {
        use std::io::Write as _;
        let failed = |source| Error::Spawn { program: self.kubectl.display().to_string(), source };
        let mut child = self
            .command(&["apply", "--server-side", "--force-conflicts", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(yaml.as_bytes()).map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Failed {
            what: "kubectl apply".to_owned(),
            status: output.status.to_string(),
            detail: format!("\n{}", String::from_utf8_lossy(&output.stderr)),
        })
    }

    /// A kubeconfig with a token of a ServiceAccount.
    ///
    /// # Errors
    /// If the API server gives no token.
    pub fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let token = self.must(&["-n", namespace, "create", "token", name, "--duration=2h"])?;
        let path = self.dir.join(format!("{namespace}-{name}.kubeconfig"));
        let user = format!("{{token: {:?}}}", token.trim());
        write_private(&path, &kubeconfig(&self.server, &self.ca_file(), &user))?;
        Ok(path)
    }

    /// The authority of the API server's certificate, in a file.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// The authority of the API server's certificate, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// A client certificate for a user of that name.
    ///
    /// # Errors
    /// If the authority's key cannot be read.
    pub fn client_certificate(&self, user: &str) -> Result<Leaf> {
        let path = self.dir.join("ca.key");
        let key = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        Authority::again(AUTHORITY, &key, &self.ca)?.leaf(Usage::Client, user, &[], &[])
    }

    /// The public key that ServiceAccount tokens verify with, PEM.
    pub fn token_key_pem(&self) -> &str {
        &self.token_key
    }

    /// The issuer of ServiceAccount tokens; it is also the API server's address.
    pub fn issuer(&self) -> &str {
        &self.server
    }

    /// The public keys that ServiceAccount tokens verify with, as the API server publishes them.
    ///
    /// # Errors
    /// If the API server does not give them.
    pub fn jwks(&self) -> Result<Value> {
        let text = self.must(&["get", "--raw", "/openid/v1/jwks"])?;
        serde_json::from_str(&text)
            .map_err(|source| Error::Json { what: "the API server's keys".to_owned(), source })
    }

    /// A token of a ServiceAccount for one audience, valid for ten minutes, the shortest that there is.
    ///
    /// # Errors
    /// If the API server gives no token.
    pub fn service_account_token(&self, namespace: &str, name: &str, audience: &str) -> Result<String> {
        let token =
            self.must(&["-n", namespace, "create", "token", name, "--audience", audience, "--duration=10m"])?;
        Ok(token.trim().to_owned())
    }

    /// A token of any claims by the key of the cluster's own tokens: one that is over, say.
    ///
    /// # Errors
    /// If the key cannot be read.
    pub fn forged_token(&self, claims: &Value) -> Result<String> {
        let path = self.dir.join("sa.key");
        let key = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        sign_jwt(&key, &jsonl::text(&self.jwks()?, "/keys/0/kid"), claims)
    }

    /// The end of the audit log as it is now.
    pub fn audit_mark(&self) -> Mark {
        jsonl::end(&self.audit_log)
    }

    /// Requests since then.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit_requests(&self, since: Mark) -> Result<Vec<ApiRequest>> {
        Ok(jsonl::since(&self.audit_log, since)?.into_iter().map(request).collect())
    }

    /// Requests since then, and the place from which to read on.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit_next(&self, since: Mark) -> Result<(Vec<ApiRequest>, Mark)> {
        let (events, mark) = jsonl::next(&self.audit_log, since)?;
        Ok((events.into_iter().map(request).collect(), mark))
    }
}

/// Starts etcd and waits until it is healthy.
fn launch_etcd(command: &mut Command, url: &str, dir: &Path) -> Result<Process> {
    let mut etcd = Process::start("etcd", command, dir, dir)?;
    let health = format!("{url}/health");
    etcd.wait_ready(DEADLINE, || {
        crate::http::call("GET", &health, &[], None).is_ok_and(|(status, _)| status == 200)
    })?;
    Ok(etcd)
}

/// A line of the audit log.
fn request(event: Value) -> ApiRequest {
    ApiRequest {
        user: jsonl::text(&event, "/user/username"),
        verb: jsonl::text(&event, "/verb"),
        uri: jsonl::text(&event, "/requestURI"),
        status: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
        received: jsonl::text(&event, "/requestReceivedTimestamp"),
    }
}

fn client_config(
    authority: &Authority,
    dir: &Path,
    name: &str,
    groups: &[&str],
    server: &str,
    ca: &Path,
) -> Result<PathBuf> {
    let file = name.rsplit(':').next().unwrap_or(name);
    let (cert, key) = authority.leaf(Usage::Client, name, groups, &[])?.write(dir, file)?;
    let user = format!("{{client-certificate: {:?}, client-key: {:?}}}", cert.display(), key.display());
    let path = dir.join(format!("{file}.kubeconfig"));
    write_private(&path, &kubeconfig(server, ca, &user))?;
    Ok(path)
}

fn kubeconfig(server: &str, ca: &Path, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\n\
         clusters: [{{name: c, cluster: {{server: {server:?}, certificate-authority: {:?}}}}}]\n\
         users: [{{name: u, user: {user}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n",
        ca.display()
    )
}
