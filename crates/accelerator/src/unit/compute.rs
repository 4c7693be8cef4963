//! Units that compute: PE arrays and the vector unit.

use event_kernel::{Context, Phase};
use quantities::{Bits, Bytes, Cycle, Cycles};
use tile_program::{FoldSpan, Instruction, Observer, ScratchpadId, UnitId, Work};

use crate::MachineError;
use crate::unit::engine::{Engine, Timing, Traffic};
use crate::unit::pipe::{Flights, InFlight, Parts, Retired, Unit};
use crate::world::World;

/// What an array or the vector unit knows of an instruction in flight, in edges of its clock.
pub(crate) struct Flight {
    start: Cycle,
    end: Cycle,
    timing: Timing,
    /// What it moves through the ports of each scratchpad.
    traffic: [Traffic; 3],
}

/// A unit that works on one instruction at a time, or on the head of the next while the results
/// of the last still leave (arrays that overlap folds).
pub(crate) struct Compute {
    engine: Engine,
    /// The first edge of the unit's clock at which it can start another instruction.
    free_at: Cycle,
}

impl Compute {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            free_at: Cycle::ZERO,
        }
    }
}

impl Unit for Compute {
    type State = Flight;

    fn may_start<O: Observer>(
        &mut self,
        _flights: &mut Flights<Flight>,
        _world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> bool {
        context.now() >= self.free_at
    }

    fn start<O: Observer>(
        &mut self,
        unit: UnitId,
        instruction: &Instruction,
        before: Option<&Flight>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> Result<Flight, MachineError> {
        let start = context.now();
        let state = world.unit(unit);
        let (core, next) = (state.core, state.queue.front());
        let next = next.map(|next| next.work);
        let mut timing = self.engine.time(&instruction.work)?;
        let until_next = self.engine.next_start(&timing, next.as_ref())?;
        let traffic = self.engine.traffic(&instruction.work, &timing)?;
        // Its accesses are spread over the time until another instruction may make its own.
        let alone = if next.is_some() {
            until_next
        } else {
            timing.total
        };
        let accesses = traffic.map(|traffic| traffic.accesses);
        let delay = delay(world, core, context, (start, alone), accesses);
        let delay = delay.ok_or(MachineError::TooLong)?;
        timing.delay(delay);
        let free_at = start.checked_add(until_next);
        let free_at = free_at.and_then(|edge| edge.checked_add(delay));
        self.free_at = free_at.ok_or(MachineError::TooLong)?;
        let end = start
            .checked_add(timing.total)
            .ok_or(MachineError::TooLong)?;
        Ok(Flight {
            start,
            // Results leave in order.
            end: before.map_or(end, |before| end.max(before.end)),
            timing,
            traffic,
        })
    }

    fn end(flight: &Flight) -> Option<Cycle> {
        Some(flight.end)
    }

    fn retire<O: Observer>(
        &mut self,
        unit: UnitId,
        flight: &InFlight<Flight>,
        rest: &Flights<Flight>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> Retired {
        let domain = context.domain();
        let reference = world.reference;
        let to_reference = |edge: Cycle| context.timeline().convert(domain, edge, reference);
        let state = &world.units[unit.index()];
        let (accounted, core) = (state.accounted, state.core);
        let at = to_reference(flight.state.end);
        let flights = std::iter::once(flight).chain(rest);
        let flights = flights.map(|flight| &flight.state);
        let parts = account(flights, (accounted, at), &to_reference);
        let mut traffic = flight.state.traffic;
        for (scratchpad, moved) in ScratchpadId::ALL.into_iter().zip(&mut traffic) {
            let pad = world.pad(core, scratchpad);
            let counted = pad.count_used(moved.read, moved.written, moved.accesses);
            if counted.is_none() {
                // The run ends here, so nobody needs to be told of what cannot be counted.
                *moved = Traffic::default();
                world.fail(context, MachineError::TooLong);
            }
        }
        Retired {
            at,
            parts,
            read: traffic.map(|moved| moved.read),
            written: traffic.map(|moved| moved.written),
            macs: match &flight.instruction.work {
                Work::Gemm(tile) => tile.macs(),
                _ => 0,
            },
            bytes: Bytes::ZERO,
        }
    }

    fn retired<O: Observer>(
        &mut self,
        unit: UnitId,
        flight: &InFlight<Flight>,
        (from, to): (Cycle, Cycle),
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) {
        if world.observer.wants_folds(from, to) {
            tell_folds(unit, &flight.state, from, world, context);
        }
    }

    fn sleep<O: Observer>(&self, _world: &World<'_, O>, context: &mut Context<'_>) {
        if self.free_at > context.now() {
            context.wake_me_at(self.free_at, Phase::Act);
        }
    }
}

/// What a unit did in a span that ends with the first of its flights, by cause. A cycle belongs to
/// the flight whose operands enter the array: what the next one loads meanwhile is hidden behind
/// it, and so is what still leaves of this one once the next one's operands enter.
fn account<'f>(
    flights: impl Iterator<Item = &'f Flight>,
    (from, to): (Cycle, Cycle),
    to_reference: &impl Fn(Cycle) -> Cycle,
) -> Parts {
    let mut parts = Parts::new();
    let mut at = from;
    let mut flights = flights.peekable();
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

/// Tells the observer of each phase of each fold of a tile, from the cycle on up to which the unit
/// was accounted for before it.
fn tell_folds<O: Observer>(
    unit: UnitId,
    flight: &Flight,
    accounted: Cycle,
    world: &mut World<'_, O>,
    context: &Context<'_>,
) {
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
    let shared = sram::arbitrate(
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
