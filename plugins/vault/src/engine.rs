//! Which engine a path leads to, and so whether what is read there is stored or made. What `guard` asks about the
//! store's own mount is another question: whether the store is right.

use std::cell::RefCell;

use claviger_plugin_sdk::Error;

use crate::client::Client;
use crate::{mount, reserved};

/// The memo's key of the engines that were seen, and how long they are not looked at again: as the store's own mount.
const ENGINES: (&str, u64) = ("engines", 300_000);
/// Most of them: a store that reads at more mounts than these looks again.
const MOST: usize = 32;

/// What is mounted where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Where, without slashes around it.
    pub(crate) mount: String,
    /// Vault's name of it ("database").
    pub(crate) kind: String,
}

impl Engine {
    /// Whether reading there makes something. KV stores; and what is mounted in every Vault, and logins, are no tenant's
    /// to read.
    pub(crate) fn makes(&self) -> bool {
        // Seen from a namespace above, logins are mounted at NAMESPACE/auth/….
        let login = self.mount.split('/').any(|segment| segment == "auth");
        !mount::is_kv(&self.kind) && !reserved::is_vaults_own(&self.kind) && !login
    }
}

impl Client<'_> {
    /// The engine that a path (clean) leads to. Who goes on without an answer has a denial kept, for all that begins
    /// with `denied_below`.
    ///
    /// # Errors
    /// [`Error::Denied`] if the token has no right below the mount, or nothing is mounted there; or what else keeps
    /// it from being known.
    pub(crate) fn engine(&self, path: &str, denied_below: Option<&str>) -> Result<Engine, Error> {
        let seen = RefCell::new(None);
        let look = || {
            let engine = match (self.look_at_mount(path), denied_below) {
                (Ok(reply), _) => {
                    let named = mount::engine(&reply.body).map_err(|error| self.secrets.clean(error))?;
                    Engine { mount: named.0, kind: named.1 }
                }
                (Err(Error::Denied(_)), Some(below)) => {
                    Engine { mount: below.to_owned(), kind: String::new() }
                }
                (Err(Error::Denied(_)), None) => return Err(self.unknown(path)),
                (Err(error), _) => return Err(error),
            };
            let line = format!("{}\t{}", engine.mount, engine.kind);
            seen.replace(Some(engine));
            Ok(line)
        };
        let memo = self.world.memo();
        let kept = memo.get_or_make(ENGINES.0, &mut || Ok((look()?.into_bytes(), ENGINES.1)))?;
        let lines = String::from_utf8_lossy(&kept);
        let known = lines.lines().filter_map(|line| parse(line, path));
        let mut known = known.filter(|engine| !engine.kind.is_empty() || denied_below.is_some());
        let engine = match known.next() {
            Some(engine) => engine,
            None => {
                if seen.borrow().is_none() {
                    let newest = look()?;
                    let lines: Vec<&str> =
                        std::iter::once(newest.as_str()).chain(lines.lines()).take(MOST).collect();
                    memo.evict(ENGINES.0, &kept);
                    memo.keep(ENGINES.0, lines.join("\n").as_bytes(), ENGINES.1);
                }
                // Also where Vault names the mount otherwise than the path does.
                seen.into_inner().unwrap_or_else(|| Engine { mount: path.to_owned(), kind: String::new() })
            }
        };
        if engine.kind.is_empty() { Err(self.unknown(path)) } else { Ok(engine) }
    }

    fn unknown(&self, path: &str) -> Error {
        let (rule, within) = self.asked(path, "read").rule();
        Error::Denied(format!(
            "{path}: the token may not know what is mounted there, or nothing is. Its policies lack: path \"{rule}\" {{ capabilities = [\"read\"] }}{within}"
        ))
    }
}

/// A line, if it is of the mount that a path leads to. No mount lies within another.
fn parse(line: &str, path: &str) -> Option<Engine> {
    let (mount, kind) = line.split_once('\t')?;
    let rest = path.strip_prefix(mount)?;
    (rest.is_empty() || rest.starts_with('/'))
        .then(|| Engine { mount: mount.to_owned(), kind: kind.to_owned() })
}
