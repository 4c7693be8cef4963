//! Which array computes a family's products, and how its operands reach it.

use tile_program::{ArrayTarget, Family, Numbers, Packed, Target};

use crate::error::CompileError;
use crate::format::Format;
use crate::layout::WholeTile;
use crate::workload::Workload;

/// What an array does to its operands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operands {
    pub(crate) array: usize,
    /// Width of A as the array reads it.
    pub(crate) a_bits: u64,
    /// Whether activations are quantised before and scaled back after.
    pub(crate) quantised: bool,
    /// Columns of the array: the width of a strip of weights.
    pub(crate) columns: u64,
    /// How its weights lie, if they must be unpacked.
    pub(crate) packed: Option<Packed>,
    /// The whole tiles in which it wants weights, if it does.
    pub(crate) whole: Option<WholeTile>,
}

/// How an element of a vector arrives at an array.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// The width of an operand's element, in bits.
    bits: u64,
    /// Whether the vector unit quantises it first.
    quantised: bool,
}

/// The family's array, checked against the formats of its operands: the first that serves the
/// family and computes with them.
pub(crate) fn operands(
    workload: &Workload,
    target: &Target,
    family: Family,
) -> Result<Operands, CompileError> {
    let (what, format) = operand(workload, family);
    let (index, arrival) = computing(workload, target, family)?;
    let array = &target.arrays[index];
    // Weights as wide as the PEs take them, and what attention reads, need no unpacking.
    let lies = format.packed();
    let packed = family != Family::Attention && lies.tenths() < 10 * array.weight.get();
    if packed && !array.unpacks.contains(&lies) {
        return Err(CompileError::NoUnpacker {
            what,
            packed: lies,
            array: array.name.clone(),
            index,
        });
    }
    Ok(Operands {
        array: index,
        a_bits: arrival.bits.next_multiple_of(8),
        quantised: arrival.quantised,
        columns: array.columns,
        packed: packed.then_some(lies),
        whole: array.whole_tiles.then_some(WholeTile {
            rows: array.rows,
            columns: array.columns,
        }),
    })
}

/// What a family multiplies vectors by: the field of `precision` that says so, and its format.
fn operand(workload: &Workload, family: Family) -> (&'static str, Format) {
    let precision = workload.precision;
    match family {
        Family::Projection => ("projection", precision.projection),
        Family::Attention => ("attention", precision.attention),
        Family::LmHead => ("lm_head", precision.lm_head),
    }
}

/// The first array that serves a family and computes with its operands, and how vectors arrive
/// there.
fn computing(
    workload: &Workload,
    target: &Target,
    family: Family,
) -> Result<(usize, Arrival), CompileError> {
    let serving: Vec<(usize, &ArrayTarget)> = target
        .arrays
        .iter()
        .enumerate()
        .filter(|(_, array)| array.serves.contains(&family))
        .collect();
    let (first, _) = *serving.first().ok_or(CompileError::NoArray { family })?;
    let (what, format) = operand(workload, family);
    let vectors = workload.precision.activation;
    // Where no vector unit is asked, operands arrive as the array wants them.
    let arrive = |array: &ArrayTarget, vectors| match workload.operators.vector() {
        true => activations(array, family, format, vectors),
        false => Some(Arrival {
            bits: array.activation.get(),
            quantised: false,
        }),
    };
    let multiplying = || {
        let serving = serving.iter().copied();
        serving.filter(|(_, array)| multiplies(array, format, family))
    };
    if let Some(found) =
        multiplying().find_map(|(index, array)| Some((index, arrive(array, vectors)?)))
    {
        return Ok(found);
    }
    let refuse = |what, format, takes: &dyn Fn(Format) -> bool| {
        let formats = Format::ALL.into_iter().filter(|&format| takes(format));
        CompileError::NotComputed {
            what,
            format,
            array: target.arrays[first].name.clone(),
            index: first,
            computes: computes(&target.arrays[first]),
            takes: formats.map(Format::keyword).collect(),
        }
    };
    Err(if multiplying().next().is_none() {
        refuse(what, format, &|format| {
            let of_attention = format.holds_attention() || family != Family::Attention;
            let mut arrays = serving.iter();
            of_attention && arrays.any(|(_, array)| multiplies(array, format, family))
        })
    } else {
        refuse("activation", vectors, &|vectors| {
            let arrives = |(_, array): (usize, &ArrayTarget)| arrive(array, vectors).is_some();
            vectors.holds_vectors() && multiplying().any(arrives)
        })
    })
}

/// What the PEs of an array multiply: `8-bit integers`, `BF16 numbers`; by ternary and binary
/// weights alone, where their weights are narrower than their activations.
fn computes(array: &ArrayTarget) -> String {
    let (activation, weight) = (array.activation.get(), array.weight.get());
    match array.numbers {
        Numbers::Integers if weight == activation => format!("{weight}-bit integers"),
        Numbers::Integers => format!("{activation}-bit integers by {weight}-bit weights"),
        floating => floating.to_string(),
    }
}

/// Whether the PEs of an array multiply by operands of a format: weights of a family, or, in
/// attention, operands on both sides.
fn multiplies(array: &ArrayTarget, format: Format, family: Family) -> bool {
    let narrow_enough = match family {
        Family::Attention => format.bits() <= array.weight.get().min(array.activation.get()),
        Family::Projection | Family::LmHead => format.bits() <= array.weight.get(),
    };
    narrow_enough && array.numbers.take(format.numbers())
}

/// How vectors of a format reach an array that multiplies them by operands of another; `None` if
/// the array's PEs cannot compute with what would arrive.
fn activations(
    array: &ArrayTarget,
    family: Family,
    operand: Format,
    vectors: Format,
) -> Option<Arrival> {
    // Models with binary or ternary weights, and attention on integers, compute with 8-bit
    // activations whatever the array could take.
    let eight_bits = match family {
        Family::Attention => operand.is_integer(),
        Family::Projection | Family::LmHead => operand.is_matmul_free(),
    };
    let takes = array.activation.get();
    let as_it_is = Arrival {
        bits: vectors.bits(),
        quantised: false,
    };
    let quantised_to = |bits| Arrival {
        bits,
        quantised: true,
    };
    let computes = array.numbers.take(vectors.numbers()) && vectors.bits() <= takes;
    if vectors.is_integer() {
        computes.then_some(as_it_is)
    } else if eight_bits {
        Some(quantised_to(takes.min(8)))
    } else if array.numbers == Numbers::Integers {
        Some(quantised_to(takes))
    } else {
        computes.then_some(as_it_is)
    }
}
