//! The `onepassword` provider: items of 1Password, through a Connect server, in ESO's spelling.
//!
//! Reading only.

pub mod client;
pub mod config;
pub mod find;
pub mod item;
pub mod plugin;
pub mod read;

#[cfg(test)]
mod fake;

pub use plugin::OnePassword;
