//! Why a workload cannot be compiled for a machine.

use config::{FieldError, among};
use quantities::Bytes;
use tile_program::{Family, Packed, ScratchpadId};

use crate::format::Format;

/// Which of the two files an error concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The machine file (`--set hw....`).
    Machine,
    /// The workload file (`--set workload....`).
    Workload,
}

/// Why a workload cannot be compiled for a machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// No array takes a family of operators that the model has.
    #[error("no array serves {family}")]
    NoArray {
        /// The family.
        family: Family,
    },
    /// An operand is of a kind of numbers that the array of its family does not multiply, or wider
    /// than it takes.
    #[error("array `{array}` multiplies {computes}; {what} is {format}")]
    NotComputed {
        /// Which operand: a field of `precision`.
        what: &'static str,
        /// Its format.
        format: Format,
        /// The array.
        array: String,
        /// Its place among the arrays of the machine.
        index: usize,
        /// What its PEs multiply: `BF16 numbers`, `8-bit integers`.
        computes: String,
        /// The formats that the field may have on the arrays of this family, as a workload file
        /// writes them.
        takes: Vec<&'static str>,
    },
    /// Weights lie packed as the array of their family cannot unpack them.
    #[error("array `{array}` cannot unpack {packed}, as the weights of {what} lie")]
    NoUnpacker {
        /// Which weights: a field of `precision`.
        what: &'static str,
        /// How they lie.
        packed: Packed,
        /// The array.
        array: String,
        /// Its place among the arrays of the machine.
        index: usize,
    },
    /// Sums of an operation may leave the accumulator of an array that computes it.
    #[error(
        "sums of K = {k} products, as of `{operation}`, need {needed} bits; the accumulator of array `{array}` has {bits}"
    )]
    Accumulator {
        /// The operation.
        operation: String,
        /// How many products it sums.
        k: u64,
        /// The bits that hold every such sum.
        needed: u64,
        /// The bits that there are.
        bits: u64,
        /// The array.
        array: String,
        /// Its place among the arrays of the machine.
        index: usize,
    },
    /// Not even the smallest tile of an operation fits a scratchpad.
    #[error("`{operation}` needs at least {needed} in the {} scratchpad, which holds {capacity}", scratchpad.name())]
    TileDoesNotFit {
        /// The operation.
        operation: String,
        /// The scratchpad.
        scratchpad: ScratchpadId,
        /// What the smallest tile takes.
        needed: Bytes,
        /// What there is.
        capacity: Bytes,
    },
    /// Weights and tables do not fit main memory.
    #[error("the weights need {needed} of main memory, the machine has {capacity}")]
    MemoryTooSmall {
        /// What is needed.
        needed: Bytes,
        /// What there is.
        capacity: Bytes,
    },
    /// Weights fit main memory, but not beside the caches and vectors of so many sequences.
    #[error(
        "{sequences} sequences need {needed} of main memory beside {weights} of weights, the machine has {capacity}"
    )]
    BatchTooLarge {
        /// Sequences side by side.
        sequences: u64,
        /// What they need.
        needed: Bytes,
        /// Weights and tables.
        weights: Bytes,
        /// What there is.
        capacity: Bytes,
        /// The largest `batch` that fits; 0 if none does.
        fits: u64,
    },
    /// The model cannot be split so over the cores.
    #[error("{what}")]
    Split {
        /// The field of `split`.
        field: &'static str,
        /// What does not go.
        what: String,
        /// What would.
        help: String,
    },
    /// A size leaves 64 bits.
    #[error("{what} overflow 64 bits")]
    Overflow {
        /// Which size.
        what: &'static str,
    },
}

impl CompileError {
    /// The field to change, in the file to change it in, and what would be right.
    #[must_use]
    pub fn field(&self) -> (Concern, FieldError) {
        match self {
            Self::NoArray { family } => (
                Concern::Machine,
                FieldError::new("arrays", self).help(format!(
                    "add `{family}` to what an array `serves`"
                )),
            ),
            Self::NotComputed {
                what, takes, index, ..
            } => (
                Concern::Workload,
                FieldError::new(format!("precision.{what}"), self).help(match takes.as_slice() {
                    [] => format!("another element for hw.arrays[{index}]"),
                    takes => format!(
                        "one of {}, or another element for hw.arrays[{index}]",
                        among(takes)
                    ),
                }),
            ),
            Self::NoUnpacker {
                what,
                packed,
                index,
                ..
            } => (
                Concern::Machine,
                FieldError::new(format!("arrays[{index}].unpack.formats"), self).help(format!(
                    "add {packed}, or choose a format for workload.precision.{what} that the array unpacks"
                )),
            ),
            Self::Accumulator { needed, index, .. } => (
                Concern::Machine,
                FieldError::new(format!("arrays[{index}].element.accumulator"), self)
                    .help(wide_enough(*needed)),
            ),
            Self::TileDoesNotFit {
                scratchpad, needed, ..
            } => (
                Concern::Machine,
                FieldError::new(format!("scratchpads.{}.capacity", scratchpad.name()), self)
                    .help(format!("at least {needed}; twice that lets fetch and compute overlap")),
            ),
            Self::MemoryTooSmall { needed, .. } => (
                Concern::Machine,
                FieldError::new("memory", self).help(format!(
                    "more channels or larger devices ({needed} in all), more chips, a smaller model, or narrower formats"
                )),
            ),
            Self::BatchTooLarge { fits: 0, .. } => (
                Concern::Workload,
                FieldError::new("run", self).help(
                    "fewer sequences or a shorter context, a narrower `precision.kv_cache`, or more memory (hw.memory)",
                ),
            ),
            Self::BatchTooLarge { fits, .. } => (
                Concern::Workload,
                FieldError::new("batch", self).help(format!(
                    "a batch of at most {fits}, a shorter context, a narrower `precision.kv_cache`, or more memory (hw.memory)"
                )),
            ),
            Self::Split { field, help, .. } => (
                Concern::Workload,
                FieldError::new(format!("split.{field}"), self).help(help.clone()),
            ),
            Self::Overflow { .. } => (
                Concern::Workload,
                FieldError::new("run", self).help("smaller sizes"),
            ),
        }
    }
}

/// What to do about an accumulator that needs so many bits.
fn wide_enough(bits: u64) -> String {
    // The integers that an accumulator may be.
    match [16, 20, 24, 32, 48].into_iter().find(|&wide| wide >= bits) {
        Some(wide) => format!("Int{wide}, or a workload that sums fewer products"),
        None => "a workload that sums fewer products, or floating-point PEs".to_owned(),
    }
}
