//! The interface as Rust, generated from `wit/`. Nothing is written by hand here but the options.

/// Providers. The optional interfaces are of the world too, those of a package of their own among them (`wit/events`), and
/// looked for in each component (`guest`).
pub(crate) mod provider {
    wasmtime::component::bindgen!({
        path: ["../../wit/v1", "../../wit/events/v1"],
        world: "claviger:events/any-provider@1.0.0",
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
