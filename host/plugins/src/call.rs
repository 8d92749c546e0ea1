//! One call of a plugin: a fresh store with its limits, the call, and the name of the limit if it met one.
//!
//! Nothing survives the call but what the host's memo was handed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use claviger_core::provider::Fault;
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::egress::{EgressSession, Hooks};
use crate::engine::{Machine, TICK};
use crate::error::first_line;
use crate::grants::Grants;
use crate::log::LogGate;
use crate::memo::MemoScope;
use crate::turns::Turns;
use crate::usage::Usage;

/// Header fields of one message, bytes. Vault's and the clouds' are under 4 KiB.
const FIELDS: usize = 64 * 1024;

/// What the host functions of a call work on.
pub(crate) struct CallState {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    limits: Limits,
    clock: Clock,
    usage: Arc<Usage>,
    pub(crate) memo: Option<MemoScope>,
    pub(crate) log: LogGate,
}

/// What is known of a call when it ends, however it ends: also by being dropped.
impl Drop for CallState {
    fn drop(&mut self) {
        self.clock.end_turn();
        let cpu_ms = self.clock.used.saturating_mul(u64::try_from(TICK.as_millis()).unwrap_or(1));
        self.usage.ended(u64::try_from(self.limits.peak).unwrap_or(u64::MAX), cpu_ms);
    }
}

/// Computing time of a call, in ticks.
struct Clock {
    used: u64,
    limit: u64,
    turns: Arc<Turns>,
    /// The turn that a call which computes for long has until its next tick; 0: none.
    turn: Arc<AtomicU64>,
}

/// Ticks that a call may compute before it has to take turns with others that compute for long. Reading
/// a page of secrets takes less than one.
const LIGHT: u64 = 5;

impl Clock {
    fn tick(&mut self) -> Result<UpdateDeadline, Fault> {
        self.end_turn();
        if self.used >= self.limit {
            return Err(Fault::CpuLimit { limit_ms: 0 });
        }
        self.used += 1;
        if self.used <= LIGHT {
            return Ok(UpdateDeadline::Yield(1));
        }
        let (turns, turn) = (self.turns.clone(), self.turn.clone());
        let wait = async move {
            tokio::task::yield_now().await;
            turn.store(turns.take().await, Ordering::Relaxed);
        };
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(wait)))
    }

    fn end_turn(&self) {
        let turn = self.turn.swap(0, Ordering::Relaxed);
        if turn != 0 {
            self.turns.give_back(turn);
        }
    }
}

/// What a call brings along.
pub(crate) struct CallSetup {
    pub(crate) egress: Option<Arc<EgressSession>>,
    pub(crate) memo: Option<MemoScope>,
    pub(crate) log: LogGate,
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Memory and tables, of all instances of the component together. A refusal is an error, not a `-1` that the guest may go on with: which limit it met
/// is then known.
struct Limits {
    memory: usize,
    memory_mib: u64,
    used: usize,
    peak: usize,
    elements: usize,
    over: Option<Fault>,
}

/// Table elements: function pointers of the largest runtime that was tried (Python) are 20,000.
const TABLE_ELEMENTS: usize = 100_000;

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.memory {
            self.over = Some(Fault::MemoryLimit { limit_mib: self.memory_mib });
            return Err(wasmtime::Error::msg("memory limit"));
        }
        self.used = used;
        self.peak = self.peak.max(used);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = self.elements.saturating_add(desired.saturating_sub(current));
        if elements > TABLE_ELEMENTS {
            self.over = Some(Fault::MemoryLimit { limit_mib: self.memory_mib });
            return Err(wasmtime::Error::msg("table limit"));
        }
        self.elements = elements;
        Ok(true)
    }

    /// A component is a handful of core instances: its own, adapters, a language runtime's parts.
    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    /// Adapters bring small ones of their own; all count towards the one limit.
    fn memories(&self) -> usize {
        8
    }
}

/// A fresh store.
pub(crate) fn store(
    machine: &Machine,
    grants: &Grants,
    usage: &Arc<Usage>,
    setup: CallSetup,
) -> Store<CallState> {
    let memory = usize::try_from(grants.memory_mib * 1024 * 1024).unwrap_or(usize::MAX);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELDS);
    let state = CallState {
        table: ResourceTable::new(),
        // No arguments, environment, preopened folders, standard streams; sockets and name look-ups are
        // denied unless allowed, and nothing is.
        wasi: WasiCtx::builder().allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).build(),
        http,
        hooks: Hooks::new(setup.egress, usage.clone()),
        limits: Limits { memory, memory_mib: grants.memory_mib, used: 0, peak: 0, elements: 0, over: None },
        clock: Clock {
            used: 0,
            limit: ticks(grants.cpu),
            turns: machine.turns.clone(),
            turn: Arc::default(),
        },
        usage: usage.clone(),
        memo: setup.memo,
        log: setup.log,
    };
    let mut store = Store::new(&machine.engine, state);
    store.limiter(|state| &mut state.limits);
    // What the guest hands over in one call, its HTTP bodies included: twice the answer, and a floor for
    // plugins whose answers are small.
    let output = usize::try_from(grants.output_bytes).unwrap_or(usize::MAX);
    store.set_hostcall_fuel(output.saturating_mul(2).max(1024 * 1024));
    store.set_epoch_deadline(1);
    // Ticks that pass while the guest waits for the host are seen as one when it goes on, so this counts
    // computing and not waiting.
    store.epoch_deadline_callback(|mut context| {
        let state = context.data_mut();
        match state.clock.tick() {
            Ok(next) => Ok(next),
            Err(over) => {
                state.limits.over = Some(over);
                Ok(UpdateDeadline::Interrupt)
            }
        }
    });
    store
}

fn ticks(cpu: Duration) -> u64 {
    u64::try_from(cpu.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Names what ended a call.
pub(crate) fn fault(store: &mut Store<CallState>, grants: &Grants, error: &wasmtime::Error) -> Fault {
    let state = store.data_mut();
    if let Some(denied) = state.hooks.denial() {
        return denied;
    }
    match state.limits.over.take() {
        Some(Fault::CpuLimit { .. }) => {
            return Fault::CpuLimit { limit_ms: u64::try_from(grants.cpu.as_millis()).unwrap_or(u64::MAX) };
        }
        Some(over) => return over,
        None => {}
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Fault::Trapped(trap.to_string().chars().take(120).collect());
    }
    let text = first_line(error);
    if text.contains("fuel") {
        return Fault::OutputLimit { limit_bytes: grants.output_bytes };
    }
    Fault::Trapped(text)
}

/// The denial that a guest met, if it met one and its answer was an error.
pub(crate) fn denial(store: &mut Store<CallState>) -> Option<Fault> {
    store.data_mut().hooks.denial()
}

/// What went wrong on the network during the call, in the host's words.
pub(crate) fn trouble(store: &mut Store<CallState>) -> Option<String> {
    store.data_mut().hooks.trouble()
}

/// The fault of a call that did not end in time.
pub(crate) fn too_slow(grants: &Grants) -> Fault {
    Fault::WallLimit { limit_ms: u64::try_from(grants.wall.as_millis()).unwrap_or(u64::MAX) }
}
