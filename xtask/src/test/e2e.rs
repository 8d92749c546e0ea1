//! The end-to-end stage: starts a control plane, OpenBao, AWS, Azure and Google, hands them to the tests, stops
//! them.
//!
//! What the servers are is claviger-testenv's business, what is tested with them that of `tests/`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{
    Aws, AwsOptions, Azure, AzureOptions, Bao, BaoOptions, Clouds, CloudsOptions, Cluster, ENV_VAR, Env,
    Error, Google, GoogleOptions, Progress, RunDir, Tools, free_port, workspace_root,
};

use super::{E2E, ENVIRONMENT, Tally, authors, run_tests};
use crate::demo::install;
use crate::exec::{self, cargo};
use crate::{build, isolation, paths};

/// Names the folder of a former version for the tests of an upgrade.
pub(crate) const FORMER: &str = "CLAVIGER_FORMER";

/// Runs the tests that need servers.
pub(super) fn run(progress: &Progress, plugins: &Path, filter: Option<&str>, tally: &mut Tally) {
    let wanted = match wanted(filter) {
        Ok(Some(names)) if names.is_empty() => return,
        Ok(wanted) => wanted,
        Err(error) => return tally.fail(format!("end-to-end tests: {error:#}")),
    };
    let tools = Tools::prepare(progress).and_then(|tools| tools.with_clients(progress));
    let tools = match tools.and_then(|tools| tools.with_prometheus(progress)) {
        Ok(tools) => tools,
        Err(Error::Missing(missing)) => return tally.skip(format!("end-to-end tests: {missing}")),
        Err(error) => return tally.fail(format!("end-to-end tests: {error}")),
    };
    if let Err(error) = with_servers(progress, tools, plugins, (filter, wanted.as_deref()), tally) {
        tally.fail(format!("end-to-end tests: {error:#}"));
    }
}

fn with_servers(
    progress: &Progress,
    tools: Tools,
    plugins: &Path,
    (filter, wanted): (Option<&str>, Option<&[String]>),
    tally: &mut Tally,
) -> Result<()> {
    let claviger = build::claviger(progress)?;
    // Everything is fetched and built; from here on nothing needs a network but the loopback.
    let mut build_tests = test_command();
    exec::run("building the end-to-end tests", build_tests.arg("--no-run"))?;
    let of_lang = |lang: &str| {
        let module = format!("authors::{lang}::");
        wanted.is_none_or(|names| names.iter().any(|name| name.starts_with(&module)))
    };
    let mut components = authors::build(progress, &claviger, of_lang, tally);
    let of_test = |test: &str| wanted.is_none_or(|names| names.iter().any(|name| name.contains(test)));
    components.extend(authors::build_examples(progress, of_test, tally));
    let run = RunDir::create("test")?;
    let outside = isolation::enter(run.path())?;
    let isolated = outside.is_none();
    if let Some(why) = outside {
        tally.skip(format!("isolation of the end-to-end tests: {why}; run as root on Linux"));
    }
    let result = (|| {
        progress
            .say("starting etcd, kube-apiserver, kube-controller-manager, OpenBao, AWS, Azure and Google");
        let cluster = Cluster::start(&tools, run.path())?;
        let bao = Bao::start(&tools, run.path(), BaoOptions::default())?;
        let imds = free_port()?;
        // Outside, those addresses may be somebody's.
        let metadata = match isolated {
            true => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, imds)), isolation::POD_IDENTITY.parse()?],
            false => Vec::new(),
        };
        let options =
            AwsOptions { jwks: cluster.view().jwks()?, issuer: cluster.view().issuer().to_owned(), metadata };
        let aws = Aws::start(&tools, run.path(), &options)?;
        let options = AzureOptions { jwks: options.jwks.clone(), issuer: options.issuer.clone() };
        let azure = Azure::start(&tools, run.path(), &options)?;
        let options = GoogleOptions { jwks: options.jwks, issuer: options.issuer };
        let google = Google::start(&tools, run.path(), &options)?;
        let ports = Ports { imds, azure: azure.view().port(), google: google.view().port() };
        let clouds = isolated.then(|| clouds(&tools, run.path(), ports)).transpose()?;
        install(cluster.view(), &claviger)?;
        let cache_dir = paths::compiled_plugins();
        let without = [
            ("needs_postgres", "tests with a database", tools.postgres().err()),
            ("needs_prometheus", "tests with Prometheus", tools.prometheus().err()),
            ("needs_chromium", "tests with a browser", tools.chromium().err()),
            ("needs_registry", "tests with a registry", tools.registry().err()),
        ];
        let env = Env {
            cluster: cluster.view().clone(),
            bao: bao.view().clone(),
            aws: aws.view().clone(),
            azure: azure.view().clone(),
            google: google.view().clone(),
            clouds: clouds.as_ref().map(|clouds| clouds.view().clone()),
            tools,
            claviger,
            plugin_dir: plugins.to_owned(),
            cache_dir,
        };
        let file = run.path().join("env.json");
        env.write(&file)?;
        progress.say("compiling the built-in plugins, once for all operators");
        let mut render = Command::new(&env.claviger);
        render
            .args(["render", "-f", "examples/quickstart"])
            .current_dir(workspace_root())
            .stdout(Stdio::null());
        render.arg("--plugin-dir").arg(&env.plugin_dir).arg("--cache-dir").arg(&env.cache_dir);
        exec::run("rendering the quickstart", &mut render)?;
        authors::compile(progress, &env.claviger, &components, &env.cache_dir)?;
        progress.say("end-to-end tests");
        let mut command = test_command();
        command
            .args(["--offline", "--no-fail-fast"])
            // They wait for servers most of the time.
            .args(["--", "--test-threads=4"])
            .args(super::names(filter))
            .env(ENV_VAR, &file)
            .envs([authors::variable()])
            // For who tests what it makes.
            .env("CLAVIGER_XTASK", std::env::current_exe()?);
        // A command of its own has one: `cargo xtask upgrade`.
        if paths::variable(FORMER).is_none() {
            command.args(["--skip", "needs_former"]);
        }
        for (name, what, missing) in without {
            if let Some(missing) = missing {
                tally.skip(format!("{what}: {missing}"));
                command.args(["--skip", name]);
            }
        }
        let before = tally.failures();
        run_tests("end-to-end tests", &mut command, tally);
        anyhow::Ok(tally.failures() == before)
    })();
    if !matches!(result, Ok(true)) {
        run.keep();
    }
    result.map(|_| ())
}

/// On loopback, behind the clouds' names.
struct Ports {
    imds: u16,
    azure: u16,
    google: u16,
}

/// The clouds under their real names, in front of the servers that stand for them.
fn clouds(tools: &Tools, dir: &Path, Ports { imds, azure, google }: Ports) -> Result<Clouds> {
    let options = CloudsOptions {
        tls: isolation::CLOUDS.parse()?,
        metadata: isolation::METADATA.parse()?,
        azure_login: Some(azure),
        azure_vaults: Some(azure),
        google: Some(google),
        metadata_paths: vec![
            ("/latest/", imds),
            ("/metadata/identity/", azure),
            ("/computeMetadata/", google),
        ],
    };
    Ok(Clouds::start(tools, dir, &options)?)
}

fn test_command() -> Command {
    let mut command = cargo();
    command.current_dir(workspace_root());
    command.args(["test", "--locked", "--package", ENVIRONMENT, "--package", E2E]);
    command
}

/// The end-to-end tests whose names contain `filter`, so that servers are not started, and projects not built, for
/// nothing; none, if all are wanted.
fn wanted(filter: Option<&str>) -> Result<Option<Vec<String>>> {
    if filter.is_none() {
        return Ok(None);
    }
    let output = test_command()
        .args(["--quiet", "--", "--list"])
        .args(super::names(filter))
        .output()
        .context("list the tests")?;
    if !output.status.success() {
        bail!("they do not build:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Some(listed.lines().filter_map(|line| line.strip_suffix(": test")).map(ToOwned::to_owned).collect()))
}
