//! Which tensors stay on chip.
//!
//! A tensor that stays is held from the stage that makes it to the last that reads it. Half of the
//! activation scratchpad may be held so; the other half is for what streams. New keys and values
//! may stay beside the streams of weights, in a quarter of their scratchpad. Where the smallest
//! tile of some stage does not fit beside what is held, nothing stays but what must.

use quantities::Bytes;
use tile_program::{ScratchpadId, Target};

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

/// Homes, and the bytes held during each stage.
pub(crate) struct Residency {
    pub(crate) homes: Vec<Home>,
    held: Vec<[u64; 3]>,
    capacity: [u64; 3],
}

/// Bytes of a whole tensor.
pub(crate) fn bytes(tensor: &Tensor) -> u64 {
    tensor.rows.saturating_mul(row_bytes(tensor, tensor.bits))
}

impl Residency {
    /// Finds homes; tensors that need not stay do so only if they are let.
    pub(crate) fn of(
        graph: &Graph,
        target: &Target,
        tensors_stay: bool,
    ) -> Result<Self, CompileError> {
        let mut first = vec![usize::MAX; graph.tensors.len()];
        let mut last = vec![0; graph.tensors.len()];
        for (index, stage) in graph.stages.iter().enumerate() {
            for id in stage.tensors() {
                first[id.0] = first[id.0].min(index);
                last[id.0] = index;
            }
        }
        let mut this = Self {
            homes: vec![Home::Memory; graph.tensors.len()],
            held: vec![[0; 3]; graph.stages.len()],
            capacity: ScratchpadId::ALL.map(|id| target.capacity(id).get()),
        };
        let mut order: Vec<usize> = (0..graph.tensors.len())
            .filter(|&id| first[id] != usize::MAX)
            .collect();
        // What must stay comes first; then in the order of the program.
        order.sort_by_key(|&id| graph.tensors[id].placement != Placement::Chip);
        for id in order {
            let tensor = &graph.tensors[id];
            let scratchpad = match tensor.backing {
                Backing::Cache(_) => ScratchpadId::Weights,
                Backing::Slot(_) | Backing::Rows(_) => ScratchpadId::Activations,
            };
            let share = match scratchpad {
                ScratchpadId::Weights => WEIGHTS_PER_RESIDENT,
                _ => ACTIVATIONS_PER_RESIDENT,
            };
            let place = scratchpad as usize;
            let limit = match tensor.placement {
                Placement::Any if tensors_stay => this.capacity[place] / share,
                Placement::Chip => this.capacity[place],
                Placement::Any | Placement::Memory => continue,
            };
            let stages = first[id]..last[id] + 1;
            let size = bytes(tensor);
            let held = this.held[stages.clone()].iter().map(|held| held[place]);
            let most = held.max().unwrap_or(0).saturating_add(size);
            if most <= limit {
                this.homes[id] = Home::Chip(scratchpad);
                for held in &mut this.held[stages] {
                    held[place] += size;
                }
            } else if tensor.placement == Placement::Chip {
                return Err(CompileError::TileDoesNotFit {
                    operation: graph.stages[first[id]].name(&graph.operations).to_string(),
                    scratchpad,
                    needed: Bytes(most),
                    capacity: target.capacity(scratchpad),
                });
            }
        }
        Ok(this)
    }

    /// What is left of a scratchpad during a stage.
    pub(crate) fn free(&self, stage: usize, scratchpad: ScratchpadId) -> u64 {
        let place = scratchpad as usize;
        self.capacity[place] - self.held[stage][place]
    }
}
