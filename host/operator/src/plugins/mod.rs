//! Plugins as the operator has them: where their bytes come from, which of them stands under which name,
//! what an admin granted.
//!
//! How a component is compiled, run and contained is `claviger-plugins`' business; what a `Plugin` object
//! says of all this in its status is `reconcile/plugin`'s.

mod built_in;
mod error;
#[cfg(test)]
pub(crate) mod frozen;
mod granted;
mod install;
mod oci;
mod registry;
mod settings;
mod source;

pub(crate) use built_in::object_of;
pub use built_in::{BUILT_IN, BuiltIn, built_in, plugin_of};
pub use error::InstallError;
use granted::grants;
pub(crate) use granted::reach;
pub use install::install;
pub use registry::{Installed, Registry};
pub(crate) use registry::{Listed, shown};
pub use source::{ConfigMapPart, Parts, Place};
