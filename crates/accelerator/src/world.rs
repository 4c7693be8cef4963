//! What the units of a running machine share: instruction queues, progress, scratchpads, memory.

use event_kernel::{Context, DomainId, Phase};
use quantities::{Cycle, Cycles};
use sram::Scratchpad;
use tile_program::{
    Busy, Claim, CoreId, Flow, Instruction, Moved, Observer, Platform, ScratchpadId, UnitId, Wait,
    WaitReason, Waiting,
};

use crate::MachineError;
use crate::links::Links;
use crate::memory::ChipMemory;
use crate::sequencer::Sequencer;
use crate::unit::state::{Completion, UnitState};

/// Instructions that a unit can hold before the sequencer waits for it. Deep enough that one
/// slow unit does not keep the others from work that is far ahead of it in program order.
pub(crate) const QUEUE_DEPTH: usize = 512;

/// What the units of a core share.
pub(crate) struct CoreState {
    pub(crate) id: CoreId,
    pub(crate) chip: u16,
    pub(crate) scratchpads: [Scratchpad; 3],
}

/// The world of a run.
pub(crate) struct World<'r, O> {
    pub(crate) observer: O,
    /// The machine's reference clock, in whose cycles the observer is told.
    pub(crate) reference: DomainId,
    pub(crate) units: Vec<UnitState>,
    pub(crate) sequencer: Sequencer<'r>,
    pub(crate) platform: &'r Platform,
    /// The cores that are simulated.
    pub(crate) cores: Vec<CoreState>,
    /// The memories of their chips.
    pub(crate) memories: Vec<ChipMemory>,
    pub(crate) links: Links<'r>,
    /// The first thing that went wrong; the run ends on it.
    pub(crate) fault: Option<MachineError>,
    /// The last completion so far.
    pub(crate) end: Cycle,
}

impl<O: Observer> World<'_, O> {
    pub(crate) fn unit(&mut self, id: UnitId) -> &mut UnitState {
        &mut self.units[id.index()]
    }

    /// Ends the run with an error.
    pub(crate) fn fail(&mut self, context: &mut Context<'_>, error: MachineError) {
        self.fault.get_or_insert(error);
        context.halt();
    }

    /// Moves instructions from the program into the queues, those of each core in program order,
    /// until one is full.
    pub(crate) fn feed(&mut self, context: &mut Context<'_>) {
        let now = context.now_in(self.reference);
        if self.sequencer.is_between_passes() {
            self.account_for_all(now);
            self.sequencer.begin(&mut self.observer, now);
        }
        // What one core is given may be what the stream of another waits for.
        while self.feed_each(context, now) && self.sequencer.is_any_pending() {}
        if let Some(error) = self.sequencer.refused.take() {
            self.fail(context, error);
        }
    }

    /// Lets each core take what its queues hold; true if any took something.
    fn feed_each(&mut self, context: &mut Context<'_>, now: Cycle) -> bool {
        let mut any = false;
        for core in 0..self.sequencer.cores() {
            if let Some(unit) = self.sequencer.stalled_on(core)
                && self.units[unit.index()].queue.len() == QUEUE_DEPTH
            {
                continue;
            }
            while let Some(instruction) = self.sequencer.head(core, now) {
                let unit = &mut self.units[instruction.unit.index()];
                if unit.queue.len() == QUEUE_DEPTH {
                    self.sequencer.stall(core, instruction);
                    break;
                }
                any = true;
                unit.queue.push_back(instruction);
                if std::mem::take(&mut unit.is_starved) {
                    context.wake(unit.component, Phase::Act);
                }
            }
        }
        any
    }

    /// The first wait of a unit's next instruction that is not met yet.
    pub(crate) fn unmet(&self, instruction: &Instruction) -> Option<Wait> {
        let unmet = |wait: &&Wait| self.units[wait.unit.index()].completed < wait.completed;
        instruction.waits.iter().find(unmet).copied()
    }

    pub(crate) fn take(
        &mut self,
        unit: UnitId,
        claims: &[Claim],
        at: Cycle,
    ) -> Result<(), MachineError> {
        let core = &mut self.cores[self.units[unit.index()].core];
        for &Claim { scratchpad, bytes } in claims {
            let pad = &mut core.scratchpads[scratchpad as usize];
            pad.take(bytes)
                .map_err(|overflow| MachineError::Scratchpad {
                    scratchpad,
                    overflow,
                })?;
            self.observer.occupancy(core.id, scratchpad, at, pad.held());
        }
        Ok(())
    }

    fn give(&mut self, unit: UnitId, claims: &[Claim], at: Cycle) {
        let core = &mut self.cores[self.units[unit.index()].core];
        for &Claim { scratchpad, bytes } in claims {
            let pad = &mut core.scratchpads[scratchpad as usize];
            pad.give(bytes);
            self.observer.occupancy(core.id, scratchpad, at, pad.held());
        }
    }

    /// Tells the observer that a unit waited from where its account ends.
    pub(crate) fn account_waiting(
        &mut self,
        unit: UnitId,
        to: Cycle,
        on: Option<(UnitId, WaitReason)>,
    ) {
        let state = &mut self.units[unit.index()];
        let from = state.accounted;
        if to > from {
            state.accounted = to;
            let operation = state.queue.front().map(|instruction| instruction.operation);
            self.observer.waiting(&Waiting {
                unit,
                operation,
                from,
                to,
                on,
            });
        }
    }

    /// Completes an instruction at a cycle of the reference clock: the account of its unit is
    /// carried on to there, its claims are given back, and those who slept on it wake.
    pub(crate) fn complete(&mut self, context: &mut Context<'_>, done: &Completion<'_>) {
        let Completion {
            unit,
            instruction,
            at,
            bound,
            parts,
            macs,
            bytes,
        } = *done;
        let (operation, tile) = (instruction.operation, instruction.tile);
        let state = &mut self.units[unit.index()];
        let from = state.accounted;
        state.accounted = at;
        state.completed += 1;
        let busy = Busy {
            unit,
            operation,
            tile,
            from,
            to: at,
            parts,
            macs,
            bytes,
        };
        debug_assert_eq!(
            parts.iter().map(|&(_, span)| span).sum::<Cycles>(),
            at - from
        );
        self.observer.busy(&busy);
        self.observer.complete(unit, operation, tile, at, bound);
        self.give(unit, &instruction.gives, at);
        self.end = self.end.max(at);
        self.wake_sleepers(context, unit, at);
        let moved = match self.units[unit.index()].role.flow() {
            Some(Flow::FromMemory) => Moved {
                read: bytes,
                ..Moved::default()
            },
            Some(Flow::ToMemory) => Moved {
                written: bytes,
                ..Moved::default()
            },
            // Links carry no traffic of main memory.
            Some(Flow::FromLinks) | None => Moved::default(),
        };
        if self.sequencer.completed(instruction, moved) {
            self.feed(context);
        }
    }

    fn wake_sleepers(&mut self, context: &mut Context<'_>, unit: UnitId, at: Cycle) {
        let state = &mut self.units[unit.index()];
        let completed = state.completed;
        let mut sleepers = std::mem::take(&mut state.sleepers);
        sleepers.retain(|&(needed, sleeper)| {
            let sleeps_on = needed > completed;
            if !sleeps_on {
                let sleeper = &mut self.units[sleeper.index()];
                sleeper.wait_ended_at = Some(at);
                context.wake(sleeper.component, Phase::Act);
            }
            sleeps_on
        });
        self.units[unit.index()].sleepers = sleepers;
    }

    /// Ends the account of every unit at the end of the run.
    pub(crate) fn finish(&mut self) {
        self.account_for_all(self.end);
        self.observer.end(self.end);
    }

    /// Carries the accounts of all units, which have nothing at hand, on to a cycle.
    fn account_for_all(&mut self, to: Cycle) {
        for index in 0..self.units.len() {
            let unit = UnitId(u16::try_from(index).expect("unit ids are 16 bits wide"));
            self.account_waiting(unit, to, None);
        }
    }

    pub(crate) fn pad(&mut self, core: usize, id: ScratchpadId) -> &mut Scratchpad {
        &mut self.cores[core].scratchpads[id as usize]
    }
}
