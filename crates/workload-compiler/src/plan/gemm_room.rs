//! What the tiles of a GEMM stage take of the scratchpads, and move between them and main memory.

use quantities::Bytes;
use tile_program::LoopOrder;

use super::gemm::{GemmProblem, MovedTensor, SectionProblem, Shape};
use super::prologue::Prologue;
use super::room::{Capacity, ScratchpadNeeds};
use crate::tuning::ACTIVATIONS_PER_BAND;

impl GemmProblem {
    /// Bytes of A, and of what its prologue holds, in the activation scratchpad.
    pub(super) fn a_bytes(&self, shape: &Shape) -> Bytes {
        if self.a_on_chip {
            return Bytes::ZERO;
        }
        let k = if shape.a_stays() { self.k } else { shape.k };
        let block = Bytes((k * self.a_bits).div_ceil(8))
            .saturating_mul(shape.m)
            .saturating_mul(Self::a_buffers(shape));
        let Some(prologue) = self.prologue else {
            return block;
        };
        let band = self.prologue_row(&prologue, shape).get() * self.prologue_rows(shape);
        block.saturating_add(Bytes(band))
    }

    /// Rows that the prologue takes at a time; 1 without a prologue.
    pub(super) fn prologue_rows(&self, shape: &Shape) -> u64 {
        match self.prologue {
            Some(prologue) if !self.a_on_chip => {
                let row = self.prologue_row(&prologue, shape);
                let room = self.room.activations.fraction(ACTIVATIONS_PER_BAND);
                let rows = room.pieces_of(row).unwrap_or(u64::MAX);
                rows.clamp(1, shape.m)
            }
            _ => 1,
        }
    }

    /// Bytes that a row of the prologue holds in all buffers.
    fn prologue_row(&self, prologue: &Prologue, shape: &Shape) -> Bytes {
        Bytes((self.k * prologue.bits).div_ceil(8) * Self::a_buffers(shape))
    }

    /// Blocks of A that there is room for at once.
    fn a_buffers(shape: &Shape) -> u64 {
        if shape.a_stays() {
            shape.inputs.min(2)
        } else {
            shape.inputs
        }
    }

    /// Whether weights pass once, although rows come in several blocks.
    fn b_stays(&self, shape: &Shape) -> bool {
        shape.b_stays() && shape.m < self.m
    }

    /// How often all weights are loaded.
    pub(super) fn passes_of_b(&self, shape: &Shape) -> u64 {
        if self.b_stays(shape) {
            1
        } else {
            self.m.div_ceil(shape.m)
        }
    }

    /// Bytes of weights that are loaded for a section, over all blocks of rows.
    pub(super) fn bytes_of_b(&self, section: &SectionProblem, shape: &Shape) -> Bytes {
        let once = Bytes(section.weights.footprint()).saturating_mul(section.streamed);
        once.saturating_mul(self.passes_of_b(shape))
    }

    /// Bytes of results, and of what is added to them, that move in tiles of so many columns: what
    /// a tile has of a row of a strip is widened to whole accesses.
    pub(super) fn moved_bytes(&self, section: &SectionProblem, n: u64) -> Bytes {
        let row =
            |columns: u64, bits: u64| (columns * bits).div_ceil(8).next_multiple_of(self.access);
        let bytes = section.moved.iter().map(|&MovedTensor { bits, strip }| {
            let tile = n.min(section.n);
            let whole = (tile / strip).saturating_mul(row(strip, bits));
            let of_tile = whole.saturating_add(row(tile % strip, bits));
            // The last tile moves about as much a column as a whole one.
            let all = u128::from(of_tile) * u128::from(section.n) / u128::from(tile);
            let all = u64::try_from(all).map_or(Bytes::MAX, Bytes);
            all.saturating_mul(self.m)
        });
        bytes.fold(Bytes::ZERO, Bytes::saturating_add)
    }

    /// Bytes that the tiles of a section take at once, so many columns each, beside A. Those of the
    /// activations are of what moves on to memory, or is added; those of the outputs, of sums.
    fn section_needs(&self, section: &SectionProblem, shape: &Shape, n: u64) -> ScratchpadNeeds {
        let tile = section.tile_bytes(shape.k, n);
        let weights = if self.b_stays(shape) {
            let cuts = self.k.div_ceil(shape.k);
            let all = tile.saturating_mul(cuts).saturating_mul(section.streamed);
            all.saturating_mul(shape.inputs.min(2))
        } else {
            tile.saturating_mul(shape.inputs)
        };
        let elements = shape.m.saturating_mul(n);
        let sums = Bytes(elements)
            .saturating_mul(self.accumulator_bytes)
            .saturating_mul(section.parts * shape.splits);
        let staging = elements.saturating_mul(section.staging_bits).div_ceil(8);
        ScratchpadNeeds {
            activations: Bytes(staging).saturating_mul(shape.sums),
            weights,
            // The parts of a tile are the tiles of several arrays.
            outputs: sums.saturating_mul(shape.sums.div_ceil(shape.splits)),
        }
    }

    /// Whether tiles of so many columns fit; `activations` is what A leaves of its scratchpad.
    pub(super) fn fits(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        n: u64,
        activations: Capacity,
    ) -> bool {
        let mut room = self.room;
        room.activations = activations;
        room.holds(&self.section_needs(section, shape, n))
    }

    /// Bytes of each scratchpad that are taken at once in program order, where nothing is fetched
    /// ahead but a block of A whose prologue is run ahead.
    pub(super) fn needs(&self, shape: &Shape, columns: &[u64]) -> ScratchpadNeeds {
        let single = Shape {
            inputs: 1,
            sums: 1,
            ..*shape
        };
        let sections = self.sections.iter().zip(columns);
        let needs = sections.map(|(section, &n)| self.section_needs(section, &single, n));
        let mut needs = needs.fold(ScratchpadNeeds::default(), ScratchpadNeeds::max);
        needs.activations = needs.activations.saturating_add(self.a_bytes(shape));
        needs
    }

    /// Bytes of each scratchpad that the smallest tiles need.
    pub(super) fn least_needs(&self) -> ScratchpadNeeds {
        let shape = Shape {
            order: LoopOrder::ColumnsOuter,
            stays: false,
            m: 1,
            k: self.k_unit(),
            splits: 1,
            inputs: 1,
            sums: 1,
        };
        let columns: Vec<_> = self.sections.iter().map(Self::n_unit).collect();
        self.needs(&shape, &columns)
    }
}
