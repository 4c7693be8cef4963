//! The figures that the tool reports for a GEMM, from the timing laws.

use std::fmt;
use std::str::FromStr;

use tile_program::{Dataflow, GemmTile};

use pe_array::{ArrayConfig, ArrayModel, Convention, Element, Feed, TileError, TileTiming};

/// What the tool reports for a GEMM whose operands never stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Index of the last cycle: one less than the cycles that pass.
    pub total_cycles: u64,
    /// Overall utilisation: MACs over the slots of `total_cycles`.
    pub utilization: Percent,
    /// PEs in use, averaged over folds.
    pub mapping_efficiency: Percent,
    /// Utilisation averaged over folds, by the tool's own count of a fold's cycles: that of the
    /// fold for OS, and C − 1 more for WS and IS.
    pub compute_util: Percent,
    /// Reads of A.
    pub ifmap_reads: u64,
    /// Reads of B.
    pub filter_reads: u64,
    /// Writes of C; under OS, rows + columns too many for each fold, as the tool counts.
    pub ofmap_writes: u64,
}

/// A percentage in millionths of a percent, rounded half to even, as the tool's figures are
/// printed to six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u128);

impl Percent {
    const ONE: u128 = 1_000_000;

    /// `part / whole`; zero where the whole is nothing.
    fn of(part: u128, whole: u128) -> Option<Self> {
        if whole == 0 {
            return Some(Self(0));
        }
        let scaled = part.checked_mul(100 * Self::ONE)?;
        let (floor, rest) = (scaled / whole, scaled % whole);
        let half = (rest * 2).cmp(&whole);
        let up = half.is_gt() || (half.is_eq() && floor % 2 == 1);
        Some(Self(floor + u128::from(up)))
    }
}

impl fmt::Display for Percent {
    /// Up to six decimals, at least one: `46.549479`, `100.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:06}", self.0 % Self::ONE);
        let digits = decimals.trim_end_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        write!(f, "{}.{digits}", self.0 / Self::ONE)
    }
}

impl FromStr for Percent {
    type Err = ();

    /// A decimal number that six decimals hold: `46.5`, `1e-06`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().map_err(|_| ())?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{decimals}");
        if whole.is_empty() || digits.len() > 30 || !digits.bytes().all(|c| c.is_ascii_digit()) {
            return Err(());
        }
        let digits: u128 = digits.parse().map_err(|_| ())?;
        let shift = exponent.checked_add(6 - decimals.len() as i32).ok_or(())?;
        let power = 10u128.checked_pow(shift.unsigned_abs()).ok_or(())?;
        if shift >= 0 {
            digits.checked_mul(power).map(Self).ok_or(())
        } else if digits.is_multiple_of(power) {
            Ok(Self(digits / power))
        } else {
            Err(())
        }
    }
}

/// An array of plain one-cycle PEs, as the tool knows it.
pub(crate) fn array(
    rows: u64,
    columns: u64,
    dataflow: Dataflow,
    timing: Convention,
) -> ArrayConfig {
    ArrayConfig {
        rows,
        columns,
        // Sums that cannot wrap: the tool knows no accumulators.
        element: Element::Bf16 { accumulator: None },
        dataflow,
        timing,
        initiation_interval: Some(1),
        latency: Some(1),
    }
}

/// The timing of a GEMM on an array of the tool.
pub(crate) fn timing(model: &ArrayModel, m: u64, n: u64, k: u64) -> Result<TileTiming, TileError> {
    let tile = GemmTile {
        m,
        n,
        k,
        repeat: 1,
        side_by_side: 1,
        accumulate: false,
        packed: None,
    };
    model.tile(&tile, &Feed::UNLIMITED)
}

impl Figures {
    /// The figures of C\[m,n\] = A\[m,k\] · B\[k,n\] on an array in the `ScaleSim` convention.
    ///
    /// # Errors
    /// A dimension of zero, or counts beyond 64 bits.
    ///
    /// # Panics
    /// If the array is in another convention: a caller's mistake.
    pub fn of(model: &ArrayModel, m: u64, n: u64, k: u64) -> Result<Self, TileError> {
        assert_eq!(model.convention(), Convention::ScaleSim);
        let timing = timing(model, m, n, k)?;
        Self::from_timing(model, &timing, (m, n, k)).ok_or(TileError::Overflow {
            m,
            n,
            k,
            repeat: 1,
        })
    }

    fn from_timing(
        model: &ArrayModel,
        timing: &TileTiming,
        (m, n, k): (u64, u64, u64),
    ) -> Option<Self> {
        let pes = u128::from(model.pes());
        let folds = u128::from(timing.folds);
        let cycles = u128::from(timing.total.get());
        let macs = u128::from(timing.macs);
        let (spatial, trailing, surplus) = match model.dataflow() {
            Dataflow::OutputStationary => {
                let surplus = timing.folds.checked_mul(model.rows() + model.columns())?;
                ((m, n), 0, surplus)
            }
            Dataflow::WeightStationary => ((k, n), model.columns() - 1, 0),
            Dataflow::InputStationary => ((k, m), model.columns() - 1, 0),
        };
        let mapped = u128::from(spatial.0) * u128::from(spatial.1);
        let skewed = cycles.checked_add(folds.checked_mul(u128::from(trailing))?)?;
        let slots = |cycles: u128| cycles.checked_mul(pes);
        Some(Self {
            total_cycles: timing.total.get() - 1,
            utilization: Percent::of(macs, slots(cycles - 1)?)?,
            mapping_efficiency: Percent::of(mapped, slots(folds)?)?,
            compute_util: Percent::of(macs, slots(skewed)?)?,
            ifmap_reads: timing.traffic.a_reads,
            filter_reads: timing.traffic.b_reads,
            ofmap_writes: timing.traffic.c_writes.checked_add(surplus)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_print_and_read_as_the_tool_prints_them() {
        for text in ["46.549479", "100.0", "0.071023", "1.5625", "0.0"] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
        }
        assert_eq!("1e-06".parse(), Ok(Percent(1)));
        assert_eq!("7.9e-05".parse(), Ok(Percent(79)));
        for text in ["", ".5", "1.1234567", "-1.0", "nan", "1e-7", "e5", "1e99"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_round_half_to_even() {
        // 100 / 512 = 0.1953125
        assert_eq!(Percent::of(1, 512).unwrap().to_string(), "0.195312");
        assert_eq!(Percent::of(3, 512).unwrap().to_string(), "0.585938");
        assert_eq!(Percent::of(2, 3).unwrap().to_string(), "66.666667");
    }
}
