//! Whether the store's mount is what the store says: for its readiness, and before a key is said to be
//! missing. What the answer means is `mount`'s.

use claviger_plugin_sdk::Error;

use crate::ask::Ask;
use crate::client::Client;
use crate::mount;
use crate::world::Reply;

/// How long a mount that is what the store says, or that the token may not look at, is not looked at again.
const MOUNT_MS: u64 = 300_000;
/// Entries of the memo for mounts. With `path` a store has one mount; without, they share so many, and one
/// that finds another's in its place is looked at: so the memo's 16 keys are never used up.
const MOUNTS: u32 = 4;

impl Client<'_> {
    /// Whether the server takes the store's credential, and the mount is what the store says, as far as
    /// the token may know.
    ///
    /// # Errors
    /// What keeps the store from working.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(mount) = &self.config.mount {
            return match self.check_mount(mount) {
                // Refused, and not because of the token: it may not look, and need not.
                Err(Error::Denied(_)) => Ok(()),
                other => other,
            };
        }
        let token = self.token()?;
        match self.looks_itself_up(&token)? {
            Some(true) => Ok(()),
            // The look is kept from Vault by what is between; the login was not.
            None if self.auth.login_path().is_some() => Ok(()),
            _ => self.renewed(&token).map(|_| ()),
        }
    }

    /// Of a store that says v2 and has a version 1 mount, every key is missing. Before that is said, with
    /// all that may follow from it (`deletionPolicy`), the mount is looked at; and only a mount that is right,
    /// or that the token may not look at, lets it be said.
    pub fn missing(&self, mount: &str, not_found: String) -> Error {
        match self.mount_is_right(mount) {
            Ok(()) => Error::NotFound(not_found),
            Err(error) => error,
        }
    }

    fn mount_is_right(&self, mount: &str) -> Result<(), Error> {
        let mut look = || match self.check_mount(mount) {
            Ok(()) | Err(Error::Denied(_)) => Ok((mount.as_bytes().to_vec(), MOUNT_MS)),
            Err(error) => Err(error),
        };
        let hash = mount.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let key = format!("mount-{}", hash % MOUNTS);
        let found = self.world.memo().get_or_make(&key, &mut look)?;
        if found != mount.as_bytes() {
            let (looked, ttl_ms) = look()?;
            self.world.memo().evict(&key, &found);
            self.world.memo().keep(&key, &looked, ttl_ms);
        }
        Ok(())
    }

    fn check_mount(&self, path: &str) -> Result<(), Error> {
        let reply = self.look_at_mount(path)?;
        mount::check(&reply.body, path, self.config.kv).map_err(|error| self.secrets.clean(error))
    }

    /// What Vault says of the mount that a path leads to.
    ///
    /// # Errors
    /// [`Error::Denied`] if the token has no right below it, or nothing is mounted there.
    pub(crate) fn look_at_mount(&self, path: &str) -> Result<Reply, Error> {
        self.one(Ask::get(format!("sys/internal/ui/mounts/{path}"))).map_err(|error| match error {
            // Vault has a 403 for a mount that is not there.
            Error::NotFound(detail) => Error::Unavailable(format!("{detail} (the look at the mount)")),
            other => other,
        })
    }
}
