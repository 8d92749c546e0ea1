//! Compiled components, kept between runs so that a start does not compile.
//!
//! An artifact is machine code, so it is as trusted as this program: the directory is opened once, must
//! be ours alone, and each file is named after its component and the engine's fingerprint and has a sum
//! beside it. A file that does not fit in any way is compiled anew. Nothing from outside is ever taken for an artifact:
//! what was compiled ahead lies beside this program, put there by whoever put the program there.

use std::fs::File;
use std::hash::{BuildHasher as _, DefaultHasher, Hash, Hasher, RandomState};
use std::io::{self, Read as _, Seek as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, MetadataExt, OpenOptions, OpenOptionsExt, PermissionsExt};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{PluginsError, first_line};

/// Artifacts that are kept: every plugin of a large installation, and the versions before.
pub const MAX_ARTIFACTS: usize = 64;

/// Longer than any compilation.
const TORSO: Duration = Duration::from_secs(3600);

/// A directory with artifacts.
struct Shelf {
    dir: Dir,
    /// wasmtime's version, its configuration and the CPU features it compiles for.
    fingerprint: String,
}

impl Shelf {
    fn new(dir: Dir, engine: &Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { dir, fingerprint: format!("{:016x}", hasher.finish()) }
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{}.cwasm", self.fingerprint)
    }

    /// The artifact of a component, if it is there and whole.
    fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let name = self.name(digest);
        let mut file = self.dir.open(&name).ok()?.into_std();
        let sum = self.dir.read(sum_name(&name)).ok()?;
        if sum != sum_of(&mut file).ok()? {
            tracing::warn!(digest, "a kept artifact is damaged, compiling anew");
            return None;
        }
        match map(engine, &file) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(digest, error = %first_line(&error), "a kept artifact does not fit, compiling anew");
                None
            }
        }
    }
}

/// What was compiled ahead, by `claviger plugin precompile`: the image's. It is only read.
pub(crate) struct Ahead(Shelf);

impl Ahead {
    /// Opens it. None if it is not there, or not to be trusted: then there is a warning, and everything is compiled.
    pub(crate) fn open(path: &Path, engine: &Engine) -> Option<Self> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).ok()?;
        match untrusted(&dir) {
            Ok(None) => Some(Self(Shelf::new(dir, engine))),
            Ok(Some(why)) => {
                tracing::warn!(path = %path.display(), why, "what was compiled ahead is not used");
                None
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what was compiled ahead cannot be read");
                None
            }
        }
    }

    /// The artifact of a component, if it is there and whole.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        self.0.load(engine, digest)
    }
}

/// Why somebody else than us and the machine's administrator could have put machine code there; none: nobody could.
fn untrusted(dir: &Dir) -> io::Result<Option<String>> {
    let mut looked_at = vec![(".".to_owned(), dir.dir_metadata()?)];
    for entry in dir.entries()? {
        let entry = entry?;
        looked_at.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?));
    }
    let ours = |owner: u32| owner == 0 || owner == rustix::process::geteuid().as_raw();
    for (name, metadata) in looked_at {
        let (mode, owner) = (metadata.permissions().mode() & 0o777, metadata.uid());
        if metadata.is_symlink() || mode & 0o022 != 0 || !ours(owner) {
            return Ok(Some(format!("{name} (mode {mode:o}, owner {owner}) can be changed by others")));
        }
    }
    Ok(None)
}

/// The cache directory.
pub(crate) struct Cache(Shelf);

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
        let metadata = dir.dir_metadata().map_err(refused)?;
        let (mode, owner) = (metadata.permissions().mode() & 0o777, metadata.uid());
        if owner != rustix::process::geteuid().as_raw() {
            let why = format!("it belongs to user {owner}, who may write machine code into it: use another");
            return Err(refused(std::io::Error::other(why)));
        }
        if mode & 0o022 != 0 {
            let why = format!("its mode is {mode:o}, so others may write machine code into it: chmod 700 it");
            return Err(refused(std::io::Error::other(why)));
        }
        Ok(Self(Shelf::new(dir, engine)))
    }

    /// The artifact of a component, if it is there and whole.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        self.0.load(engine, digest)
    }

    /// A file for a new artifact, under a name that nobody looks for, of a component of so many bytes. There is room for
    /// twice as much, which an artifact takes at least: a full disk is known before a minute of compiling.
    pub(crate) fn begin(&self, digest: &str, component: usize) -> io::Result<Pending> {
        let name = self.0.name(digest);
        // Not the process id: every container's is 1, and replicas may share the folder.
        let new = format!("{name}.{:016x}.new", RandomState::new().build_hasher().finish());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = self.0.dir.open_with(&new, &options)?.into_std();
        let pending = Pending { dir: self.0.dir.try_clone()?, new, name, file, kept: false };
        let room = u64::try_from(component).unwrap_or(u64::MAX).saturating_mul(2).max(1);
        match rustix::fs::fallocate(&pending.file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, room) {
            // Not every file system can say.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(pending),
            Err(error) => Err(error.into()),
        }
    }
}

/// An artifact that is being written. Dropped before it is kept, it is removed.
pub(crate) struct Pending {
    dir: Dir,
    new: String,
    name: String,
    file: File,
    kept: bool,
}

impl Pending {
    /// For the compiler to write to.
    pub(crate) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Puts it where the next start finds it: first its sum, then itself, each by renaming.
    pub(crate) fn keep(mut self, engine: &Engine) -> Result<Component, PluginsError> {
        let failed = |error: io::Error| PluginsError::NoRoom(error.to_string());
        self.file.sync_all().map_err(failed)?;
        let sum = sum_of(&mut self.file).map_err(failed)?;
        let component = map(engine, &self.file).map_err(|error| PluginsError::Compile(first_line(&error)))?;
        let new_sum = sum_name(&self.new);
        self.dir.write(&new_sum, &sum).map_err(failed)?;
        self.dir.rename(&new_sum, &self.dir, sum_name(&self.name)).map_err(failed)?;
        self.dir.rename(&self.new, &self.dir, &self.name).map_err(failed)?;
        self.kept = true;
        prune(&self.dir);
        Ok(component)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.kept {
            let _ = self.dir.remove_file(&self.new);
        }
    }
}

/// Removes what is too old: artifacts beyond [`MAX_ARTIFACTS`], the oldest first, and torsos that a
/// process which was killed left behind. What cannot be removed stays; it only costs room.
fn prune(dir: &Dir) {
    let Ok(entries) = dir.entries() else { return };
    let age = |entry: &cap_std::fs::DirEntry| {
        let changed = entry.metadata().ok()?.modified().ok()?.into_std();
        changed.elapsed().ok()
    };
    let mut artifacts = Vec::new();
    for entry in entries.flatten() {
        let (Ok(name), Some(age)) = (entry.file_name().into_string(), age(&entry)) else { continue };
        // A torso, or the sum of one.
        if (name.ends_with(".new") || name.ends_with(".new.sha256")) && age > TORSO {
            let _ = dir.remove_file(&name);
        } else if name.ends_with(".cwasm") {
            artifacts.push((age, name));
        }
    }
    artifacts.sort();
    for (_, name) in artifacts.into_iter().skip(MAX_ARTIFACTS) {
        let _ = dir.remove_file(&name);
        let _ = dir.remove_file(sum_name(&name));
    }
}

fn sum_name(name: &str) -> String {
    format!("{name}.sha256")
}

/// SHA-256 of a whole file, read piece by piece: an artifact can be 80 MB.
fn sum_of(file: &mut File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize().to_vec()),
            read => hasher.update(&piece[..read]),
        }
    }
}

/// Maps machine code that this program compiled, now or at an earlier start. Mapped and not read: its
/// pages are the file's, so a large plugin costs memory only where it runs.
#[allow(unsafe_code)]
pub(crate) fn map(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: `deserialize_file` requires a file that `Engine::precompile_component` wrote and that is not
    // changed while it is mapped. This one was written by the compiler (this process, or the child that it
    // started with this very program) into a file without a name or in a directory that only this user can
    // write to (its mode is checked when it is opened, and it is reached through its descriptor), or it was
    // compiled ahead and lies where only this user and root can write, as this program itself does; its sum is
    // checked where it comes from an earlier start; a file that has its final name is never written again,
    // only replaced by renaming. wasmtime itself checks its version and configuration. No byte of a
    // ConfigMap, a registry or any other outside source reaches this function.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn keep(cache: &Cache, engine: &Engine) {
        let pending = cache.begin("d", 8).unwrap();
        pending.file().unwrap().write_all(&engine.precompile_component(COMPONENT).unwrap()).unwrap();
        pending.keep(engine).unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_kept_is_found_and_what_was_touched_is_not() {
        let engine = Engine::default();
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("cache");
        let cache = Cache::open(&dir, &engine).unwrap();
        assert!(cache.load(&engine, "d").is_none());
        keep(&cache, &engine);
        assert!(cache.load(&engine, "d").is_some());
        assert_eq!(names(&dir).len(), 2, "the artifact and its sum: {:?}", names(&dir));

        let file = dir.join(&names(&dir)[0]);
        let good = std::fs::read(&file).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [&good[..good.len() - 1], &flipped[..], b""] {
            std::fs::write(&file, bad).unwrap();
            assert!(cache.load(&engine, "d").is_none());
        }
        std::fs::write(&file, &good).unwrap();
        assert!(cache.load(&engine, "d").is_some());
        std::fs::remove_file(dir.join(&names(&dir)[1])).unwrap();
        assert!(cache.load(&engine, "d").is_none(), "without its sum");
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let engine = Engine::default();
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("cache");
        let cache = Cache::open(&dir, &engine).unwrap();
        drop(cache.begin("d", 8).unwrap());
        let broken = cache.begin("d", 8).unwrap();
        broken.file().unwrap().write_all(b"no machine code").unwrap();
        assert!(broken.keep(&engine).is_err());
        assert_eq!(names(&dir), Vec::<String>::new());
    }

    #[test]
    fn two_that_compile_the_same_do_not_meet() {
        let engine = Engine::default();
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("cache");
        let (one, two) = (Cache::open(&dir, &engine).unwrap(), Cache::open(&dir, &engine).unwrap());
        let (first, second) = (one.begin("d", 8).unwrap(), two.begin("d", 8).unwrap());
        let compiled = engine.precompile_component(COMPONENT).unwrap();
        for pending in [first, second] {
            pending.file().unwrap().write_all(&compiled).unwrap();
            pending.keep(&engine).unwrap();
        }
        assert!(one.load(&engine, "d").is_some());
        assert_eq!(names(&dir).len(), 2);
    }

    #[test]
    fn what_was_compiled_ahead_is_read_where_nobody_else_can_write() {
        let engine = Engine::default();
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("compiled");
        assert!(Ahead::open(&dir, &engine).is_none(), "not there");
        keep(&Cache::open(&dir, &engine).unwrap(), &engine);
        let found = || Ahead::open(&dir, &engine).and_then(|ahead| ahead.load(&engine, "d"));
        assert!(found().is_some());
        assert!(Ahead::open(&dir, &engine).unwrap().load(&engine, "other").is_none());
        let artifact = dir.join(&names(&dir)[0]);
        let mode = |path: &Path, mode: u32| {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        };
        // As an image has it.
        mode(&dir, 0o755);
        mode(&artifact, 0o644);
        assert!(found().is_some());
        for (path, bad, good) in [(&dir, 0o775, 0o755), (&dir, 0o757, 0o755), (&artifact, 0o664, 0o644)] {
            mode(path, bad);
            assert!(found().is_none(), "{} {bad:o}", path.display());
            mode(path, good);
        }
        assert!(found().is_some());
        std::os::unix::fs::symlink("/etc/passwd", dir.join("link")).unwrap();
        assert!(found().is_none(), "a link leads elsewhere");
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

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        // Only root can give a folder away.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        let (dir, link) = (temp.path().join("theirs"), temp.path().join("link"));
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        assert!(Cache::open(&dir, &Engine::default()).is_ok());
        std::os::unix::fs::chown(&dir, Some(65534), None).unwrap();
        // Nor by a link that is ours.
        std::os::unix::fs::symlink("theirs", &link).unwrap();
        for path in [&dir, &link] {
            let error = Cache::open(path, &Engine::default()).err().unwrap().to_string();
            assert!(error.contains("belongs to user 65534"), "{error}");
        }
        assert!(Ahead::open(&dir, &Engine::default()).is_none());
        std::os::unix::fs::chown(&dir, Some(0), None).unwrap();
        std::fs::write(dir.join("one.cwasm"), b"x").unwrap();
        std::fs::set_permissions(dir.join("one.cwasm"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        assert!(Ahead::open(&dir, &Engine::default()).is_some());
        std::os::unix::fs::chown(dir.join("one.cwasm"), Some(65534), None).unwrap();
        assert!(Ahead::open(&dir, &Engine::default()).is_none(), "a file in it is theirs");
    }
}
