//! Exchanges with the cores that share the work.

use tile_program::OperationId;

use super::{Tensor, TensorId};

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
    /// Bytes of activations that so many rows take, beside what the tensor itself holds on chip:
    /// the rows, and what comes to them.
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
