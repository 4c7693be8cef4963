//! How long an instruction takes on an array or on the vector unit.

use event_kernel::Cycles;
use pe_array::{ArrayModel, Convention, Feed, TileTiming};
use smallvec::{SmallVec, smallvec};
use tile_program::{Bits, Cause, GemmTile, ScratchpadId, Work};

use crate::MachineError;
use crate::config::VectorSpec;

/// How long an instruction takes on a unit, in cycles of the unit's clock.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    /// From the start until the results are there.
    pub(crate) total: Cycles,
    /// From the start until another instruction's operands may follow; the rest of `total` is
    /// hidden if they do.
    pub(crate) occupied: Cycles,
    /// `total` by cause, in the order of time as far as folds can be told apart: what may be hidden
    /// behind the instruction before comes first, what may be hidden behind the next one last.
    pub(crate) parts: SmallVec<[(Cause, Cycles); 5]>,
    /// The folds, for arrays.
    pub(crate) tile: Option<Box<TileTiming>>,
}

/// What a unit computes with.
pub(crate) enum Engine {
    /// A PE array.
    Array(ArrayEngine),
    /// The vector unit.
    Vector(VectorSpec),
}

/// A PE array with the scratchpads that feed it.
pub(crate) struct ArrayEngine {
    pub(crate) name: String,
    pub(crate) model: ArrayModel,
    pub(crate) feed: Feed,
}

impl ArrayEngine {
    fn tile(&self, tile: &GemmTile) -> Result<TileTiming, MachineError> {
        let wrong = |source| MachineError::Array {
            array: self.name.clone(),
            source,
        };
        self.model.tile(tile, &self.feed).map_err(wrong)
    }
}

impl Engine {
    /// How long the work takes.
    pub(crate) fn time(&self, work: &Work) -> Result<Timing, MachineError> {
        match (self, work) {
            (Self::Array(array), Work::Gemm(tile)) => {
                let timing = array.tile(tile)?;
                let [fill, compute, drain, load, port] = timing.parts;
                let parts = [load, fill, compute, port, drain]
                    .into_iter()
                    .filter(|(_, span)| !span.is_zero());
                Ok(Timing {
                    total: timing.total,
                    occupied: timing.occupied,
                    parts: parts.collect(),
                    tile: Some(Box::new(timing)),
                })
            }
            (Self::Vector(spec), Work::Vector(tile)) => {
                let total = match spec {
                    VectorSpec::Free => Cycles::ZERO,
                    VectorSpec::Lanes(lanes) => lanes
                        .cycles(tile.kind, tile.elements)
                        .ok_or(MachineError::TooLong)?,
                };
                Ok(Timing {
                    total,
                    occupied: total,
                    parts: smallvec![(Cause::Compute, total)],
                    tile: None,
                })
            }
            _ => unreachable!("the program gives each unit the work that its target names"),
        }
    }

    /// What an instruction reads from and writes to the scratchpads; of the vector unit's traffic
    /// nothing is known.
    pub(crate) fn traffic(&self, timing: &Timing) -> [(ScratchpadId, Bits, Bits); 3] {
        let (Self::Array(array), Some(tile)) = (self, &timing.tile) else {
            return ScratchpadId::ALL.map(|id| (id, Bits::ZERO, Bits::ZERO));
        };
        let kind = array.model.kind();
        let bits = |elements: u64, width: Bits| Bits(elements.saturating_mul(width.get()));
        let (traffic, sum) = (&tile.traffic, kind.accumulator.bits());
        let a = bits(traffic.a_reads, kind.activation.bits());
        let b = bits(traffic.b_reads, kind.weight.bits());
        let (read, written) = (bits(traffic.c_reads, sum), bits(traffic.c_writes, sum));
        [
            (ScratchpadId::Activations, a, Bits::ZERO),
            (ScratchpadId::Weights, b, Bits::ZERO),
            (ScratchpadId::Outputs, read, written),
        ]
    }

    /// From the start of an instruction until the next may start, which is `next` if it is known.
    pub(crate) fn next_start(
        &self,
        timing: &Timing,
        next: Option<&Work>,
    ) -> Result<Cycles, MachineError> {
        match (self, &timing.tile, next) {
            (Self::Array(array), Some(tile), Some(Work::Gemm(next)))
                if array.model.convention() == Convention::Overlapped =>
            {
                Ok(tile.next_start(&array.tile(next)?))
            }
            (_, Some(tile), _) => Ok(tile.occupied),
            (_, None, _) => Ok(timing.total),
        }
    }
}
