//! What a unit shows to the rest of the machine, and what it says of an instruction that is
//! complete.

use std::collections::VecDeque;

use event_kernel::ComponentId;
use quantities::{Bytes, Cycle, Cycles};
use tile_program::{Bound, Cause, Instruction, Role, UnitId};

/// What the other units and the sequencer may know of a unit.
pub(crate) struct UnitState {
    pub(crate) name: String,
    /// What it is.
    pub(crate) role: Role,
    /// Its core, among those that are simulated.
    pub(crate) core: usize,
    pub(crate) component: ComponentId,
    pub(crate) queue: VecDeque<Instruction>,
    /// Instructions completed since the start of the run.
    pub(crate) completed: u64,
    /// Everything before this cycle of the reference clock has been told to the observer.
    pub(crate) accounted: Cycle,
    /// The units that sleep until this one has completed a number of instructions, each with that
    /// number.
    pub(crate) sleepers: Vec<(u64, UnitId)>,
    /// The cycle of the reference clock at which the wait that this unit slept on ended; `None` if
    /// it has not ended, or if the unit has taken note of it.
    pub(crate) wait_ended_at: Option<Cycle>,
    /// Whether the unit sleeps because its queue is empty.
    pub(crate) is_starved: bool,
}

impl UnitState {
    pub(crate) fn new(name: String, role: Role, core: usize, component: ComponentId) -> Self {
        Self {
            name,
            role,
            core,
            component,
            queue: VecDeque::new(),
            completed: 0,
            accounted: Cycle::ZERO,
            sleepers: Vec::new(),
            wait_ended_at: None,
            is_starved: false,
        }
    }
}

/// An instruction that is complete.
#[derive(Clone, Copy)]
pub(crate) struct Completion<'a> {
    pub(crate) unit: UnitId,
    pub(crate) instruction: &'a Instruction,
    /// The cycle of the reference clock at which it is complete.
    pub(crate) at: Cycle,
    /// What determined when it could begin.
    pub(crate) bound: Bound,
    /// The time since the unit's account ended, by cause.
    pub(crate) parts: &'a [(Cause, Cycles)],
    /// The multiply-accumulates that the instruction did.
    pub(crate) macs: u64,
    /// Payload bytes moved to or from main memory, or over links.
    pub(crate) bytes: Bytes,
}
