//! The issue side of a unit.

use event_kernel::{Context, WaitsFor};
use quantities::Cycle;
use tile_program::{Bound, Instruction, Observer, UnitId, Wait};

use crate::world::World;

/// Whether a unit has instructions in flight when it looks for the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pipeline {
    /// No instruction is in flight, so that time spent on waiting is not hidden behind work.
    Drained,
    /// An instruction is in flight.
    Working,
}

/// The issue side of a unit: takes instructions in order as their waits are met.
pub(crate) struct Issue {
    pub(crate) unit: UnitId,
    /// The wait on which the next instruction sleeps; `None` while it does not.
    sleeps_on: Option<Wait>,
    /// Whether the observer was told that the unit sleeps on it.
    is_wait_reported: bool,
    /// What has determined so far when the next instruction can begin.
    bound: Bound,
}

impl Issue {
    pub(crate) fn new(unit: UnitId) -> Self {
        Self {
            unit,
            sleeps_on: None,
            is_wait_reported: false,
            bound: Bound::Own,
        }
    }

    /// The next instruction, if it can start now. Otherwise the unit will be woken when it can.
    pub(crate) fn next<O: Observer>(
        &mut self,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
        pipeline: Pipeline,
    ) -> Option<(Instruction, Bound)> {
        let now = context.now_in(world.reference);
        let unit = self.unit;
        if world.unit(unit).queue.is_empty() {
            world.feed(context);
        }
        let Some(instruction) = world.units[unit.index()].queue.front() else {
            world.unit(unit).is_starved = true;
            return None;
        };
        let unmet = world.unmet(instruction);
        if let Some(was) = self.sleeps_on
            && unmet != Some(was)
        {
            let ended_at = world.unit(unit).wait_ended_at.take().unwrap_or(now);
            self.bound = Bound::Unit(was.unit, ended_at);
            self.sleeps_on = None;
            self.is_wait_reported = false;
            if pipeline == Pipeline::Drained {
                world.account_waiting(unit, now, Some((was.unit, was.reason)));
            }
        }
        if let Some(wait) = unmet {
            self.sleep(world, now, wait, pipeline);
            return None;
        }
        if pipeline == Pipeline::Drained {
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
        pipeline: Pipeline,
    ) {
        let unit = self.unit;
        if self.sleeps_on != Some(wait) {
            self.sleeps_on = Some(wait);
            world.unit(wait.unit).sleepers.push((wait.completed, unit));
        }
        if pipeline == Pipeline::Drained && !self.is_wait_reported {
            self.is_wait_reported = true;
            // What came before this wait was starvation.
            world.account_waiting(unit, now, None);
            world.observer.wait_begins(unit, wait.unit, now);
        }
    }

    /// What the unit waits for, for a deadlock report; `None` if it sleeps on no wait.
    pub(crate) fn waits_for<O>(&self, world: &World<'_, O>) -> Option<WaitsFor> {
        let wait = self.sleeps_on?;
        let instruction = world.units[self.unit.index()].queue.front()?;
        let on = &world.units[wait.unit.index()];
        let what = format!(
            "tile {} of {} needs instruction {} of {}, which has completed {}",
            instruction.tile,
            world.sequencer.operation_name(instruction),
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
