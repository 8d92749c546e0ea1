//! `claviger render`: what the ExternalSecrets of a folder would become, without a cluster.
//!
//! The same pipeline as the operator's over another [`World`](claviger_operator::sync::world::World).
//! Good objects are printed to standard output as Secret manifests; each failing one is named on
//! standard error, and the exit code says that there was one.

mod files;
mod manifests;
pub(crate) mod secret;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use claviger_operator::plugins::{InstallError, install};
use claviger_operator::sync::Pipeline;
use claviger_plugins::egress::EgressConfig;

use crate::args::RenderArgs;
use crate::plugin_host::Folders;
pub(crate) use crate::render::files::Files;
use crate::render::secret::Rendering;

/// The files of a command, and the pipeline over the plugins that are there.
pub(crate) struct Prepared {
    pub(crate) files: Files,
    pub(crate) pipeline: Pipeline,
    /// What cannot be used; each was named on standard error.
    pub(crate) failed: usize,
}

/// Reads the files and loads the plugins.
///
/// # Errors
/// If there are no files or no plugins.
pub(crate) async fn prepare(args: &RenderArgs, egress: EgressConfig) -> anyhow::Result<Prepared> {
    let loaded = manifests::load(&args.files, &args.namespace)?;
    let registry = Folders::find(&args.plugins)?.registry(args.compile, egress)?;
    registry.load_all_built_in().await;

    for problem in &loaded.problems {
        eprintln!("error: {problem}");
    }
    let mut failed = loaded.problems.len();
    let files = Files::new(loaded.objects);
    for (name, plugin) in files.plugins() {
        let outcome = match plugin {
            Ok(plugin) => install(&registry, &name, &plugin.spec, &files, &|| true).await.map(drop),
            Err(_) => Err(InstallError::ManifestInvalid),
        };
        if let Err(problem) = outcome {
            failed += 1;
            eprintln!("error: Plugin {name}: {}: {problem}", problem.reason());
        }
    }
    let pipeline = Pipeline::new(registry, args.templates.delimiters()).given(args.given.given());
    Ok(Prepared { files, pipeline, failed })
}

/// Renders.
///
/// # Errors
/// If nothing can be rendered at all: no files, no plugins. A single object that fails is not an error
/// but a line and the exit code.
pub(crate) async fn render(args: &RenderArgs) -> anyhow::Result<ExitCode> {
    let egress = crate::config::own_egress(&args.reach, Vec::new())?;
    let Prepared { files, pipeline, mut failed } = prepare(args, egress).await?;
    let external_secrets = files.external_secrets();
    let mut rendered = 0;
    let mut out = std::io::stdout().lock();
    for (name, es) in &external_secrets {
        let Rendering { manifest, problems } = secret::render(&pipeline, &files, name, es).await;
        for problem in &problems {
            eprintln!("error: ExternalSecret {name}: {problem}");
        }
        failed += usize::from(!problems.is_empty());
        match manifest {
            Some(manifest) => {
                rendered += 1;
                writeln!(out, "---\n{}", manifest.trim_end())?;
            }
            None if problems.is_empty() => eprintln!("note: ExternalSecret {name} makes no Secret"),
            None => {}
        }
    }
    out.flush()?;
    if external_secrets.is_empty() && failed == 0 {
        anyhow::bail!("no ExternalSecret in {}", listed(&args.files));
    }
    if failed > 0 {
        eprintln!("{failed} failed, {rendered} rendered");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Paths for a message.
pub(crate) fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
