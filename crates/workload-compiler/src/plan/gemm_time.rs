//! How long the units work on the tiles of a GEMM stage, by the machine's own laws.

use quantities::{Bytes, Cycles};
use tile_program::{GemmTile, Target, VectorKind, VectorTile};

use super::cost::{Cost, memory_cycles, vector_cycles};
use super::gemm::{GemmProblem, SectionProblem, Shape};
use super::team::{TileTimeCache, TileTimes, Work, makespan};
use crate::graph::VectorStep;

/// Equal pieces of a dimension.
struct Pieces {
    count: u64,
    size: u64,
}

/// A dimension in pieces of a size, and the rest.
fn pieces(all: u64, size: u64) -> impl Iterator<Item = Pieces> {
    let whole = Pieces {
        count: all / size,
        size,
    };
    let rest = Pieces {
        count: u64::from(!all.is_multiple_of(size)),
        size: all % size,
    };
    [whole, rest].into_iter().filter(|pieces| pieces.count > 0)
}

impl GemmProblem {
    /// The cost with the prologue, if it is run on blocks of rows: that of the first block comes
    /// before the first tile. The cost counts its time on the bus, but not its bytes.
    pub(super) fn with_prologue(&self, mut cost: Cost, shape: &Shape, target: &Target) -> Cost {
        let Some(prologue) = self.prologue else {
            return cost;
        };
        cost.vector = cost.vector.saturating_add(prologue.cycles);
        let memory = memory_cycles(prologue.bytes, target);
        cost.memory = cost.memory.saturating_add(memory);
        let all = prologue.cycles_apart(Bytes::ZERO, target).get();
        let first_block = u128::from(all) * u128::from(shape.m);
        let first_block = first_block.div_ceil(u128::from(u64::max(self.m, 1)));
        cost.exposed_head = u64::try_from(first_block).map_or(Cycles::MAX, Cycles);
        cost
    }

    /// The time of the arrays for all tiles of a section, those at the edges included; `None` if no
    /// array can run one of them.
    pub(super) fn array_cycles(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        n: u64,
        times: &TileTimeCache<'_>,
    ) -> Option<Cycles> {
        let cuts = self.k.div_ceil(shape.k);
        // Parts of k: so many of whole cuts, and a rest.
        let part_k = cuts.div_ceil(shape.splits).saturating_mul(shape.k);
        let mut work = Vec::with_capacity(8);
        for rows in pieces(self.m, shape.m) {
            for columns in pieces(section.n, n) {
                for part in pieces(self.k, part_k) {
                    let mut sum = TileTimes::zero(self.team.len());
                    for cut in pieces(part.size, shape.k) {
                        let tile = self.tile(rows.size, columns.size, cut.size);
                        sum.add(cut.count.saturating_mul(section.parts), &times.tile(&tile));
                    }
                    work.push(Work {
                        count: rows
                            .count
                            .saturating_mul(columns.count)
                            .saturating_mul(part.count),
                        times: sum,
                    });
                }
            }
        }
        makespan(&work)
    }

    /// A tile of this stage.
    fn tile(&self, m: u64, n: u64, k: u64) -> GemmTile {
        GemmTile {
            packed: self.packed,
            ..GemmTile::one(m, n, k)
        }
    }

    /// The time for which the tiles of a section fill the weight scratchpad, each from its request
    /// until its last result is out: by Little's law, all of them divided by how many fit.
    pub(super) fn buffer_occupancy(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        n: u64,
        array: Cycles,
        target: &Target,
    ) -> Cycles {
        let tile_bytes = section.tile_bytes(shape.k, n);
        let Some(fit) = self.room.weights.pieces_of(tile_bytes) else {
            return Cycles::ZERO;
        };
        let tiles = section.n.div_ceil(n).saturating_mul(section.streamed);
        let tiles = tiles.saturating_mul(self.k.div_ceil(shape.k));
        let tiles = tiles.saturating_mul(self.passes_of_b(shape));
        let moved = memory_cycles(self.bytes_of_b(section, shape), target);
        let tile = self.tile(shape.m.min(self.m), n, shape.k);
        let time = target.laws.array(self.team[0], &tile).unwrap_or_default();
        let drain = Cycles(time.total_cycles.saturating_sub(time.next_cycles));
        let latency = Cycles(target.laws.latency());
        let waiting = latency.saturating_add(drain).saturating_mul(tiles);
        let used = array.saturating_mul(self.team.len() as u64);
        let all = waiting.saturating_add(moved).saturating_add(used);
        Cycles(all.get() / fit.max(1))
    }

    /// The time of the vector unit for adding up parts of k, and for the epilogues.
    pub(super) fn vector_cycles(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        target: &Target,
    ) -> Cycles {
        if shape.splits == 1 {
            return section.epilogue_cycles;
        }
        let elements = self.m.saturating_mul(section.n);
        let elements = elements.saturating_mul((shape.splits - 1) * section.parts);
        let bits = 8 * self.accumulator_bytes;
        let tile = VectorTile::on_sums(VectorKind::Add, elements, self.m, bits);
        vector_cycles(&tile, target).saturating_add(section.epilogue_cycles)
    }
}

/// A matrix that vector work goes over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    pub(super) rows: u64,
    pub(super) columns: u64,
    /// Bits of an element.
    pub(super) bits: u64,
}

/// The time of the vector unit for all the steps of a chain.
pub(super) fn chain_cycles<'a>(
    steps: impl Iterator<Item = &'a VectorStep>,
    matrix: Matrix,
    target: &Target,
) -> Cycles {
    let Matrix {
        rows,
        columns,
        bits,
    } = matrix;
    let cycles = steps.map(|step| {
        let tile = VectorTile::on_sums(step.kind, step.elements(rows, columns), rows, bits);
        vector_cycles(&tile, target)
    });
    cycles.fold(Cycles::ZERO, Cycles::saturating_add)
}
