//! Tensors of a pass: their shapes, and where they may lie.

use crate::layout::Cache;
use crate::strips::{Extent, StripUnit};

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
    SiblingSums,
    Even,
    Odd,
    /// A core's part of the logits; what it sends to cores on its own chip.
    Shard,
    Mailbox,
    Logits,
}

impl Slot {
    pub(crate) const COUNT: usize = Self::Logits as usize + 1;

    /// The columns of a tensor in this slot that lie together in memory.
    pub(crate) const fn strip_unit(self) -> StripUnit {
        match self {
            Self::Query | Self::Context => StripUnit::Head,
            // Read and written by rows.
            Self::Embedded
            | Self::Final
            | Self::Scores
            | Self::Probabilities
            | Self::Shard
            | Self::Mailbox
            | Self::Logits => StripUnit::Row,
            Self::Residual
            | Self::Normed
            | Self::Quantised
            | Self::Mixed
            | Self::Gate
            | Self::Hidden
            | Self::Candidate
            | Self::Sums
            | Self::SiblingSums
            | Self::Even
            | Self::Odd => StripUnit::Tile,
        }
    }
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

impl Tensor {
    /// Its rows and columns, and how the columns lie in memory.
    pub(crate) const fn extent(&self) -> Extent {
        Extent {
            rows: self.rows,
            width: self.width,
            bits: self.bits,
            strip: self.strip,
        }
    }
}
