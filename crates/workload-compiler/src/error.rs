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
        /// The family of operators that no array serves.
        family: Family,
    },
    /// An operand is of a kind of numbers that the array of its family does not multiply, or wider
    /// than it takes.
    #[error("array `{array}` multiplies {computes}; {what} is {format}")]
    NotComputed {
        /// The operand, as a field of `precision`.
        what: &'static str,
        /// The format of the operand.
        format: Format,
        /// The name of the array.
        array: String,
        /// The array's place among the arrays of the machine.
        index: usize,
        /// What the array's PEs multiply: `BF16 numbers`, `8-bit integers`.
        computes: String,
        /// The formats that the field may have on the arrays of this family, as a workload file
        /// writes them.
        takes: Vec<&'static str>,
    },
    /// Weights lie packed as the array of their family cannot unpack them.
    #[error("array `{array}` cannot unpack {packed}, as the weights of {what} lie")]
    NoUnpacker {
        /// The weights, as a field of `precision`.
        what: &'static str,
        /// How the weights are packed in main memory.
        packed: Packed,
        /// The name of the array.
        array: String,
        /// The array's place among the arrays of the machine.
        index: usize,
    },
    /// Sums of an operation may leave the accumulator of an array that computes it.
    #[error(
        "sums of K = {k} products, as of `{operation}`, need {needed} bits; the accumulator of array `{array}` has {bits}"
    )]
    Accumulator {
        /// The name of the operation.
        operation: String,
        /// The number of products that a sum of the operation has.
        k: u64,
        /// The bits that hold every such sum.
        needed: u64,
        /// The bits of the accumulator.
        bits: u64,
        /// The name of the array.
        array: String,
        /// The array's place among the arrays of the machine.
        index: usize,
    },
    /// Not even the smallest tile of an operation fits a scratchpad.
    #[error("`{operation}` needs at least {needed} in the {} scratchpad, which holds {capacity}", scratchpad.name())]
    TileDoesNotFit {
        /// The name of the operation.
        operation: String,
        /// The scratchpad that is too small.
        scratchpad: ScratchpadId,
        /// The bytes of the smallest tile.
        needed: Bytes,
        /// The capacity that the machine has.
        capacity: Bytes,
    },
    /// Weights and tables do not fit main memory.
    #[error("the weights need {needed} of main memory, the machine has {capacity}")]
    MemoryTooSmall {
        /// The bytes of weights and tables.
        needed: Bytes,
        /// The capacity that the machine has.
        capacity: Bytes,
    },
    /// Weights fit main memory, but not beside the caches and vectors of so many sequences.
    #[error(
        "{sequences} sequences need {needed} of main memory beside {weights} of weights, the machine has {capacity}"
    )]
    BatchTooLarge {
        /// The number of sequences in the batch.
        sequences: u64,
        /// The bytes that caches and vectors of the sequences need.
        needed: Bytes,
        /// The bytes of weights and tables.
        weights: Bytes,
        /// The capacity that the machine has.
        capacity: Bytes,
        /// The largest `batch` that fits; 0 if none does.
        fits: u64,
    },
    /// The model cannot be split so over the cores.
    #[error("{what}")]
    Split {
        /// The field of `split`.
        field: &'static str,
        /// Why the model cannot be split so.
        what: String,
        /// Values of the field that would do.
        help: String,
    },
    /// A size leaves 64 bits.
    #[error("{what} overflow 64 bits")]
    Overflow {
        /// The sizes that are too large, in the plural.
        what: &'static str,
    },
}

impl CompileError {
    /// The file to change, and an error at its field that says what would be right.
    #[must_use]
    pub fn field(&self) -> (Concern, FieldError) {
        match self {
            Self::NoArray { .. }
            | Self::NoUnpacker { .. }
            | Self::Accumulator { .. }
            | Self::TileDoesNotFit { .. }
            | Self::MemoryTooSmall { .. } => (Concern::Machine, self.machine_field()),
            Self::NotComputed { .. }
            | Self::BatchTooLarge { .. }
            | Self::Split { .. }
            | Self::Overflow { .. } => (Concern::Workload, self.workload_field()),
        }
    }

    /// The error at its field of the machine file.
    fn machine_field(&self) -> FieldError {
        let (field, help) = match self {
            Self::NoArray { family } => (
                "arrays".to_owned(),
                format!("add `{family}` to what an array `serves`"),
            ),
            Self::NoUnpacker {
                what,
                packed,
                index,
                ..
            } => (
                format!("arrays[{index}].unpack.formats"),
                format!(
                    "add {packed}, or choose a format for workload.precision.{what} that the array unpacks"
                ),
            ),
            Self::Accumulator { needed, index, .. } => (
                format!("arrays[{index}].element.accumulator"),
                wide_enough(*needed),
            ),
            Self::TileDoesNotFit {
                scratchpad, needed, ..
            } => (
                format!("scratchpads.{}.capacity", scratchpad.name()),
                format!("at least {needed}; twice that lets fetch and compute overlap"),
            ),
            Self::MemoryTooSmall { needed, .. } => (
                "memory".to_owned(),
                format!(
                    "more channels or larger devices ({needed} in all), more chips, a smaller model, or narrower formats"
                ),
            ),
            other => unreachable!("{other:?} is mended in the workload file"),
        };
        FieldError::new(field, self).help(help)
    }

    /// The error at its field of the workload file.
    fn workload_field(&self) -> FieldError {
        let (field, help) = match self {
            Self::NotComputed {
                what, takes, index, ..
            } => {
                let another = format!("another element for hw.arrays[{index}]");
                let help = match takes.as_slice() {
                    [] => another,
                    takes => format!("one of {}, or {another}", among(takes)),
                };
                (format!("precision.{what}"), help)
            }
            Self::BatchTooLarge { fits: 0, .. } => (
                "run".to_owned(),
                "fewer sequences or a shorter context, a narrower `precision.kv_cache`, or more memory (hw.memory)"
                    .to_owned(),
            ),
            Self::BatchTooLarge { fits, .. } => (
                "batch".to_owned(),
                format!(
                    "a batch of at most {fits}, a shorter context, a narrower `precision.kv_cache`, or more memory (hw.memory)"
                ),
            ),
            Self::Split { field, help, .. } => (format!("split.{field}"), help.clone()),
            Self::Overflow { .. } => ("run".to_owned(), "smaller sizes".to_owned()),
            other => unreachable!("{other:?} is mended in the machine file"),
        };
        FieldError::new(field, self).help(help)
    }
}

/// What helps where an accumulator needs so many bits.
fn wide_enough(bits: u64) -> String {
    // The integers that an accumulator may be.
    match [16, 20, 24, 32, 48].into_iter().find(|&wide| wide >= bits) {
        Some(wide) => format!("Int{wide}, or a workload that sums fewer products"),
        None => "a workload that sums fewer products, or floating-point PEs".to_owned(),
    }
}
