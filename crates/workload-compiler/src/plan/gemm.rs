//! The tiles of a GEMM stage.
//!
//! For C = A·B in tiles (`m`, `k`, `n`), the loop over `k` is innermost, so partial sums never
//! leave the chip. What is left is which of the other two loops is outer, and whether the operand
//! of the outer loop stays (all of its k) while the other passes:
//!
//! | order | stays | bytes of A and B that are loaded |
//! |---|---|---|
//! | [`Order::RowsOuter`] | a block of rows of A | A + ⌈M/m⌉·B |
//! | [`Order::ColumnsOuter`] | a block of columns of B | ⌈N/n⌉·A + B |
//! | either | nothing | ⌈N/n⌉·A + ⌈M/m⌉·B |
//!
//! All combinations of a grid of sizes that fit the scratchpads are tried, also without double
//! buffers, and with k summed in several parts where several arrays work. What each costs is known:
//! exact traffic, and the time of the arrays by the machine's own law. The least time wins, units
//! overlapping (see [`Cost`]); then tiles near a good size for overlap.

use std::cmp::Reverse;

use tile_program::{
    Bytes, GemmTile, LoopOrder, Packed, Reuse, Target, Tiling, VectorKind, VectorTile,
};

use super::choice::{Candidate, Contest, Cost, Verdict};
use super::team::{Clockwork, Times, makespan};
use crate::format::{gcd, lcm};
use crate::layout::WeightRegion;

/// A section, as far as its tiles go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SectionProblem {
    pub(crate) n: u64,
    pub(crate) unit_columns: u64,
    pub(crate) parts: u64,
    /// Parts whose weights are loaded; those of the others are on chip.
    pub(crate) streamed: u64,
    /// Bits an element of the tile that passes through the activation scratchpad.
    pub(crate) staging_bits: u64,
    /// Of each part; the address does not matter.
    pub(crate) weights: WeightRegion,
}

impl SectionProblem {
    /// Bytes of weights that are loaded for a tile of one part.
    fn tile_bytes(&self, k: u64, n: u64) -> u64 {
        match self.streamed {
            0 => 0,
            _ => self.weights.tile_bytes(k, n),
        }
    }
}

/// A GEMM stage, as far as its tiles go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GemmProblem {
    pub(crate) m: u64,
    pub(crate) k: u64,
    pub(crate) a_bits: u64,
    /// How the weights lie, if they must be unpacked.
    pub(crate) packed: Option<Packed>,
    pub(crate) a_on_chip: bool,
    /// Row-wise entry on the way in: bits an element that it holds at once.
    pub(crate) entry_bits: Option<u64>,
    pub(crate) sections: Vec<SectionProblem>,
    /// Bytes that results, and what is added to them, move to or from main memory, however they are
    /// cut.
    pub(crate) other_bytes: u64,
    pub(crate) accumulator_bytes: u64,
    /// Places in the target of the arrays that share the work.
    pub(crate) team: Vec<usize>,
    /// PE rows of the first.
    pub(crate) rows: u64,
    pub(crate) access: u64,
    pub(crate) activations: u64,
    pub(crate) weights: u64,
    pub(crate) outputs: u64,
}

/// Tiles of a GEMM stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GemmPlan {
    pub(crate) order: LoopOrder,
    /// The operand of the outer loop stays, all of its k.
    pub(crate) stays: bool,
    pub(crate) m: u64,
    pub(crate) k: u64,
    /// Columns of a tile, for each section.
    pub(crate) n: Vec<u64>,
    /// Parts of k that are summed apart.
    pub(crate) splits: u64,
    /// Rows of the entry at a time.
    pub(crate) entry_rows: u64,
    /// Room for the next tile beside the present ones.
    pub(crate) double: bool,
    /// What is loaded once.
    pub(crate) reuse: Reuse,
    /// Arrays that share the work.
    pub(crate) arrays: u64,
    pub(crate) cost: Cost,
}

impl Candidate for GemmPlan {
    fn cost(&self) -> Cost {
        self.cost
    }

    fn cuts_like(&self, other: &Self) -> bool {
        (self.m, self.k, &self.n, self.splits, self.reuse)
            == (other.m, other.k, &other.n, other.splits, other.reuse)
    }
}

impl GemmPlan {
    /// As operations carry it, for one section.
    pub(crate) fn tiling(&self, section: usize) -> Tiling {
        Tiling {
            m: self.m,
            n: self.n[section],
            k: self.k,
            order: self.order,
            reuse: self.reuse,
            arrays: self.arrays,
            side_by_side: 1,
            splits_of_k: self.splits,
            cycles: self.cost.array,
            bytes: Bytes(self.cost.bytes),
        }
    }
}

/// A plan and how it was found.
pub(crate) type GemmChoice = (GemmPlan, Verdict<GemmPlan>);

/// A tile of weights that is long enough to stream well and short enough to overlap.
const GOOD_TILE_BYTES: u64 = 256 << 10;

/// What is left of a scratchpad without limits is at least this: 2^60 bytes hold whatever a program
/// can address.
pub(crate) const UNLIMITED: u64 = 1 << 60;

/// Sizes to try, largest first: all, halved again and again; and `unit`, doubled again and again.
/// All but the first are whole units.
pub(crate) fn sizes(all: u64, unit: u64) -> Vec<u64> {
    let mut sizes = vec![all];
    let mut size = all;
    while size > unit {
        size = size.div_ceil(2).next_multiple_of(unit);
        if sizes.last() == Some(&size) {
            break;
        }
        sizes.push(size);
    }
    let mut size = unit;
    while size < all {
        sizes.push(size);
        size *= 2;
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
}

/// How far a tile is from a good size.
pub(crate) fn distance(tile: u64, scratchpad: u64) -> u64 {
    let good = GOOD_TILE_BYTES.min(scratchpad / 4);
    if tile <= good {
        good - tile
    } else {
        (tile - good).saturating_mul(4)
    }
}

impl GemmProblem {
    /// Rows of k between legal cuts.
    fn k_unit(&self) -> u64 {
        let a_unit = 8 * self.access / gcd(8 * self.access, self.a_bits);
        self.sections
            .iter()
            .try_fold(a_unit, |unit, section| lcm(unit, section.weights.k_unit()))
            .unwrap_or(self.k)
            .min(self.k)
    }

    /// Rows of k in a cut: one tile's where weights come in whole tiles.
    fn cut_sizes(&self) -> Vec<u64> {
        if self.sections.iter().any(|s| s.weights.is_whole()) {
            vec![self.k_unit()]
        } else {
            sizes(self.k, self.k_unit())
        }
    }

    /// Columns of a tile: one strip where weights come in whole tiles.
    fn column_sizes(section: &SectionProblem) -> Vec<u64> {
        if section.weights.is_whole() {
            vec![Self::n_unit(section)]
        } else {
            sizes(section.n, Self::n_unit(section))
        }
    }

    fn n_unit(section: &SectionProblem) -> u64 {
        lcm(section.weights.strip, section.unit_columns)
            .unwrap_or(section.n)
            .min(section.n)
    }

    /// Rows of a block: whole heights of the array while there are several.
    fn row_sizes(&self) -> Vec<u64> {
        let mut rows = sizes(self.m, 1);
        for size in &mut rows {
            if *size > self.rows && *size < self.m {
                *size = size.next_multiple_of(self.rows).min(self.m);
            }
        }
        rows.dedup();
        rows
    }

    /// Bytes of A, and of what its entry holds, in the activation scratchpad; rows of the entry.
    fn a_bytes(&self, shape: &Shape) -> (u64, u64) {
        if self.a_on_chip {
            return (0, 1);
        }
        let buffers = if shape.a_stays() {
            shape.buffers.min(2)
        } else {
            shape.buffers
        };
        let k = if shape.a_stays() { self.k } else { shape.k };
        let block = shape.m.saturating_mul((k * self.a_bits).div_ceil(8));
        let block = block.saturating_mul(buffers);
        let Some(bits) = self.entry_bits else {
            return (block, 1);
        };
        let row = (self.k * bits).div_ceil(8) * buffers;
        let rows = (self.activations / 4 / row.max(1)).clamp(1, shape.m);
        (block.saturating_add(rows * row), rows)
    }

    /// What the smallest tile needs: activations, weights, outputs.
    pub(crate) fn least(&self) -> (u64, u64, u64) {
        let shape = Shape {
            order: LoopOrder::ColumnsOuter,
            stays: false,
            m: 1,
            k: self.k_unit(),
            splits: 1,
            buffers: 1,
        };
        let mut least = (0, 0, 0);
        for section in &self.sections {
            let n = Self::n_unit(section);
            let a = self.a_bytes(&shape).0;
            least.0 = least.0.max(a + (n * section.staging_bits).div_ceil(8));
            least.1 = least.1.max(section.tile_bytes(shape.k, n));
            least.2 = least.2.max(n * self.accumulator_bytes * section.parts);
        }
        least
    }

    /// The best tiles, or `None` if nothing fits.
    pub(crate) fn solve(&self, target: &Target) -> Option<GemmChoice> {
        let clockwork = Clockwork::new(target, &self.team);
        let contest = self.contest(target, &clockwork);
        let unbounded = Self {
            activations: UNLIMITED,
            weights: UNLIMITED,
            outputs: UNLIMITED,
            ..self.clone()
        };
        contest.end(unbounded.contest(target, &clockwork).best_cost())
    }

    fn contest(&self, target: &Target, clockwork: &Clockwork<'_>) -> Contest<Tie, GemmPlan> {
        let mut contest = Contest::new();
        for shape in self.shapes() {
            if let Some((plan, tie)) = self.candidate(&shape, target, clockwork) {
                contest.offer(plan, tie);
            }
        }
        contest
    }

    /// All combinations of loop order, m, k, parts of k and number of buffers.
    fn shapes(&self) -> Vec<Shape> {
        let arrays = self.team.len() as u64;
        // One tile; one for each array and one more; two for each.
        let mut depths = vec![2 * arrays, arrays + 1, 1];
        depths.dedup();
        let mut shapes = Vec::new();
        for m in self.row_sizes() {
            for k in self.cut_sizes() {
                for splits in self.splits(k) {
                    for order in [LoopOrder::RowsOuter, LoopOrder::ColumnsOuter] {
                        for stays in [true, false] {
                            // An entry needs whole rows, once.
                            let entry = self.entry_bits.is_some();
                            if entry && (order, stays) != (LoopOrder::RowsOuter, true) {
                                continue;
                            }
                            shapes.extend(depths.iter().map(|&buffers| Shape {
                                order,
                                stays,
                                m,
                                k,
                                splits,
                                buffers,
                            }));
                        }
                    }
                }
            }
        }
        shapes
    }

    /// In how many parts k may be summed: at most one for each array, of whole cuts.
    fn splits(&self, k: u64) -> Vec<u64> {
        let cuts = self.k.div_ceil(k);
        let arrays = self.team.len() as u64;
        let mut splits = vec![1];
        let mut parts = 2;
        while parts <= arrays.min(cuts) {
            splits.push(parts);
            parts *= 2;
        }
        if arrays > 1 && arrays <= cuts && !arrays.is_power_of_two() {
            splits.push(arrays);
        }
        splits
    }

    fn candidate(
        &self,
        shape: &Shape,
        target: &Target,
        clockwork: &Clockwork<'_>,
    ) -> Option<(GemmPlan, Tie)> {
        let (a_bytes, entry_rows) = self.a_bytes(shape);
        let room = self.activations.checked_sub(a_bytes)?;
        let mut cost = Cost {
            serial: shape.buffers == 1,
            ..Cost::default()
        };
        let (mut off, mut blocks) = (0_u64, 0);
        let mut bytes = self.other_bytes;
        let mut columns = Vec::with_capacity(self.sections.len());
        for section in &self.sections {
            let best = self.columns(section, shape, room, target, clockwork)?;
            cost.array = cost.array.saturating_add(best.cost.array);
            cost.vector = cost.vector.saturating_add(best.cost.vector);
            bytes = bytes.saturating_add(best.cost.bytes);
            off = off.saturating_add(best.off);
            blocks = section.n.div_ceil(best.n).max(blocks);
            columns.push(best.n);
        }
        if shape.a_stays() && !self.a_on_chip && self.entry_bits.is_none() {
            bytes = bytes.saturating_add(self.all_a());
        }
        let rows = self.m.div_ceil(shape.m);
        let inputs_once = self.a_on_chip || shape.a_stays() || blocks == 1;
        let plan = GemmPlan {
            order: shape.order,
            stays: shape.stays,
            m: shape.m,
            k: shape.k,
            n: columns,
            splits: shape.splits,
            entry_rows,
            double: shape.buffers > 1,
            reuse: Reuse::of(inputs_once, shape.b_stays() || rows == 1),
            arrays: self.team.len() as u64,
            cost: cost.and_bytes(bytes, target),
        };
        let cuts = self.k.div_ceil(shape.k);
        Some((
            plan,
            (Reverse(shape.buffers), shape.splits, cuts, off, rows),
        ))
    }

    fn all_a(&self) -> u64 {
        self.m.saturating_mul((self.k * self.a_bits).div_ceil(8))
    }

    /// The best columns of a section, and what they cost.
    fn columns(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        room: u64,
        target: &Target,
        clockwork: &Clockwork<'_>,
    ) -> Option<Columns> {
        let blocks = self.m.div_ceil(shape.m);
        let b_stays = shape.b_stays() && blocks > 1;
        let all_b = section.weights.footprint().saturating_mul(section.streamed);
        let cuts = self.k.div_ceil(shape.k);
        // Where a memory without limits feeds a scratchpad without limits, there is nothing to overlap,
        // and every further tile is but one more to run.
        let free = self.weights >= UNLIMITED && target.laws.memory(Bytes(UNLIMITED)) == 0;
        let mut best: Option<(u64, Columns)> = None;
        for n in Self::column_sizes(section) {
            let tile = section.tile_bytes(shape.k, n);
            let held = if b_stays {
                let all = tile.saturating_mul(cuts).saturating_mul(section.streamed);
                all.saturating_mul(shape.buffers.min(2))
            } else {
                tile.saturating_mul(shape.buffers)
            };
            let elements = shape.m.saturating_mul(n);
            let sums = elements
                .saturating_mul(self.accumulator_bytes)
                .saturating_mul(section.parts * shape.splits);
            // The parts of a tile are the tiles of several arrays.
            let sums = sums.saturating_mul(shape.buffers.div_ceil(shape.splits));
            let staging = elements.saturating_mul(section.staging_bits).div_ceil(8);
            if held > self.weights
                || sums > self.outputs
                || staging.saturating_mul(shape.buffers) > room
            {
                continue;
            }
            let tiles = section.n.div_ceil(n);
            let a = if self.a_on_chip || shape.a_stays() {
                0
            } else {
                self.all_a().saturating_mul(tiles)
            };
            let b = if b_stays {
                all_b
            } else {
                all_b.saturating_mul(blocks)
            };
            let found = Columns {
                n,
                cost: Cost {
                    array: self.array_cycles(section, shape, n, clockwork),
                    vector: self.vector_cycles(section, shape, target),
                    serial: shape.buffers == 1,
                    ..Cost::default()
                }
                .and_bytes(a.saturating_add(b), target),
                off: match free {
                    true => 0,
                    false => distance(section.weights.tile_bytes(shape.k, n), self.weights),
                },
            };
            let rank = found.cost.rank();
            if best
                .as_ref()
                .is_none_or(|(least, best)| (rank, found.off) < (*least, best.off))
            {
                best = Some((rank, found));
            }
        }
        best.map(|(_, columns)| columns)
    }

    /// Cycles of the arrays for all tiles of a section, rests included.
    fn array_cycles(
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

    /// Cycles of the vector unit for adding up parts of k.
    fn vector_cycles(&self, section: &SectionProblem, shape: &Shape, target: &Target) -> u64 {
        if shape.splits == 1 {
            return 0;
        }
        let elements = self.m.saturating_mul(section.n);
        let elements = elements.saturating_mul((shape.splits - 1) * section.parts);
        let bits = 8 * self.accumulator_bytes;
        let tile = VectorTile::on_sums(VectorKind::Add, elements, self.m, bits);
        target.laws.vector(&tile).unwrap_or(u64::MAX)
    }
}

/// A choice of loop order and sizes.
#[derive(Clone, Copy, Debug)]
struct Shape {
    order: LoopOrder,
    stays: bool,
    m: u64,
    k: u64,
    /// Parts of k that are summed apart.
    splits: u64,
    /// Tiles that there is room for at once.
    buffers: u64,
}

impl Shape {
    fn a_stays(&self) -> bool {
        self.stays && self.order == LoopOrder::RowsOuter
    }

    fn b_stays(&self) -> bool {
        self.stays && self.order == LoopOrder::ColumnsOuter
    }
}

/// Columns of a tile of a section.
struct Columns {
    n: u64,
    cost: Cost,
    off: u64,
}

/// More buffers first; then fewer parts of k, fewer cuts, tiles near a good size, fewer blocks.
type Tie = (Reverse<u64>, u64, u64, u64, u64);
