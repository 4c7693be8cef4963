//! The links between chips.
//!
//! A receiver pulls: when the data are there and the room for them is free, the first link of the
//! way is asked. Data pass a link after what was asked of it before, at its rate, and are at the
//! next chip after its latency; a chip on the way passes them on as they come. Who shares a link
//! waits in the order of asking, so every arrival is known when the transfer begins.

use quantities::{Bytes, Cycle, Cycles, Frequency};
use tile_program::Network;

use crate::config::LinkSpec;

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
    pub(crate) fn pass(
        &mut self,
        now: Cycle,
        bytes: Bytes,
        (from, to): (u16, u16),
    ) -> Option<Cycle> {
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
