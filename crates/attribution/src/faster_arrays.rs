//! What faster arrays alone would buy a run.
//!
//! Amdahl's law takes the MatMul-free share of the makespan as a whole. Arrays that are S times
//! faster shorten only those of its cycles in which an array is at work; where it waits for main
//! memory, a port or another unit, they shorten nothing. So there are three answers, from the
//! largest to the one that is nearest to the machine:
//!
//! * [`Amdahl::ceiling`](crate::amdahl::Amdahl::ceiling): the whole share takes no time, memory included;
//! * [`FasterArrays::bound`]: bytes that must move at the memory's peak, and work that other arrays
//!   must do at theirs. No schedule of the same work beats it;
//! * [`FasterArrays::estimate`]: the critical path of this run with the cycles of arrays at work S
//!   times shorter, and not shorter than their ports take or than the busiest of what stays as it
//!   is. Other paths may be longer then, so in the same schedule the machine gains that much or
//!   less; about, since requests meet other rows. The compiler may cut work anew for another array.

use quantities::Cycles;
use serde::Serialize;
use tile_program::{Cause, Class, ScratchpadId};

use crate::amdahl::Speedup;
use crate::roofline::{Limit, Peaks};
use crate::summary::{Bucket, Summary, UnitSummary};

/// The MatMul-free cycles of a critical path by what would shorten them, beside what bounds a run
/// with faster arrays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FasterArrays {
    /// The makespan, in cycles.
    pub total_cycles: Cycles,
    /// MatMul-free cycles of the critical path in which an array fills, computes, drains or loads
    /// weights: what faster arrays shorten.
    pub array_cycles: Cycles,
    /// MatMul-free cycles of the critical path in which main memory moves data or is waited for:
    /// what fewer bytes or more bandwidth shorten.
    pub memory_cycles: Cycles,
    /// All other MatMul-free cycles of the critical path: scratchpad ports, links, waits.
    pub other_cycles: Cycles,
    /// Of `array_cycles`, what the ports of the scratchpads take for the operands and results of
    /// that work, at its average over the run: no array is faster than its ports.
    pub port_cycles: Cycles,
    /// The most cycles that a part of the machine works on what faster arrays for MatMul-free work
    /// leave as it is: an array on another class, the vector unit, the DMA with data on the
    /// memory's bus, the ports of a scratchpad with all that passes them.
    pub rest_cycles: Cycles,
    /// Which part that is: a unit by its name, or `ports of weights`.
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
    /// Of a run on a machine where the ports of each scratchpad's computing side carry so many
    /// bytes in a cycle, in the order of [`ScratchpadId`].
    #[must_use]
    pub fn of(summary: &Summary, port_bytes_per_cycle: [f64; ScratchpadId::ALL.len()]) -> Self {
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
        let units = summary.units.iter();
        let units = units.map(|unit| (rest_of(unit), unit.name.clone()));
        let ports = ScratchpadId::ALL.map(|id| {
            let all = summary.array_port_bits.iter();
            let bits = all.map(|pads| pads[id as usize]).sum();
            let cycles = at_ports(bits, port_bytes_per_cycle[id as usize]);
            (cycles, format!("ports of {}", id.name()))
        });
        let parts = units.chain(ports);
        // The first of equals.
        let busiest = parts.reduce(|most, next| if next.0 > most.0 { next } else { most });
        let (rest_cycles, rest) = busiest.unwrap_or_default();
        Self {
            total_cycles: summary.total,
            array_cycles,
            memory_cycles,
            other_cycles: free(&Cause::ALL) - array_cycles - memory_cycles,
            port_cycles: port_cycles(summary, port_bytes_per_cycle, array_cycles),
            rest_cycles,
            rest,
        }
    }

    /// About the most that the run gains from arrays `s` times faster for MatMul-free work, by this
    /// run's critical path and the busiest of what stays; 1 for a run of no time, infinite only
    /// where nothing stays.
    #[must_use]
    pub fn estimate(&self, s: Speedup) -> f64 {
        let total = self.total_cycles.get() as f64;
        let at_work = self.array_cycles.get() as f64;
        let path = total - at_work + (at_work / s.get()).max(self.port_cycles.get() as f64);
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

/// Cycles that ports of so many bytes a cycle take for so many bits, rounded down.
fn at_ports(bits: u64, bytes_per_cycle: f64) -> Cycles {
    Cycles((bits as f64 / (8.0 * bytes_per_cycle)) as u64)
}

/// What ports take of the MatMul-free cycles in which arrays are at work on the critical path, at
/// the average over all such cycles: of the scratchpad that takes most.
fn port_cycles(
    summary: &Summary,
    port_bytes_per_cycle: [f64; ScratchpadId::ALL.len()],
    array_cycles: Cycles,
) -> Cycles {
    let at_work = |bucket: &&Bucket| {
        bucket.class == Some(Class::MatMulFree) && ARRAY_AT_WORK.contains(&bucket.cause)
    };
    let buckets = summary.units.iter().flat_map(|unit| &unit.buckets);
    let all: Cycles = buckets.filter(at_work).map(|bucket| bucket.cycles).sum();
    let bits = summary.array_port_bits[Class::MatMulFree as usize];
    let pads = bits.into_iter().zip(port_bytes_per_cycle);
    let ports = pads.map(|(bits, rate)| at_ports(bits, rate).get());
    let share = ports.max().unwrap_or(0) as f64 / all.get().max(1) as f64;
    Cycles((array_cycles.get() as f64 * share.min(1.0)) as u64)
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
    let works = |bucket: &&Bucket| ARRAY_AT_WORK.contains(&bucket.cause);
    let mut at_work = unit.buckets.iter().filter(works).peekable();
    at_work.peek().is_some() && at_work.all(|bucket| bucket.class == Some(Class::MatMulFree))
}
