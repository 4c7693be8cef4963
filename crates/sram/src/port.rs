//! How units share the ports of scratchpads.
//!
//! **The computing side** (arrays, vector unit) is arbitrated oldest first: an instruction spreads
//! its accesses evenly over the time until its unit may start the next one, and takes that rate of
//! every port it needs. What started earlier keeps its rate; what starts later gets what is left,
//! as much of it as keeps its accesses to all scratchpads in step, and more as soon as an earlier
//! one is over. All ends are known, so the answer is given when an instruction starts, and never
//! changes afterwards.
//!
//! **The DMA side** is first come, first served: data of loads and stores pass one after another.
//!
//! Rates are integers, rounded so that no cycle carries more than the ports do.

use quantities::{Bits, Bytes, Cycles, Ratio};

use crate::Scratchpad;

/// Rates are whole numbers of this part of a bit a cycle.
const SCALE: u128 = 1 << 20;

/// A rate taken of a scratchpad's ports for a while, in cycles of the scratchpads' clock.
#[derive(Clone, Copy, Debug)]
struct Grant {
    from: u64,
    to: u64,
    /// The rate in bits a cycle, counted in units of 1 / [`SCALE`].
    rate: u128,
}

/// The ports of a scratchpad that face the computing units, and who has taken what of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports {
    grants: Vec<Grant>,
}

impl Ports {
    fn taken(&self, at: u64) -> u128 {
        let now = self.grants.iter().filter(|g| g.from <= at && at < g.to);
        now.map(|grant| grant.rate).sum()
    }

    /// The next cycle after `at` at which what is taken changes.
    fn next_change(&self, at: u64) -> Option<u64> {
        let edges = self.grants.iter().flat_map(|grant| [grant.from, grant.to]);
        edges.filter(|&edge| edge > at).min()
    }
}

/// What an instruction wants of one scratchpad.
struct Demand {
    scratchpad: usize,
    /// The rate that the ports carry in all, in bits a cycle times [`SCALE`].
    capacity: u128,
    /// The rate that the instruction takes at full speed, in the same unit.
    rate: u128,
}

/// Grants an instruction its rates of the ports, and says how long it takes that would take `span`
/// cycles alone, and starts at `start`, where its unit moves so many bits through the ports of each
/// scratchpad. Instructions ask in the order of their starts.
pub fn arbitrate(
    scratchpads: &mut [Scratchpad; 3],
    start: u64,
    span: Cycles,
    bits: [Bits; 3],
) -> Cycles {
    let (span, demands) = demands(scratchpads, span.get(), bits);
    let mut left = u128::from(span) * SCALE;
    let mut at = start;
    for demand in &demands {
        let ports = &mut scratchpads[demand.scratchpad].ports;
        ports.grants.retain(|grant| grant.to > start);
    }
    while left > 0 && !demands.is_empty() {
        let ports = |demand: &Demand| &scratchpads[demand.scratchpad].ports;
        let speed = demands.iter().map(|demand| {
            let free = demand.capacity.saturating_sub(ports(demand).taken(at));
            (free * SCALE / demand.rate).min(SCALE)
        });
        let speed = speed.min().unwrap_or(SCALE);
        let change = demands
            .iter()
            .filter_map(|demand| ports(demand).next_change(at));
        let until = change.min().map_or(u128::MAX, |edge| u128::from(edge - at));
        let needed = if speed == 0 {
            u128::MAX
        } else {
            left.div_ceil(speed)
        };
        let length = needed.min(until);
        let to = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        for demand in demands.iter().filter(|_| speed > 0) {
            scratchpads[demand.scratchpad].ports.grants.push(Grant {
                from: at,
                to,
                rate: (demand.rate * speed).div_ceil(SCALE),
            });
        }
        left = left.saturating_sub(speed * length);
        at = to;
    }
    Cycles(span.max(at - start))
}

/// The demands on scratchpads with limits, and the time without anyone else: no port carries more
/// than it can.
fn demands(scratchpads: &[Scratchpad; 3], span: u64, bits: [Bits; 3]) -> (u64, Vec<Demand>) {
    let wanted: Vec<(usize, u128, u128)> = scratchpads
        .iter()
        .zip(bits)
        .enumerate()
        .filter(|(_, (_, bits))| *bits > Bits::ZERO)
        .filter_map(|(index, (pad, bits))| {
            let (bytes, cycles) = pad.side_rate()?.as_fraction();
            let capacity = u128::from(bytes) * 8 * SCALE / u128::from(cycles);
            Some((index, capacity, u128::from(bits.get()) * SCALE))
        })
        .collect();
    let span = wanted
        .iter()
        .map(|&(_, capacity, bits)| bits.div_ceil(capacity))
        .fold(u128::from(span), u128::max);
    let demands = wanted
        .into_iter()
        .map(|(scratchpad, capacity, bits)| Demand {
            scratchpad,
            capacity,
            rate: bits.div_ceil(span.max(1)).min(capacity),
        })
        .collect();
    (u64::try_from(span).unwrap_or(u64::MAX), demands)
}

/// When the ports that face the DMA have carried all data so far: parts of a cycle, as many to the
/// cycle as the rate has bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DmaPorts {
    free_at: u128,
}

impl DmaPorts {
    /// The first cycle at which data that is there at a cycle has passed the ports.
    pub(crate) fn pass(&mut self, rate: Ratio, at: u64, data: Bytes) -> u64 {
        let (bytes, cycles) = rate.as_fraction();
        let busy = u128::from(data.get()) * u128::from(cycles);
        // It passes as it arrives, no faster than the ports.
        self.free_at = (self.free_at + busy).max(u128::from(at) * u128::from(bytes));
        u64::try_from(self.free_at.div_ceil(bytes.into())).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Geometry;
    use proptest::prelude::*;

    fn pads(banks: u64, port: u64) -> [Scratchpad; 3] {
        let geometry = Geometry {
            capacity: Bytes(1 << 20),
            banks,
            port: Bytes(port),
        };
        [Some(geometry), Some(geometry), None].map(Scratchpad::new)
    }

    fn bits(activations: u64, weights: u64) -> [Bits; 3] {
        [Bits(activations), Bits(weights), Bits(1 << 40)]
    }

    #[test]
    fn who_is_alone_takes_as_long_as_its_ports_need() {
        // Half of 4 ports of 8 bytes: 128 bits a cycle.
        let mut pads = pads(4, 8);
        assert_eq!(
            arbitrate(&mut pads, 0, Cycles(10), bits(1280, 0)),
            Cycles(10)
        );
        assert_eq!(
            arbitrate(&mut pads, 10, Cycles(10), bits(1281, 5)),
            Cycles(11)
        );
        assert_eq!(arbitrate(&mut pads, 21, Cycles(7), bits(0, 0)), Cycles(7));
    }

    #[test]
    fn the_later_one_gets_what_the_earlier_one_leaves() {
        let mut pads = pads(4, 8);
        // Three quarters of the ports for 100 cycles.
        assert_eq!(
            arbitrate(&mut pads, 0, Cycles(100), bits(9600, 0)),
            Cycles(100)
        );
        // Half of the ports for 100 cycles: a quarter, at half speed, until the first is over.
        assert_eq!(
            arbitrate(&mut pads, 0, Cycles(100), bits(6400, 0)),
            Cycles(150)
        );
        // Nothing is left of the first 100 cycles, and half of the next 50.
        assert_eq!(
            arbitrate(&mut pads, 0, Cycles(10), bits(1280, 0)),
            Cycles(120)
        );
        // Another scratchpad is another matter.
        assert_eq!(
            arbitrate(&mut pads, 0, Cycles(10), bits(0, 1280)),
            Cycles(10)
        );
    }

    proptest! {
        /// No cycle carries more than the ports do, everything asked for is carried, and nobody is
        /// faster than alone.
        #[test]
        fn ports_carry_what_was_asked_and_never_more_than_they_can(
            asked in prop::collection::vec((0u64..40, 1u64..60, 0u64..9000, 0u64..9000), 1..20),
            banks in 1u64..5, port in 1u64..20,
        ) {
            let mut pads = pads(banks, port);
            let capacity = banks * port * 4;
            let (mut start, mut end, mut sums) = (0, 0, [0, 0]);
            for (gap, span, a, b) in asked {
                start += gap;
                let took = arbitrate(&mut pads, start, Cycles(span), bits(a, b)).get();
                prop_assert!(took >= span);
                end = end.max(start + took);
                sums = [sums[0] + a, sums[1] + b];
                for pad in &pads[..2] {
                    let edges = pad.ports.grants.iter().flat_map(|grant| [grant.from, grant.to - 1]);
                    for cycle in edges {
                        prop_assert!(pad.ports.taken(cycle) <= u128::from(capacity) * SCALE);
                    }
                }
            }
            for (pad, sum) in sums.into_iter().enumerate() {
                prop_assert!(sum <= capacity * end, "{pad}: {sum} bits in {end} cycles");
            }
        }

        #[test]
        fn data_of_both_sides_of_the_dma_passes_one_after_another(
            data in prop::collection::vec((0u64..50, 1u64..500), 1..30), banks in 1u64..5,
        ) {
            let mut pad = pads(banks, 8)[0].clone();
            let (mut at, mut sum, mut last) = (0, 0, 0);
            for (gap, bytes) in data {
                at += gap;
                sum += bytes;
                let passed = pad.pass_dma(at, Bytes(bytes));
                prop_assert!(passed >= at && passed >= last);
                prop_assert!(sum <= banks * 4 * passed);
                last = passed;
            }
        }
    }
}
