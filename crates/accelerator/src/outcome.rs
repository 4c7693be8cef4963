//! What a run leaves behind.

use dram::{Causes, Counters};
use quantities::{Bytes, Cycles};

/// What a run leaves behind beside what its observer saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The makespan, in cycles of the reference clock.
    pub total: Cycles,
    /// The scratchpads of each simulated core, indexed by
    /// [`ScratchpadId`](tile_program::ScratchpadId).
    pub scratchpads: Vec<[ScratchpadOutcome; 3]>,
    /// What each memory channel did, chip after chip.
    pub channels: Vec<ChannelOutcome>,
    /// Cycles that each link was at work, in the order of [`Network`](tile_program::Network). Links
    /// from and to chips that are not simulated stay at zero.
    pub links: Vec<Cycles>,
    /// The number of instructions that the machine executed.
    pub instructions: u64,
}

/// What a memory channel did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelOutcome {
    /// Commands, bursts, bytes.
    pub counters: Counters,
    /// Every cycle of the channel's clock in the run, in one bucket each.
    pub cycles: Causes,
}

/// What a scratchpad saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScratchpadOutcome {
    /// All that it can hold; `None` without limits.
    pub capacity: Option<Bytes>,
    /// The most that it held.
    pub peak: Bytes,
    /// Bytes that the DMA wrote into it.
    pub filled: Bytes,
    /// Bytes that the DMA read from it.
    pub drained: Bytes,
    /// Bytes that arrays and the vector unit read from it.
    pub read: Bytes,
    /// Bytes that they wrote to it.
    pub written: Bytes,
    /// Bytes that its ports carried for them: a partial sum that is added to is one access.
    pub accesses: Bytes,
}
