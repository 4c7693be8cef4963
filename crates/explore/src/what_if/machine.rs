//! The machine with a part made faster.

use accelerator::{ArraySpec, MachineSpec};
use attribution::Speedup;
use config::FieldError;
use pe_array::{ArrayModel, Element, Variant};
use quantities::Frequency;
use serde::Serialize;
use workload_compiler::Format;

use super::Part;

/// What of an array is S times as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// A higher clock of the array.
    Clock,
    /// More columns of PEs.
    Columns,
    /// More rows of PEs.
    Rows,
    /// Products that a PE does in a step, from a lookup table (ternary, binary and integer PEs).
    Lookup,
}

/// How a part is made faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct How {
    /// What is S times as much.
    pub means: Means,
    /// The PEs of the part's array, if others than the machine's; as many as before.
    pub pe: Option<Element>,
}

impl From<Means> for How {
    fn from(means: Means) -> Self {
        Self { means, pe: None }
    }
}

/// PEs for weights of a format, everything else as their kind has it.
#[must_use]
pub fn pe_for(format: Format) -> Element {
    let (activation, accumulator, variant) = (None, None, Variant::Parallel);
    match format {
        Format::Binary => Element::Binary {
            activation,
            accumulator,
            variant,
        },
        Format::Ternary { .. } => Element::Ternary {
            activation,
            accumulator,
            variant,
        },
        Format::Int4 => Element::Int4 {
            accumulator,
            variant,
        },
        Format::Int8 => Element::Int8 {
            activation,
            weight: None,
            accumulator,
            variant,
        },
        Format::Bf16 => Element::Bf16 { accumulator },
        Format::Fp16 => Element::Fp16 {
            accumulator,
            variant,
        },
    }
}

/// A finite stand-in for infinitely fast: past it nothing but the rest of the machine is left.
const INFINITE: f64 = 1024.0;
/// Parts of one, to which a factor on a clock is rounded.
const GRAIN: f64 = 1000.0;
/// The most rows or columns of an array.
const WIDEST: u64 = 1 << 16;
/// The largest group of a lookup table.
const WIDEST_GROUP: f64 = 16.0;

impl Means {
    /// The largest factor that can be built for these arrays.
    fn largest<'a>(self, arrays: impl Iterator<Item = &'a ArraySpec>) -> f64 {
        let side = |side: fn(&ArraySpec) -> u64| {
            let widest = arrays.map(side).max().unwrap_or(1).max(1);
            (WIDEST / widest) as f64
        };
        match self {
            Self::Clock => INFINITE,
            Self::Columns => side(|array| array.array.columns),
            Self::Rows => side(|array| array.array.rows),
            Self::Lookup => WIDEST_GROUP,
        }
    }
}

/// The factor that a machine can be built for; infinitely fast becomes 1024, or what fits.
#[must_use]
pub fn nearest_machine(spec: &MachineSpec, part: Part, s: Speedup, means: Means) -> f64 {
    if s != Speedup::INFINITE {
        return s.get();
    }
    let ours = |array: &&ArraySpec| {
        let mut families = part.families().iter();
        families.any(|family| array.serves.contains(family))
    };
    let arrays = spec.cores.iter().flat_map(|core| &core.arrays);
    means.largest(arrays.filter(ours)).min(INFINITE)
}

/// The machine with the arrays of a part `s` times faster, on each of its cores.
///
/// An array that serves others too is split: the part gets a copy of its own, the rest keeps the
/// array as it is. The two serve different operators and share no work, so the split alone speeds
/// up what can overlap, and nothing else.
///
/// # Errors
/// If no whole number of columns or rows, no clock, no PE is `s` times what it was.
pub fn faster(
    spec: &MachineSpec,
    part: Part,
    s: Speedup,
    how: impl Into<How>,
) -> Result<MachineSpec, FieldError> {
    let how = how.into();
    let times = nearest_machine(spec, part, s, how.means);
    let mut faster = spec.clone();
    for core in &mut faster.cores {
        core.arrays = faster_arrays(&core.arrays, part, times, how)?;
    }
    Ok(faster)
}

fn faster_arrays(
    arrays: &[ArraySpec],
    part: Part,
    times: f64,
    how: How,
) -> Result<Vec<ArraySpec>, FieldError> {
    let families = part.families();
    let mut faster = Vec::with_capacity(arrays.len());
    for (index, array) in arrays.iter().enumerate() {
        let (ours, others): (Vec<_>, Vec<_>) = array
            .serves
            .iter()
            .partition(|&family| families.contains(family));
        if ours.is_empty() {
            faster.push(array.clone());
            continue;
        }
        let mut own = scaled(array, times, how)
            .map_err(|error| error.inside(format_args!("arrays[{index}]")))?;
        own.serves = ours;
        if !others.is_empty() {
            own.name = format!("{} x{times}", array.name);
            let rest = ArraySpec {
                serves: others,
                ..array.clone()
            };
            faster.push(rest);
        }
        faster.push(own);
    }
    Ok(faster)
}

fn scaled(array: &ArraySpec, times: f64, how: How) -> Result<ArraySpec, FieldError> {
    let mut array = array.clone();
    if let Some(pe) = how.pe {
        array.array.element = pe;
    }
    match how.means {
        Means::Clock => array.clock = clock(array.clock, times)?,
        Means::Columns => array.array.columns = side("columns", array.array.columns, times)?,
        Means::Rows => array.array.rows = side("rows", array.array.rows, times)?,
        Means::Lookup if (times - 1.0).abs() < f64::EPSILON => {}
        Means::Lookup => array.array.element = lookup(array.array.element, times)?,
    }
    array.kind = ArrayModel::new(&array.array)?.kind();
    Ok(array)
}

fn clock(clock: Frequency, times: f64) -> Result<Frequency, FieldError> {
    let too_fast = || {
        FieldError::new("clock", format!("{times} times this clock is out of reach"))
            .help("choose a smaller speedup")
    };
    let (numerator, denominator) = clock.as_fraction();
    let grains = (times * GRAIN).round() as u64;
    let numerator = numerator.checked_mul(grains).ok_or_else(too_fast)?;
    let denominator = denominator.checked_mul(GRAIN as u64).ok_or_else(too_fast)?;
    Frequency::new(numerator, denominator).map_err(|_| too_fast())
}

fn side(field: &str, now: u64, times: f64) -> Result<u64, FieldError> {
    let then = (now as f64 * times).round();
    if (1.0..=WIDEST as f64).contains(&then) {
        return Ok(then as u64);
    }
    Err(FieldError::new(
        field,
        format!("{times} times {now} {field} are more than {WIDEST}"),
    )
    .help("choose a smaller speedup"))
}

/// The PE with a table of the sums of `times` products.
fn lookup(element: Element, times: f64) -> Result<Element, FieldError> {
    let whole = times.fract().abs() < f64::EPSILON && times <= WIDEST_GROUP;
    if !whole {
        let message = format!("a lookup table of {times} products");
        return Err(FieldError::new("element.variant", message)
            .help(format!("whole numbers from 1 to {WIDEST_GROUP}")));
    }
    let group = Variant::Lookup {
        group: times as u64,
    };
    let mut element = element;
    match &mut element {
        Element::Binary { variant, .. }
        | Element::Ternary { variant, .. }
        | Element::Int4 { variant, .. }
        | Element::Int8 { variant, .. } => *variant = group,
        Element::Bf16 { .. } | Element::Fp16 { .. } => {
            return Err(FieldError::new(
                "element",
                "floating-point PEs have no lookup tables of sums",
            )
            .help("another PE kind, or a faster clock or larger array"));
        }
    }
    Ok(element)
}
