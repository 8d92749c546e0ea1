//! The interface as Rust, generated from `wit/`. Nothing is written by hand here but the options.

/// Providers. The optional interfaces are of the world too, and looked for in each component (`guest`).
pub(crate) mod provider {
    wasmtime::component::bindgen!({
        path: "../../wit/v1",
        world: "full-plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "claviger:plugin/memo.ticket": crate::memo::Ticket,
        },
    });
}

/// Template engines.
pub(crate) mod engine {
    wasmtime::component::bindgen!({
        path: "../../wit/v1",
        world: "template-engine",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "claviger:plugin/log": super::provider::claviger::plugin::log,
            "claviger:plugin/types": super::provider::claviger::plugin::types,
        },
    });
}
