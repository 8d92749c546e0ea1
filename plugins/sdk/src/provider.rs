//! The provider world, generated from `wit/`.

#![allow(missing_docs, reason = "generated; the documentation is in the WIT files")]
#![allow(clippy::all, clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "provider-plugin",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_provider",
    default_bindings_module: "claviger_plugin_sdk::provider",
});

pub use exports::claviger::plugin::connection;
pub use exports::claviger::plugin::provider as interface;
