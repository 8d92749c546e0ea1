//! Generators that need no backend: Password, UUID, SSHKey and Fake, with ESO's fields, defaults and limits. They reach
//! nothing and are given nothing but their spec and the host's seed; what they make has to be taken back nowhere, so
//! they leave neither a lease nor state.

pub mod fake;
pub mod kinds;
pub mod openssh;
pub mod password;
pub mod ssh_key;

#[cfg(target_arch = "wasm32")]
mod plugin;
