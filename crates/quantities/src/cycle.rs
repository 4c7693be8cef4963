//! Points and spans of time, counted in cycles of one clock.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// A point in time: the rising edge number `n` of a clock, edge 0 being the start of the run.
///
/// Points subtract to a span; they do not add.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cycle(pub u64);

/// A span of time: a number of cycles of a clock.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cycles(pub u64);

impl Cycle {
    /// The start of the run.
    pub const ZERO: Self = Self(0);

    /// The bare number of the edge.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The point `span` later, or `None` past 64 bits.
    #[must_use]
    pub const fn checked_add(self, span: Cycles) -> Option<Self> {
        match self.0.checked_add(span.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The span since an earlier point.
    ///
    /// # Panics
    /// If `earlier` is later than `self`: a caller's mistake.
    #[must_use]
    #[track_caller]
    pub const fn since(self, earlier: Self) -> Cycles {
        assert!(earlier.0 <= self.0, "a span of time cannot be negative");
        Cycles(self.0 - earlier.0)
    }

    /// The span since a point, or zero if that point is later.
    #[must_use]
    pub const fn saturating_since(self, other: Self) -> Cycles {
        Cycles(self.0.saturating_sub(other.0))
    }
}

impl Cycles {
    /// A span of no cycles.
    pub const ZERO: Self = Self(0);
    /// A span of one cycle.
    pub const ONE: Self = Self(1);
    /// The longest span that 64 bits count.
    pub const MAX: Self = Self(u64::MAX);

    /// The bare number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether the span is empty.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` past 64 bits.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The product, or `None` past 64 bits.
    #[must_use]
    pub const fn checked_mul(self, by: u64) -> Option<Self> {
        match self.0.checked_mul(by) {
            Some(product) => Some(Self(product)),
            None => None,
        }
    }

    /// The sum, or [`Self::MAX`] past 64 bits.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The product, or [`Self::MAX`] past 64 bits.
    #[must_use]
    pub const fn saturating_mul(self, by: u64) -> Self {
        Self(self.0.saturating_mul(by))
    }

    /// The difference, or zero if `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add<Cycles> for Cycle {
    type Output = Self;
    fn add(self, span: Cycles) -> Self {
        Self(self.0 + span.0)
    }
}

impl AddAssign<Cycles> for Cycle {
    fn add_assign(&mut self, span: Cycles) {
        self.0 += span.0;
    }
}

impl Sub for Cycle {
    type Output = Cycles;
    #[track_caller]
    fn sub(self, earlier: Self) -> Cycles {
        self.since(earlier)
    }
}

impl Add for Cycles {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Cycles {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Cycles {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl SubAssign for Cycles {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Mul<u64> for Cycles {
    type Output = Self;
    fn mul(self, by: u64) -> Self {
        Self(self.0 * by)
    }
}

impl Sum for Cycles {
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        Self(spans.map(|span| span.0).sum())
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cycle {}", self.0)
    }
}

impl fmt::Display for Cycles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cycles", self.0)
    }
}
