//! The machine with a part made faster.

use accelerator::{ArraySpec, MachineSpec};
use attribution::Speedup;
use config::FieldError;
use event_kernel::Frequency;
use serde::Serialize;

use super::Part;

/// How a part is made faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// Its array's clock is S times as fast.
    Clock,
    /// Its array has S times as many columns.
    Columns,
}

/// A finite stand-in for infinitely fast: past it nothing but the rest of the machine is left.
const INFINITE: f64 = 1024.0;
/// Parts of one, to which a factor on a clock is rounded.
const GRAIN: f64 = 1000.0;
/// The widest array that is taken.
const WIDEST: u64 = 1 << 16;

/// The factor that a machine can be built for: `inf` becomes 1024.
#[must_use]
pub fn nearest_machine(s: Speedup) -> f64 {
    s.get().min(INFINITE)
}

/// The machine with the arrays of a part `s` times faster.
///
/// An array that serves others too is split: the part gets a copy of its own, the rest keeps the
/// array as it is. The two serve different operators and share no work, so the split alone speeds
/// up what can overlap, and nothing else.
///
/// # Errors
/// If no whole number of columns, or no clock, is `s` times what it was.
pub fn faster(
    spec: &MachineSpec,
    part: Part,
    s: Speedup,
    means: Means,
) -> Result<MachineSpec, FieldError> {
    let times = nearest_machine(s);
    let families = part.families();
    let mut faster = spec.clone();
    faster.arrays.clear();
    for (index, array) in spec.arrays.iter().enumerate() {
        let (ours, others): (Vec<_>, Vec<_>) = array
            .serves
            .iter()
            .partition(|&family| families.contains(family));
        if ours.is_empty() {
            faster.arrays.push(array.clone());
            continue;
        }
        let mut own = scaled(array, times, means)
            .map_err(|error| error.inside(format_args!("arrays[{index}]")))?;
        own.serves = ours;
        if !others.is_empty() {
            own.name = format!("{} x{times}", array.name);
            let rest = ArraySpec {
                serves: others,
                ..array.clone()
            };
            faster.arrays.push(rest);
        }
        faster.arrays.push(own);
    }
    Ok(faster)
}

fn scaled(array: &ArraySpec, times: f64, means: Means) -> Result<ArraySpec, FieldError> {
    let mut array = array.clone();
    match means {
        Means::Clock => {
            let (numerator, denominator) = array.clock.as_fraction();
            let grains = (times * GRAIN).round() as u64;
            let too_fast = || {
                FieldError::new("clock", format!("{times} times this clock is out of reach"))
                    .help("choose a smaller speedup")
            };
            let numerator = numerator.checked_mul(grains).ok_or_else(too_fast)?;
            let denominator = denominator.checked_mul(GRAIN as u64).ok_or_else(too_fast)?;
            array.clock = Frequency::new(numerator, denominator).map_err(|_| too_fast())?;
        }
        Means::Columns => {
            let columns = (array.array.columns as f64 * times).round() as u64;
            array.array.columns = columns.clamp(1, WIDEST);
        }
    }
    Ok(array)
}
