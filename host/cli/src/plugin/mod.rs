//! `claviger plugin …`: starts projects, looks at components, packs them for installing, pushes them to registries, tests
//! them, and compiles them for the operator. None of it talks to a cluster; only a test gives a component rights, those of
//! its bench.

mod compile;
mod config_maps;
mod inspect;
mod name;
mod new;
mod object;
mod pack;
mod precompile;
mod push;
mod test;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use claviger_plugins::PluginsError;
use claviger_plugins::package::{MAX_COMPONENT, unpack};

pub(crate) use compile::compile;
pub(crate) use inspect::inspect;
pub(crate) use name::is_dns_label;
pub(crate) use new::new;
pub(crate) use pack::pack;
pub(crate) use precompile::precompile;
pub(crate) use push::push;
pub(crate) use test::test;

/// A component from a file, and how many bytes it has there: it may be compressed.
///
/// # Errors
/// If it cannot be read, is larger than any plugin may be, or damaged.
fn read(path: &Path) -> anyhow::Result<(Vec<u8>, usize)> {
    let place = || path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read {}", place()))?;
    // A mistaken path to an image should not be read whole.
    let limit = u64::try_from(MAX_COMPONENT)?;
    let size = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    if size > limit {
        let size = usize::try_from(size)?;
        return Err(PluginsError::TooLarge { size, limit: MAX_COMPONENT }).with_context(place);
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", place()))?;
    let size = bytes.len();
    Ok((unpack(bytes).with_context(place)?, size))
}
