//! What all units have in common: they take instructions in order, may have several in flight, and
//! complete them in order.

use std::collections::VecDeque;

use event_kernel::{Component, Context, Phase, WaitsFor};
use quantities::{Bits, Bytes, Cycle, Cycles};
use smallvec::SmallVec;
use tile_program::{Activity, Bound, Cause, Instruction, Observer, UnitId};

use crate::MachineError;
use crate::unit::issue::{Issue, Pipeline};
use crate::unit::state::Completion;
use crate::world::World;

/// A span by cause, in the order of time.
pub(crate) type Parts = SmallVec<[(Cause, Cycles); 8]>;

/// An instruction that has started and is not complete.
pub(crate) struct InFlight<T> {
    pub(crate) instruction: Instruction,
    /// What determined when it could begin.
    pub(crate) bound: Bound,
    /// What the unit knows of it.
    pub(crate) state: T,
}

/// The instructions in flight, the oldest first.
pub(crate) type Flights<T> = VecDeque<InFlight<T>>;

/// What a complete instruction did.
pub(crate) struct Retired {
    /// The cycle of the reference clock at which it is complete.
    pub(crate) at: Cycle,
    /// The time since the unit's account ended, by cause; the parts sum to it.
    pub(crate) parts: Parts,
    /// Bits read from each scratchpad, by [`ScratchpadId`](tile_program::ScratchpadId).
    pub(crate) read: [Bits; 3],
    /// Bits written to each scratchpad.
    pub(crate) written: [Bits; 3],
    /// The multiply-accumulates that the instruction did.
    pub(crate) macs: u64,
    /// Payload bytes moved to or from main memory, or over links.
    pub(crate) bytes: Bytes,
}

/// What a unit does first in a cycle in which one instruction ends and another can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It completes the one, so that what that gives back is there for the other.
    RetireThenStart,
    /// It starts all that it can, so that requests leave before anything else happens.
    StartThenRetire,
}

/// What a kind of unit adds to a [`Pipe`].
pub(crate) trait Unit {
    /// What the unit knows of an instruction in flight.
    type State;

    /// What comes first in a cycle.
    const ORDER: Order = Order::RetireThenStart;

    /// Takes in what has come from outside since the unit was last awake.
    fn collect<O: Observer>(
        &mut self,
        _flights: &mut Flights<Self::State>,
        _world: &mut World<'_, O>,
        _context: &mut Context<'_>,
    ) {
    }

    /// Whether another instruction may start now, as far as the unit itself goes. What is left to
    /// do for the youngest before that is done here.
    fn may_start<O: Observer>(
        &mut self,
        _flights: &mut Flights<Self::State>,
        _world: &mut World<'_, O>,
        _context: &mut Context<'_>,
    ) -> bool {
        true
    }

    /// Starts an instruction after the one `before`, if any is in flight.
    ///
    /// # Errors
    /// If the unit cannot execute it: the run ends.
    fn start<O: Observer>(
        &mut self,
        unit: UnitId,
        instruction: &Instruction,
        before: Option<&Self::State>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> Result<Self::State, MachineError>;

    /// The edge of the unit's clock at which an instruction is complete; `None` if that is not
    /// known yet, and the unit will be woken by whoever decides it.
    fn end(state: &Self::State) -> Option<Cycle>;

    /// Says what the oldest instruction did, which is complete; `rest` is still in flight.
    fn retire<O: Observer>(
        &mut self,
        unit: UnitId,
        flight: &InFlight<Self::State>,
        rest: &Flights<Self::State>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> Retired;

    /// Called when the observer has been told of a complete instruction, whose unit was accounted
    /// for up to `from` before and is up to `to` now.
    fn retired<O: Observer>(
        &mut self,
        _unit: UnitId,
        _flight: &InFlight<Self::State>,
        (_from, _to): (Cycle, Cycle),
        _world: &mut World<'_, O>,
        _context: &mut Context<'_>,
    ) {
    }

    /// Asks for the wake-ups that the unit needs beside that at the end of its oldest instruction.
    fn sleep<O: Observer>(&self, _world: &World<'_, O>, _context: &mut Context<'_>) {}

    /// What the unit waits for beside other units, for a deadlock report.
    fn waits_for(&self, _flights: &Flights<Self::State>) -> Option<WaitsFor> {
        None
    }
}

/// A unit as a component: the instructions in flight, and the unit that works on them.
pub(crate) struct Pipe<U: Unit> {
    issue: Issue,
    unit: U,
    flights: Flights<U::State>,
}

impl<U: Unit> Pipe<U> {
    pub(crate) fn new(id: UnitId, unit: U) -> Self {
        Self {
            issue: Issue::new(id),
            unit,
            flights: VecDeque::new(),
        }
    }

    /// Starts the next instruction; false if it cannot start now.
    fn start_next<O: Observer>(
        &mut self,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> bool {
        if world.fault.is_some() || !self.unit.may_start(&mut self.flights, world, context) {
            return false;
        }
        let pipeline = match self.flights.is_empty() {
            true => Pipeline::Drained,
            false => Pipeline::Working,
        };
        let Some((instruction, bound)) = self.issue.next(world, context, pipeline) else {
            return false;
        };
        let before = self.flights.back().map(|flight| &flight.state);
        let id = self.issue.unit;
        match self.unit.start(id, &instruction, before, world, context) {
            Ok(state) => self.flights.push_back(InFlight {
                instruction,
                bound,
                state,
            }),
            Err(error) => {
                world.fail(context, error);
                return false;
            }
        }
        true
    }

    /// Completes the oldest instructions as far as they are due; true if one was.
    fn retire_due<O: Observer>(
        &mut self,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> bool {
        let now = context.now();
        let mut any = false;
        while let Some(end) = self.oldest_end()
            && end <= now
            && let Some(flight) = self.flights.pop_front()
        {
            self.retire(world, context, &flight);
            any = true;
        }
        any
    }

    fn oldest_end(&self) -> Option<Cycle> {
        self.flights
            .front()
            .and_then(|flight| U::end(&flight.state))
    }

    fn retire<O: Observer>(
        &mut self,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
        flight: &InFlight<U::State>,
    ) {
        let id = self.issue.unit;
        let from = world.units[id.index()].accounted;
        let retired = self.unit.retire(id, flight, &self.flights, world, context);
        let InFlight {
            instruction, bound, ..
        } = flight;
        world.observer.activity(&Activity {
            unit: id,
            operation: instruction.operation,
            work: &instruction.work,
            read: retired.read,
            written: retired.written,
        });
        world.complete(
            context,
            &Completion {
                unit: id,
                instruction,
                at: retired.at,
                bound: *bound,
                parts: &retired.parts,
                macs: retired.macs,
                bytes: retired.bytes,
            },
        );
        let span = (from, retired.at);
        self.unit.retired(id, flight, span, world, context);
    }

    fn wake_at_oldest_end(&self, context: &mut Context<'_>) {
        if let Some(end) = self.oldest_end() {
            context.wake_me_at(end, Phase::Deliver);
        }
    }
}

impl<U: Unit, O: Observer> Component<World<'_, O>> for Pipe<U> {
    fn wake(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) {
        self.unit.collect(&mut self.flights, world, context);
        match U::ORDER {
            Order::RetireThenStart => loop {
                self.retire_due(world, context);
                if !self.start_next(world, context) {
                    self.wake_at_oldest_end(context);
                    break;
                }
            },
            Order::StartThenRetire => loop {
                while self.start_next(world, context) {}
                if world.fault.is_some() {
                    break;
                }
                let retired_any = self.retire_due(world, context);
                self.wake_at_oldest_end(context);
                if !retired_any {
                    break;
                }
            },
        }
        self.unit.sleep(world, context);
    }

    fn waits_for(&self, world: &World<'_, O>) -> Option<WaitsFor> {
        let own = self.unit.waits_for(&self.flights);
        own.or_else(|| self.issue.waits_for(world))
    }
}
