//! Clock domains on one exact time line.
//!
//! A frequency is a rational number of hertz, so a period is a rational number of seconds. The
//! [`Timeline`] chooses as its tick the greatest time that divides every period; each edge of each
//! domain is then a whole number of ticks, and domains never drift against each other.

use quantities::{Cycle, Frequency, gcd_wide};

/// Why clocks cannot be put on one time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The common tick of the periods does not fit 128-bit arithmetic.
    #[error("the clock periods have no common tick within 128 bits; choose rounder frequencies")]
    NoCommonTick,
}

/// Names a clock domain of a [`Timeline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub(crate) u16);

/// A point on the common time line, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub(crate) u128);

/// All clock domains of a simulation, on one exact grid.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The number of ticks in a period of each domain.
    ticks_per_cycle: Vec<u128>,
    frequencies: Vec<Frequency>,
}

impl Timeline {
    /// Puts domains of these frequencies on one grid; domain `i` gets the `i`-th [`DomainId`].
    ///
    /// # Errors
    /// [`ClockError::NoCommonTick`] if the grid would need more than 128 bits.
    pub fn new(frequencies: &[Frequency]) -> Result<Self, ClockError> {
        // Periods are denominator/numerator seconds. Their greatest common divisor is
        // gcd_wide(denominators) / lcm(numerators); a period is that many ticks times
        // (denominator / gcd) · (lcm / numerator).
        let mut divisor = 0;
        let mut multiple: u128 = 1;
        for frequency in frequencies {
            divisor = gcd_wide(divisor, u128::from(frequency.as_fraction().1));
            let numerator = u128::from(frequency.as_fraction().0);
            multiple = (multiple / gcd_wide(multiple, numerator))
                .checked_mul(numerator)
                .ok_or(ClockError::NoCommonTick)?;
        }
        let ticks_per_cycle = frequencies
            .iter()
            .map(|frequency| {
                let ticks = (u128::from(frequency.as_fraction().1) / divisor)
                    .checked_mul(multiple / u128::from(frequency.as_fraction().0))
                    .ok_or(ClockError::NoCommonTick)?;
                // Every 64-bit edge number must have an instant.
                ticks
                    .checked_mul(1 << 64)
                    .map(|_| ticks)
                    .ok_or(ClockError::NoCommonTick)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            ticks_per_cycle,
            frequencies: frequencies.to_vec(),
        })
    }

    /// The domain of the `index`-th frequency.
    ///
    /// # Panics
    /// If there is none: a caller's mistake.
    #[must_use]
    pub fn domain(&self, index: usize) -> DomainId {
        assert!(
            index < self.frequencies.len(),
            "clock domain {index} does not exist"
        );
        DomainId(u16::try_from(index).expect("asserted: fewer domains than frequencies given"))
    }

    /// The frequency of a domain.
    #[must_use]
    pub fn frequency(&self, domain: DomainId) -> Frequency {
        self.frequencies[domain.0 as usize]
    }

    /// The instant of an edge.
    #[must_use]
    pub fn instant(&self, domain: DomainId, edge: Cycle) -> Instant {
        Instant(u128::from(edge.get()) * self.ticks_per_cycle[domain.0 as usize])
    }

    /// The first edge of a domain at or after an instant.
    ///
    /// # Panics
    /// If that edge has a number above 64 bits.
    #[must_use]
    pub fn edge_at_or_after(&self, domain: DomainId, instant: Instant) -> Cycle {
        let ticks = self.ticks_per_cycle[domain.0 as usize];
        // A division of 64 bits takes a fraction of the time of one of 128.
        if let (Ok(instant), Ok(ticks)) = (u64::try_from(instant.0), u64::try_from(ticks)) {
            return Cycle(instant.div_ceil(ticks));
        }
        let edge = instant.0.div_ceil(ticks);
        Cycle(u64::try_from(edge).expect("an instant beyond 2^64 cycles"))
    }

    /// The first edge of `to` at or after an edge of `from`.
    #[must_use]
    pub fn convert(&self, from: DomainId, edge: Cycle, to: DomainId) -> Cycle {
        if from == to {
            edge
        } else {
            self.edge_at_or_after(to, self.instant(from, edge))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges_of_two_clocks_meet_exactly_where_arithmetic_says() {
        let core = Frequency::from_megahertz(700).unwrap();
        let dram = Frequency::from_period_femtoseconds(937_000).unwrap();
        let line = Timeline::new(&[core, dram]).unwrap();
        let (core, dram) = (line.domain(0), line.domain(1));
        // 6559 core periods of 10/7 ns are 9370 ns, which is 10 000 periods of 0.937 ns.
        assert_eq!(
            line.instant(core, Cycle(6559)),
            line.instant(dram, Cycle(10_000))
        );
        assert_eq!(line.convert(core, Cycle(1), dram), Cycle(2));
        assert_eq!(line.convert(dram, Cycle(2), core), Cycle(2));
    }

    #[test]
    fn periods_without_a_common_tick_are_refused() {
        let a = Frequency::from_hertz(u64::MAX).unwrap();
        let b = Frequency::from_hertz(u64::MAX - 1).unwrap();
        let c = Frequency::from_hertz(u64::MAX - 4).unwrap();
        assert_eq!(
            Timeline::new(&[a, b, c]).unwrap_err(),
            ClockError::NoCommonTick
        );
    }

    proptest! {
        #[test]
        fn conversion_is_the_least_edge_not_before(
            a in 1u64..5_000_000_000, b in 1u64..5_000_000, edge in 0u64..1 << 40,
        ) {
            let line = Timeline::new(&[
                Frequency::from_hertz(a).unwrap(),
                Frequency::from_period_femtoseconds(b).unwrap(),
            ]).unwrap();
            let (from, to) = (line.domain(0), line.domain(1));
            let instant = line.instant(from, Cycle(edge));
            let converted = line.convert(from, Cycle(edge), to);
            prop_assert!(line.instant(to, converted) >= instant);
            if converted.get() > 0 {
                prop_assert!(line.instant(to, Cycle(converted.get() - 1)) < instant);
            }
        }

    }
}
