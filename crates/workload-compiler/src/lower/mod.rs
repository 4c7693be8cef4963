//! From a model and a pass to operators on tensors: what is computed, not yet how.
//!
//! A pass is a list of [`Stage`]s. A stage is a GEMM with the row-wise work that can ride on its
//! tiles (before: norm and quantisation; after: scales, biases, rotation, activation, residual), a
//! chain of vector work, attention, or a transfer.

mod attention;
mod block;
mod builder;
mod dense;
mod ends;
mod exchange;
mod feed_forward;
mod names;
mod operands;
mod recurrent;

use tile_program::{Operation, OperationId, OperationName, Packed, VectorKind};

use std::ops::Range;
use std::rc::Rc;

use crate::plan::Mask;

use crate::layout::{Cache, WeightRegion};
use crate::passes::Sequences;
use crate::strips::Strips;

pub(crate) use builder::lower;
pub(crate) use operands::operands;

/// A tensor of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TensorId(pub(crate) usize);

/// Where a tensor lies when it cannot stay on chip. One region each, reused by every layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// The embedding row, where it is not as wide as the residual stream.
    Embedded,
    Residual,
    Normed,
    Quantised,
    Query,
    Context,
    Mixed,
    Gate,
    Hidden,
    Candidate,
    Final,
    /// Scores and probabilities that are not fused.
    Scores,
    Probabilities,
    /// Results of operators that are not fused: sums of a matrix, of its sibling, of every other
    /// step.
    Sums,
    Beside,
    Even,
    Odd,
    /// A core's part of the logits; what it sends to cores on its own chip.
    Shard,
    Mailbox,
    Logits,
}

impl Slot {
    pub(crate) const COUNT: usize = Self::Logits as usize + 1;
}

/// What a tensor is stored as, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    /// Rows side by side in the region of a slot.
    Slot(Slot),
    /// The new rows of a cache of keys or values.
    Cache(Cache),
    /// Rows at an address of its own (recurrent state).
    Rows(u64),
}

/// Where a tensor must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// On chip if it fits.
    Any,
    /// Always on chip.
    Chip,
    /// Always in main memory.
    Memory,
}

/// A tensor: `rows` vectors of `width` elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor {
    /// Which part of the batch it belongs to, where parts follow one another.
    pub(crate) microbatch: usize,
    pub(crate) rows: u64,
    pub(crate) width: u64,
    pub(crate) bits: u64,
    /// Columns that lie together in memory, all rows of them before the next ones; `width` where
    /// rows lie whole.
    pub(crate) strip: u64,
    pub(crate) backing: Backing,
    pub(crate) placement: Placement,
}

/// Vector work on the rows (or the tile) of a stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorStep {
    pub(crate) operation: OperationId,
    pub(crate) kind: VectorKind,
    /// A second operand of the same shape.
    pub(crate) with: Option<TensorId>,
    /// A small operand on chip that is read and updated.
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
    /// Columns that must not be torn apart.
    pub(crate) unit_columns: u64,
    pub(crate) parts: Vec<Part>,
    pub(crate) out: TensorId,
    /// Who is charged for writing the result to main memory.
    pub(crate) stored_by: OperationId,
}

impl Section {
    /// Stands where a section has been taken out for a moment.
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

/// GEMMs that share A.
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
    /// Who is charged for writing the result to main memory, where that is not the last step.
    pub(crate) stored_by: Option<OperationId>,
}

/// Which part of attention a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AttentionPhase {
    /// All of it: scores never leave the chip.
    Fused,
    /// Scores, written to a tensor.
    Scores(TensorId),
    /// Context, from a tensor of probabilities.
    Context(TensorId),
}

/// Scores, softmax and context of one layer, for sequences that are equal.
#[derive(Clone, Debug)]
pub(crate) struct AttentionStage {
    pub(crate) phase: AttentionPhase,
    pub(crate) array: usize,
    pub(crate) scores: OperationId,
    /// Softmax, then quantisation of the probabilities where the array wants integers.
    pub(crate) softmax: Option<OperationId>,
    pub(crate) quantise: Option<OperationId>,
    pub(crate) context: OperationId,
    pub(crate) dequantise: Option<OperationId>,
    pub(crate) query: TensorId,
    pub(crate) key: TensorId,
    pub(crate) value: TensorId,
    pub(crate) out: TensorId,
    pub(crate) batch: u64,
    /// New tokens of each sequence.
    pub(crate) tokens: u64,
    /// Which sequences these are: their rows, and their part of the caches.
    pub(crate) sequences: Sequences,
    /// First position that is seen, and the position after the last.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) kv_heads: u64,
    /// Query heads of a key/value head.
    pub(crate) group: u64,
    pub(crate) head_dim: u64,
    /// Each query head its own GEMM.
    pub(crate) separate: bool,
    pub(crate) online: bool,
    /// Keys that the mask hides from a whole block of queries are left out.
    pub(crate) skips_masked: bool,
    /// Positions that a query sees at most.
    pub(crate) window: Option<u64>,
    /// Width of queries and probabilities as the array reads them.
    pub(crate) a_bits: u64,
}

impl AttentionStage {
    /// The operation that the stage is known by.
    pub(crate) fn main(&self) -> OperationId {
        match self.phase {
            AttentionPhase::Fused | AttentionPhase::Scores(_) => self.scores,
            AttentionPhase::Context(_) => self.context,
        }
    }

    /// Its GEMMs.
    pub(crate) fn operations(&self) -> Vec<OperationId> {
        match self.phase {
            AttentionPhase::Fused => vec![self.scores, self.context],
            AttentionPhase::Scores(_) | AttentionPhase::Context(_) => vec![self.main()],
        }
    }

    pub(crate) fn mask(&self) -> Mask {
        Mask {
            from: self.from,
            to: self.to,
            past: self.to - self.tokens,
            window: self.window,
            skips: self.skips_masked && self.tokens > 1,
        }
    }
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

/// What cores that share the work exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// The sum of a tensor over all ranks takes its place.
    Sum,
    /// So many sums or maxima of each row, of which each rank has those of its part: what follows
    /// on the rows waits for them.
    Statistics(u64),
    /// The parts of all ranks, side by side, become a tensor.
    Gather(TensorId),
    /// The tensor goes to the same rank of the next stage.
    HandOn,
    /// It comes from there.
    TakeOver,
}

/// An exchange with other cores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExchangeStage {
    pub(crate) operation: OperationId,
    pub(crate) exchange: Exchange,
    pub(crate) tensor: TensorId,
    /// Rows at a time, and how many such blocks are under way at once: the same on each core that
    /// takes part.
    pub(crate) rows: u64,
    pub(crate) blocks: u64,
}

impl ExchangeStage {
    /// Bytes of activations that so many rows take, beside what the tensor itself holds on chip: the
    /// rows, and what comes to them.
    pub(crate) fn bytes(&self, rows: u64, tensors: &[Tensor]) -> u64 {
        let row = |id: TensorId| (tensors[id.0].width * tensors[id.0].bits).div_ceil(8);
        rows * match self.exchange {
            Exchange::Sum => 2 * row(self.tensor),
            Exchange::Gather(whole) => row(self.tensor) + row(whole),
            Exchange::HandOn | Exchange::TakeOver => row(self.tensor),
            Exchange::Statistics(figures) => 2 * figures * STATISTIC_BYTES,
        }
    }
}

/// Bytes of a sum or a maximum of a row: single precision.
pub(crate) const STATISTIC_BYTES: u64 = 4;

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
