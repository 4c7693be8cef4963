//! What faster arrays alone would buy a run.
//!
//! Amdahl's law takes the MatMul-free share of the makespan as a whole. Arrays that are S times faster
//! shorten only those of its cycles in which an array is at work; where it waits for main memory, a
//! port or another unit, they shorten nothing. So there are three answers, from the largest to the
//! one that is nearest to the machine:
//!
//! * [`Amdahl::ceiling`](crate::Amdahl::ceiling): the whole share takes no time, memory included;
//! * [`FasterArrays::bound`]: bytes that must move at the memory's peak, and work that other arrays
//!   must do at theirs. No schedule of the same work beats it;
//! * [`FasterArrays::estimate`]: the critical path of this run with the cycles of arrays at work S
//!   times shorter, and not shorter than the busiest of what stays as it is. It is an estimate: the
//!   compiler may cut work in another way for another array, and requests meet other rows and ports.

use event_kernel::Cycles;
use serde::Serialize;
use tile_program::{Cause, Class};

use crate::summary::UnitSummary;
use crate::{Limit, Peaks, Speedup, Summary};

/// The MatMul-free cycles of a critical path by what would shorten them, beside what bounds a run with
/// faster arrays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FasterArrays {
    /// The makespan.
    pub total_cycles: Cycles,
    /// MatMul-free cycles of the critical path in which an array fills, computes, drains or loads
    /// weights: what faster arrays shorten.
    pub array_cycles: Cycles,
    /// MatMul-free cycles of the critical path in which main memory moves data or is waited for: what
    /// fewer bytes or more bandwidth shorten.
    pub memory_cycles: Cycles,
    /// All other MatMul-free cycles of the critical path: scratchpad ports, links, waits.
    pub other_cycles: Cycles,
    /// The most cycles that a unit works on what faster arrays for MatMul-free work leave as it is:
    /// another class on an array, the vector unit, data on the memory's bus.
    pub rest_cycles: Cycles,
    /// Which unit that is.
    pub rest: String,
}

/// What no schedule of the same work can beat, however fast the arrays are for MatMul-free work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FasterArraysBound {
    /// The least cycles of the run, rounded down.
    pub floor_cycles: u64,
    /// What takes them: bytes at the memory's peak, or the multiplications of other classes at the
    /// peak of the arrays.
    pub limit: Limit,
    /// The most that the run's speedup can be; infinite where nothing is left.
    pub speedup: f64,
}

/// Cycles in which an array is at work, at its own speed.
const ARRAY_AT_WORK: [Cause; 4] = [Cause::Fill, Cause::Compute, Cause::Drain, Cause::WeightLoad];

impl FasterArrays {
    /// Of a run.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        let free = |causes: &[Cause]| -> Cycles {
            let cells = summary.makespan.iter();
            cells
                .filter(|cell| cell.class == Class::MatMulFree && causes.contains(&cell.cause))
                .map(|cell| cell.cycles)
                .sum()
        };
        let of_memory = Cause::ALL.into_iter().filter(|cause| cause.is_of_memory());
        let of_memory: Vec<Cause> = of_memory.collect();
        let (array_cycles, memory_cycles) = (free(&ARRAY_AT_WORK), free(&of_memory));
        let busiest = summary.units.iter().map(|unit| (rest_of(unit), unit));
        // The first of equals, so that the answer does not depend on the order of a search.
        let busiest = busiest.reduce(|most, next| if next.0 > most.0 { next } else { most });
        let (rest_cycles, rest) = busiest.map_or((Cycles::ZERO, ""), |(cycles, unit)| {
            (cycles, unit.name.as_str())
        });
        Self {
            total_cycles: summary.total,
            array_cycles,
            memory_cycles,
            other_cycles: free(&Cause::ALL) - array_cycles - memory_cycles,
            rest_cycles,
            rest: rest.to_owned(),
        }
    }

    /// The run's speedup with arrays `s` times faster for MatMul-free work, by this run's critical path
    /// and the busiest of what stays; 1 for a run of no time, infinite only where nothing stays.
    #[must_use]
    pub fn estimate(&self, s: Speedup) -> f64 {
        let total = self.total_cycles.get() as f64;
        let at_work = self.array_cycles.get() as f64;
        let path = total - at_work + at_work / s.get();
        let left = path.max(self.rest_cycles.get() as f64);
        if total > 0.0 { total / left } else { 1.0 }
    }

    /// What no schedule can beat on a machine with these peaks.
    #[must_use]
    pub fn bound(summary: &Summary, peaks: &Peaks) -> FasterArraysBound {
        let moved = summary.bytes_read + summary.bytes_written;
        let compulsory = summary.compulsory_read + summary.compulsory_write;
        let memory = moved.min(compulsory).get() as f64 / peaks.memory_bytes_per_cycle;
        let operations = summary.operators.iter();
        let others = operations.filter(|operator| operator.class != Class::MatMulFree);
        let macs: u64 = others.map(|operator| operator.macs).sum();
        // Arrays that did MatMul-free work alone are no help to the rest.
        let arrays = peaks.array_macs_per_cycle.iter();
        let peak = arrays
            .filter(|(array, _)| !works_on_matmul_free_alone(&summary.units[array.index()]))
            .fold(0.0, |sum, (_, peak)| sum + peak);
        let compute = if macs > 0 { macs as f64 / peak } else { 0.0 };
        let floor = memory.max(compute);
        FasterArraysBound {
            floor_cycles: floor as u64,
            limit: if memory >= compute {
                Limit::Memory
            } else {
                Limit::Compute
            },
            speedup: if summary.total.is_zero() {
                1.0
            } else {
                // A unit with a clock of its own may end within the last cycle.
                (summary.total.get() as f64 / floor).max(1.0)
            },
        }
    }
}

/// Cycles of a unit that faster arrays for MatMul-free work leave as they are.
fn rest_of(unit: &UnitSummary) -> Cycles {
    let stays = |class: Option<Class>, cause: Cause| match cause {
        Cause::Fill | Cause::Compute | Cause::Drain | Cause::WeightLoad => {
            class != Some(Class::MatMulFree)
        }
        // On a DMA side, the time of the bus; on all others these are waits.
        Cause::DramBandwidth | Cause::DramRefresh => unit.bytes.get() > 0,
        _ => false,
    };
    let buckets = unit.buckets.iter();
    buckets
        .filter(|bucket| stays(bucket.class, bucket.cause))
        .map(|bucket| bucket.cycles)
        .sum()
}

fn works_on_matmul_free_alone(unit: &UnitSummary) -> bool {
    let works = |bucket: &&crate::Bucket| ARRAY_AT_WORK.contains(&bucket.cause);
    let mut at_work = unit.buckets.iter().filter(works).peekable();
    at_work.peek().is_some() && at_work.all(|bucket| bucket.class == Some(Class::MatMulFree))
}
