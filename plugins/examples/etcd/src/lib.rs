//! The `etcd` provider, an example of a plugin that Claviger does not ship: it reads keys from etcd's JSON
//! gateway. Reading only: it does not write, and has no leases, though etcd has.

mod client;
pub mod config;
pub mod keys;
pub mod plugin;
pub mod wire;

pub use plugin::Etcd;
