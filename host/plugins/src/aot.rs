//! Compiled components, kept between runs so that a start does not compile.
//!
//! An artifact is machine code, so it is as trusted as this program: the directory is opened once, must
//! be ours alone, and each file carries its own digest and the engine's fingerprint. A file that does
//! not fit in any way is compiled anew. Nothing from outside is ever taken for an artifact.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt, PermissionsExt};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::PluginsError;

const MAGIC: &[u8; 8] = b"CLVGAOT1";

/// The cache directory.
pub(crate) struct Cache {
    dir: Dir,
    /// wasmtime's version, its configuration and the CPU features it compiles for.
    fingerprint: String,
}

impl Cache {
    /// Opens or makes it, for this user alone.
    pub(crate) fn open(path: &Path, engine: &Engine) -> Result<Self, PluginsError> {
        let refused = |source| PluginsError::Cache { path: path.display().to_string(), source };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(refused)?;
        let name = path
            .file_name()
            .ok_or_else(|| refused(std::io::Error::other("it is not the path of a folder")))?;
        let parent = Dir::open_ambient_dir(parent, ambient_authority()).map_err(refused)?;
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        match parent.create_dir_with(name, &builder) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(refused(error)),
        }
        let dir = parent.open_dir(name).map_err(refused)?;
        let mode = dir.dir_metadata().map_err(refused)?.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            let why = format!("its mode is {mode:o}, so others may write machine code into it: chmod 700 it");
            return Err(refused(std::io::Error::other(why)));
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { dir, fingerprint: format!("{:016x}", hasher.finish()) })
    }

    /// The artifact of a component, if it is there and whole.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let bytes = self.dir.read(self.name(digest)).ok()?;
        let artifact = unwrap(&bytes)?;
        match deserialize(engine, artifact) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(digest, error = %crate::error::first_line(&error), "a kept artifact does not fit, compiling anew");
                None
            }
        }
    }

    /// Keeps an artifact. One that cannot be kept costs the next start a compilation, nothing else.
    pub(crate) fn store(&self, digest: &str, artifact: &[u8]) {
        if let Err(error) = self.write(&self.name(digest), artifact) {
            tracing::warn!(digest, %error, "a compiled plugin cannot be kept, the next start compiles it again");
        }
    }

    fn write(&self, name: &str, artifact: &[u8]) -> std::io::Result<()> {
        let new = format!("{name}.{}.new", std::process::id());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = self.dir.open_with(&new, &options)?;
        file.write_all(&wrap(artifact))?;
        file.sync_all()?;
        self.dir.rename(&new, &self.dir, name)
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{}.cwasm", self.fingerprint)
    }
}

fn wrap(artifact: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(artifact.len() + 40);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&Sha256::digest(artifact));
    file.extend_from_slice(artifact);
    file
}

fn unwrap(file: &[u8]) -> Option<&[u8]> {
    let rest = file.strip_prefix(MAGIC)?;
    let (digest, artifact) = rest.split_at_checked(32)?;
    (Sha256::digest(artifact).as_slice() == digest).then_some(artifact)
}

/// Loads machine code that this process compiled, now or at an earlier start.
#[allow(unsafe_code)]
pub(crate) fn deserialize(engine: &Engine, artifact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` requires bytes that came out of `Engine::precompile_component`. They come
    // either straight from it, or from a file that only this user can write (the directory's mode is
    // checked when it is opened, and it is reached through its descriptor, not its path), that we wrote
    // and whose digest is right. wasmtime itself checks its version and configuration. No byte of a
    // ConfigMap, a registry or any other outside source reaches this function.
    unsafe { Component::deserialize(engine, artifact) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn kept(dir: &Path) -> std::path::PathBuf {
        std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path()
    }

    #[test]
    fn what_was_kept_is_found_and_what_was_touched_is_not() {
        let engine = Engine::default();
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("cache");
        let cache = Cache::open(&dir, &engine).unwrap();
        assert!(cache.load(&engine, "d").is_none());
        let artifact = engine.precompile_component(COMPONENT).unwrap();
        cache.store("d", &artifact);
        assert!(cache.load(&engine, "d").is_some());

        let file = kept(&dir);
        let good = std::fs::read(&file).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [&good[..good.len() - 1], &flipped[..], &artifact[..], b""] {
            std::fs::write(&file, bad).unwrap();
            assert!(cache.load(&engine, "d").is_none());
        }
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("open");
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let error = Cache::open(&dir, &Engine::default()).err().unwrap().to_string();
        assert!(error.contains("777"), "{error}");
    }
}
