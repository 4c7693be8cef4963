//! The parts of the machine: arrays, main memory, scratchpads, chips and links.

use quantities::Bytes;
use serde::Serialize;
use simulator::{ArrayOfRun, ChannelOutcome, RunRecord, ScratchpadOutcome};

#[derive(Serialize)]
pub(super) struct Array<'a> {
    name: &'a str,
    rows: u64,
    columns: u64,
    element: String,
    dataflow: String,
    convention: String,
    peak_macs_per_cycle: f64,
    macs: u64,
    utilisation: f64,
    busy: f64,
}

impl<'a> Array<'a> {
    pub(super) fn of(run: &'a RunRecord, array: &ArrayOfRun<'_>) -> Self {
        let unit = run.unit(array.target.unit);
        Self {
            name: &unit.name,
            rows: array.target.rows,
            columns: array.target.columns,
            element: array.spec.kind.name.to_string(),
            dataflow: format!("{:?}", array.spec.array.dataflow),
            convention: format!("{:?}", array.spec.array.timing),
            peak_macs_per_cycle: array.peak_macs_per_cycle,
            macs: unit.macs,
            utilisation: run.utilisation(array),
            busy: run.busy(array.target.unit),
        }
    }
}

/// What the main memories of all simulated chips did together. Counters are those of the memory
/// itself, in whole bursts.
#[derive(Serialize)]
pub(super) struct Dram {
    name: String,
    channels: u64,
    /// Infinite without a limit, which is written as null.
    peak_bytes_per_second: f64,
    reads: u64,
    writes: u64,
    bus_bytes: u64,
    activates: u64,
    /// Of a bank, or of all banks of a rank.
    precharges: u64,
    /// Of all banks, or of one.
    refreshes: u64,
    row_hits: u64,
    row_misses: u64,
    clock_hz: f64,
    channel_cycles: Vec<ChannelCycles>,
    /// They sum to `bus_bytes`.
    channel_bus_bytes: Vec<u64>,
    energy_pj: Option<f64>,
    bytes_read: u64,
    bytes_written: u64,
    compulsory_bytes_read: u64,
    compulsory_bytes_written: u64,
    bytes_per_second: Option<f64>,
}

impl Dram {
    pub(super) fn of(run: &RunRecord) -> Self {
        let (summary, channels) = (&run.summary, &run.outcome.channels);
        let counters = run.memory_counters();
        Self {
            name: run.memory_name(),
            channels: run.memory_channels(),
            peak_bytes_per_second: run.memory_bytes_per_second(),
            reads: counters.reads,
            writes: counters.writes,
            bus_bytes: counters.bytes,
            activates: counters.activates,
            precharges: counters.precharges + counters.precharges_all,
            refreshes: counters.refreshes + counters.bank_refreshes,
            row_hits: counters.row_hits,
            row_misses: counters.row_misses,
            clock_hz: run.machine.memory().frequency().as_hertz_f64(),
            channel_cycles: channels.iter().map(ChannelCycles::from).collect(),
            channel_bus_bytes: channels.iter().map(|one| one.counters.bytes).collect(),
            energy_pj: run.dram_energy.map(|energy| energy.total_pj),
            bytes_read: summary.bytes_read.get(),
            bytes_written: summary.bytes_written.get(),
            compulsory_bytes_read: summary.compulsory_read.get(),
            compulsory_bytes_written: summary.compulsory_write.get(),
            bytes_per_second: run.bytes_per_second(),
        }
    }
}

/// Every cycle of a memory channel in one bucket.
#[derive(Serialize)]
struct ChannelCycles {
    bandwidth: u64,
    row_conflict: u64,
    refresh: u64,
    turnaround: u64,
    latency: u64,
    idle: u64,
}

impl From<&ChannelOutcome> for ChannelCycles {
    fn from(channel: &ChannelOutcome) -> Self {
        let cycles = &channel.cycles;
        Self {
            bandwidth: cycles.bandwidth.get(),
            row_conflict: cycles.row_conflict.get(),
            refresh: cycles.refresh.get(),
            turnaround: cycles.turnaround.get(),
            latency: cycles.latency.get(),
            idle: cycles.idle.get(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Scratchpad {
    name: String,
    /// Null without limits.
    capacity_bytes: Option<Bytes>,
    peak_bytes: Bytes,
    filled_bytes: Bytes,
    drained_bytes: Bytes,
    array_read_bytes: Bytes,
    array_written_bytes: Bytes,
}

impl From<(String, &ScratchpadOutcome)> for Scratchpad {
    fn from((name, pad): (String, &ScratchpadOutcome)) -> Self {
        Self {
            name,
            capacity_bytes: pad.capacity,
            peak_bytes: pad.peak,
            filled_bytes: pad.filled,
            drained_bytes: pad.drained,
            array_read_bytes: pad.read,
            array_written_bytes: pad.written,
        }
    }
}

#[derive(Serialize)]
pub(super) struct System {
    chips: u64,
    cores_per_chip: u64,
    replicas: u64,
    links: Vec<Link>,
}

/// A link in one direction.
#[derive(Serialize)]
struct Link {
    from: u16,
    to: u16,
    busy_cycles: u64,
}

impl System {
    pub(super) fn of(run: &RunRecord) -> Self {
        let links = run.links().map(|((from, to), cycles)| Link {
            from,
            to,
            busy_cycles: cycles.get(),
        });
        Self {
            chips: run.chips(),
            cores_per_chip: run.cores_per_chip(),
            replicas: run.platform().replicas,
            links: links.collect(),
        }
    }
}
