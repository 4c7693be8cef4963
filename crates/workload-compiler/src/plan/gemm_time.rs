//! What the tiles of a GEMM stage take of the units, by the machine's own laws.

use quantities::Bytes;
use tile_program::{GemmTile, Target, VectorKind, VectorTile};

use crate::graph::VectorStep;

use super::gemm::{GemmProblem, SectionProblem, Shape};
use super::search::Cost;
use super::team::{Clockwork, Times, makespan};

impl GemmProblem {
    /// The same with the entry, if it rides on blocks of rows: the first block's comes before the
    /// first tile. Its bytes are told where it is.
    pub(super) fn entered(&self, mut cost: Cost, shape: &Shape, target: &Target) -> Cost {
        let Some(entry) = self.entry else {
            return cost;
        };
        cost.vector = cost.vector.saturating_add(entry.cycles);
        let memory = target.laws.memory(Bytes(entry.bytes));
        cost.memory = cost.memory.saturating_add(memory);
        let first = u128::from(entry.alone(0, target)) * u128::from(shape.m);
        let first = first.div_ceil(u128::from(u64::max(self.m, 1)));
        cost.first = u64::try_from(first).unwrap_or(u64::MAX);
        cost
    }

    /// Cycles of the arrays for all tiles of a section, rests included.
    pub(super) fn array_cycles(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        n: u64,
        clockwork: &Clockwork<'_>,
    ) -> u64 {
        let pieces = |all: u64, size: u64| {
            [
                (all / size, size),
                (u64::from(!all.is_multiple_of(size)), all % size),
            ]
            .into_iter()
            .filter(|(count, _)| *count > 0)
        };
        let cuts = self.k.div_ceil(shape.k);
        // Parts of k: so many of whole cuts, and a rest.
        let part_k = cuts.div_ceil(shape.splits).saturating_mul(shape.k);
        let mut work: Vec<(u64, Times)> = Vec::with_capacity(8);
        for (rows, m) in pieces(self.m, shape.m) {
            for (columns, n) in pieces(section.n, n) {
                for (parts, k) in pieces(self.k, part_k) {
                    let mut sum = Times::from_elem(0, self.team.len());
                    for (count, k) in pieces(k, shape.k) {
                        let tile = clockwork.tile(&GemmTile {
                            packed: self.packed,
                            ..GemmTile::one(m, n, k)
                        });
                        let count = count.saturating_mul(section.parts);
                        for (sum, cycles) in sum.iter_mut().zip(tile) {
                            *sum = sum.saturating_add(cycles.saturating_mul(count));
                        }
                    }
                    work.push((rows.saturating_mul(columns).saturating_mul(parts), sum));
                }
            }
        }
        makespan(&work)
    }

    /// Cycles for which the tiles of a section fill the weight scratchpad, each from its request
    /// until its last result is out: by Little's law, all of them divided by how many fit.
    pub(super) fn held_cycles(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        n: u64,
        array_cycles: u64,
        target: &Target,
    ) -> u64 {
        let tile_bytes = section.tile_bytes(shape.k, n);
        if tile_bytes == 0 {
            return 0;
        }
        let tiles = section.n.div_ceil(n).saturating_mul(section.streamed);
        let tiles = tiles.saturating_mul(self.k.div_ceil(shape.k));
        let tiles = tiles.saturating_mul(self.passes_of_b(shape));
        let moved = target.laws.memory(Bytes(self.bytes_of_b(section, shape)));
        let tile = GemmTile {
            packed: self.packed,
            ..GemmTile::one(shape.m.min(self.m), n, shape.k)
        };
        let time = target.laws.array(self.team[0], &tile).unwrap_or_default();
        let drain = time.total_cycles.saturating_sub(time.next_cycles);
        let late = tiles.saturating_mul(target.laws.latency().saturating_add(drain));
        let used = array_cycles.saturating_mul(self.team.len() as u64);
        let all = late.saturating_add(moved).saturating_add(used);
        all / u64::max(self.weights / tile_bytes, 1)
    }

    /// Cycles of the vector unit for adding up parts of k, and for what follows on the sums.
    pub(super) fn vector_cycles(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        target: &Target,
    ) -> u64 {
        if shape.splits == 1 {
            return section.exit_cycles;
        }
        let elements = self.m.saturating_mul(section.n);
        let elements = elements.saturating_mul((shape.splits - 1) * section.parts);
        let bits = 8 * self.accumulator_bytes;
        let tile = VectorTile::on_sums(VectorKind::Add, elements, self.m, bits);
        let adding = target.laws.vector(&tile).unwrap_or(u64::MAX);
        adding.saturating_add(section.exit_cycles)
    }
}

/// Cycles of the vector unit for a step over so many rows and columns of so many bits each.
pub(super) fn step_cycles(
    step: &VectorStep,
    rows: u64,
    columns: u64,
    bits: u64,
    target: &Target,
) -> u64 {
    let tile = VectorTile::on_sums(step.kind, step.elements(rows, columns), rows, bits);
    target.laws.vector(&tile).unwrap_or(u64::MAX)
}
