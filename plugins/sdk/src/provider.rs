//! The types and traits of every interface that a provider may export, generated from `wit/` once, so that they are
//! the same whatever a plugin exports. That is chosen by the macro: [`export_provider`], or one named
//! after what it exports besides: [`export_writing_provider`], [`export_generating_provider`], [`export_managing_provider`]
//! (both), [`export_leasing_provider`] (leases and generators), [`export_full_provider`] (all).

#![allow(missing_docs, reason = "generated; the documentation is in the WIT files")]
#![allow(clippy::all, clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "generated")]

wit_bindgen::generate!({
    path: "wit",
    world: "full-plugin",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_full_provider",
    default_bindings_module: "claviger_plugin_sdk::provider",
});

pub use claviger_plugin_world_generating::export_generating_provider;
pub use claviger_plugin_world_leasing::export_leasing_provider;
pub use claviger_plugin_world_managing::export_managing_provider;
pub use claviger_plugin_world_provider::export_provider;
pub use claviger_plugin_world_writing::export_writing_provider;

pub use exports::claviger::plugin::connection;
pub use exports::claviger::plugin::generator;
pub use exports::claviger::plugin::leases;
pub use exports::claviger::plugin::provider as interface;
pub use exports::claviger::plugin::writer;
