//! What became of one kernel of a list: its time, where its cycles went, and how busy it kept each
//! part of the machine.

use accelerator::ChannelOutcome;
use serde::Serialize;
use tile_program::Cause;

use super::predict::PredictError;
use simulator::RunRecord;

/// One kernel of a prediction, over all its repetitions.
#[derive(Clone, Debug, Serialize)]
pub struct KernelTime {
    /// Its place in the list, from 0: what tells kernels of one name apart.
    pub index: usize,
    /// What it is called.
    pub name: String,
    /// How often it runs.
    pub times: u64,
    /// How long it takes, without serial work.
    pub seconds: f64,
    /// Cycles of the machine's clock; 0 for an all-reduce, which runs on the link alone.
    pub cycles: u64,
    /// Payload bytes that it reads from main memory.
    pub bytes_read: u64,
    /// Payload bytes that it writes there.
    pub bytes_written: u64,
    /// Its critical path: what its cycles went to, the largest first. These sum to `cycles`.
    pub critical_path: Vec<CauseCycles>,
    /// How much of the time each part of the machine was at work, the busiest first. A path may
    /// lead through one part alone though another works nearly as long: no faster part makes the
    /// kernel faster than the busiest of the others allows.
    pub busy: Vec<BusyPart>,
    /// Every cycle of every unit, in the order of the machine's units.
    pub units: Vec<UnitCycles>,
}

/// Cycles that went to one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CauseCycles {
    /// Why they were spent.
    pub cause: Cause,
    /// The number of cycles that went to it.
    pub cycles: u64,
}

/// A part of the machine and how much of a kernel's time it works.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BusyPart {
    /// An array by its name, `vector`, or `dram`; `link` for an all-reduce.
    pub part: String,
    /// The share of the kernel's time in which it works, from 0 to 1. An array and the vector unit
    /// work while they fill, compute, drain or load weights, the DRAM while its channels move data,
    /// open and close rows, refresh or turn, on average over all channels.
    pub share: f64,
}

/// Every cycle of one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitCycles {
    /// The unit's name.
    pub name: String,
    /// Its cycles by cause, in the order of the causes; they sum to those of the kernel.
    pub cycles: Vec<CauseCycles>,
}

/// Which kernel of a list is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Which<'a> {
    /// Its place in the list, from 0.
    pub(super) index: usize,
    /// The name that the list gives the kernel.
    pub(super) name: &'a str,
    /// How often it runs.
    pub(super) times: u64,
}

impl KernelTime {
    /// Of a kernel that was run once.
    ///
    /// # Errors
    /// [`PredictError::TooLong`] if all repetitions together leave 64 bits.
    pub(super) fn of(which: Which<'_>, measured: &RunRecord) -> Result<Self, PredictError> {
        let summary = &measured.summary;
        let repeated = |count: u64| {
            count
                .checked_mul(which.times)
                .ok_or_else(|| PredictError::TooLong {
                    kernel: which.name.to_owned(),
                })
        };
        let by_cause = |cycles_of: &dyn Fn(Cause) -> u64| {
            Cause::ALL
                .into_iter()
                .map(|cause| {
                    let cycles = repeated(cycles_of(cause))?;
                    Ok(CauseCycles { cause, cycles })
                })
                .filter(|cell| cell.as_ref().map_or(true, |cell| cell.cycles > 0))
                .collect::<Result<Vec<_>, PredictError>>()
        };
        let mut critical_path = by_cause(&|cause| {
            let cells = summary.makespan.iter();
            let of_cause = cells.filter(|cell| cell.cause == cause);
            of_cause.map(|cell| cell.cycles.get()).sum()
        })?;
        critical_path.sort_by_key(|cell| std::cmp::Reverse(cell.cycles));
        let units = summary.units.iter().map(|unit| {
            Ok(UnitCycles {
                name: unit.name.clone(),
                cycles: by_cause(&|cause| unit.by_cause(cause).get())?,
            })
        });
        Ok(Self {
            index: which.index,
            name: which.name.to_owned(),
            times: which.times,
            seconds: which.times as f64 * measured.seconds(),
            cycles: repeated(summary.total.get())?,
            bytes_read: repeated(summary.bytes_read.get())?,
            bytes_written: repeated(summary.bytes_written.get())?,
            critical_path,
            busy: busy(measured),
            units: units.collect::<Result<_, PredictError>>()?,
        })
    }

    /// Of an all-reduce: `seconds` of the machine's link.
    pub(super) fn on_the_link(which: Which<'_>, seconds: f64) -> Self {
        Self {
            index: which.index,
            name: which.name.to_owned(),
            times: which.times,
            seconds,
            cycles: 0,
            bytes_read: 0,
            bytes_written: 0,
            critical_path: Vec::new(),
            busy: vec![BusyPart {
                part: "link".to_owned(),
                share: 1.0,
            }],
            units: Vec::new(),
        }
    }
}

/// What a unit does that is work of its own, and not waiting.
const WORK: [Cause; 4] = [Cause::Fill, Cause::Compute, Cause::Drain, Cause::WeightLoad];

/// The parts of the machine by how long they work, without those that do not.
fn busy(measured: &RunRecord) -> Vec<BusyPart> {
    let summary = &measured.summary;
    let total = summary.total.get().max(1) as f64;
    let mut parts: Vec<BusyPart> = summary
        .units
        .iter()
        .map(|unit| {
            let cycles: u64 = WORK.iter().map(|&cause| unit.by_cause(cause).get()).sum();
            BusyPart {
                part: unit.name.clone(),
                share: cycles as f64 / total,
            }
        })
        .collect();
    parts.push(BusyPart {
        part: "dram".to_owned(),
        share: dram_share(&measured.outcome.channels),
    });
    parts.retain(|part| part.share > 0.0);
    parts.sort_by(|a, b| b.share.total_cmp(&a.share));
    parts
}

/// The share of the time in which memory channels work, on average over all of them.
fn dram_share(channels: &[ChannelOutcome]) -> f64 {
    let (mut at_work, mut all) = (0, 0);
    for ChannelOutcome { cycles, .. } in channels {
        let work = cycles.bandwidth + cycles.row_conflict + cycles.refresh + cycles.turnaround;
        at_work += work.get();
        all += (work + cycles.latency + cycles.idle).get();
    }
    at_work as f64 / all.max(1) as f64
}
