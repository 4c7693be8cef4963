//! Exact fractions.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// An exact fraction above zero, in lowest terms of 64 bits each.
///
/// Whoever uses one says what is counted above and what below the line: bytes in a number of
/// cycles, elements in a number of cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ratio {
    numerator: u64,
    denominator: u64,
}

impl Ratio {
    /// `numerator / denominator` in lowest terms; `None` if either is zero.
    #[must_use]
    pub const fn new(numerator: u64, denominator: u64) -> Option<Self> {
        Self::reduced(numerator as u128, denominator as u128)
    }

    /// `numerator / denominator` in lowest terms; `None` if either is zero, or if one of the terms
    /// needs more than 64 bits even so.
    #[must_use]
    pub const fn reduced(numerator: u128, denominator: u128) -> Option<Self> {
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let divisor = gcd_wide(numerator, denominator);
        let (numerator, denominator) = (numerator / divisor, denominator / divisor);
        if numerator > u64::MAX as u128 || denominator > u64::MAX as u128 {
            return None;
        }
        Some(Self {
            numerator: numerator as u64,
            denominator: denominator as u64,
        })
    }

    /// What stands above the line, in lowest terms.
    #[must_use]
    pub const fn numerator(self) -> u64 {
        self.numerator
    }

    /// What stands below the line, in lowest terms.
    #[must_use]
    pub const fn denominator(self) -> u64 {
        self.denominator
    }

    /// Both terms, in lowest terms: what stands above the line and what below.
    #[must_use]
    pub const fn as_fraction(self) -> (u64, u64) {
        (self.numerator, self.denominator)
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross = |a: &Self, b: &Self| u128::from(a.numerator) * u128::from(b.denominator);
        cross(self, other).cmp(&cross(other, self))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The greatest common divisor; that of zero and a number is the number.
#[must_use]
pub const fn gcd(a: u64, b: u64) -> u64 {
    gcd_wide(a as u128, b as u128) as u64
}

/// The greatest common divisor of wide numbers; that of zero and a number is the number.
#[must_use]
pub const fn gcd_wide(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The least common multiple, or `None` past 64 bits. Neither number may be zero.
///
/// # Panics
/// If both numbers are zero: a caller's mistake.
#[must_use]
pub const fn lcm(a: u64, b: u64) -> Option<u64> {
    (a / gcd(a, b)).checked_mul(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_is_no_ratio() {
        assert_eq!(Ratio::new(0, 1), None);
        assert_eq!(Ratio::new(1, 0), None);
    }

    #[test]
    fn terms_beyond_64_bits_are_refused_unless_they_reduce() {
        assert_eq!(Ratio::reduced(1 << 70, 3), None);
        assert_eq!(Ratio::reduced(1 << 70, 1 << 69), Ratio::new(2, 1));
    }

    proptest! {
        #[test]
        fn a_ratio_is_in_lowest_terms_and_keeps_its_value(a in 1u64.., b in 1u64..) {
            let ratio = Ratio::new(a, b).unwrap();
            let (n, d) = (ratio.numerator(), ratio.denominator());
            prop_assert_eq!(u128::from(n) * u128::from(b), u128::from(d) * u128::from(a));
            prop_assert_eq!(gcd(n, d), 1);
        }

        #[test]
        fn ratios_are_ordered_by_value(a in 1u64..100, b in 1u64..100, c in 1u64..100, d in 1u64..100) {
            let (one, other) = (Ratio::new(a, b).unwrap(), Ratio::new(c, d).unwrap());
            prop_assert_eq!(one.cmp(&other), (a * d).cmp(&(c * b)));
        }

        #[test]
        fn the_least_common_multiple_is_a_multiple_of_both(a in 1u64..1 << 30, b in 1u64..1 << 30) {
            let multiple = lcm(a, b).unwrap();
            prop_assert_eq!((multiple % a, multiple % b), (0, 0));
            prop_assert_eq!(multiple * gcd(a, b), a * b);
        }
    }
}
