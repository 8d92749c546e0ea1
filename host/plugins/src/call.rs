//! One call of a plugin: a fresh store with its limits, the call, and the name of the limit if it met one.
//!
//! Nothing survives the call but what the host's memo was handed. Limits hold for what the guest does and
//! for what the host does and keeps on its behalf: handles, header fields, buffers, random bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use claviger_core::provider::Fault;
use tokio::time::Instant;
use wasmtime::component::{ResourceTable, ResourceTableError};
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::egress::{EgressSession, Hooks};
use crate::engine::{Machine, TICK};
use crate::error::first_line;
use crate::grants::Grants;
use crate::log::LogGate;
use crate::memo::MemoScope;
use crate::meter::Meter;
use crate::turns::Turns;
use crate::usage::{Shares, Usage};

/// Header fields that a guest makes, bytes of one set. What Vault and the clouds want is under 4 KiB.
const FIELDS: usize = 32 * 1024;

/// Handles per MiB of the memory grant: behind each may stand so much of the host's memory (a full set of
/// header fields), so that what a guest makes the host keep is no more than what it may have itself.
const HANDLES_PER_MIB: u64 = 1024 * 1024 / FIELDS as u64;

/// Never fewer: a read takes a dozen, and guests with a garbage collector give them back late.
const LEAST_HANDLES: u64 = 512;

/// Random bytes at once: a key or a salt is under 100; making these takes a millisecond.
const RANDOM: u64 = 256 * 1024;

/// A plugin's calls together have so many times the memory of one: an admin who grants 64 MiB has not
/// granted 64 times that, and the usual call takes a fiftieth.
const SHARE: u64 = 8;

/// But no less than this, which is 64 calls of a small plugin.
const LEAST_SHARE_MIB: u64 = 256;

/// Of that a namespace has one part in so many, as of the places of `rooms`: its own servers decide how much its calls
/// hold and for how long, and what others read is none of theirs. It has more while such a part is left: calls of a plugin
/// in Python take 40 MiB each, and a cluster may have one namespace that reads.
const PARTS: u64 = 4;

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
        let cpu_ms = u64::try_from(self.clock.meter.spent().as_millis()).unwrap_or(u64::MAX);
        self.usage.ended(bytes(self.limits.peak), cpu_ms);
        self.usage.released(bytes(self.limits.used), self.limits.holder.as_ref());
    }
}

/// Computing time of a call.
struct Clock {
    meter: Arc<Meter>,
    limit: Duration,
    turns: Arc<Turns>,
    /// The turn that a call which computes for long has until its next tick; 0: none.
    turn: Arc<AtomicU64>,
}

/// What a call may compute before it has to take turns with others that compute for long. Reading a page
/// of secrets takes a tenth of it.
const LIGHT: Duration = Duration::from_millis(5 * TICK.as_millis() as u64);

impl Clock {
    fn tick(&mut self) -> Result<UpdateDeadline, Fault> {
        self.end_turn();
        let used = self.meter.so_far();
        if used >= self.limit {
            return Err(Fault::CpuLimit { limit_ms: millis(self.limit) });
        }
        if used <= LIGHT {
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
    /// The namespace that asks, whose share of the memory it takes; none where it is nobody's.
    pub(crate) holder: Option<Arc<str>>,
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

/// Memory and tables, of all instances of the component together. A refusal is an error, not a `-1` that
/// the guest may go on with: which limit it met is then known.
struct Limits {
    memory: usize,
    memory_mib: u64,
    /// Of the calls that run at once.
    shares: Shares,
    holder: Option<Arc<str>>,
    usage: Arc<Usage>,
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
        if let Err(over) = self.usage.held(bytes(used - self.used), self.holder.as_ref(), self.shares) {
            self.over = Some(over);
            return Err(wasmtime::Error::msg("memory limit of all calls"));
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

const MIB: u64 = 1024 * 1024;

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Handles that a call may hold.
fn handles(grants: &Grants) -> usize {
    let count = grants.memory_mib.saturating_mul(HANDLES_PER_MIB).max(LEAST_HANDLES);
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Memory of all calls of a plugin, where the process has `room`: half of it, or one plugin could have the
/// process killed; and of those of one namespace. What one call is granted in any case.
fn shares(granted_mib: u64, room_mib: Option<u64>) -> Shares {
    let wanted = granted_mib.saturating_mul(SHARE).max(LEAST_SHARE_MIB);
    let all_mib = room_mib.map_or(wanted, |room| wanted.min(room / 2)).max(granted_mib);
    let left_mib = all_mib.div_ceil(PARTS);
    Shares { all_mib, each_mib: left_mib.max(granted_mib), left_mib }
}

/// Runs `body` in a fresh store under every limit of the grants, until `deadline` at the latest.
pub(crate) async fn run<T>(
    machine: &Machine,
    grants: &Grants,
    usage: &Arc<Usage>,
    setup: CallSetup,
    deadline: Instant,
    body: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<T>,
) -> Result<T, Fault> {
    let mut store = store(machine, grants, usage, setup);
    let meter = store.data().clock.meter.clone();
    let seats = store.data().hooks.seats();
    let outcome = {
        let mut calling = std::pin::pin!(meter.measure(body(&mut store)));
        let outcome = tokio::time::timeout_at(deadline, calling.as_mut()).await;
        // Before the call is taken down, which frees one seat after the other: none may pass to the next
        // request in the queue.
        seats.close();
        outcome
    };
    match outcome {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(fault(&mut store, grants, &error)),
        // One that was refused and tried again until its time was over was refused.
        Err(_) => Err(denial(&mut store).unwrap_or_else(|| too_slow(grants))),
    }
}

/// A fresh store.
fn store(machine: &Machine, grants: &Grants, usage: &Arc<Usage>, setup: CallSetup) -> Store<CallState> {
    let memory = usize::try_from(grants.memory_mib.saturating_mul(MIB)).unwrap_or(usize::MAX);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELDS);
    let mut table = ResourceTable::new();
    table.set_max_capacity(handles(grants));
    let state = CallState {
        table,
        // No arguments, environment, preopened folders, standard streams; sockets and name look-ups are
        // denied unless allowed, and nothing is.
        wasi: WasiCtx::builder()
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM)
            .build(),
        http,
        hooks: Hooks::new(setup.egress, usage.clone()),
        limits: Limits {
            memory,
            memory_mib: grants.memory_mib,
            shares: shares(grants.memory_mib, machine.room_mib),
            holder: setup.holder,
            usage: usage.clone(),
            used: 0,
            peak: 0,
            elements: 0,
            over: None,
        },
        clock: Clock {
            meter: Arc::default(),
            limit: grants.cpu,
            turns: machine.turns.clone(),
            turn: Arc::default(),
        },
        usage: usage.clone(),
        memo: setup.memo,
        log: setup.log,
    };
    let mut store = Store::new(&machine.engine, state);
    store.limiter(|state| &mut state.limits);
    store.set_max_component_handles(handles(grants));
    // What the guest hands over in one call, its HTTP bodies included: twice the answer, and a floor for
    // plugins whose answers are small. Lists count as large as the host holds them.
    let output = usize::try_from(grants.output_bytes).unwrap_or(usize::MAX);
    store.set_hostcall_fuel(output.saturating_mul(2).max(1024 * 1024));
    store.set_epoch_deadline(1);
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

/// Names what ended a call.
fn fault(store: &mut Store<CallState>, grants: &Grants, error: &wasmtime::Error) -> Fault {
    let state = store.data_mut();
    if let Some(denied) = state.hooks.denial() {
        return denied;
    }
    if let Some(over) = state.limits.over.take() {
        return over;
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Fault::Trapped(trap.to_string().chars().take(120).collect());
    }
    let text = first_line(error);
    // wasmtime has no types for these two.
    if text.contains("fuel allocated for hostcalls") {
        return Fault::OutputLimit { limit_bytes: grants.output_bytes };
    }
    let full = matches!(error.downcast_ref(), Some(ResourceTableError::Full));
    if full || text.contains("handle limit exceeded") {
        let limit = handles(grants);
        return Fault::Trapped(format!("it holds more than its limit of {limit} handles"));
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
    Fault::WallLimit { limit_ms: millis(grants.wall) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_together_have_a_share_of_what_there_is_and_a_namespace_a_quarter_of_it() {
        for (granted, room, all_mib, each_mib, left_mib) in [
            (64, None, 512, 128, 128),
            (4, None, 256, 64, 64),
            (64, Some(4_000), 512, 128, 128),
            // The chart's pod, about.
            (64, Some(400), 200, 64, 50),
            (4, Some(400), 200, 50, 50),
            (64, Some(200), 100, 64, 25),
            // One call fits, whatever else does.
            (64, Some(40), 64, 64, 16),
            (4096, Some(400), 4096, 4096, 1024),
        ] {
            let expected = Shares { all_mib, each_mib, left_mib };
            assert_eq!(shares(granted, room), expected, "{granted} {room:?}");
        }
    }
}
