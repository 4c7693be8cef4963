//! What the units of a running machine share: instruction queues, progress, scratchpads, memory.

use std::collections::VecDeque;

use event_kernel::{ComponentId, Context, DomainId, Phase, WaitsFor};
use quantities::{Bytes, Cycle, Cycles};
use sram::Scratchpad;
use tile_program::{
    Bound, Busy, Cause, Claim, CoreId, Instruction, Moved, Observer, Platform, ScratchpadId,
    UnitId, Wait, WaitReason, Waiting,
};

use crate::MachineError;
use crate::links::Links;
use crate::memory::MemoryPorts;
use crate::sequencer::Sequencer;

/// Instructions that a unit can hold before the sequencer waits for it. Deep enough that one
/// slow unit does not keep the others from work that is far ahead of it in program order.
pub(crate) const QUEUE_DEPTH: usize = 512;

/// What the units of a core share.
pub(crate) struct CoreState {
    pub(crate) id: CoreId,
    pub(crate) chip: u16,
    pub(crate) scratchpads: [Scratchpad; 3],
}

/// What everybody may know of a unit.
pub(crate) struct UnitState {
    pub(crate) name: String,
    /// Its core, among those that are simulated.
    pub(crate) core: usize,
    pub(crate) component: ComponentId,
    pub(crate) queue: VecDeque<Instruction>,
    /// Instructions completed since the start of the run.
    completed: u64,
    /// Everything before this cycle of the reference clock has been told to the observer.
    pub(crate) accounted: Cycle,
    /// Who sleeps until this unit has completed so many instructions.
    sleepers: Vec<(u64, UnitId)>,
    /// When the wait that this unit slept on was met.
    met_at: Option<Cycle>,
    /// Whether the unit sleeps because its queue is empty.
    starved: bool,
}

impl UnitState {
    pub(crate) fn new(name: String, core: usize, component: ComponentId) -> Self {
        Self {
            name,
            core,
            component,
            queue: VecDeque::new(),
            completed: 0,
            accounted: Cycle::ZERO,
            sleepers: Vec::new(),
            met_at: None,
            starved: false,
        }
    }
}

/// The world of a run.
pub(crate) struct World<'r, O> {
    pub(crate) observer: O,
    /// The machine's reference clock, in whose cycles the observer is told.
    pub(crate) reference: DomainId,
    pub(crate) units: Vec<UnitState>,
    pub(crate) sequencer: Sequencer<'r>,
    pub(crate) platform: &'r Platform,
    /// Those that are simulated.
    pub(crate) cores: Vec<CoreState>,
    /// The memories of their chips.
    pub(crate) memories: Vec<MemoryPorts>,
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
                if std::mem::take(&mut unit.starved) {
                    context.wake(unit.component, Phase::Act);
                }
            }
        }
        any
    }

    /// The first wait of a unit's next instruction that is not met yet.
    fn unmet(&self, instruction: &Instruction) -> Option<Wait> {
        let unmet = |wait: &&Wait| self.units[wait.unit.index()].completed < wait.completed;
        instruction.waits.iter().find(unmet).copied()
    }

    fn take(&mut self, unit: UnitId, claims: &[Claim], at: Cycle) -> Result<(), MachineError> {
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
    fn account_waiting(&mut self, unit: UnitId, to: Cycle, on: Option<(UnitId, WaitReason)>) {
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
        let core = &self.platform.cores[self.units[unit.index()].core];
        let moved = match unit {
            unit if unit == core.load => Moved {
                read: bytes,
                ..Moved::default()
            },
            unit if unit == core.store => Moved {
                written: bytes,
                ..Moved::default()
            },
            // Over links, or not at all.
            _ => Moved::default(),
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
                sleeper.met_at = Some(at);
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

/// An instruction that is complete.
#[derive(Clone, Copy)]
pub(crate) struct Completion<'a> {
    pub(crate) unit: UnitId,
    pub(crate) instruction: &'a Instruction,
    pub(crate) at: Cycle,
    pub(crate) bound: Bound,
    /// The time since the unit's account ended, by cause.
    pub(crate) parts: &'a [(Cause, Cycles)],
    pub(crate) macs: u64,
    pub(crate) bytes: Bytes,
}

/// The issue side of a unit: takes instructions in order as their waits are met.
pub(crate) struct Issue {
    pub(crate) unit: UnitId,
    /// The wait on which the next instruction sleeps.
    blocked: Option<Wait>,
    /// Whether the observer was told that the unit waits for it.
    told: bool,
    /// What bound the next instruction so far.
    bound: Bound,
}

impl Issue {
    pub(crate) fn new(unit: UnitId) -> Self {
        Self {
            unit,
            blocked: None,
            told: false,
            bound: Bound::Own,
        }
    }

    /// The wait that the unit sleeps on, for reports.
    pub(crate) fn blocked(&self) -> Option<Wait> {
        self.blocked
    }

    /// The next instruction, if it can start now. Otherwise the unit will be woken when it can.
    ///
    /// `drained` says that nothing of the unit is in flight, so that time spent here is waiting
    /// and not hidden behind work.
    pub(crate) fn next<O: Observer>(
        &mut self,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
        drained: bool,
    ) -> Option<(Instruction, Bound)> {
        let now = context.now_in(world.reference);
        let unit = self.unit;
        if world.unit(unit).queue.is_empty() {
            world.feed(context);
        }
        let Some(instruction) = world.units[unit.index()].queue.front() else {
            world.unit(unit).starved = true;
            return None;
        };
        let unmet = world.unmet(instruction);
        if let Some(was) = self.blocked
            && unmet != Some(was)
        {
            let met_at = world.unit(unit).met_at.take().unwrap_or(now);
            self.bound = Bound::Unit(was.unit, met_at);
            self.blocked = None;
            self.told = false;
            if drained {
                world.account_waiting(unit, now, Some((was.unit, was.reason)));
            }
        }
        if let Some(wait) = unmet {
            self.sleep(world, now, wait, drained);
            return None;
        }
        if drained {
            // Between the end of the account and now the unit had nothing at hand.
            world.account_waiting(unit, now, None);
        }
        let instruction = world.unit(unit).queue.pop_front()?;
        let core = world.unit(unit).core;
        if world.sequencer.stalled_on(core) == Some(unit) {
            world.feed(context);
        }
        if let Err(error) = world.take(unit, &instruction.takes, now) {
            world.fail(context, error);
            return None;
        }
        Some((instruction, std::mem::replace(&mut self.bound, Bound::Own)))
    }

    fn sleep<O: Observer>(
        &mut self,
        world: &mut World<'_, O>,
        now: Cycle,
        wait: Wait,
        drained: bool,
    ) {
        let unit = self.unit;
        if self.blocked != Some(wait) {
            self.blocked = Some(wait);
            world.unit(wait.unit).sleepers.push((wait.completed, unit));
        }
        if drained && !self.told {
            self.told = true;
            // What came before this wait was starvation.
            world.account_waiting(unit, now, None);
            world.observer.wait_begins(unit, wait.unit, now);
        }
    }
}

impl<O> World<'_, O> {
    /// What a unit waits for, for a deadlock report.
    pub(crate) fn describe_wait(&self, issue: &Issue) -> Option<WaitsFor> {
        let wait = issue.blocked()?;
        let instruction = self.units[issue.unit.index()].queue.front()?;
        let on = &self.units[wait.unit.index()];
        let what = format!(
            "tile {} of {} needs instruction {} of {}, which has completed {}",
            instruction.tile,
            self.sequencer.operation_name(instruction),
            wait.completed,
            on.name,
            on.completed,
        );
        Some(WaitsFor {
            whom: Some(on.component),
            what,
        })
    }
}
