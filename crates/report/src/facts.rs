//! What a report is made of.

use attribution::{Amdahl, FasterArrays, FasterArraysBound, Peaks, Roofline, Speedup, Summary};
use energy::{Account, Area, UnitArea};
use quantities::{Bytes, Frequency};
use serde::Serialize;
use serde_json::Value;
use tile_program::UnitId;

/// One array of the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayFacts {
    /// Which unit it is.
    pub unit: UnitId,
    /// PE rows.
    pub rows: u64,
    /// PE columns.
    pub columns: u64,
    /// Its PEs, as the machine file says: `Ternary`, `Bf16`.
    pub element: String,
    /// What stays in it: `WeightStationary`.
    pub dataflow: String,
    /// The timing convention of its cycle counts: `Overlapped`.
    pub convention: String,
    /// Multiply-accumulates that it can do in a cycle of the reference clock: PEs / initiation
    /// interval, times its clock over the reference clock.
    pub peak_macs_per_cycle: f64,
}

/// The model that was run, as it was resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ModelFacts {
    /// What it is called.
    pub name: String,
    /// Its parameters; `None` where they do not fit 64 bits.
    pub parameters: Option<u64>,
    /// Its name, shape and number of parameters in one line, its parts divided by commas.
    pub shape: String,
    /// The formats of its operands in one line, divided by commas.
    pub formats: String,
    /// What its file says that was not run, or not understood.
    pub warnings: Vec<String>,
}

/// What the main memory did. Counters are those of the memory itself, whole bursts, all channels
/// together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DramFacts {
    /// `LPDDR5-6400 x4`, `ideal`.
    pub name: String,
    /// Channels.
    pub channels: u64,
    /// Bytes that all channels together move in a second at best.
    pub peak_bytes_per_second: f64,
    /// Read bursts.
    pub reads: u64,
    /// Write bursts.
    pub writes: u64,
    /// Bytes on the bus, in whole bursts.
    pub bus_bytes: u64,
    /// Rows opened.
    pub activates: u64,
    /// Precharges: of a bank, or of all banks of a rank.
    pub precharges: u64,
    /// Refreshes: of all banks, or of one.
    pub refreshes: u64,
    /// Bursts that found their row open.
    pub row_hits: u64,
    /// Bursts that were the first of their open row.
    pub row_misses: u64,
    /// The memory's clock.
    pub clock_hz: f64,
    /// Every cycle of each channel, in that clock.
    pub channel_cycles: Vec<ChannelCycles>,
    /// Bytes on the bus of each channel, in whole bursts; they sum to `bus_bytes`.
    pub channel_bus_bytes: Vec<u64>,
    /// Energy, if the standard's is known.
    pub energy_pj: Option<f64>,
}

/// Every cycle of a memory channel in one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChannelCycles {
    /// Data moved.
    pub bandwidth: u64,
    /// A row had to be closed or opened first.
    pub row_conflict: u64,
    /// A refresh held the rank.
    pub refresh: u64,
    /// The bus turned between reads and writes.
    pub turnaround: u64,
    /// The rest of the time in which something was asked for.
    pub latency: u64,
    /// Nothing was asked for.
    pub idle: u64,
}

/// What a scratchpad saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScratchpadFacts {
    /// `weights`.
    pub name: String,
    /// All that it can hold; `None` without limit.
    #[serde(rename = "capacity_bytes")]
    pub capacity: Option<Bytes>,
    /// The most that it held.
    #[serde(rename = "peak_bytes")]
    pub peak: Bytes,
    /// Bytes that the DMA wrote into it.
    #[serde(rename = "filled_bytes")]
    pub filled: Bytes,
    /// Bytes that the DMA read from it.
    #[serde(rename = "drained_bytes")]
    pub drained: Bytes,
    /// Bytes that arrays and the vector unit read from it.
    #[serde(rename = "array_read_bytes")]
    pub read: Bytes,
    /// Bytes that arrays wrote to it.
    #[serde(rename = "array_written_bytes")]
    pub written: Bytes,
}

/// The cores and chips of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SystemFacts {
    /// Equal chips.
    pub chips: u64,
    /// Cores on each.
    pub cores_per_chip: u64,
    /// How many chips each simulated one stands for, because they do the same in the same cycles. All
    /// other figures are of the simulated ones.
    pub replicas: u64,
    /// The links that any data passed.
    pub links: Vec<LinkFacts>,
}

impl Default for SystemFacts {
    /// One core.
    fn default() -> Self {
        Self {
            chips: 1,
            cores_per_chip: 1,
            replicas: 1,
            links: Vec::new(),
        }
    }
}

/// A link in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkFacts {
    /// From chip.
    pub from: u16,
    /// To chip.
    pub to: u16,
    /// Cycles in which data entered it.
    pub busy_cycles: u64,
}

/// Weights that stayed on chip from pass to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeptFacts {
    /// Matrices.
    pub matrices: u64,
    /// Bytes of the weight scratchpad that they held.
    pub bytes: Bytes,
    /// They were there before the run began; else their first use loaded them.
    pub warm: bool,
}

/// The weights of the projections, which are what makes work MatMul-free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeightFacts {
    /// Their format: `ternary (1.6 bits)`, `INT8`.
    pub format: String,
    /// Tenths of a bit that one takes in main memory.
    pub tenths_of_a_bit: u64,
    /// Whether they are binary or ternary, so that no multiplier is needed for them.
    pub are_matmul_free: bool,
}

/// Work outside the machine, during which it stands still.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SerialFacts {
    /// What it is.
    pub what: String,
    /// How often it is done.
    pub times: u64,
    /// How long it takes in all.
    pub seconds: f64,
}

/// Energy and area in a technology.
#[derive(Clone, Debug)]
pub struct EnergyFacts {
    /// What the technology is called.
    pub technology: String,
    /// Its node in nanometres.
    pub node_nm: u64,
    /// Placed area by unit.
    pub areas: Vec<UnitArea>,
    /// Where the energy went.
    pub account: Account,
}

impl EnergyFacts {
    /// Placed area of all units.
    #[must_use]
    pub fn area(&self) -> Area {
        self.areas.iter().map(|unit| unit.area).sum()
    }
}

/// A run and the work outside the machine, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WithSerial {
    /// Both.
    pub seconds: f64,
    /// Tokens a second of that time; `None` for a workload that makes no tokens.
    pub tokens_per_second: Option<f64>,
    /// F, of that time.
    pub fraction: f64,
}

/// All that a report of a run is made of.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name of the machine.
    pub machine: String,
    /// Name of the workload.
    pub workload: String,
    /// The model that it runs.
    pub model: ModelFacts,
    /// The reference clock.
    pub clock: Frequency,
    /// Tokens that the run adds to its results, over the whole batch; `None` for a workload that makes
    /// none, as dense layers by themselves.
    pub tokens: Option<u64>,
    /// The weights of the projections.
    pub weights: WeightFacts,
    /// Where the cycles went.
    pub summary: Summary,
    /// The arrays, in the order of the machine file.
    pub arrays: Vec<ArrayFacts>,
    /// The main memory.
    pub dram: DramFacts,
    /// The cores and chips.
    pub system: SystemFacts,
    /// The weights that stayed on chip.
    pub kept_weights: KeptFacts,
    /// Bytes that the ports of each scratchpad's computing side carry in a cycle, in the order of
    /// `ScratchpadId`; infinite without limits.
    pub port_bytes_per_cycle: [f64; 3],
    /// The scratchpads.
    pub scratchpads: Vec<ScratchpadFacts>,
    /// Work outside the machine; no cycle of any ledger.
    pub serial: Vec<SerialFacts>,
    /// Energy and area, where the machine names a technology.
    pub energy: Option<EnergyFacts>,
    /// Machine and workload as resolved, defaults filled in; goes into the JSON document as it is.
    pub config: Value,
}

impl Run {
    /// The timing convention, if all arrays have the same; otherwise each array's.
    #[must_use]
    pub fn convention(&self) -> String {
        let Some(first) = self.arrays.first() else {
            return String::new();
        };
        if self
            .arrays
            .iter()
            .all(|array| array.convention == first.convention)
        {
            return first.convention.clone();
        }
        let each = self.arrays.iter().map(|array| {
            let name = &self.summary.units[array.unit.index()].name;
            format!("{name}: {}", array.convention)
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// Whether there is more than one core.
    #[must_use]
    pub const fn has_several_cores(&self) -> bool {
        self.system.chips * self.system.cores_per_chip > 1
    }

    /// The makespan in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.clock.seconds_f64(self.summary.total)
    }

    /// Time of the work outside the machine.
    #[must_use]
    pub fn serial_seconds(&self) -> f64 {
        // Not `sum()`, which is -0.0 where there is nothing to add.
        let terms = self.serial.iter();
        terms.fold(0.0, |sum, term| sum + term.seconds)
    }

    /// The run with the work outside the machine; `None` where there is none.
    #[must_use]
    pub fn with_serial(&self) -> Option<WithSerial> {
        let seconds = self.seconds() + self.serial_seconds();
        (!self.serial.is_empty() && seconds > 0.0).then(|| WithSerial {
            seconds,
            tokens_per_second: self.tokens.map(|tokens| tokens as f64 / seconds),
            fraction: self.clock.seconds_f64(self.amdahl().reachable) / seconds,
        })
    }

    /// `None` for a workload that makes no tokens, and for a run that took no time.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (tokens, seconds) = (self.tokens?, self.seconds());
        (seconds > 0.0).then(|| tokens as f64 / seconds)
    }

    /// F and what it allows.
    #[must_use]
    pub fn amdahl(&self) -> Amdahl {
        Amdahl::of(&self.summary)
    }

    /// What faster arrays alone would buy, by the critical path.
    #[must_use]
    pub fn faster_arrays(&self) -> FasterArrays {
        FasterArrays::of(&self.summary, self.port_bytes_per_cycle)
    }

    /// What no schedule with faster arrays can beat.
    #[must_use]
    pub fn faster_arrays_bound(&self) -> FasterArraysBound {
        FasterArrays::bound(&self.summary, &self.peaks())
    }

    /// The run beside the time that it cannot beat.
    #[must_use]
    pub fn roofline(&self) -> Roofline {
        Roofline::of(&self.summary, &self.peaks())
    }

    /// What the machine could do at best.
    fn peaks(&self) -> Peaks {
        Peaks {
            memory_bytes_per_cycle: self.dram.peak_bytes_per_second / self.clock.as_hertz_f64(),
            array_macs_per_cycle: self
                .arrays
                .iter()
                .map(|array| (array.unit, array.peak_macs_per_cycle))
                .collect(),
        }
    }

    /// Multiply-accumulates that all arrays can do in a second, each two operations, in 10^12; on all
    /// chips.
    #[must_use]
    pub fn peak_tops(&self) -> f64 {
        let arrays = self.arrays.iter();
        let macs = arrays.fold(0.0, |sum, array| sum + array.peak_macs_per_cycle);
        2e-12 * macs * self.clock.as_hertz_f64() * self.system.replicas as f64
    }

    /// Operations of the run a second, in 10^12, on all chips; 0 for a run that took no time.
    #[must_use]
    pub fn tops(&self) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 {
            2e-12 * (self.summary.macs * self.system.replicas) as f64 / seconds
        } else {
            0.0
        }
    }

    /// Payload bytes a second, read and written; `None` for a run that took no time.
    #[must_use]
    pub fn bytes_per_second(&self) -> Option<f64> {
        let bytes = self.summary.bytes_read + self.summary.bytes_written;
        let seconds = self.seconds();
        (seconds > 0.0).then(|| bytes.get() as f64 / seconds)
    }

    /// Of the multiply-accumulates that an array could have done in the whole run, the share that
    /// it did.
    #[must_use]
    pub fn utilisation(&self, array: &ArrayFacts) -> f64 {
        let slots = array.peak_macs_per_cycle * self.summary.total.get() as f64;
        let macs = self.summary.units[array.unit.index()].macs as f64;
        if slots > 0.0 { macs / slots } else { 0.0 }
    }

    /// The share of the run in which a unit was busy.
    #[must_use]
    pub fn busy(&self, unit: UnitId) -> f64 {
        let total = self.summary.total.get() as f64;
        let busy = self.summary.units[unit.index()].busy.get() as f64;
        if total > 0.0 { busy / total } else { 0.0 }
    }
}

/// The speedups that reports evaluate the law for.
///
/// # Panics
/// Never: the factors are at least one.
#[must_use]
pub(crate) fn law_speedups() -> Vec<Speedup> {
    [2.0, 4.0, 8.0, 16.0]
        .into_iter()
        .map(|times| Speedup::new(times).expect("at least one"))
        .collect()
}
