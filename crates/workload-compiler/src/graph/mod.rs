//! The graph of a pass: what is computed, and on which tensors, not yet how.
//!
//! A pass is a list of [`Stage`]s. A stage is a GEMM with the row-wise work that can ride on its
//! tiles (before: norm and quantisation; after: scales, biases, rotation, activation, residual), a
//! chain of vector work, attention, or a transfer.

mod attention;
mod exchange;
mod mask;
mod team;
mod tensor;

use std::ops::Range;
use std::rc::Rc;

use tile_program::{Operation, OperationId, OperationName, Packed, VectorKind};

use crate::layout::WeightRegion;
use crate::passes::Sequences;
use crate::strips::Strips;

pub(crate) use attention::{AttentionPhase, AttentionStage};
pub(crate) use exchange::{Exchange, ExchangeStage, STATISTIC_BYTES};
pub(crate) use mask::Mask;
pub(crate) use team::team;
pub(crate) use tensor::{Backing, Placement, Slot, Tensor, TensorId};

/// Vector work on the rows (or the tile) of a stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorStep {
    pub(crate) operation: OperationId,
    pub(crate) kind: VectorKind,
    /// A second operand of the same shape.
    pub(crate) with: Option<TensorId>,
    /// A small tensor on chip that the work reads and updates.
    pub(crate) state: Option<TensorId>,
    /// Elements that one reduction runs over, where that is not the whole row.
    pub(crate) group: Option<u64>,
    /// The part of the elements that is touched: numerator, denominator.
    pub(crate) share: (u64, u64),
    /// Width of an element afterwards.
    pub(crate) bits: u64,
}

impl VectorStep {
    /// Elements that it touches of so many rows and columns.
    pub(crate) const fn elements(&self, rows: u64, columns: u64) -> u64 {
        rows * columns * self.share.0 / self.share.1
    }
}

/// Weights times the tile of A that its siblings share.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) operation: OperationId,
    pub(crate) weights: WeightRegion,
    /// The weights stay on chip from pass to pass.
    pub(crate) kept: bool,
    pub(crate) epilogue: Vec<VectorStep>,
}

/// Parts that are computed tile by tile side by side and give one result.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) n: u64,
    /// So many columns belong together and are never in different tiles.
    pub(crate) unit_columns: u64,
    pub(crate) parts: Vec<Part>,
    pub(crate) out: TensorId,
    /// The operation that is charged for writing the result to main memory.
    pub(crate) stored_by: OperationId,
}

impl Section {
    /// A section of no parts, which takes the place of one that is in use elsewhere.
    pub(crate) const fn empty() -> Self {
        Self {
            n: 0,
            unit_columns: 1,
            parts: Vec::new(),
            out: TensorId(0),
            stored_by: OperationId(0),
        }
    }
}

/// GEMMs that share their operand A.
#[derive(Clone, Debug)]
pub(crate) struct GemmStage {
    /// Index into the target's arrays.
    pub(crate) array: usize,
    pub(crate) input: TensorId,
    pub(crate) prologue: Vec<VectorStep>,
    /// Where the result of the prologue lies if it cannot stay on chip.
    pub(crate) prologue_slot: Slot,
    pub(crate) m: u64,
    pub(crate) k: u64,
    /// Width of an element of A as the array reads it.
    pub(crate) a_bits: u64,
    /// How the weights lie, if they must be unpacked.
    pub(crate) packed: Option<Packed>,
    pub(crate) sections: Vec<Section>,
}

/// A chain of vector work from a tensor to a tensor.
#[derive(Clone, Debug)]
pub(crate) struct VectorStage {
    pub(crate) input: TensorId,
    /// Take every `stride`-th row of the input, starting at `first`.
    pub(crate) first: u64,
    pub(crate) stride: u64,
    pub(crate) steps: Vec<VectorStep>,
    pub(crate) out: TensorId,
    /// The rows of the result that it makes.
    pub(crate) out_rows: Range<u64>,
    /// The operation that is charged for writing the result to main memory; that of the last step
    /// if `None`.
    pub(crate) stored_by: Option<OperationId>,
}

/// Rows of a table, fetched one a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchStage {
    pub(crate) operation: OperationId,
    pub(crate) table: u64,
    pub(crate) row_bytes: u64,
    /// Rows of the table.
    pub(crate) available: u64,
    /// Rows of the table between two tokens' rows: which tokens they are makes no difference.
    pub(crate) stride: u64,
    pub(crate) out: TensorId,
}

/// A whole tensor between its place on chip and its place in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MoveStage {
    pub(crate) operation: OperationId,
    pub(crate) tensor: TensorId,
    pub(crate) direction: MoveDirection,
}

/// Which way a tensor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MoveDirection {
    ToChip,
    ToMemory,
}

/// A step of a pass.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    Fetch(FetchStage),
    Move(MoveStage),
    Vector(VectorStage),
    Gemm(GemmStage),
    Attention(AttentionStage),
    Exchange(ExchangeStage),
}

impl Stage {
    /// The name of a stage's main operation.
    pub(crate) fn name<'a>(&self, operations: &'a [Operation]) -> &'a OperationName {
        let id = match self {
            Self::Fetch(stage) => stage.operation,
            Self::Move(stage) => stage.operation,
            Self::Vector(stage) => stage.steps[0].operation,
            Self::Gemm(stage) => stage.sections[0].parts[0].operation,
            Self::Attention(stage) => stage.main(),
            Self::Exchange(stage) => stage.operation,
        };
        &operations[id.index()].name
    }

    /// The tensors that a stage touches.
    pub(crate) fn tensors(&self) -> Vec<TensorId> {
        fn operands(steps: &[VectorStep]) -> impl Iterator<Item = TensorId> {
            steps
                .iter()
                .flat_map(|step| step.with.into_iter().chain(step.state))
        }
        match self {
            Self::Fetch(stage) => vec![stage.out],
            Self::Move(stage) => vec![stage.tensor],
            Self::Exchange(stage) => match stage.exchange {
                Exchange::Gather(whole) => vec![stage.tensor, whole],
                _ => vec![stage.tensor],
            },
            Self::Vector(stage) => [stage.input, stage.out]
                .into_iter()
                .chain(operands(&stage.steps))
                .collect(),
            Self::Gemm(stage) => {
                let mut tensors = vec![stage.input];
                tensors.extend(operands(&stage.prologue));
                for section in &stage.sections {
                    tensors.push(section.out);
                    for part in &section.parts {
                        tensors.extend(operands(&part.epilogue));
                    }
                }
                tensors
            }
            Self::Attention(stage) => match stage.phase {
                AttentionPhase::Fused => vec![stage.query, stage.key, stage.value, stage.out],
                AttentionPhase::Scores(scores) => vec![stage.query, stage.key, scores],
                AttentionPhase::Context(rows) => vec![rows, stage.value, stage.out],
            },
        }
    }
}

/// A pass: its operations, tensors and stages.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// Of each microbatch.
    pub(crate) sequences: Vec<Rc<[Sequences]>>,
    pub(crate) strips: Strips,
    pub(crate) operations: Vec<Operation>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) stages: Vec<Stage>,
}
