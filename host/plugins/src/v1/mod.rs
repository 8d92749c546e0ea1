//! Version 1 of the interface, `wit/v1`, which is frozen: what a component that was built for it is given, and how it is
//! called. As long as it is the newest there is nothing to translate.

pub(crate) mod bindings;
mod engine;
mod provider;

pub(crate) use engine::Engine;
pub(crate) use provider::Provider;
use wasmtime::component::{HasData, Linker};

use crate::call::CallState;

/// What providers of this version import besides WASI: memo and log.
pub(crate) fn link_provider(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use bindings::provider::claviger::plugin::{log, memo};
    memo::add_to_linker::<_, HasCall>(linker, |state| state)?;
    log::add_to_linker::<_, HasCall>(linker, |state| state)
}

/// What template engines of this version import besides WASI: log.
pub(crate) fn link_engine(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    bindings::provider::claviger::plugin::log::add_to_linker::<_, HasCall>(linker, |state| state)
}

/// Tells bindgen that the store's data is the host's.
struct HasCall;

impl HasData for HasCall {
    type Data<'a> = &'a mut CallState;
}
