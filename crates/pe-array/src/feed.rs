//! How fast the scratchpads can feed an array.

use quantities::Ratio;
use serde::Serialize;

/// Elements that a port of so many bits moves each cycle, where `elements` of them are packed into
/// `bits` (INT8: 1 in 8; five trits to the byte: 5 in 8; BF16: 1 in 16): elements over cycles.
///
/// `None` if any is zero or the product leaves 64 bits.
#[must_use]
pub fn port_rate(port_bits: u64, elements: u64, bits: u64) -> Option<Ratio> {
    Ratio::new(port_bits.checked_mul(elements)?, bits)
}

/// What the scratchpads can deliver to (A, B) and take from (C) an array each cycle.
/// A rate is a number of elements over a number of cycles; `None` is a port that never slows the
/// array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Feed {
    /// Operand A: activations.
    pub a: Option<Ratio>,
    /// Operand B: weights.
    pub b: Option<Ratio>,
    /// Results and partial sums. One result moved counts one element, also where it is added to a
    /// sum in the scratchpad: the scratchpad reads and writes in the same cycle.
    pub c: Option<Ratio>,
}

impl Feed {
    /// Ports that never slow the array.
    pub const UNLIMITED: Self = Self {
        a: None,
        b: None,
        c: None,
    };
}

/// How many cycles a port needs for one step of a stream: an exact fraction; zero is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    cycles: u128,
    steps: u128,
}

impl Pace {
    pub(crate) const UNLIMITED: Self = Self {
        cycles: 0,
        steps: 1,
    };

    /// The pace at which a port moves `elements` elements a step.
    pub(crate) fn of(elements: u64, rate: Option<Ratio>) -> Self {
        rate.map_or(Self::UNLIMITED, |rate| Self {
            cycles: u128::from(elements) * u128::from(rate.denominator()),
            steps: u128::from(rate.numerator()),
        })
    }

    /// The slower of two: a step needs both ports.
    pub(crate) fn slower(self, other: Self) -> Self {
        if self.cycles * other.steps >= other.cycles * self.steps {
            self
        } else {
            other
        }
    }

    /// Cycles after which `steps` steps have passed the port: ⌈steps · pace⌉.
    fn port_cycles(self, steps: u64) -> Option<u128> {
        // Most fit 64 bits, which divide many times faster.
        let small = |value| u64::try_from(value).ok();
        if let (Some(cycles), Some(each)) = (small(self.cycles), small(self.steps))
            && let Some(product) = steps.checked_mul(cycles)
        {
            return Some(u128::from(product.div_ceil(each)));
        }
        let product = u128::from(steps).checked_mul(self.cycles)?;
        Some(product.div_ceil(self.steps))
    }

    /// Cycles of a stream of `steps ≥ 1` steps, from the cycle in which its port begins to move
    /// until the next stream may begin: the last step's entry, and its initiation interval.
    ///
    /// The port moves x = `elements / rate` cycles' worth a step and begins with nothing in hand.
    /// Step t (from zero) enters in the first cycle τ(t) that has seen all its elements,
    /// τ(t) ≥ ⌈(t+1)·x⌉ − 1, and an interval after the step before it, τ(t) ≥ τ(t−1) + I. Hence
    ///
    /// ```text
    ///   τ(t) = max over s ≤ t of ⌈(s+1)·x⌉ − 1 + (t−s)·I
    /// ```
    ///
    /// I is whole, so ⌈y + x⌉ − ⌈y⌉ never exceeds I if x ≤ I, and never falls below I if x > I. The
    /// maximum is therefore taken at s = 0 or at s = t: the stream is bound by its PEs after the
    /// first step, or by its port throughout.
    ///
    /// ```text
    ///   τ(t) = max( ⌈x⌉ − 1 + t·I,  ⌈(t+1)·x⌉ − 1 )
    /// ```
    pub(crate) fn stream_cycles(self, steps: u64, interval: u64) -> Option<u64> {
        debug_assert!(steps >= 1, "a stream has a step");
        let first = self.port_cycles(1)?.max(1) - 1;
        let by_interval =
            first.checked_add(u128::from(steps - 1).checked_mul(u128::from(interval))?)?;
        let by_port = self.port_cycles(steps)?.max(1) - 1;
        let entry = by_interval.max(by_port);
        u64::try_from(entry.checked_add(u128::from(interval))?).ok()
    }

    /// Cycles before the first step enters: τ(0).
    pub(crate) fn first_entry(self) -> Option<u64> {
        u64::try_from(self.port_cycles(1)?.max(1) - 1).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The port as hardware: a bucket of tokens, filled each cycle, emptied by each step.
    fn by_token_bucket(elements: u64, rate: Ratio, steps: u64, interval: u64) -> u64 {
        let need = elements * rate.denominator();
        let cap = need + rate.numerator();
        let (mut level, mut cycle, mut next, mut entered) = (0, 0, 0, 0);
        loop {
            level = cap.min(level + rate.numerator());
            if level >= need && cycle >= next {
                level -= need;
                entered += 1;
                next = cycle + interval;
                if entered == steps {
                    return next;
                }
            }
            cycle += 1;
        }
    }

    proptest! {
        #[test]
        fn the_stream_law_is_the_token_bucket(
            elements in 1u64..40, per in 1u64..40, cycles in 1u64..9, steps in 1u64..60, interval in 1u64..6,
        ) {
            let rate = Ratio::new(per, cycles).unwrap();
            let law = Pace::of(elements, Some(rate)).stream_cycles(steps, interval).unwrap();
            prop_assert_eq!(law, by_token_bucket(elements, rate, steps, interval));
        }
    }

    #[test]
    fn an_unlimited_port_leaves_a_stream_to_its_interval() {
        assert_eq!(Pace::UNLIMITED.stream_cycles(10, 4), Some(40));
        assert_eq!(Pace::UNLIMITED.stream_cycles(u64::MAX, 4), None);
    }

    #[test]
    fn a_packed_port_has_a_fractional_rate() {
        // 64 bits of five trits to the byte: 40 trits a cycle.
        let rate = port_rate(64, 5, 8).unwrap();
        assert_eq!((rate.numerator(), rate.denominator()), (40, 1));
        assert_eq!(Pace::of(40, Some(rate)).stream_cycles(7, 1), Some(7));
    }
}
