//! Amdahl's law for the part of a run that 1-bit weights can reach.

use quantities::Cycles;
use serde::Serialize;
use tile_program::Class;

use crate::summary::Summary;

/// How many times faster a part is made: at least 1, possibly infinitely.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Speedup(f64);

/// Not a speedup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a speedup: a number of at least 1, or `inf`")]
pub struct NotASpeedup(String);

impl Speedup {
    /// A part that takes no time at all.
    pub const INFINITE: Self = Self(f64::INFINITY);

    /// So many times faster.
    ///
    /// # Errors
    /// If less than 1 or not a number.
    pub fn new(times: f64) -> Result<Self, NotASpeedup> {
        if times >= 1.0 {
            Ok(Self(times))
        } else {
            Err(NotASpeedup(times.to_string()))
        }
    }

    /// The bare factor, possibly infinite.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl std::str::FromStr for Speedup {
    type Err = NotASpeedup;

    fn from_str(text: &str) -> Result<Self, NotASpeedup> {
        let times: f64 = text.trim().parse().map_err(|_| NotASpeedup(text.into()))?;
        Self::new(times).map_err(|_| NotASpeedup(text.into()))
    }
}

/// F, the share of a run's makespan that MatMul-free-able work holds, as an exact fraction.
///
/// Amdahl, "Validity of the single processor approach to achieving large scale computing
/// capabilities", AFIPS 1967: with a share F of the time made S times faster, the whole becomes
/// 1 / ((1 − F) + F / S) times faster, and never more than 1 / (1 − F).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Amdahl {
    /// Cycles of the critical path charged to [`Class::MatMulFree`].
    pub reachable: Cycles,
    /// The makespan, in cycles.
    pub total: Cycles,
}

impl Amdahl {
    /// What Amdahl's law says of a run.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        let cells = summary.makespan.iter();
        Self {
            reachable: cells
                .filter(|cell| cell.class == Class::MatMulFree)
                .map(|cell| cell.cycles)
                .sum(),
            total: summary.total,
        }
    }

    /// F, between 0 and 1; 0 for an empty run.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        if self.total.is_zero() {
            0.0
        } else {
            self.reachable.get() as f64 / self.total.get() as f64
        }
    }

    /// The largest speedup that any S can give, 1 / (1 − F); `None` where there is no limit,
    /// because the whole run is reachable (F = 1).
    #[must_use]
    pub fn ceiling(&self) -> Option<f64> {
        let rest = self.total - self.reachable;
        if self.total.is_zero() {
            Some(1.0)
        } else if rest.is_zero() {
            None
        } else {
            Some(self.total.get() as f64 / rest.get() as f64)
        }
    }

    /// The speedup of the whole run with the reachable part made `s` times faster; infinite only
    /// where both `s` is and F = 1.
    #[must_use]
    pub fn law(&self, s: Speedup) -> f64 {
        if s == Speedup::INFINITE {
            return self.ceiling().unwrap_or(f64::INFINITY);
        }
        let fraction = self.fraction();
        1.0 / ((1.0 - fraction) + fraction / s.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amdahl(reachable: u64, total: u64) -> Amdahl {
        Amdahl {
            reachable: Cycles(reachable),
            total: Cycles(total),
        }
    }

    #[test]
    fn the_law_of_three_quarters_is_that_of_the_textbook() {
        let law = amdahl(75, 100);
        assert_eq!(law.ceiling(), Some(4.0));
        assert!((law.law(Speedup::new(3.0).unwrap()) - 2.0).abs() < 1e-12);
        assert!((law.law(Speedup::INFINITE) - 4.0).abs() < 1e-12);
        assert!((law.law(Speedup::new(1.0).unwrap()) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_speed_up_has_a_ceiling_of_one_and_nothing_else_has_none() {
        assert_eq!(amdahl(0, 100).ceiling(), Some(1.0));
        assert_eq!(amdahl(100, 100).ceiling(), None);
        assert!(amdahl(100, 100).law(Speedup::INFINITE).is_infinite());
        assert_eq!(amdahl(0, 0).ceiling(), Some(1.0));
    }

    #[test]
    fn a_speedup_below_one_or_no_number_is_refused() {
        for text in ["0.5", "nan", "-1", "fast", ""] {
            let error = text.parse::<Speedup>().unwrap_err();
            assert!(error.to_string().contains("at least 1"), "{text}");
        }
        assert_eq!("inf".parse::<Speedup>().unwrap(), Speedup::INFINITE);
        assert_eq!(
            "2".parse::<Speedup>().unwrap().get().to_bits(),
            2f64.to_bits()
        );
    }
}
