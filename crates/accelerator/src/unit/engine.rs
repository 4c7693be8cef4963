//! How long an instruction takes on an array or on the vector unit.

use pe_array::{ArrayModel, Convention, Feed, TileTiming};
use quantities::{Bits, Cycles, Ratio};
use smallvec::{SmallVec, smallvec};
use tile_program::{Cause, GemmTile, Packed, ScratchpadId, VectorTile, Work};

use crate::MachineError;
use crate::config::VectorSpec;

/// How long an instruction takes on a unit, in cycles of the unit's clock.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    /// The time from the start until the results are there.
    pub(crate) total: Cycles,
    /// The time from the start until another instruction's operands may follow; the rest of `total`
    /// is hidden if they do.
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
    Array(Box<ArrayEngine>),
    /// The vector unit.
    Vector(VectorSpec),
}

/// A PE array with the scratchpads that feed it.
#[derive(Clone, Debug)]
pub(crate) struct ArrayEngine {
    pub(crate) name: String,
    pub(crate) model: ArrayModel,
    /// The rates at which the scratchpads feed it weights as wide as its PEs take them.
    pub(crate) feed: Feed,
    /// The same of packed weights, which its unpack unit may slow: indexed by `Packed as usize`.
    pub(crate) packed: [Option<Ratio>; Packed::ALL.len()],
}

impl ArrayEngine {
    pub(crate) fn tile(&self, tile: &GemmTile) -> Result<TileTiming, MachineError> {
        let wrong = |source| MachineError::Array {
            array: self.name.clone(),
            source,
        };
        let b = match tile.packed {
            Some(packed) => self.packed[packed as usize],
            None => self.feed.b,
        };
        let feed = Feed { b, ..self.feed };
        self.model.tile(tile, &feed).map_err(wrong)
    }
}

/// Bits that an instruction moves through the ports of a scratchpad.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) read: Bits,
    pub(crate) written: Bits,
    /// What the ports carry: a partial sum that is added to is read and written in one access.
    pub(crate) accesses: Bits,
}

/// What an instruction moves through the ports of each scratchpad, indexed by `ScratchpadId`.
pub(crate) type PadTraffic = [Traffic; ScratchpadId::ALL.len()];

impl ArrayEngine {
    /// What a tile moves, or `None` past 64 bits.
    fn traffic(&self, tile: &GemmTile, timing: &TileTiming) -> Option<PadTraffic> {
        let kind = self.model.kind();
        let bits = |elements: u64, width: Bits| width.checked_mul(elements);
        let (moved, sum) = (&timing.traffic, kind.accumulator.bits());
        let read = |read| Traffic {
            read,
            written: Bits::ZERO,
            accesses: read,
        };
        let weights = match tile.packed {
            Some(packed) => {
                let tenths = u128::from(moved.b_reads) * u128::from(packed.tenths());
                Bits(u64::try_from(tenths.div_ceil(10)).ok()?)
            }
            None => bits(moved.b_reads, kind.weight.bits())?,
        };
        let written = bits(moved.c_writes, sum)?;
        Some([
            read(bits(moved.a_reads, kind.activation.bits())?),
            read(weights),
            Traffic {
                read: bits(moved.c_reads, sum)?,
                written,
                accesses: written,
            },
        ])
    }
}

/// What work of the vector unit moves, which reads its source once in each sweep; `None` past 64
/// bits.
fn vector_traffic(tile: &VectorTile, sweeps: u64) -> Option<PadTraffic> {
    let mut traffic = PadTraffic::default();
    let bits = |width: Bits| width.checked_mul(tile.elements);
    let source = &mut traffic[tile.source.scratchpad as usize];
    source.read = bits(tile.source.width)?.checked_mul(sweeps)?;
    if let Some(operand) = tile.operand {
        let pad = &mut traffic[operand.scratchpad as usize];
        pad.read = pad.read.checked_add(bits(operand.width)?)?;
    }
    traffic[tile.result.scratchpad as usize].written = bits(tile.result.width)?;
    for pad in &mut traffic {
        pad.accesses = pad.read.checked_add(pad.written)?;
    }
    Some(traffic)
}

impl Timing {
    /// Other units keep the scratchpads' ports busy: it takes so much longer.
    pub(crate) fn delay(&mut self, cycles: Cycles) {
        if cycles.is_zero() {
            return;
        }
        self.total += cycles;
        self.occupied += cycles;
        // Before what leaves at the end.
        let drains = |part: &&(Cause, Cycles)| part.0 == Cause::Drain;
        let place = self.parts.len() - self.parts.iter().rev().take_while(drains).count();
        self.parts.insert(place, (Cause::SramPort, cycles));
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

    /// What an instruction moves through the ports of each scratchpad.
    pub(crate) fn traffic(&self, work: &Work, timing: &Timing) -> Result<PadTraffic, MachineError> {
        let traffic = match (self, work, &timing.tile) {
            (Self::Array(array), Work::Gemm(tile), Some(timing)) => array.traffic(tile, timing),
            (Self::Vector(VectorSpec::Lanes(lanes)), Work::Vector(tile), _) => {
                vector_traffic(tile, lanes.cost(tile.kind).passes)
            }
            _ => Some(PadTraffic::default()),
        };
        traffic.ok_or(MachineError::TooLong)
    }

    /// The time from the start of an instruction until the next may start, which is `next` if it is
    /// known.
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
