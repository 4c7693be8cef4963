//! What the tiles of a GEMM stage take of the scratchpads, and pass through them.

use tile_program::LoopOrder;

use super::gemm::{GemmProblem, SectionProblem, Shape};
use crate::tuning::ACTIVATIONS_PER_BAND;

impl GemmProblem {
    /// Bytes of A, and of what its entry holds, in the activation scratchpad; rows of the entry.
    pub(super) fn a_bytes(&self, shape: &Shape) -> (u64, u64) {
        if self.a_on_chip {
            return (0, 1);
        }
        let buffers = if shape.a_stays() {
            shape.inputs.min(2)
        } else {
            shape.inputs
        };
        let k = if shape.a_stays() { self.k } else { shape.k };
        let block = shape.m.saturating_mul((k * self.a_bits).div_ceil(8));
        let block = block.saturating_mul(buffers);
        let Some(entry) = self.entry else {
            return (block, 1);
        };
        let row = (self.k * entry.bits).div_ceil(8) * buffers;
        let rows = (self.activations / ACTIVATIONS_PER_BAND / row.max(1)).clamp(1, shape.m);
        (block.saturating_add(rows * row), rows)
    }

    /// Whether weights pass once, although rows come in several blocks.
    pub(super) fn b_stays(&self, shape: &Shape) -> bool {
        shape.b_stays() && shape.m < self.m
    }

    /// How often all weights pass.
    pub(super) fn passes_of_b(&self, shape: &Shape) -> u64 {
        match self.b_stays(shape) {
            true => 1,
            false => self.m.div_ceil(shape.m),
        }
    }

    /// Bytes of weights that are loaded for a section, in all passes.
    pub(super) fn bytes_of_b(&self, section: &SectionProblem, shape: &Shape) -> u64 {
        let once = section.weights.footprint().saturating_mul(section.streamed);
        once.saturating_mul(self.passes_of_b(shape))
    }

    /// Bytes of results, and of what is added to them, that move in tiles of so many columns: what
    /// a tile has of a row of a strip is widened to whole accesses.
    pub(super) fn passing_bytes(&self, section: &SectionProblem, n: u64) -> u64 {
        let row =
            |columns: u64, bits: u64| (columns * bits).div_ceil(8).next_multiple_of(self.access);
        let bytes = section.passing.iter().map(|&(bits, strip)| {
            let tile = n.min(section.n);
            let whole = (tile / strip).saturating_mul(row(strip, bits));
            let of_tile = whole.saturating_add(row(tile % strip, bits));
            // The last tile is about its share of a whole one.
            let all = u128::from(of_tile) * u128::from(section.n) / u128::from(tile);
            u64::try_from(all)
                .unwrap_or(u64::MAX)
                .saturating_mul(self.m)
        });
        bytes.fold(0, u64::saturating_add)
    }

    /// Bytes that the tiles of a section take at once, so many columns each, beside A: activations
    /// (what passes on to memory, or is added), weights, outputs (sums).
    fn held(&self, section: &SectionProblem, shape: &Shape, n: u64) -> [u64; 3] {
        let tile = section.tile_bytes(shape.k, n);
        let weights = if self.b_stays(shape) {
            let cuts = self.k.div_ceil(shape.k);
            let all = tile.saturating_mul(cuts).saturating_mul(section.streamed);
            all.saturating_mul(shape.inputs.min(2))
        } else {
            tile.saturating_mul(shape.inputs)
        };
        let elements = shape.m.saturating_mul(n);
        let sums = elements
            .saturating_mul(self.accumulator_bytes)
            .saturating_mul(section.parts * shape.splits);
        // The parts of a tile are the tiles of several arrays.
        let sums = sums.saturating_mul(shape.sums.div_ceil(shape.splits));
        let staging = elements.saturating_mul(section.staging_bits).div_ceil(8);
        [staging.saturating_mul(shape.sums), weights, sums]
    }

    /// Whether tiles of so many columns fit; `room` is what A leaves of its scratchpad.
    pub(super) fn fits(&self, section: &SectionProblem, shape: &Shape, n: u64, room: u64) -> bool {
        let held = self.held(section, shape, n);
        let most = [room, self.weights, self.outputs];
        held.iter().zip(most).all(|(held, most)| *held <= most)
    }

    /// Bytes of each scratchpad that are taken at once in program order, where nothing is fetched
    /// ahead but a block of A whose entry is.
    pub(super) fn needs(&self, shape: &Shape, columns: &[u64]) -> [u64; 3] {
        let alone = Shape {
            inputs: 1,
            sums: 1,
            ..*shape
        };
        let sections = self.sections.iter().zip(columns);
        let held = sections.map(|(section, &n)| self.held(section, &alone, n));
        let most = |a: [u64; 3], b: [u64; 3]| [0, 1, 2].map(|pad| a[pad].max(b[pad]));
        let mut needs = held.fold([0; 3], most);
        needs[0] = needs[0].saturating_add(self.a_bytes(shape).0);
        needs
    }

    /// Bytes of each scratchpad that the smallest tiles need: activations, weights, outputs.
    pub(crate) fn least(&self) -> [u64; 3] {
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
