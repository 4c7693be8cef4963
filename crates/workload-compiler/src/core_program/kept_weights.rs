//! Weights that stay on chip from pass to pass.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use quantities::{Bytes, Cycles};
use serde::Serialize;
use tile_program::{ScratchpadId, Target};

use super::CoreProgram;
use crate::lower::lower;
use crate::tuning::{COST_PER_TIE, PREFERRED_EIGHTHS, RESIDENT_EIGHTHS};
use crate::workload::Weights;

/// Weights that stay on chip from pass to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeptWeights {
    /// How many matrices stay.
    pub matrices: u64,
    /// Bytes of the weight scratchpad that they hold.
    pub bytes: Bytes,
    /// Whether they are there before the run begins; else their first use loads them.
    pub warm: bool,
}

/// A matrix of weights in memory.
#[derive(Clone, Copy, Debug)]
struct Matrix {
    bytes: Bytes,
    address: u64,
    /// How many loads keeping it on chip saves.
    saved_loads: u64,
}

/// What the weight scratchpad holds when the run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WeightStart {
    /// Nothing: the first use of a matrix loads it.
    Cold,
    /// The matrices that stay.
    Warm,
}

impl CoreProgram {
    /// Decides which weights stay on chip from pass to pass, by [`ResidencyOption::best`].
    pub(super) fn keep_weights(&mut self, representatives: &BTreeMap<u64, u64>, streamed: RunCost) {
        let start = match self.workload.weights {
            Weights::Streamed => return,
            Weights::Kept => WeightStart::Cold,
            Weights::Warm => WeightStart::Warm,
        };
        let matrices = self.matrices_worth_keeping(start);
        let capacity = self.target.capacity(ScratchpadId::Weights);
        let mut options = vec![ResidencyOption {
            run_cycles: streamed.run_cycles,
            ..ResidencyOption::default()
        }];
        for capacity_eighths in RESIDENT_EIGHTHS {
            let mut option = ResidencyOption::filled(capacity, capacity_eighths, &matrices);
            if options
                .iter()
                .any(|other| other.addresses == option.addresses)
            {
                continue;
            }
            let Some(cost) = self.cost_with(representatives, &option) else {
                continue;
            };
            // The pass that loads the matrices takes about as long as if they did not stay.
            let first = match start {
                WeightStart::Warm => Cycles::ZERO,
                WeightStart::Cold => streamed.first_cycles.saturating_sub(cost.first_cycles),
            };
            option.run_cycles = cost.run_cycles.saturating_add(first);
            options.push(option);
        }
        let best = ResidencyOption::best(options);
        self.target_without_kept = self.target_without(best.bytes);
        self.kept = KeptWeights {
            matrices: best.addresses.len() as u64,
            bytes: best.bytes,
            warm: start == WeightStart::Warm && best.bytes > Bytes::ZERO,
        };
        self.layout.kept = best.addresses;
    }

    /// The matrices of which keeping saves loads: first those that would be loaded most often, then
    /// the larger ones.
    fn matrices_worth_keeping(&self, start: WeightStart) -> Vec<Matrix> {
        let (passes, with_head) = (self.passes.count(), self.passes.with_head());
        let matrices = self.layout.matrices().map(|(name, region)| {
            let uses = if name.matrix.makes_logits() {
                with_head
            } else {
                passes
            };
            Matrix {
                bytes: Bytes(region.footprint()),
                address: region.base,
                saved_loads: uses.saturating_sub(u64::from(start == WeightStart::Cold)),
            }
        });
        let mut matrices: Vec<_> = matrices.filter(|matrix| matrix.saved_loads > 0).collect();
        matrices.sort_unstable_by_key(|matrix| {
            (
                Reverse(matrix.saved_loads),
                Reverse(matrix.bytes),
                matrix.address,
            )
        });
        matrices
    }

    /// The machine without so many bytes of its weight scratchpad.
    fn target_without(&self, bytes: Bytes) -> Target {
        let mut target = self.target.clone();
        target.scratchpads[ScratchpadId::Weights as usize].capacity -= bytes;
        target
    }

    /// The estimated cost of the run if some matrices stay; `None` if it cannot be run so.
    fn cost_with(
        &mut self,
        representatives: &BTreeMap<u64, u64>,
        kept: &ResidencyOption,
    ) -> Option<RunCost> {
        self.layout.kept.clone_from(&kept.addresses);
        let target = self.target_without(kept.bytes);
        let mut cost = RunCost::default();
        for (&index, &stands_for) in representatives {
            let shape = self.passes.shape(index);
            let graph = lower(
                &self.workload,
                &target,
                &shape,
                &self.shard,
                &mut self.layout,
            )
            .ok()?;
            let plan = self
                .planner
                .plan(graph, self.workload.fusion, &target)
                .ok()?;
            cost.add(index, plan.cycles(), stands_for);
        }
        Some(cost)
    }
}

/// A set of matrices that might stay on chip.
#[derive(Debug, Default)]
struct ResidencyOption {
    /// The part of the weight scratchpad that it may take, in eighths.
    capacity_eighths: u64,
    /// Addresses of the matrices.
    addresses: BTreeSet<u64>,
    /// Bytes of the matrices.
    bytes: Bytes,
    /// Estimated cycles of the run.
    run_cycles: Cycles,
}

impl ResidencyOption {
    /// The first of the matrices that fit so many eighths of a weight scratchpad.
    fn filled(capacity: Bytes, capacity_eighths: u64, matrices: &[Matrix]) -> Self {
        let mut left = Bytes(capacity.get() / 8 * capacity_eighths);
        let mut option = Self {
            capacity_eighths,
            ..Self::default()
        };
        for matrix in matrices {
            if matrix.bytes <= left {
                left -= matrix.bytes;
                option.bytes += matrix.bytes;
                option.addresses.insert(matrix.address);
            }
        }
        option
    }

    /// The best of some options: of those whose time is within [`COST_PER_TIE`] of the least, the
    /// one that keeps most bytes. It leaves a quarter of the scratchpad to the tiles of other
    /// matrices, unless that costs time.
    fn best(choices: Vec<Self>) -> Self {
        let cycles = choices.iter().map(|choice| choice.run_cycles);
        let least = cycles.min().unwrap_or(Cycles::ZERO);
        let tie = least.saturating_add(Cycles(least.get() / COST_PER_TIE));
        let about = |choice: &Self| choice.run_cycles <= tie;
        let merit = |choice: &Self| match choice.capacity_eighths {
            0..=PREFERRED_EIGHTHS => (1, choice.bytes.get()),
            eighths => (0, 8 - eighths),
        };
        let eligible = choices.into_iter().filter(about);
        eligible.max_by_key(merit).unwrap_or_default()
    }
}

/// Estimated cycles of a run, and of its first pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RunCost {
    run_cycles: Cycles,
    first_cycles: Cycles,
}

impl RunCost {
    /// Adds the pass of a number, which stands for several.
    pub(super) const fn add(&mut self, index: u64, cycles: Cycles, stands_for: u64) {
        if index == 0 {
            self.first_cycles = cycles;
        }
        self.run_cycles = self
            .run_cycles
            .saturating_add(cycles.saturating_mul(stands_for));
    }
}
