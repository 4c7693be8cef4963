//! The links between chips, and the unit of each core that receives over them.
//!
//! A receiver pulls: when the data are there and the room for them is free, the first link of the way
//! is asked. Data pass a link after what was asked of it before, at its rate, and are at the next chip
//! after its latency; a chip on the way passes them on as they come. Who shares a link waits in the
//! order of asking, so every arrival is known when the transfer begins.

use std::collections::VecDeque;

use event_kernel::{Component, Context, Phase, WaitsFor};
use quantities::{Bits, Bytes, Cycle, Cycles, Frequency};
use tile_program::{Activity, Bound, Cause, Instruction, Network, Observer, ReceiveTile, Work};

use crate::MachineError;
use crate::config::LinkSpec;
use crate::world::{Completion, Issue, World};

/// All links of the machine.
pub(crate) struct Links<'r> {
    network: &'r Network,
    /// The reference clock.
    clock: Frequency,
    spec: Option<LinkSpec>,
    /// When each link has passed all data so far.
    free: Vec<Cycle>,
    /// Cycles that each was at work.
    pub(crate) busy: Vec<Cycles>,
}

impl<'r> Links<'r> {
    pub(crate) fn new(network: &'r Network, clock: Frequency, spec: Option<LinkSpec>) -> Self {
        let links = network.links();
        Self {
            network,
            clock,
            spec,
            free: vec![Cycle::ZERO; links],
            busy: vec![Cycles::ZERO; links],
        }
    }

    /// When bytes that a chip asks for now have come from another; `None` past 64 bits.
    fn pass(&mut self, now: Cycle, bytes: Bytes, (from, to): (u16, u16)) -> Option<Cycle> {
        let route = self.network.route(from, to);
        let route = route.expect("a machine's chips reach each other");
        let Some(spec) = self.spec else {
            return Some(now);
        };
        let moving = self
            .clock
            .cycles_to_pass(bytes.get(), spec.bytes_per_second)?;
        let latency = self.clock.cycles_ceil(spec.latency_picoseconds)?;
        let (mut head, mut end) = (now, now);
        for link in route {
            let start = head.max(self.free[link.index()]);
            self.free[link.index()] = start.checked_add(moving)?;
            self.busy[link.index()] += moving;
            head = start.checked_add(latency)?;
            end = head.checked_add(moving)?;
        }
        Some(end)
    }
}

struct Flight {
    instruction: Instruction,
    bound: Bound,
    end: Cycle,
}

/// The receiving end of the links at one core: transfers begin in order, overlap, and complete in
/// order.
pub(crate) struct Receive {
    issue: Issue,
    flights: VecDeque<Flight>,
}

impl Receive {
    pub(crate) fn new(issue: Issue) -> Self {
        Self {
            issue,
            flights: VecDeque::new(),
        }
    }

    fn start<O: Observer>(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) -> bool {
        let drained = self.flights.is_empty();
        let Some((instruction, bound)) = self.issue.next(world, context, drained) else {
            return false;
        };
        let Work::Receive(ReceiveTile { from, bytes, .. }) = instruction.work else {
            unreachable!("the program gives the receiving unit nothing else");
        };
        let here = world.units[self.issue.unit.index()].core;
        let ends = (world.platform.chip_of(from), world.cores[here].chip);
        let Some(end) = world.links.pass(context.now(), bytes, ends) else {
            world.fail(context, MachineError::TooLong);
            return false;
        };
        let before = self.flights.back().map_or(end, |flight| flight.end);
        self.flights.push_back(Flight {
            instruction,
            bound,
            end: end.max(before),
        });
        true
    }

    fn finish<O: Observer>(
        &self,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
        flight: &Flight,
    ) {
        let Flight {
            instruction,
            bound,
            end: at,
        } = flight;
        let Work::Receive(ReceiveTile {
            from,
            bytes,
            scratchpad,
        }) = instruction.work
        else {
            unreachable!("checked when the transfer started");
        };
        let unit = self.issue.unit;
        let state = &world.units[unit.index()];
        let (accounted, here) = (state.accounted, state.core);
        // Whom nobody simulates does what this one does.
        let there = world.cores.iter().position(|core| core.id == from);
        let pads = [(there.unwrap_or(here), true), (here, false)];
        for (core, read) in pads {
            let pad = world.pad(core, scratchpad);
            let moved = |yes: bool| if yes { bytes.to_bits() } else { Bits::ZERO };
            pad.count_used(moved(read), moved(!read), bytes.to_bits());
        }
        let mut written = [Bits::ZERO; 3];
        written[scratchpad as usize] = bytes.to_bits();
        // The other side's reading is told with it.
        world.observer.activity(&Activity {
            unit,
            operation: instruction.operation,
            work: &instruction.work,
            read: written,
            written,
        });
        let span = *at - accounted;
        let parts: &[_] = if span.is_zero() {
            &[]
        } else {
            &[(Cause::Link, span)]
        };
        world.complete(
            context,
            &Completion {
                unit,
                instruction,
                at: *at,
                bound: *bound,
                parts,
                macs: 0,
                bytes,
            },
        );
    }
}

impl<O: Observer> Component<World<'_, O>> for Receive {
    fn wake(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) {
        let now = context.now();
        loop {
            while self.flights.front().is_some_and(|flight| flight.end <= now) {
                if let Some(flight) = self.flights.pop_front() {
                    self.finish(world, context, &flight);
                }
            }
            if world.fault.is_some() || !self.start(world, context) {
                break;
            }
        }
        if let Some(flight) = self.flights.front() {
            context.wake_me_at(flight.end, Phase::Deliver);
        }
    }

    fn waits_for(&self, world: &World<'_, O>) -> Option<WaitsFor> {
        world.describe_wait(&self.issue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(network: &Network) -> Links<'_> {
        let spec = LinkSpec {
            bytes_per_second: 1_000_000_000,
            latency_picoseconds: 50_000,
            reach: tile_program::Reach::Board,
        };
        // A byte and 50 ns are a cycle and 50 cycles.
        let clock = Frequency::from_megahertz(1000).unwrap();
        Links::new(network, clock, Some(spec))
    }

    #[test]
    fn data_come_after_latency_and_length_and_what_was_asked_before() {
        let network = Network::new(3, &[(0, 1), (1, 2)]);
        let mut links = links(&network);
        assert_eq!(links.pass(Cycle(0), Bytes(100), (0, 1)), Some(Cycle(150)));
        // The link is free again after 100 cycles.
        assert_eq!(links.pass(Cycle(20), Bytes(10), (0, 1)), Some(Cycle(160)));
        // The other direction is a link of its own.
        assert_eq!(links.pass(Cycle(20), Bytes(10), (1, 0)), Some(Cycle(80)));
    }

    #[test]
    fn a_chip_on_the_way_passes_data_on_as_they_come() {
        let network = Network::new(3, &[(0, 1), (1, 2)]);
        let mut links = links(&network);
        // Two latencies and one length.
        assert_eq!(links.pass(Cycle(0), Bytes(100), (0, 2)), Some(Cycle(200)));
        assert_eq!(
            links.busy.iter().map(|cycles| cycles.get()).sum::<u64>(),
            200
        );
    }
}
