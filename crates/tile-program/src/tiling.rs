//! How an operation's GEMMs were cut into tiles, and why so.

use serde::Serialize;

use quantities::Bytes;

/// Which loop over tiles is outermost. The loop over k is always innermost, so that partial sums
/// never leave the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopOrder {
    /// Blocks of rows of A, then columns of B.
    RowsOuter,
    /// Blocks of columns of B, then rows of A.
    ColumnsOuter,
}

impl LoopOrder {
    /// The name used in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RowsOuter => "rows_outer",
            Self::ColumnsOuter => "columns_outer",
        }
    }
}

/// Which operands pass the main memory's bus at most once, however many tiles use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// Neither operand: both are loaded again for each tile.
    Neither,
    /// A, which holds the activations.
    Inputs,
    /// B, which holds weights, keys or values.
    Weights,
    /// Both operands, A and B.
    Both,
}

impl Reuse {
    /// The reuse by which of the two operands is loaded once.
    #[must_use]
    pub const fn of(inputs_once: bool, weights_once: bool) -> Self {
        match (inputs_once, weights_once) {
            (false, false) => Self::Neither,
            (true, false) => Self::Inputs,
            (false, true) => Self::Weights,
            (true, true) => Self::Both,
        }
    }

    /// The name used in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neither => "neither",
            Self::Inputs => "inputs",
            Self::Weights => "weights",
            Self::Both => "both",
        }
    }
}

/// One way to cut GEMMs C\[M,N\] = A\[M,K\] · B\[K,N\], and what it costs. GEMMs that share A
/// (queries, keys and values; gate and up) are cut together, scores and context too: cycles and
/// bytes are of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Tiling {
    /// Rows of A and C in a tile.
    pub m: u64,
    /// Columns of B and C in a tile.
    pub n: u64,
    /// Columns of A and rows of B in a tile.
    pub k: u64,
    /// The outermost loop.
    pub order: LoopOrder,
    /// What is loaded once.
    pub reuse: Reuse,
    /// Arrays that work side by side.
    pub arrays: u64,
    /// Independent GEMMs (heads) that stand side by side in one array.
    pub side_by_side: u64,
    /// Parts of K that are summed apart on several arrays, then added up by the vector unit.
    pub splits_of_k: u64,
    /// Cycles of the reference clock from the first array's start to the last one's end, were
    /// operands always at hand.
    pub cycles: u64,
    /// Bytes that are moved between main memory and scratchpads.
    #[serde(rename = "bytes")]
    pub bytes: Bytes,
}

/// What tipped the scale for a [`Tiling`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// Nothing else fits the scratchpads.
    OnlyChoice,
    /// A better one is known that the scratchpads cannot hold.
    Capacity,
    /// The best alternative would keep the memory busy for longer.
    Traffic,
    /// The best alternative would keep the arrays busy for longer.
    ArrayTime,
    /// The best alternative costs the same; its tiles are of a size that overlaps less well.
    Overlap,
}

impl DecidedBy {
    /// The name used in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnlyChoice => "only_choice",
            Self::Capacity => "capacity",
            Self::Traffic => "traffic",
            Self::ArrayTime => "array_time",
            Self::Overlap => "overlap",
        }
    }
}

/// The tiling of an operation, and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct TileChoice {
    /// What is run.
    #[serde(flatten)]
    pub chosen: Tiling,
    /// The best of those that were not taken.
    pub alternative: Option<Tiling>,
    /// How many fit the scratchpads and were compared.
    pub candidates: u64,
    /// Why this one.
    pub decided_by: DecidedBy,
}
