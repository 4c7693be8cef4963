//! Which tensors stay on chip.
//!
//! A tensor that stays is held from the stage that makes it to the last that reads it. Half of the
//! activation scratchpad may be held so; the other half is for what streams. New keys and values
//! may stay beside the streams of weights, in a quarter of their scratchpad. Where the smallest
//! tile of some stage does not fit beside what is held, nothing stays but what must.

use std::ops::Range;

use quantities::Bytes;
use tile_program::{ScratchpadId, Target};

use super::room::Capacity;
use super::row_bytes;
use crate::error::CompileError;
use crate::graph::{Backing, Graph, Placement, Tensor};
use crate::tuning::{ACTIVATIONS_PER_RESIDENT, WEIGHTS_PER_RESIDENT};

/// Where a tensor is between stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// Held in a scratchpad.
    Chip(ScratchpadId),
    /// In main memory, at its backing.
    Memory,
}

/// Which tensors may stay on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResidencyPolicy {
    /// All that fit the part of the scratchpads that is for them.
    AsManyAsFit,
    /// Only those that must.
    OnlyRequired,
}

/// The home of each tensor, and the bytes that tensors hold during each stage.
pub(super) struct Residency {
    pub(super) homes: Vec<Home>,
    /// For each stage, the bytes held in each scratchpad.
    held: Vec<[Bytes; 3]>,
    /// The bytes of each scratchpad.
    capacity: [Bytes; 3],
}

/// Bytes of a whole tensor.
pub(super) fn bytes(tensor: &Tensor) -> Bytes {
    row_bytes(tensor, tensor.bits).saturating_mul(tensor.rows)
}

/// The stages that touch each tensor, from the first to the one after the last; `None` for a tensor
/// that none touches.
fn lifetimes(graph: &Graph) -> Vec<Option<Range<usize>>> {
    let mut lifetimes: Vec<Option<Range<usize>>> = vec![None; graph.tensors.len()];
    for (index, stage) in graph.stages.iter().enumerate() {
        for id in stage.tensors() {
            let lifetime = lifetimes[id.0].get_or_insert(index..index);
            lifetime.end = index + 1;
        }
    }
    lifetimes
}

impl Residency {
    /// Finds a home for each tensor.
    ///
    /// # Errors
    /// [`CompileError::TileDoesNotFit`] if a tensor that must stay on chip does not fit.
    pub(super) fn of(
        graph: &Graph,
        target: &Target,
        policy: ResidencyPolicy,
    ) -> Result<Self, CompileError> {
        let mut residency = Self {
            homes: vec![Home::Memory; graph.tensors.len()],
            held: vec![[Bytes::ZERO; 3]; graph.stages.len()],
            capacity: ScratchpadId::ALL.map(|id| target.capacity(id)),
        };
        let touched = lifetimes(graph).into_iter().enumerate();
        let mut touched: Vec<(usize, Range<usize>)> = touched
            .filter_map(|(id, lifetime)| Some((id, lifetime?)))
            .collect();
        // What must stay comes first; then in the order of the program.
        touched.sort_by_key(|(id, _)| graph.tensors[*id].placement != Placement::Chip);
        for (id, stages) in touched {
            let tensor = &graph.tensors[id];
            let scratchpad = match tensor.backing {
                Backing::Cache(_) => ScratchpadId::Weights,
                Backing::Slot(_) | Backing::Rows(_) => ScratchpadId::Activations,
            };
            let Some(limit) = residency.limit(tensor.placement, scratchpad, policy) else {
                continue;
            };
            let place = scratchpad as usize;
            let size = bytes(tensor);
            let held = residency.held[stages.clone()].iter();
            let held = held.map(|held| held[place]).max().unwrap_or(Bytes::ZERO);
            let needed = held.saturating_add(size);
            if needed <= limit {
                residency.homes[id] = Home::Chip(scratchpad);
                for held in &mut residency.held[stages] {
                    held[place] += size;
                }
            } else if tensor.placement == Placement::Chip {
                return Err(CompileError::TileDoesNotFit {
                    operation: graph.stages[stages.start]
                        .name(&graph.operations)
                        .to_string(),
                    scratchpad,
                    needed,
                    capacity: target.capacity(scratchpad),
                });
            }
        }
        Ok(residency)
    }

    /// The bytes of a scratchpad that tensors of a placement may hold together; `None` if those
    /// tensors do not stay on chip.
    fn limit(
        &self,
        placement: Placement,
        scratchpad: ScratchpadId,
        policy: ResidencyPolicy,
    ) -> Option<Bytes> {
        let capacity = self.capacity[scratchpad as usize];
        let fraction = match scratchpad {
            ScratchpadId::Weights => WEIGHTS_PER_RESIDENT,
            ScratchpadId::Activations | ScratchpadId::Outputs => ACTIVATIONS_PER_RESIDENT,
        };
        match (placement, policy) {
            (Placement::Chip, _) => Some(capacity),
            (Placement::Any, ResidencyPolicy::AsManyAsFit) => {
                Some(Bytes(capacity.get() / fraction))
            }
            (Placement::Any, ResidencyPolicy::OnlyRequired) | (Placement::Memory, _) => None,
        }
    }

    /// What is left of a scratchpad during a stage.
    pub(super) fn free(&self, stage: usize, scratchpad: ScratchpadId) -> Capacity {
        let place = scratchpad as usize;
        Capacity::of(self.capacity[place] - self.held[stage][place])
    }
}
