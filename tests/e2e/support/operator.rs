//! An operator process of a test's own, under its own ServiceAccount and controller class.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use claviger_testenv::poll;

use super::corner::{DEADLINE, World};

/// What stands in every operator's environment, for plugins that are granted it and those that are not.
pub(crate) const AMBIENT_VALUE: &str = "MARKED-ambient-value";

/// ESO's variables for AWS's endpoints.
pub(crate) const ENDPOINTS: [&str; 6] = [
    "AWS_SECRETSMANAGER_ENDPOINT",
    "AWS_SSM_ENDPOINT",
    "AWS_SQS_ENDPOINT",
    "AWS_STS_ENDPOINT",
    "AWS_ECR_ENDPOINT",
    "AWS_ECR_PUBLIC_ENDPOINT",
];

/// The file with its standard output.
const AUDIT: &str = "audit.log";

/// A running operator; it is stopped when dropped.
pub(crate) struct Operator {
    command: Command,
    child: Child,
    log: PathBuf,
    /// Where the present process's part of the log begins.
    begin: usize,
    address: String,
    user: String,
    dir: tempfile::TempDir,
}

/// How one is started.
#[derive(Clone, Copy)]
struct Launch<'a> {
    account: &'a str,
    plugin_dir: &'a Path,
    variables: &'a [(&'a str, &'a str)],
    flags: &'a [&'a str],
    /// Where it finds the API server, if not where that is.
    server: Option<&'a str>,
    /// Where its cache lies on a file system of its own, as large as nothing.
    full: Option<&'a Path>,
}

impl<'a> Launch<'a> {
    fn of(world: &'a World, account: &'a str) -> Self {
        Self {
            account,
            plugin_dir: &world.env.plugin_dir,
            variables: &[],
            flags: &[],
            server: None,
            full: None,
        }
    }
}

impl Operator {
    /// Starts one for the test's controller class and waits until it is ready.
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(world, &world.env.plugin_dir)
    }

    /// The same, with other plugins.
    pub(crate) fn start_with(world: &World, plugin_dir: &Path) -> Self {
        Self::granted(world, Launch { plugin_dir, ..Launch::of(world, &account(world, "")) })
    }

    /// The same, with more environment variables.
    pub(crate) fn start_in(world: &World, variables: &[(&str, &str)]) -> Self {
        Self::granted(world, Launch { variables, ..Launch::of(world, &account(world, "")) })
    }

    /// The same, with more flags.
    pub(crate) fn start_flagged(world: &World, flags: &[&str]) -> Self {
        Self::granted(world, Launch { flags, ..Launch::of(world, &account(world, "")) })
    }

    /// The same, and is not waited for.
    pub(crate) fn launch_flagged(world: &World, flags: &[&str]) -> Self {
        grant(world, &account(world, ""));
        Self::launch(world, Launch { flags, ..Launch::of(world, &account(world, "")) })
    }

    /// The same with these plugins, where the disk for what is compiled, mounted at `full` for this process, is full. It is
    /// not waited for.
    pub(crate) fn launch_on_a_full_disk(world: &World, plugin_dir: &Path, full: &Path) -> Self {
        grant(world, &account(world, ""));
        Self::launch(world, Launch { plugin_dir, full: Some(full), ..Launch::of(world, &account(world, "")) })
    }

    /// Makes room there.
    pub(crate) fn enlarge(&self, full: &Path) {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.pid().to_string(), "mount", "-o", "remount,size=256m"]);
        assert!(command.arg(full).status().unwrap().success());
    }

    /// The same, where the API server is found at another address.
    pub(crate) fn start_by(world: &World, server: &str) -> Self {
        Self::granted(world, Launch { server: Some(server), ..Launch::of(world, &account(world, "")) })
    }

    /// One of several that stand for election, under a ServiceAccount of its own: audit logs tell them apart.
    pub(crate) fn replica(world: &World, which: &str) -> Self {
        Self::replica_flagged(world, which, &[])
    }

    /// The same, with more flags.
    pub(crate) fn replica_flagged(world: &World, which: &str, flags: &[&str]) -> Self {
        let account = account(world, which);
        world.apply(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: election, namespace: {ns}}}\n\
             rules:\n- {{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}}\n\
             - {{apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [claviger-controller.{ns}], \
             verbs: [get, update]}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {account}, namespace: {ns}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: election}}\n\
             subjects: [{{kind: ServiceAccount, name: {account}, namespace: {ns}}}]\n",
            ns = world.name
        ));
        let flags = [&["--enable-leader-election"], flags].concat();
        Self::granted(world, Launch { flags: &flags, ..Launch::of(world, &account) })
    }

    /// One whose ServiceAccount may do nothing, and which so does not become ready.
    pub(crate) fn start_without_rights(world: &World) -> Self {
        Self::launch(world, Launch::of(world, &account(world, "")))
    }

    /// Gives such a one its rights, and waits until it is ready.
    pub(crate) fn grant(self, world: &World) -> Self {
        grant(world, &account(world, ""));
        self.wait_ready();
        self
    }

    /// One as a Deployment in `namespace` describes it, with the rights of its ServiceAccount and no others. Ports are the
    /// system's to choose; the cluster, the built-in plugins and the cache are the test's.
    pub(crate) fn deployed(
        world: &World,
        namespace: &str,
        account: &str,
        args: &[String],
        env: &[(String, String)],
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = world.env.cluster.kubeconfig_for_service_account(namespace, account).unwrap();
        let own = |arg: &&String| !["--listen=", "--webhook-port="].iter().any(|port| arg.starts_with(port));
        let mut command = claviger(world);
        command.args(args.iter().filter(own)).args([
            "--listen=127.0.0.1:0",
            "--webhook-port=0",
            "--kubeconfig",
        ]);
        command.arg(&kubeconfig).arg("--plugin-dir").arg(&world.env.plugin_dir);
        command
            .envs(env.iter().map(|(name, value)| (name, value)))
            .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir);
        let operator = Self::spawn(command, dir, format!("system:serviceaccount:{namespace}:{account}"));
        operator.wait_ready();
        operator
    }

    fn granted(world: &World, launch: Launch<'_>) -> Self {
        grant(world, launch.account);
        let operator = Self::launch(world, launch);
        operator.wait_ready();
        operator
    }

    fn launch(world: &World, launch: Launch<'_>) -> Self {
        let Launch { account, plugin_dir, variables, flags, server, full } = launch;
        let dir = tempfile::tempdir().unwrap();
        let ns = &world.name;
        world.apply(&format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {account}, namespace: {ns}}}\n"
        ));
        let ambient = dir.path().join("ambient");
        std::fs::write(&ambient, AMBIENT_VALUE).unwrap();
        let mut kubeconfig = world.env.cluster.kubeconfig_for_service_account(&world.name, account).unwrap();
        if let Some(server) = server {
            let text = std::fs::read_to_string(&kubeconfig).unwrap();
            kubeconfig = dir.path().join("kubeconfig");
            std::fs::write(&kubeconfig, text.replace(world.env.cluster.issuer(), server)).unwrap();
        }
        // The clouds' real names lead to the tests' servers there.
        let trusted = world.env.clouds.iter().map(|clouds| ("SSL_CERT_FILE", clouds.ca_file()));
        let mut command = match full {
            None => claviger(world),
            Some(full) => small(world, full),
        };
        command
            .args(["--log-format", "json", "--log-level", "debug", "run"])
            .args(["--listen=127.0.0.1:0", "--allow-loopback=true"].iter().filter(|default| {
                let name = default.split('=').next();
                flags.iter().all(|flag| flag.split('=').next() != name)
            }))
            .args(["--controller-class", &world.name, "--operator-namespace", &world.name])
            .args(flags)
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .arg("--plugin-dir")
            .arg(plugin_dir)
            .arg("--cache-dir")
            .arg(full.unwrap_or(&world.env.cache_dir))
            .envs(ENDPOINTS.map(|name| (name, world.env.aws.address())))
            .envs(trusted)
            .envs(variables.iter().copied())
            .env("CLAVIGER_TEST_AMBIENT", AMBIENT_VALUE)
            .env("CLAVIGER_TEST_AMBIENT_FILE", &ambient);
        Self::spawn(command, dir, format!("system:serviceaccount:{}:{account}", world.name))
    }

    fn spawn(mut command: Command, dir: tempfile::TempDir, user: String) -> Self {
        let log = dir.path().join("operator.log");
        let audit = File::create(dir.path().join(AUDIT)).unwrap();
        command.stdin(Stdio::null()).stdout(audit).stderr(File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let mut operator = Self { command, child, log, begin: 0, address: String::new(), user, dir };
        operator.find();
        operator
    }

    /// Waits until it says where it serves.
    fn find(&mut self) {
        self.address = poll("the operator's address", DEADLINE, || {
            let log = self.log();
            let line = log[self.begin..].lines().find(|line| line.contains("serving metrics"));
            let address = line.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            address.and_then(|line| Some(line["address"].as_str()?.to_owned())).ok_or(log)
        })
        .unwrap();
    }

    fn wait_ready(&self) {
        poll("the operator to be ready", DEADLINE, || {
            let page = self.page("/readyz");
            if page.contains("200 OK") { Ok(()) } else { Err(format!("{page}\n{}", self.log())) }
        })
        .unwrap();
    }

    /// Starts it again, when it has ended, and waits for nothing.
    pub(crate) fn relaunch(&mut self) {
        self.begin = self.log().len();
        self.child = self.command.spawn().unwrap();
    }

    /// Starts it again, when it has ended, and waits until it is ready.
    pub(crate) fn restart(&mut self) {
        self.relaunch();
        self.find();
        self.wait_ready();
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&self) -> bool {
        !self.page("/healthz").is_empty()
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Everything it wrote to standard output so far: its audit log, if that is asked for.
    pub(crate) fn audit(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(AUDIT)).unwrap()
    }

    /// Where it serves, `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A page of its own server, head included.
    pub(crate) fn page(&self, path: &str) -> String {
        let mut page = String::new();
        if let Ok(mut stream) = TcpStream::connect(&self.address) {
            let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
            let _ = stream
                .write_all(request.as_bytes())
                .and_then(|()| stream.read_to_string(&mut page).map(drop));
        }
        page
    }

    /// One series' value.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let page = self.page("/metrics");
        let line =
            page.lines().find(|line| line.starts_with(series) && line[series.len()..].starts_with(' '))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Who it is to the API server.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Whether it says that it is the replica that works.
    pub(crate) fn leads(&self) -> bool {
        self.metric("claviger_leader") == Some(1.0)
    }

    /// Sends a signal: `TERM`, `STOP` …
    pub(crate) fn signal(&self, signal: &str) {
        let (pid, signal) = (self.child.id().to_string(), format!("-{signal}"));
        assert!(Command::new("kill").args([&signal, &pid]).status().unwrap().success());
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until somebody has ended it by SIGKILL.
    pub(crate) fn wait_killed(&mut self, what: &str) {
        let status = poll(format!("the operator to be killed: {what}"), DEADLINE, || {
            self.child.try_wait().unwrap().ok_or_else(|| self.log())
        });
        assert_eq!(status.unwrap().signal(), Some(9), "{what}: {}", self.log());
    }

    /// Asks it to stop, as Kubernetes does, and waits; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        let status = poll("the operator to stop", DEADLINE, || match self.child.try_wait().unwrap() {
            Some(status) => Ok(status),
            None => Err(self.log()),
        });
        status.unwrap().code()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the operator's log:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, without the proxies of the machine that the tests run on.
fn claviger(world: &World) -> Command {
    without_proxies(Command::new(&world.env.claviger))
}

/// The same, with a file system of 64 KiB at that folder, which it alone sees.
fn small(world: &World, folder: &Path) -> Command {
    let mut command = without_proxies(Command::new("unshare"));
    command
        .args(["--mount", "sh", "-c", "mount -t tmpfs -o size=64k,mode=700 cache \"$0\" && exec \"$@\""])
        .arg(folder)
        .arg(&world.env.claviger);
    command
}

fn without_proxies(mut command: Command) -> Command {
    for proxy in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

/// The name of a ServiceAccount of an operator of the test's.
fn account(world: &World, which: &str) -> String {
    format!("operator-{}{which}", world.name)
}

/// Binds the chart's ClusterRole, and its Role in `default`, to a ServiceAccount of the test's.
fn grant(world: &World, account: &str) {
    world.apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {account}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: claviger-system-claviger}}\n\
         subjects: [{{kind: ServiceAccount, name: {account}, namespace: {ns}}}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n\
         metadata: {{name: {account}, namespace: default}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, \
         name: claviger-system-claviger-api-server-addresses}}\n\
         subjects: [{{kind: ServiceAccount, name: {account}, namespace: {ns}}}]\n",
        ns = world.name
    ));
}
