//! The receiving end of the links at one core: transfers begin in order, overlap, and complete in
//! order.

use event_kernel::Context;
use quantities::{Bits, Cycle};
use smallvec::SmallVec;
use tile_program::{Cause, Instruction, Observer, ReceiveTile, UnitId, Work};

use crate::MachineError;
use crate::unit::pipe::{Flights, InFlight, Retired, Unit};
use crate::world::World;

/// The receiving end of the links.
pub(crate) struct Receive;

fn tile(instruction: &Instruction) -> ReceiveTile {
    match instruction.work {
        Work::Receive(tile) => tile,
        _ => unreachable!("the program gives the receiving unit nothing else"),
    }
}

impl Unit for Receive {
    /// The cycle at which the last data are there.
    type State = Cycle;

    fn start<O: Observer>(
        &mut self,
        unit: UnitId,
        instruction: &Instruction,
        before: Option<&Cycle>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> Result<Cycle, MachineError> {
        let ReceiveTile { from, bytes, .. } = tile(instruction);
        // The scratchpads' account counts in bits.
        let bits = Bits(8).checked_mul(bytes.get());
        bits.ok_or(MachineError::TooLong)?;
        let here = world.units[unit.index()].core;
        let ends = (world.platform.chip_of(from), world.cores[here].chip);
        let end = world.links.pass(context.now(), bytes, ends);
        let end = end.ok_or(MachineError::TooLong)?;
        Ok(before.map_or(end, |before| end.max(*before)))
    }

    fn end(end: &Cycle) -> Option<Cycle> {
        Some(*end)
    }

    fn retire<O: Observer>(
        &mut self,
        unit: UnitId,
        flight: &InFlight<Cycle>,
        _rest: &Flights<Cycle>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> Retired {
        let ReceiveTile {
            from,
            bytes,
            scratchpad,
        } = tile(&flight.instruction);
        let state = &world.units[unit.index()];
        let (accounted, here) = (state.accounted, state.core);
        // A sender that is not simulated does what this core does, by symmetry: this core's
        // scratchpad is read in its place.
        let sender = world.cores.iter().position(|core| core.id == from);
        let (moved, none) = (bytes.to_bits(), Bits::ZERO);
        let read = world.pad(sender.unwrap_or(here), scratchpad);
        let read = read.count_used(moved, none, moved);
        let written = world.pad(here, scratchpad);
        let written = written.count_used(none, moved, moved);
        if read.and(written).is_none() {
            world.fail(context, MachineError::TooLong);
        }
        let mut pads = [Bits::ZERO; 3];
        pads[scratchpad as usize] = moved;
        let at = flight.state;
        let span = (Cause::Link, at - accounted);
        Retired {
            at,
            parts: SmallVec::from_iter((!span.1.is_zero()).then_some(span)),
            // What was read of the sender's scratchpad is told with it.
            read: pads,
            written: pads,
            macs: 0,
            bytes,
        }
    }
}
