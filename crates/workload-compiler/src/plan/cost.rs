//! What a tiling costs.

use quantities::{Bytes, Cycles};
use tile_program::{Target, VectorTile};

use crate::tuning::{COST_PER_TIE, HIDDEN_PER_UNHIDDEN};

/// How long each kind of unit is kept busy, in cycles of the reference clock, and how their work
/// overlaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// From the first array's start to the last one's end, were operands always at hand.
    pub(crate) array: Cycles,
    /// The work of the vector unit, as far as it depends on the choice.
    pub(crate) vector: Cycles,
    /// The time for which the memory's bus is busy.
    pub(crate) memory: Cycles,
    /// The bytes that move between main memory and scratchpads.
    pub(crate) bytes: Bytes,
    /// The time until the first tile can begin, which is hidden behind no other.
    pub(crate) exposed_head: Cycles,
    /// The time for which tiles fill the weight scratchpad, each from its request to its last use.
    pub(crate) buffer_occupancy: Cycles,
    /// How arrays and the vector unit overlap.
    pub(crate) vector_overlap: VectorOverlap,
    /// How arrays and memory overlap.
    pub(crate) buffering: Buffering,
}

/// How the arrays and the vector unit overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum VectorOverlap {
    /// They take turns.
    #[default]
    Turns,
    /// The results of so many tiles leave one after another, each while the arrays are at the next.
    Tiles(u64),
    /// The shorter work is hidden behind the longer one.
    Full,
}

/// For how many tiles the scratchpads hold the operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Buffering {
    /// For one alone: arrays take turns with memory.
    Single,
    /// For the next one too, which is loaded while the arrays work.
    #[default]
    Double,
}

impl VectorOverlap {
    /// The part of the shorter work that is not hidden behind the longer one.
    const fn exposed(self, shorter: Cycles) -> Cycles {
        match self {
            Self::Turns | Self::Tiles(0) => shorter,
            Self::Tiles(tiles) => Cycles(shorter.get() / tiles),
            Self::Full => Cycles::ZERO,
        }
    }
}

impl Cost {
    /// The same with further bytes.
    pub(super) fn and_bytes(mut self, bytes: Bytes, target: &Target) -> Self {
        self.bytes = self.bytes.saturating_add(bytes);
        self.memory = memory_cycles(self.bytes, target);
        self
    }

    /// The estimated time. Units overlap, so the busiest decides: memory; the room that tiles wait
    /// for; or arrays and vector unit, with what one does before the other can begin. A part of
    /// what is hidden behind it stands for what no schedule hides ([`HIDDEN_PER_UNHIDDEN`]).
    pub(crate) fn cycles(&self) -> Cycles {
        let longer = self.array.max(self.vector);
        let shorter = self.array.min(self.vector);
        let compute = longer.saturating_add(self.vector_overlap.exposed(shorter));
        let busiest = match self.buffering {
            Buffering::Single => compute.saturating_add(self.memory),
            Buffering::Double => compute.max(self.memory),
        };
        let busiest = busiest.max(self.buffer_occupancy);
        let all = longer.saturating_add(shorter).saturating_add(self.memory);
        let hidden = all.saturating_sub(busiest);
        busiest
            .saturating_add(Cycles(hidden.get() / HIDDEN_PER_UNHIDDEN))
            .saturating_add(self.exposed_head)
    }

    /// Whether it costs as much as the least, within [`COST_PER_TIE`]: below that, how well tiles
    /// overlap counts for more.
    pub(super) fn is_about(&self, least: Cycles) -> bool {
        self.cycles() <= least.saturating_add(Cycles(least.get() / COST_PER_TIE))
    }
}

/// The time for which so many bytes keep the main memory's bus busy.
pub(super) fn memory_cycles(bytes: Bytes, target: &Target) -> Cycles {
    Cycles(target.laws.memory(bytes))
}

/// The time that the vector unit takes for a tile, or [`Cycles::MAX`] past 64 bits.
pub(super) fn vector_cycles(tile: &VectorTile, target: &Target) -> Cycles {
    target.laws.vector(tile).map_or(Cycles::MAX, Cycles)
}
