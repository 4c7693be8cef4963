//! All that is known of a run.

use accelerator::{ArraySpec, Machine, MachineSpec, Outcome, ScratchpadOutcome};
use attribution::{Amdahl, FasterArrays, FasterArraysBound, Peaks, Roofline, Summary, UnitSummary};
use dram::{Causes, Counters};
use quantities::{Bytes, Cycles, Frequency};
use serde::Serialize;
use tile_program::{ArrayTarget, LinkId, Platform, Role, ScratchpadId, UnitId};
use workload_compiler::{KeptWeights, Workload};

use crate::dram_energy::DramEnergy;
use crate::pricing::EnergyRecord;
use crate::serial::SerialTime;

/// All that is known of a run: what was run on what, where the cycles went, what the machine
/// counted, and what it cost. Figures are of the simulated cores; [`Platform::replicas`] tells how
/// many equal chips each of their chips stands for.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// What reports call the run: the name of its workload file, or of its model.
    pub name: String,
    /// The machine, of which only the cores of its platform were simulated.
    pub machine: Machine,
    /// The workload as it was resolved.
    pub workload: Workload,
    /// Where the cycles went. The tilings that were chosen stand with its operations.
    pub summary: Summary,
    /// What the machine counted.
    pub outcome: Outcome,
    /// The weights that stayed on chip from pass to pass.
    pub kept_weights: KeptWeights,
    /// Bytes of main memory that the workload takes on the fullest chip.
    pub footprint: Bytes,
    /// Matrix products that the program consists of.
    pub gemms: u64,
    /// Work outside the machine, in the order of the machine file; it is no cycle of any ledger.
    pub serial: Vec<SerialTime>,
    /// Energy of main memory; `None` where its commands' energies are not known.
    pub dram_energy: Option<DramEnergy>,
    /// Energy and area; `None` unless the simulation was given a technology.
    pub energy: Option<EnergyRecord>,
}

/// An array of a run: what the program knew of it, and its description.
#[derive(Clone, Copy, Debug)]
pub struct ArrayOfRun<'a> {
    /// Its unit and size.
    pub target: &'a ArrayTarget,
    /// Its PEs, dataflow, clock and timing convention.
    pub spec: &'a ArraySpec,
    /// Multiply-accumulates that it can do in a cycle of the reference clock: PEs / initiation
    /// interval, times its clock over the reference clock.
    pub peak_macs_per_cycle: f64,
}

/// A run and the work outside the machine, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WithSerial {
    /// Seconds of both together.
    pub seconds: f64,
    /// Tokens a second of that time; `None` for a workload that makes no tokens.
    pub tokens_per_second: Option<f64>,
    /// F, the MatMul-free share, of that time.
    pub fraction: f64,
}

/// What was run, and how long it took.
impl RunRecord {
    /// The description of the machine.
    #[must_use]
    pub fn spec(&self) -> &MachineSpec {
        self.machine.spec()
    }

    /// The simulated cores.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        self.machine.platform()
    }

    /// The reference clock, in which all cycles count.
    #[must_use]
    pub fn clock(&self) -> Frequency {
        self.spec().clock
    }

    /// The number of chips of the machine, simulated or not.
    #[must_use]
    pub fn chips(&self) -> u64 {
        u64::from(self.spec().chips)
    }

    /// The number of cores on each chip.
    #[must_use]
    pub fn cores_per_chip(&self) -> u64 {
        self.platform().cores_per_chip as u64
    }

    /// Whether the machine has more than one core.
    #[must_use]
    pub fn has_several_cores(&self) -> bool {
        self.chips() * self.cores_per_chip() > 1
    }

    /// Tokens that the run adds to its results, over the whole batch; `None` for a workload that
    /// makes none, as dense layers by themselves.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        self.workload.tokens_made()
    }

    /// The makespan in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.clock().seconds_f64(self.summary.total)
    }

    /// Tokens a second; `None` for a workload that makes no tokens, and for a run that took no
    /// time.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (tokens, seconds) = (self.tokens()?, self.seconds());
        (seconds > 0.0).then(|| tokens as f64 / seconds)
    }

    /// Seconds of the work outside the machine.
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
            tokens_per_second: self.tokens().map(|tokens| tokens as f64 / seconds),
            fraction: self.clock().seconds_f64(self.amdahl().reachable) / seconds,
        })
    }
}

/// What the laws of [`attribution`] say of the run.
impl RunRecord {
    /// F and what it allows.
    #[must_use]
    pub fn amdahl(&self) -> Amdahl {
        Amdahl::of(&self.summary)
    }

    /// What faster arrays alone would buy, by the critical path.
    #[must_use]
    pub fn faster_arrays(&self) -> FasterArrays {
        FasterArrays::of(&self.summary, self.machine.port_bytes_per_cycle())
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
    #[must_use]
    pub fn peaks(&self) -> Peaks {
        Peaks {
            memory_bytes_per_cycle: self.memory_bytes_per_second() / self.clock().as_hertz_f64(),
            array_macs_per_cycle: self
                .arrays()
                .map(|array| (array.target.unit, array.peak_macs_per_cycle))
                .collect(),
        }
    }

    /// Multiply-accumulates that all arrays can do in a second, each two operations, in 10^12; on
    /// all chips.
    #[must_use]
    pub fn peak_tops(&self) -> f64 {
        let arrays = self.arrays();
        let macs = arrays.fold(0.0, |sum, array| sum + array.peak_macs_per_cycle);
        2e-12 * macs * self.clock().as_hertz_f64() * self.platform().replicas as f64
    }

    /// Multiply-accumulates of the run, on all chips.
    #[must_use]
    pub fn macs_of_all_chips(&self) -> u64 {
        self.summary.macs * self.platform().replicas
    }

    /// Operations of the run a second, in 10^12, on all chips; 0 for a run that took no time.
    #[must_use]
    pub fn tops(&self) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 {
            2e-12 * self.macs_of_all_chips() as f64 / seconds
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
}

/// The parts of the machine.
impl RunRecord {
    /// The arrays of the simulated cores, in the order of the machine file.
    pub fn arrays(&self) -> impl Iterator<Item = ArrayOfRun<'_>> {
        self.platform().cores.iter().flat_map(|core| {
            let specs = &self.machine.core_spec(core).arrays;
            let arrays = core.arrays.iter().zip(specs);
            arrays.map(|(target, spec)| ArrayOfRun {
                target,
                spec,
                peak_macs_per_cycle: spec.peak_macs_per_cycle(self.clock()),
            })
        })
    }

    /// What a unit did.
    ///
    /// # Panics
    /// If the unit is none of the run's platform.
    #[must_use]
    pub fn unit(&self, unit: UnitId) -> &UnitSummary {
        &self.summary.units[unit.index()]
    }

    /// Of the multiply-accumulates that an array could have done in the whole run, the share that
    /// it did.
    #[must_use]
    pub fn utilisation(&self, array: &ArrayOfRun<'_>) -> f64 {
        let slots = array.peak_macs_per_cycle * self.summary.total.get() as f64;
        let macs = self.unit(array.target.unit).macs as f64;
        if slots > 0.0 { macs / slots } else { 0.0 }
    }

    /// The share of the run in which a unit was busy.
    #[must_use]
    pub fn busy(&self, unit: UnitId) -> f64 {
        let total = self.summary.total.get() as f64;
        let busy = self.unit(unit).busy.get() as f64;
        if total > 0.0 { busy / total } else { 0.0 }
    }

    /// The share of the run in which the units of a role are busy, on average over all cores that
    /// are simulated; 0 where there are none.
    #[must_use]
    pub fn busy_of(&self, role: Role) -> f64 {
        let units = self.platform().all_units();
        let busy: Vec<u64> = units
            .filter(|&(_, _, each)| each == role)
            .map(|(_, unit, _)| self.unit(unit).busy.get())
            .collect();
        let available = busy.len() as u64 * self.summary.total.get();
        busy.iter().sum::<u64>() as f64 / available.max(1) as f64
    }

    /// The timing convention, if all arrays have the same; otherwise each array's.
    #[must_use]
    pub fn convention(&self) -> String {
        let named = |array: &ArrayOfRun<'_>| format!("{:?}", array.spec.array.timing);
        let Some(first) = self.arrays().next() else {
            return String::new();
        };
        let first = named(&first);
        if self.arrays().all(|array| named(&array) == first) {
            return first;
        }
        let each = self
            .arrays()
            .map(|array| format!("{}: {}", self.unit(array.target.unit).name, named(&array)));
        each.collect::<Vec<_>>().join(", ")
    }

    /// The scratchpads of the simulated cores, each with its name.
    pub fn scratchpads(&self) -> impl Iterator<Item = (String, &ScratchpadOutcome)> {
        let cores = self.platform().cores.iter().zip(&self.outcome.scratchpads);
        cores.flat_map(|(core, pads)| {
            let name = |id: ScratchpadId| format!("{}{}", core.prefix, id.name());
            ScratchpadId::ALL.map(name).into_iter().zip(pads)
        })
    }

    /// The links that any data passed, with the chips at their ends and the cycles in which data
    /// entered them.
    pub fn links(&self) -> impl Iterator<Item = ((u16, u16), Cycles)> {
        let network = &self.platform().network;
        let links = (0..).map(LinkId).zip(&self.outcome.links);
        links
            .filter(|(_, cycles)| !cycles.is_zero())
            .map(|(link, &cycles)| (network.ends(link), cycles))
    }
}

/// Main memory. All figures are of the memories of all simulated chips together.
impl RunRecord {
    /// `LPDDR5-6400 x4`, `ideal`.
    #[must_use]
    pub fn memory_name(&self) -> String {
        let device = self.machine.memory().device();
        device.map_or("ideal".into(), |device| {
            let channels = device.channels * self.simulated_chips();
            format!("{} x{channels}", device.preset.name)
        })
    }

    /// The number of channels.
    #[must_use]
    pub fn memory_channels(&self) -> u64 {
        self.outcome.channels.len() as u64
    }

    /// Bytes that all channels together move in a second at best; infinite without a limit.
    #[must_use]
    pub fn memory_bytes_per_second(&self) -> f64 {
        let peak = self.machine.memory().peak_bytes_per_second();
        peak.map_or(f64::INFINITY, |peak| peak * self.simulated_chips() as f64)
    }

    /// Commands, bursts and bytes of all channels.
    #[must_use]
    pub fn memory_counters(&self) -> Counters {
        let mut sum = Counters::default();
        for channel in &self.outcome.channels {
            sum.add(&channel.counters);
        }
        sum
    }

    /// Where the time of all channels went, in cycles of the memory's clock.
    #[must_use]
    pub fn memory_cycles(&self) -> Causes {
        let mut sum = Causes::default();
        for channel in &self.outcome.channels {
            sum.add(&channel.cycles);
        }
        sum
    }

    fn simulated_chips(&self) -> u64 {
        self.outcome.channels.len() as u64 / self.machine.memory().channels()
    }
}
