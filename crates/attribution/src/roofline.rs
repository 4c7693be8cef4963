//! The time that a run cannot beat: its bytes at the peak of the memory, or its multiplications at
//! the peak of the arrays, whichever takes longer (Williams, Waterman, Patterson, "Roofline",
//! CACM 2009).

use serde::Serialize;
use tile_program::UnitId;

use crate::summary::Summary;

/// What the machine could do at best, per cycle of the reference clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Peaks {
    /// Bytes that main memory moves in a cycle, all channels together.
    pub memory_bytes_per_cycle: f64,
    /// Multiply-accumulates (or additions, for ternary and binary arrays) of each array in a
    /// cycle: PEs / initiation interval, times the ratio of its clock to the reference clock.
    pub array_macs_per_cycle: Vec<(UnitId, f64)>,
}

/// What a run is limited by at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Bytes at peak bandwidth take longer.
    Memory,
    /// Multiplications at peak rate take longer.
    Compute,
}

/// A run beside the time that it cannot beat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Roofline {
    /// Bytes of the floor: the compulsory bytes, which follow from the shapes of the model and from
    /// what stays on chip, never from what was moved. (A run that moves less is stopped by the
    /// machine.)
    pub floor_bytes: u64,
    /// Cycles that those bytes take at peak bandwidth.
    pub memory_cycles: f64,
    /// Cycles that the multiplications take at peak rate on the array that they ran on, the
    /// arrays working side by side.
    pub compute_cycles: f64,
    /// The longer of both.
    pub floor_cycles: f64,
    /// Which one that is.
    pub limit: Limit,
    /// The makespan over the floor, at least 1; `None` where the floor is zero.
    pub ratio: Option<f64>,
    /// Multiply-accumulates per byte of the floor; `None` without bytes.
    pub macs_per_byte: Option<f64>,
}

impl Roofline {
    /// The roofline of a run on a machine with these peaks.
    ///
    /// # Panics
    /// If the run took less time than its floor, rounding aside: our own mistake.
    #[must_use]
    pub fn of(summary: &Summary, peaks: &Peaks) -> Self {
        let floor_bytes = (summary.compulsory_read + summary.compulsory_write).get();
        let memory_cycles = floor_bytes as f64 / peaks.memory_bytes_per_cycle;
        let mut compute_cycles = 0f64;
        for (array, peak) in &peaks.array_macs_per_cycle {
            let macs = summary.units[array.index()].macs;
            compute_cycles = compute_cycles.max(macs as f64 / peak);
        }
        let floor_cycles = memory_cycles.max(compute_cycles);
        let total = summary.total.get() as f64;
        // A unit with a clock of its own may end within the last cycle of the reference clock.
        assert!(
            total + 1.0 >= floor_cycles,
            "a run of {total} cycles is faster than its floor of {floor_cycles}"
        );
        Self {
            floor_bytes,
            memory_cycles,
            compute_cycles,
            floor_cycles,
            limit: if memory_cycles >= compute_cycles {
                Limit::Memory
            } else {
                Limit::Compute
            },
            ratio: (floor_cycles > 0.0).then(|| total / floor_cycles),
            macs_per_byte: (floor_bytes > 0).then(|| summary.macs as f64 / floor_bytes as f64),
        }
    }
}
