//! The template-engine world, generated from `wit/`.

#![allow(missing_docs, reason = "generated; the documentation is in the WIT files")]
#![allow(clippy::all, clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "generated")]

wit_bindgen::generate!({
    path: "wit",
    world: "template-engine",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_template_engine",
    default_bindings_module: "claviger_plugin_sdk::template",
});

pub use exports::claviger::plugin::engine as interface;
