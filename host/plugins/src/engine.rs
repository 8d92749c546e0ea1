//! The one wasmtime engine of the process, its linkers, and the clock that stops loops.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, OptLevel};

use crate::call::CallState;
use crate::compile::left_mib;
use crate::error::{PluginsError, first_line};
use crate::observe::Observing;
use crate::turns::Turns;
use crate::v1;

/// How often a running guest is looked at. Guest time is counted in these.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest. wasmtime's default, said here because a recursion trap depends on it.
const WASM_STACK: usize = 512 * 1024;

/// Engine, linkers, ticker. The ticker runs as long as this lives, whether or not anything has a limit:
/// a limit that is set later must not find the clock standing.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) provider: Linker<CallState>,
    pub(crate) template: Linker<CallState>,
    /// Of calls that compute for long.
    pub(crate) turns: Arc<Turns>,
    /// What was left under the process's memory limit when it started, MiB.
    pub(crate) room_mib: Option<u64>,
    /// Who counts calls.
    pub(crate) observing: Observing,
    _ticker: Ticker,
}

impl Machine {
    pub(crate) fn new() -> Result<Self, PluginsError> {
        let engine = config().and_then(|config| Engine::new(&config));
        let engine = engine.map_err(|error| PluginsError::Engine(first_line(&error)))?;
        let linked = |error: wasmtime::Error| PluginsError::Engine(first_line(&error));
        let provider = provider_linker(&engine).map_err(linked)?;
        let template = template_linker(&engine).map_err(linked)?;
        let ticker = Ticker::start(&engine);
        // Half of the cores: the others are for whoever needs little.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Turns::new(cores / 2));
        let observing = Observing::default();
        Ok(Self { engine, provider, template, turns, room_mib: left_mib(), observing, _ticker: ticker })
    }
}

/// What code is compiled for, for artifacts that fit every machine: those of the image, and those in a folder that
/// replicas share. On x86-64 that is the first version of it (SSE2), on 64-bit ARM ARMv8.0: what both guarantee. What
/// this very machine can do besides is not used. None: another system, on which nothing is compiled ahead.
pub(crate) const BASELINE: Option<&str> = match (cfg!(target_os = "linux"), cfg!(target_arch = "x86_64")) {
    (true, true) => Some("x86_64-unknown-linux-gnu"),
    (true, false) if cfg!(target_arch = "aarch64") => Some("aarch64-unknown-linux-gnu"),
    _ => None,
};

/// What code is compiled for; the child that compiles and the process that runs must agree.
pub(crate) fn config() -> wasmtime::Result<Config> {
    let mut config = Config::new();
    if let Some(target) = BASELINE {
        config.target(target)?;
    }
    config
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .cranelift_opt_level(OptLevel::Speed)
        // A wasm backtrace names guest functions; nobody reads it, and it costs at each trap.
        .wasm_backtrace_max_frames(None)
        .wasm_component_model(true);
    Ok(config)
}

/// WASI without preopens, environment, arguments and sockets (see `CallState`), HTTP, memo, log.
fn provider_linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    v1::link_provider(&mut linker)?;
    Ok(linker)
}

/// The same WASI, and log; no HTTP, no memo.
fn template_linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    v1::link_engine(&mut linker)?;
    Ok(linker)
}

/// A thread that advances the epoch. It holds the engine weakly, and ends with its owner.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &Engine) -> Self {
        let engine = engine.weak();
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        });
        Self { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use wasmtime::component::Component;

    use super::*;

    /// Bytes with their number before them.
    fn counted(bytes: &[u8]) -> Vec<u8> {
        assert!(bytes.len() < 128, "one byte of LEB128");
        [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    /// A component that imports an interface with one thing in it: as the component model's binary format has it
    /// (design/mvp/Binary.md). An instance type is 0x42 and declarations: 0x01 a type, 0x04 an export.
    fn importing(interface: &str, declarations: &[u8]) -> Vec<u8> {
        let name = |name: &str| [&[0], &counted(name.as_bytes())[..]].concat();
        let types = [&[1, 0x42], declarations].concat();
        let imports = [&[1], &name(interface)[..], &[0x05, 0]].concat();
        let section = |id: u8, bytes: &[u8]| [&[id], &counted(bytes)[..]].concat();
        [&b"\0asm\x0d\0\x01\0"[..], &section(7, &types), &section(10, &imports)].concat()
    }

    /// A resource of that name.
    fn resource(name: &str) -> Vec<u8> {
        [&[1, 0x04, 0], &counted(name.as_bytes())[..], &[0x03, 1]].concat()
    }

    /// What a world has is what its linker has: a component that imports more cannot be instantiated.
    #[test]
    fn an_engine_has_neither_network_nor_memo() {
        let engine = Engine::new(&config().unwrap()).unwrap();
        let (provider, template) = (provider_linker(&engine).unwrap(), template_linker(&engine).unwrap());
        // now: func() -> u64
        let now = [&[2, 0x01, 0x40, 0, 0, 0x77, 0x04, 0], &counted(b"now")[..], &[0x01, 0]].concat();
        for (interface, declarations, of_providers, of_engines) in [
            ("wasi:clocks/monotonic-clock@0.2.0", now, true, true),
            ("wasi:io/streams@0.2.0", resource("input-stream"), true, true),
            ("wasi:http/types@0.2.0", resource("fields"), true, false),
            ("wasi:http/types@0.2.0", resource("outgoing-request"), true, false),
            ("claviger:plugin/memo@1.0.0", resource("ticket"), true, false),
            ("wasi:keyvalue/store@0.2.0", resource("bucket"), false, false),
        ] {
            let component = Component::new(&engine, importing(interface, &declarations)).unwrap();
            assert_eq!(provider.instantiate_pre(&component).is_ok(), of_providers, "{interface}: a provider");
            assert_eq!(template.instantiate_pre(&component).is_ok(), of_engines, "{interface}: an engine");
        }
    }
}
