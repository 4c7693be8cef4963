//! What the machine tells a compiler about time: the same laws by which it runs.

use dram::Memory;
use quantities::{Bytes, Cycles, Frequency};
use tile_program::{ArrayTime, GemmTile, Laws, VectorTile};

use crate::config::VectorSpec;
use crate::core_model::CoreModel;
use crate::unit::engine::ArrayEngine;

/// The laws of a machine's units.
#[derive(Debug)]
pub(crate) struct MachineLaws {
    /// Each with its clock.
    arrays: Vec<(ArrayEngine, Frequency)>,
    vector: VectorSpec,
    /// The reference clock.
    clock: Frequency,
    /// Of the memory's bus; `None` without limit.
    bytes_per_second: Option<u64>,
    latency_cycles: u64,
}

impl MachineLaws {
    pub(crate) fn new(clock: Frequency, core: &CoreModel, memory: &Memory) -> Self {
        let arrays = core.spec.arrays.iter().enumerate();
        let arrays = arrays.map(|(place, array)| (core.engine(clock, place), array.clock));
        Self {
            arrays: arrays.collect(),
            vector: core.spec.vector.clone(),
            clock,
            // A rate to compare by; time itself is the memory's affair.
            bytes_per_second: memory.peak_whole_bytes_per_second(),
            latency_cycles: clock
                .cycles_ceil(memory.idle_latency_picoseconds())
                .map_or(u64::MAX, Cycles::get),
        }
    }
}

impl MachineLaws {
    /// Cycles of an array's clock in those of the reference clock; `None` past 64 bits.
    fn in_reference(&self, own: Frequency, cycles: Cycles) -> Option<u64> {
        if own == self.clock {
            return Some(cycles.get());
        }
        let (own, reference) = (own.as_fraction(), self.clock.as_fraction());
        let numerator = [cycles.get(), own.1, reference.0].map(u128::from);
        let numerator = numerator.into_iter().try_fold(1, u128::checked_mul)?;
        let denominator = u128::from(own.0) * u128::from(reference.1);
        u64::try_from(numerator.div_ceil(denominator)).ok()
    }
}

impl Laws for MachineLaws {
    fn array(&self, array: usize, tile: &GemmTile) -> Option<ArrayTime> {
        let (engine, own) = &self.arrays[array];
        let timing = engine.tile(tile).ok()?;
        Some(ArrayTime {
            next_cycles: self.in_reference(*own, timing.next_start(&timing))?,
            total_cycles: self.in_reference(*own, timing.total)?,
        })
    }

    fn side_by_side(&self, array: usize, tile: &GemmTile) -> u64 {
        let (engine, _) = &self.arrays[array];
        engine.model.most_side_by_side(tile.m, tile.n, tile.k)
    }

    fn vector(&self, tile: &VectorTile) -> Option<u64> {
        match &self.vector {
            VectorSpec::Free => Some(0),
            VectorSpec::Lanes(lanes) => lanes.cycles(tile.kind, tile.elements).map(Cycles::get),
        }
    }

    fn memory(&self, bytes: Bytes) -> u64 {
        let Some(rate) = self.bytes_per_second else {
            return 0;
        };
        let cycles = self.clock.cycles_to_pass(bytes.get(), rate.max(1));
        cycles.map_or(u64::MAX, Cycles::get)
    }

    fn latency(&self) -> u64 {
        self.latency_cycles
    }
}
