//! Exact frequencies.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Cycles, Ratio};

/// An exact frequency: a rational number of hertz, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Frequency {
    hertz: Ratio,
}

/// Why a number is no frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrequencyError {
    /// A frequency of zero, or with a denominator of zero.
    #[error("a clock needs a frequency above zero")]
    Zero,
    /// The frequency does not fit 64 bits of hertz.
    #[error("the frequency does not fit 64 bits of hertz")]
    TooHigh,
}

impl Frequency {
    /// `numerator / denominator` hertz.
    ///
    /// # Errors
    /// [`FrequencyError::Zero`] if either is zero.
    pub const fn new(numerator: u64, denominator: u64) -> Result<Self, FrequencyError> {
        match Ratio::new(numerator, denominator) {
            Some(hertz) => Ok(Self { hertz }),
            None => Err(FrequencyError::Zero),
        }
    }

    /// A frequency of a whole number of hertz.
    ///
    /// # Errors
    /// [`FrequencyError::Zero`] if zero.
    pub const fn from_hertz(hertz: u64) -> Result<Self, FrequencyError> {
        Self::new(hertz, 1)
    }

    /// A frequency of a whole number of megahertz.
    ///
    /// # Errors
    /// [`FrequencyError::Zero`] if zero, [`FrequencyError::TooHigh`] past 64 bits of hertz.
    pub const fn from_megahertz(megahertz: u64) -> Result<Self, FrequencyError> {
        match megahertz.checked_mul(1_000_000) {
            Some(hertz) => Self::new(hertz, 1),
            None => Err(FrequencyError::TooHigh),
        }
    }

    /// The frequency whose period is so many femtoseconds.
    ///
    /// # Errors
    /// [`FrequencyError::Zero`] if zero.
    pub const fn from_period_femtoseconds(period: u64) -> Result<Self, FrequencyError> {
        Self::new(1_000_000_000_000_000, period)
    }

    /// The number of hertz as a reduced fraction.
    #[must_use]
    pub const fn as_fraction(self) -> (u64, u64) {
        self.hertz.as_fraction()
    }

    /// The number of hertz as a float, for reports.
    #[must_use]
    pub fn as_hertz_f64(self) -> f64 {
        self.hertz.numerator() as f64 / self.hertz.denominator() as f64
    }

    /// The number of seconds that a span lasts, for reports.
    #[must_use]
    pub fn seconds_f64(self, span: Cycles) -> f64 {
        span.get() as f64 / self.as_hertz_f64()
    }

    /// The least whole number of cycles that last at least so many picoseconds.
    ///
    /// Returns `None` past 64 bits.
    #[must_use]
    pub fn cycles_ceil(self, picoseconds: u64) -> Option<Cycles> {
        self.cycles_to_pass(picoseconds, 1_000_000_000_000)
    }

    /// The least whole number of cycles in which an amount passes at so many units of it a second.
    ///
    /// Returns `None` past 64 bits, or at a rate of 0.
    #[must_use]
    pub fn cycles_to_pass(self, amount: u64, per_second: u64) -> Option<Cycles> {
        let product = u128::from(amount) * u128::from(self.hertz.numerator());
        let second = u128::from(self.hertz.denominator()) * u128::from(per_second);
        let cycles = (second > 0).then(|| product.div_ceil(second))?;
        u64::try_from(cycles).ok().map(Cycles)
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hertz = self.as_hertz_f64();
        if hertz >= 1e9 {
            write!(f, "{} GHz", hertz / 1e9)
        } else if hertz >= 1e6 {
            write!(f, "{} MHz", hertz / 1e6)
        } else {
            write!(f, "{hertz} Hz")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frequency_of_zero_is_refused() {
        assert_eq!(Frequency::from_hertz(0), Err(FrequencyError::Zero));
        assert_eq!(Frequency::new(1, 0), Err(FrequencyError::Zero));
    }

    proptest! {
        #[test]
        fn cycles_ceil_is_the_least_span_that_lasts(hertz in 1u64..5_000_000_000, ps in 0u64..1 << 40) {
            let frequency = Frequency::from_hertz(hertz).unwrap();
            let cycles = u128::from(frequency.cycles_ceil(ps).unwrap().get());
            let target = u128::from(ps) * u128::from(hertz);
            prop_assert!(cycles * 1_000_000_000_000 >= target);
            prop_assert!(cycles == 0 || (cycles - 1) * 1_000_000_000_000 < target);
        }
    }
}
