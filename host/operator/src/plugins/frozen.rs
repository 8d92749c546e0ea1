//! Vault's plugin as it was when its interface was frozen, for tests that need one that logs in, and that makes something.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use claviger_plugins::Grants;
use claviger_plugins::package::unpack;

use super::registry::{Registry, Wanted};
use super::{Installed, grants};

/// Puts it in place. It may reach loopback, where its backend is.
pub(crate) async fn vault(registry: &Registry) -> Installed {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/tests/v1/vault.wasm.zst");
    let wanted = Wanted {
        name: "vault",
        digests: &[],
        grants: Grants { loopback: true, ..grants("vault", true, None, None).unwrap() },
        usual_cpu: true,
        namespaces: None,
        still: &|| true,
    };
    registry.load(wanted, async { Ok(unpack(std::fs::read(file).unwrap()).unwrap()) }).await.unwrap()
}
