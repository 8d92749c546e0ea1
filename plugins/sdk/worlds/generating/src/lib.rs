//! The macro that makes a provider's component export `generator` besides. Its types and traits are the SDK's,
//! which hands the macro on. It has a crate of its own because wit-bindgen names exported macros after interfaces, so
//! that two worlds that share one cannot be generated in the same crate.

#![allow(missing_docs, reason = "generated; the documentation is in the WIT files")]
#![allow(clippy::all, clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "generating-plugin",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_generating_provider",
    default_bindings_module: "claviger_plugin_sdk::provider",
});
