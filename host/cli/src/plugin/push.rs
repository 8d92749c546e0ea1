//! `claviger plugin push`: a component into a registry, as the artifact that `wkg oci push` makes of it; and the Plugin
//! that pins it, on standard output.
//!
//! A WIT package in its binary form is pushed as well, and has no Plugin. What is neither is not pushed. Nothing is
//! signed here: that is cosign's, by the digest that is printed.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use claviger_core::secret::SecretBytes;
use claviger_plugins::egress::{EgressConfig, EgressPool};
use claviger_plugins::oci::{Artifact, Login, Reference, push as upload, wit_exports};

use super::{name, object};
use crate::args::PushArgs;
use crate::config::{authorities, proxies};
use crate::text::size;

/// No password is longer; tokens of the clouds' registries have some 2 KiB.
const MAX_PASSWORD: u64 = 64 * 1024;

/// Pushes.
///
/// # Errors
/// If the file is neither plugin nor WIT package, or the registry does not take it; the message says what to do.
pub(crate) async fn push(args: &PushArgs) -> anyhow::Result<ExitCode> {
    let reference = Reference::parse(&args.reference).with_context(|| args.reference.clone())?;
    let (component, _) = super::read(&args.file)?;
    let place = || args.file.display().to_string();
    let title = args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = component.len();
    let (artifact, plugin) = match wit_exports(&component) {
        Some(exports) => {
            ensure!(
                args.name.is_none(),
                "{} is a WIT package, which has no Plugin: leave --name out",
                place()
            );
            (Artifact::new(component, &exports, &[], &title).with_context(place)?, None)
        }
        None => {
            let host = crate::plugin_host::for_files(args.compile, None)?;
            let inspection = host.inspect(component.clone()).await.with_context(place)?;
            let name = name::choose(args.name.as_deref(), &inspection.name).with_context(place)?;
            let artifact = Artifact::new(component, &inspection.exports, &inspection.imports, &title);
            (artifact.with_context(place)?, Some((name, inspection)))
        }
    };
    let (manifest, digest) = (artifact.digest(), artifact.component_digest());
    let pool = EgressPool::new(EgressConfig {
        allow_loopback: true,
        proxies: proxies(&args.proxy)?,
        authorities: args.ca_bundle.as_deref().map(authorities).transpose()?.unwrap_or_default(),
        ..EgressConfig::default()
    });
    let login = login(args, &reference)?;
    upload(&pool, &reference, login.as_ref(), args.plain_http, artifact).await.context("it is not pushed")?;

    eprintln!("{reference}: {}, {digest}\nmanifest {manifest}", size(bytes));
    if let Some((name, inspection)) = plugin {
        let source = object::from_registry(&reference, args.plain_http, args.pull_secret.as_deref());
        let object = object::plugin(&name, source, vec![digest]);
        let text = object::document(&object)? + &object::remarks(&inspection);
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        eprintln!("apply with kubectl apply --server-side -f -");
    }
    Ok(ExitCode::SUCCESS)
}

/// The login that is given, or the one in Docker's config file; none where there is none.
fn login(args: &PushArgs, reference: &Reference) -> anyhow::Result<Option<Login>> {
    if let Some(username) = &args.username {
        let mut stdin = std::io::stdin().lock();
        ensure!(!stdin.is_terminal(), "--password-stdin wants the password on standard input: pipe it in");
        let mut password = Vec::new();
        stdin
            .by_ref()
            .take(MAX_PASSWORD + 1)
            .read_to_end(&mut password)
            .context("cannot read the password")?;
        let secret = SecretBytes::new(password);
        let text = secret.expose();
        let text = text.strip_suffix(b"\n").map_or(text, |text| text.strip_suffix(b"\r").unwrap_or(text));
        if text.is_empty() || secret.len() as u64 > MAX_PASSWORD {
            bail!("standard input holds no password");
        }
        return Ok(Some(Login::new(username.clone(), SecretBytes::copied_from(text))));
    }
    let Some(path) = docker_config() else { return Ok(None) };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let config = SecretBytes::new(bytes);
            Login::find(config.expose(), reference).with_context(|| path.display().to_string())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Where Docker and its likes keep it.
fn docker_config() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("DOCKER_CONFIG").or_else(|| Some(set("HOME")?.join(".docker")))?;
    Some(folder.join("config.json"))
}
