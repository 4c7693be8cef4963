//! Weights that stay on chip from pass to pass.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use quantities::Bytes;
use serde::Serialize;
use tile_program::{ScratchpadId, Target};

use super::CoreProgram;
use crate::lower::lower;
use crate::tuning::{COST_PER_TIE, PREFERRED_EIGHTHS, RESIDENT_EIGHTHS};
use crate::workload::Weights;

/// Weights that stay on chip from pass to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeptWeights {
    /// Matrices.
    pub matrices: u64,
    /// Bytes of the weight scratchpad that they hold.
    pub bytes: Bytes,
    /// They are there before the run begins; else their first use loads them.
    pub warm: bool,
}

/// A matrix of weights in memory.
#[derive(Clone, Copy, Debug)]
struct Matrix {
    bytes: u64,
    address: u64,
}

impl CoreProgram {
    /// Decides which weights stay on chip from pass to pass, by [`ResidencyOption::best`].
    pub(super) fn keep_weights(&mut self, representatives: &BTreeMap<u64, u64>, streamed: RunCost) {
        let warm = match self.workload.weights {
            Weights::Streamed => return,
            Weights::Kept => false,
            Weights::Warm => true,
        };
        let matrices = self.matrices_worth_keeping(warm);
        let capacity = self.target.capacity(ScratchpadId::Weights).get();
        let mut choices = vec![ResidencyOption {
            run_cycles: streamed.run_cycles,
            ..ResidencyOption::default()
        }];
        for capacity_eighths in RESIDENT_EIGHTHS {
            let mut left = capacity / 8 * capacity_eighths;
            let mut kept = ResidencyOption {
                capacity_eighths,
                ..ResidencyOption::default()
            };
            for &Matrix { bytes, address } in &matrices {
                if bytes <= left {
                    left -= bytes;
                    kept.bytes += bytes;
                    kept.addresses.insert(address);
                }
            }
            if choices
                .iter()
                .any(|choice| choice.addresses == kept.addresses)
            {
                continue;
            }
            let Some(cost) = self.cost_with(representatives, &kept) else {
                continue;
            };
            // The pass that loads the matrices takes about as long as if they did not stay.
            let first = match warm {
                true => 0,
                false => streamed.first_cycles.saturating_sub(cost.first_cycles),
            };
            kept.run_cycles = cost.run_cycles.saturating_add(first);
            choices.push(kept);
        }
        let best = ResidencyOption::best(choices);
        let bytes = best.bytes;
        self.target_without_kept = self.target_without(bytes);
        self.kept = KeptWeights {
            matrices: best.addresses.len() as u64,
            bytes: Bytes(bytes),
            warm: warm && bytes > 0,
        };
        self.layout.kept = best.addresses;
    }

    /// The matrices of which keeping saves loads: first those whose bytes would be loaded most
    /// often, then the larger ones.
    fn matrices_worth_keeping(&self, warm: bool) -> Vec<Matrix> {
        let (passes, with_head) = (self.passes.count(), self.passes.with_head());
        let matrices = self.layout.matrices().map(|(name, region)| {
            let uses = if name.matrix.makes_logits() {
                with_head
            } else {
                passes
            };
            let saved = uses.saturating_sub(u64::from(!warm));
            (saved, region.footprint(), region.base)
        });
        let mut matrices: Vec<_> = matrices.filter(|(saved, ..)| *saved > 0).collect();
        matrices
            .sort_unstable_by_key(|&(saved, bytes, base)| (Reverse(saved), Reverse(bytes), base));
        let worth = matrices.into_iter();
        worth
            .map(|(_, bytes, address)| Matrix { bytes, address })
            .collect()
    }

    /// The machine without so many bytes of its weight scratchpad.
    fn target_without(&self, bytes: u64) -> Target {
        let mut target = self.target.clone();
        target.scratchpads[ScratchpadId::Weights as usize]
            .capacity
            .0 -= bytes;
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
    bytes: u64,
    /// Estimated cycles of the run.
    run_cycles: u64,
}

impl ResidencyOption {
    /// The best of some options: of those whose time is within [`COST_PER_TIE`] of the least, the
    /// one that keeps most bytes. It leaves a quarter of the scratchpad to the tiles of other
    /// matrices, unless that costs time.
    fn best(choices: Vec<Self>) -> Self {
        let least = choices
            .iter()
            .map(|choice| choice.run_cycles)
            .min()
            .unwrap_or(0);
        let about = |choice: &Self| choice.run_cycles <= least.saturating_add(least / COST_PER_TIE);
        let merit = |choice: &Self| match choice.capacity_eighths {
            0..=PREFERRED_EIGHTHS => (1, choice.bytes),
            eighths => (0, 8 - eighths),
        };
        let eligible = choices.into_iter().filter(about);
        eligible.max_by_key(merit).unwrap_or_default()
    }
}

/// Estimated cycles of a run, and of its first pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RunCost {
    run_cycles: u64,
    first_cycles: u64,
}

impl RunCost {
    /// Adds a pass that stands for several.
    pub(super) const fn add(&mut self, index: u64, cycles: u64, stands_for: u64) {
        if index == 0 {
            self.first_cycles = cycles;
        }
        self.run_cycles = self
            .run_cycles
            .saturating_add(cycles.saturating_mul(stands_for));
    }
}
