//! A Kubernetes control plane: etcd, kube-apiserver with RBAC and an audit log, kube-controller-manager.
//! No nodes: nothing here runs a pod.

mod view;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use self::view::kubeconfig;
pub use self::view::{ApiRequest, ClusterView};
use crate::error::Result;
use crate::pki::{Authority, Usage, signing_key};
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
        let api_server = launch_api_server(&mut apiserver, &view)?;

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
        self.api_server = Some(launch_api_server(&mut self.api_server_command, &self.view)?);
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

/// Starts the API server and waits until it is ready.
fn launch_api_server(command: &mut Command, view: &ClusterView) -> Result<Process> {
    let mut process = Process::start("kube-apiserver", command, &view.dir, &view.dir)?;
    process.wait_ready(DEADLINE, || {
        view.kubectl(&["get", "--raw", "/readyz"]).is_ok_and(|output| output.status.success())
    })?;
    Ok(process)
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
