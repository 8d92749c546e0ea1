//! `claviger plugin pack`: a component as manifests for kubectl, or as base64 for Helm.
//!
//! What is not a plugin is not packed. Standard output is only what is to be applied; what a person
//! should know goes to standard error.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_plugins::package;

use super::{config_maps, name, object};
use crate::args::{PackArgs, PackOutput};
use crate::text::size;

/// The most that is packed for Helm, compressed. A release keeps values and manifests in one Secret of at
/// most 1 MiB. Measured: 350 KiB make 942 KiB there, and 400 KiB are over the limit.
const HELM_BYTES: usize = 350 * 1024;

/// Packs.
///
/// # Errors
/// If the file is no plugin, or cannot be installed in that way; the message says what to do instead.
pub(crate) async fn pack(args: &PackArgs) -> anyhow::Result<ExitCode> {
    let (component, _) = super::read(&args.file)?;
    let host = crate::plugin_host::for_files(args.compile, None)?;
    let place = || args.file.display().to_string();
    let inspection = host.inspect(component.clone()).await.with_context(place)?;
    let name = name::choose(args.name.as_deref(), &inspection.name).with_context(place)?;
    let package = package::pack(&component, args.compression.into()).with_context(place)?;

    let mut out = std::io::stdout().lock();
    let what = format!(
        "{name}: {} {}, {}\n{} packed to {}",
        inspection.name,
        inspection.version,
        inspection.digest,
        size(component.len()),
        size(package.len()),
    );
    match args.output {
        PackOutput::Helm => {
            out.write_all(for_helm(&package)?.as_bytes())?;
            eprintln!("{what} before base64, for helm --set-file");
        }
        PackOutput::Yaml => {
            let digest = inspection.digest.clone();
            let parts =
                config_maps::config_maps(&name, &args.namespace, &package, args.compression.into(), &digest)
                    .with_context(place)?;
            let old = args.upgrade_from.iter().filter(|old| **old != digest).cloned();
            let digests: Vec<String> = std::iter::once(digest.clone()).chain(old).collect();
            let upgrade = digests.len() > 1;
            let plugin = object::document(&object::plugin(&name, object::from_config_map(&name), digests))?
                + &object::remarks(&inspection);
            // The Plugin last, so that it finds its bytes; but where it admits two versions it goes first,
            // so that there is no moment at which the new bytes are foreign.
            if upgrade {
                out.write_all(plugin.as_bytes())?;
            }
            for part in &parts {
                out.write_all(object::document(part)?.as_bytes())?;
            }
            if !upgrade {
                out.write_all(plugin.as_bytes())?;
            }
            eprintln!("{what}: {} in namespace {}", count(parts.len()), args.namespace);
            eprintln!(
                "apply with kubectl apply --server-side -f -; without --server-side it stops at 256 KiB"
            );
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn count(parts: usize) -> String {
    if parts == 1 { "1 ConfigMap".to_owned() } else { format!("{parts} ConfigMaps") }
}

/// Base64, because helm's --set-file damages bytes that are no text. Without a line end: the file is the
/// value.
fn for_helm(package: &[u8]) -> anyhow::Result<String> {
    ensure!(
        package.len() <= HELM_BYTES,
        "the package is {}, and {} fit into a Helm release beside its manifests: install the ConfigMaps with \
         kubectl (--output yaml) instead, and let the chart have the Plugin only",
        size(package.len()),
        size(HELM_BYTES),
    );
    Ok(STANDARD.encode(package))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn helm_takes_so_much_and_no_more() {
        let text = for_helm(&vec![7; HELM_BYTES]).unwrap();
        assert_eq!(STANDARD.decode(&text).unwrap().len(), HELM_BYTES);
        let error = for_helm(&vec![7; HELM_BYTES + 1024]).unwrap_err().to_string();
        for part in ["351.0 KiB", "350.0 KiB", "--output yaml"] {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}
