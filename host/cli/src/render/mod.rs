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

use claviger_crds::plugin::PluginSpec;
use claviger_operator::plugins::install;
use claviger_operator::sync::Pipeline;
use claviger_plugins::egress::EgressConfig;

use crate::args::RenderArgs;
use crate::plugin_host::Folders;
pub(crate) use crate::render::files::Files;
use crate::render::secret::Rendering;
use crate::text::line;
use crate::trust;

/// Reads the files of a command; and how many documents of them cannot be used, each of which was named on standard error.
///
/// # Errors
/// If there are no files.
pub(crate) fn read(args: &RenderArgs) -> anyhow::Result<(Files, usize)> {
    let loaded = manifests::load(&args.files, &args.namespace)?;
    for problem in &loaded.problems {
        eprintln!("error: {}", line(problem));
    }
    Ok((Files::new(loaded.objects), loaded.problems.len()))
}

/// The pipeline over the plugins that come with the program and these of the files; and how many of these cannot be used,
/// each of which was named on standard error.
///
/// # Errors
/// If there are no plugins.
pub(crate) async fn pipeline(
    args: &RenderArgs,
    egress: EgressConfig,
    files: &Files,
    plugins: Vec<(String, Result<PluginSpec, String>)>,
) -> anyhow::Result<(Pipeline, usize)> {
    let registry = Folders::find(&args.plugins)?.registry(args.compile, egress)?;
    registry.load_all_built_in().await;
    let mut failed = 0;
    for (name, spec) in plugins {
        let outcome = match spec {
            Ok(spec) => { install(&registry, &name, &spec, files, &|| true).await }
                .map(drop)
                .map_err(|problem| format!("{}: {problem}", problem.reason())),
            Err(why) => Err(why),
        };
        if let Err(problem) = outcome {
            failed += 1;
            eprintln!("error: Plugin {}: {}", line(&name), line(&problem));
        }
    }
    let pipeline = Pipeline::new(registry, args.templates.delimiters()).given(args.given.given());
    Ok((pipeline, failed))
}

/// The Plugins of the files, with what they grant themselves on the network alone unless the files are trusted.
fn plugins(files: &Files, trusted: bool) -> Vec<(String, Result<PluginSpec, String>)> {
    let narrowed = |name: &str, spec: PluginSpec| {
        let (spec, left_out) = trust::on_the_network_alone(spec);
        if !left_out.is_empty() {
            let grants = left_out.join(", ");
            eprintln!("note: Plugin {}: without its grants {grants} (--trust-files gives them)", line(name));
        }
        spec
    };
    let mut plugins = files.plugins();
    if !trusted {
        for (name, spec) in &mut plugins {
            *spec = spec.clone().map(|spec| narrowed(name, spec));
        }
    }
    plugins
}

/// Renders.
///
/// # Errors
/// If nothing can be rendered at all: no files, no plugins. A single object that fails is not an error
/// but a line and the exit code.
pub(crate) async fn render(args: &RenderArgs) -> anyhow::Result<ExitCode> {
    let egress = crate::config::own_egress(&args.reach, Vec::new(), args.trust_files)?;
    let (files, unread) = read(args)?;
    let (pipeline, unusable) = pipeline(args, egress, &files, plugins(&files, args.trust_files)).await?;
    let mut failed = unread + unusable;
    let external_secrets = files.external_secrets();
    let mut rendered = 0;
    let mut out = std::io::stdout().lock();
    for (name, es) in &external_secrets {
        let Rendering { manifest, problems } = secret::render(&pipeline, &files, name, es).await;
        for problem in &problems {
            eprintln!("error: ExternalSecret {}: {}", line(name), line(problem));
        }
        failed += usize::from(!problems.is_empty());
        match manifest {
            Some(manifest) => {
                rendered += 1;
                writeln!(out, "---\n{}", manifest.trim_end())?;
            }
            None if problems.is_empty() => eprintln!("note: ExternalSecret {} makes no Secret", line(name)),
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
