//! Units that compute: PE arrays and the vector unit.

use std::collections::VecDeque;

use event_kernel::{Component, Context, Phase, WaitsFor};
use quantities::{Bits, Bytes, Cycle, Cycles};
use smallvec::SmallVec;
use tile_program::{Activity, Bound, Cause, FoldSpan, Instruction, Observer, ScratchpadId, Work};

use crate::MachineError;
use crate::unit::engine::{Engine, Timing, Traffic};
use crate::world::{Completion, Issue, World};

struct Flight {
    instruction: Instruction,
    bound: Bound,
    start: Cycle,
    end: Cycle,
    timing: Timing,
    /// By scratchpad.
    traffic: [Traffic; 3],
}

/// A unit that works on one instruction at a time, or on the head of the next while the results
/// of the last still leave (arrays that overlap folds).
pub(crate) struct Compute {
    issue: Issue,
    engine: Engine,
    flights: VecDeque<Flight>,
    /// The first edge of the unit's clock at which it can start another instruction.
    free_at: Cycle,
}

impl Compute {
    pub(crate) fn new(issue: Issue, engine: Engine) -> Self {
        Self {
            issue,
            engine,
            flights: VecDeque::new(),
            free_at: Cycle::ZERO,
        }
    }

    /// Starts the next instruction if it can start now.
    fn start<O: Observer>(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) -> bool {
        let drained = self.flights.is_empty();
        let Some((instruction, bound)) = self.issue.next(world, context, drained) else {
            return false;
        };
        let next = world.unit(self.issue.unit).queue.front();
        let next = next.map(|next| next.work);
        match self.flight(world, context, instruction, bound, next.as_ref()) {
            Ok(flight) => self.flights.push_back(flight),
            Err(error) => {
                world.fail(context, error);
                return false;
            }
        }
        true
    }

    fn flight<O: Observer>(
        &mut self,
        world: &mut World<'_, O>,
        context: &Context<'_>,
        instruction: Instruction,
        bound: Bound,
        next: Option<&Work>,
    ) -> Result<Flight, MachineError> {
        let start = context.now();
        let mut timing = self.engine.time(&instruction.work)?;
        let until_next = self.engine.next_start(&timing, next)?;
        let traffic = self.engine.traffic(&instruction.work, &timing);
        // Its accesses are spread over the time until another instruction may make its own.
        let alone = if next.is_some() {
            until_next
        } else {
            timing.total
        };
        let accesses = traffic.map(|traffic| traffic.accesses);
        let core = world.units[self.issue.unit.index()].core;
        let delay = delay(world, core, context, (start, alone), accesses);
        let delay = delay.ok_or(MachineError::TooLong)?;
        timing.delay(delay);
        let free_at = start.checked_add(until_next);
        let free_at = free_at.and_then(|edge| edge.checked_add(delay));
        self.free_at = free_at.ok_or(MachineError::TooLong)?;
        let end = start
            .checked_add(timing.total)
            .ok_or(MachineError::TooLong)?;
        // Results leave in order.
        let end = self
            .flights
            .back()
            .map_or(end, |before| end.max(before.end));
        Ok(Flight {
            instruction,
            bound,
            start,
            end,
            timing,
            traffic,
        })
    }

    fn finish<O: Observer>(
        &mut self,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
        flight: &Flight,
    ) {
        let unit = self.issue.unit;
        let domain = context.domain();
        let to_reference = |edge: Cycle| context.timeline().convert(domain, edge, world.reference);
        let accounted = world.units[unit.index()].accounted;
        let core = world.units[unit.index()].core;
        let at = to_reference(flight.end);
        let parts = self.account(flight, (accounted, at), &to_reference);
        for (scratchpad, moved) in ScratchpadId::ALL.into_iter().zip(flight.traffic) {
            let pad = world.pad(core, scratchpad);
            pad.count_used(moved.read, moved.written, moved.accesses);
        }
        world.observer.activity(&Activity {
            unit,
            operation: flight.instruction.operation,
            work: &flight.instruction.work,
            read: flight.traffic.map(|moved| moved.read),
            written: flight.traffic.map(|moved| moved.written),
        });
        let macs = match &flight.instruction.work {
            Work::Gemm(tile) => tile.macs(),
            Work::Vector(_) | Work::Transfer(_) | Work::Receive(_) => 0,
        };
        world.complete(
            context,
            &Completion {
                unit,
                instruction: &flight.instruction,
                at,
                bound: flight.bound,
                parts: &parts,
                macs,
                bytes: Bytes::ZERO,
            },
        );
        if world.observer.wants_folds(accounted, at) {
            self.tell_folds(world, context, flight, accounted);
        }
    }

    /// What the unit did in a span that ends with a flight, by cause. A cycle belongs to the flight
    /// whose operands enter the array: what the next one loads meanwhile is hidden behind it, and so
    /// is what still leaves of this one once the next one's operands enter.
    fn account(
        &self,
        flight: &Flight,
        (from, to): (Cycle, Cycle),
        to_reference: &impl Fn(Cycle) -> Cycle,
    ) -> SmallVec<[(Cause, Cycles); 5]> {
        let mut parts = SmallVec::<[(Cause, Cycles); 5]>::new();
        let mut at = from;
        let mut flights = std::iter::once(flight).chain(&self.flights).peekable();
        while let Some(flight) = flights.next() {
            let occupied = flight.start + flight.timing.occupied;
            let until = match flights.peek() {
                Some(next) => next.start.max(occupied).min(flight.end),
                None => flight.end,
            };
            let until = to_reference(until).min(to);
            let mut edge = flight.start;
            for (index, &(cause, span)) in flight.timing.parts.iter().enumerate() {
                edge += span;
                let last = index + 1 == flight.timing.parts.len();
                let end = if last {
                    until
                } else {
                    to_reference(edge).min(until)
                };
                if end > at {
                    parts.push((cause, end - at));
                    at = end;
                }
            }
        }
        debug_assert!(
            at == to,
            "the flights of a unit leave no gap before the end of one"
        );
        parts
    }

    fn tell_folds<O: Observer>(
        &self,
        world: &mut World<'_, O>,
        context: &Context<'_>,
        flight: &Flight,
        accounted: Cycle,
    ) {
        let unit = self.issue.unit;
        let (domain, reference) = (context.domain(), world.reference);
        let Some(tile) = &flight.timing.tile else {
            return;
        };
        // What busy ports add is spread over the time in which operands enter.
        let (delay, stream) = (flight.timing.total - tile.total, tile.occupied);
        let stamp = |offset: Cycle| {
            let offset = offset.since(Cycle::ZERO);
            let later = u128::from(delay.get()) * u128::from(offset.min(stream).get());
            let later = later / u128::from(stream.get().max(1));
            let later = u64::try_from(later).expect("no more than the delay");
            let edge = flight.start + offset + Cycles(later);
            // What is hidden behind the instruction before was told there.
            context
                .timeline()
                .convert(domain, edge, reference)
                .max(accounted)
        };
        for fold in tile.folds() {
            for phase in &fold.phases {
                let (from, to) = (stamp(phase.from), stamp(phase.to));
                if to > from {
                    let (fold, cause) = (fold.index, phase.cause);
                    world.observer.fold(&FoldSpan {
                        unit,
                        fold,
                        cause,
                        from,
                        to,
                    });
                }
            }
        }
    }
}

/// How much longer than alone an instruction takes, in cycles of its unit: other units may keep the
/// ports of the scratchpads busy. `None` past 64 bits.
fn delay<O: Observer>(
    world: &mut World<'_, O>,
    core: usize,
    context: &Context<'_>,
    (start, alone): (Cycle, Cycles),
    accesses: [Bits; 3],
) -> Option<Cycles> {
    if alone.is_zero() {
        return Some(Cycles::ZERO);
    }
    let (own, reference) = (context.domain(), world.reference);
    let timeline = context.timeline();
    let end = start.checked_add(alone)?;
    let from = timeline.convert(own, start, reference);
    let to = timeline.convert(own, end, reference);
    let span = to - from;
    let shared = sram::share(
        &mut world.cores[core].scratchpads,
        from.get(),
        span,
        accesses,
    );
    if shared <= span {
        return Some(Cycles::ZERO);
    }
    let later = timeline.convert(reference, from.checked_add(shared)?, own);
    Some(later.saturating_since(end))
}

impl<O: Observer> Component<World<'_, O>> for Compute {
    fn wake(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) {
        let now = context.now();
        loop {
            while self.flights.front().is_some_and(|flight| flight.end <= now) {
                if let Some(flight) = self.flights.pop_front() {
                    self.finish(world, context, &flight);
                }
            }
            if now < self.free_at || world.fault.is_some() || !self.start(world, context) {
                break;
            }
        }
        if let Some(flight) = self.flights.front() {
            context.wake_me_at(flight.end, Phase::Deliver);
        }
        if self.free_at > now {
            context.wake_me_at(self.free_at, Phase::Act);
        }
    }

    fn waits_for(&self, world: &World<'_, O>) -> Option<WaitsFor> {
        world.describe_wait(&self.issue)
    }
}
