//! The `etcd` provider, an example of a plugin that Claviger does not ship: it reads keys from etcd's JSON
//! gateway. Three plain modules decide, and are tested natively; `client` and `plugin` talk to the host.
//! Reading only: it does not write, and has no leases, though etcd has.

pub mod config;
pub mod keys;
pub mod wire;

#[cfg(target_arch = "wasm32")]
mod client;
#[cfg(target_arch = "wasm32")]
mod plugin;
