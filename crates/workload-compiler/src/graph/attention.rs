//! The attention of a layer.

use tile_program::OperationId;

use super::{Mask, TensorId};
use crate::passes::Sequences;

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

    /// The operations of its GEMMs.
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
