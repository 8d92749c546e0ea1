//! Plugins as the operator has them: where their bytes come from, which of them stands under which name,
//! what an admin granted.
//!
//! How a component is compiled, run and contained is `claviger-plugins`' business; what a `Plugin` object
//! says of all this in its status is `reconcile/plugin`'s.

mod error;
mod granted;
mod install;
mod oci;
mod registry;
mod settings;
mod source;

pub use error::InstallError;
use granted::grants;
pub use install::install;
pub use registry::{BUILT_IN, BuiltIn, Installed, Listed, Registry, Wanted, built_in, shown};
pub use source::{ConfigMapPart, Parts, Place};
