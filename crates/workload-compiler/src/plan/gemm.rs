//! The tiles of a GEMM stage.
//!
//! For C = A·B in tiles (`m`, `k`, `n`), the loop over `k` is innermost, so partial sums never
//! leave the chip. What is left is which of the other two loops is outer, and whether the operand
//! of the outer loop stays (all of its k) while the other passes:
//!
//! | order | stays | bytes of A and B that are loaded |
//! |---|---|---|
//! | [`LoopOrder::RowsOuter`] | a block of rows of A | A + ⌈M/m⌉·B |
//! | [`LoopOrder::ColumnsOuter`] | a block of columns of B | ⌈N/n⌉·A + B |
//! | either | nothing | ⌈N/n⌉·A + ⌈M/m⌉·B |
//!
//! All combinations of a grid of sizes that fit the scratchpads are tried, also without double
//! buffers, and with k summed in several parts where several arrays work. What each costs is known:
//! exact traffic, and the time of the arrays by the machine's own law. The least time wins, units
//! overlapping (see [`Cost`]); then tiles near a good size for overlap.

use std::cmp::Reverse;

use quantities::Bytes;
use tile_program::{LoopOrder, Packed, Reuse, Target, Tiling};

use super::prologue::Entry;
use super::search::{Candidate, Contest, Cost, Verdict};
use super::sizes::{UNLIMITED, distance, sizes};
use super::team::Clockwork;
use crate::layout::WeightRegion;
use quantities::{gcd, lcm};

/// A section, as far as its tiles go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SectionProblem {
    pub(crate) n: u64,
    pub(crate) unit_columns: u64,
    pub(crate) parts: u64,
    /// Parts whose weights are loaded; those of the others are on chip.
    pub(crate) streamed: u64,
    /// What moves to or from main memory with each tile of C: bits of an element, columns of a
    /// strip.
    pub(crate) passing: Vec<(u64, u64)>,
    /// Bits an element of the tile that passes through the activation scratchpad.
    pub(crate) staging_bits: u64,
    /// Of the vector unit, for all that follows on the sums.
    pub(crate) exit_cycles: u64,
    /// Of each part; the address does not matter.
    pub(crate) weights: WeightRegion,
}

impl SectionProblem {
    /// Bytes of weights that are loaded for a tile of one part.
    pub(super) fn tile_bytes(&self, k: u64, n: u64) -> u64 {
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
    /// Row-wise entry on the way in.
    pub(crate) entry: Option<Entry>,
    pub(crate) sections: Vec<SectionProblem>,
    /// Of a sum.
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
    /// Bytes of each scratchpad that are taken at once in program order.
    pub(crate) needs: [u64; 3],
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

impl GemmProblem {
    /// Rows of k between legal cuts.
    pub(super) fn k_unit(&self) -> u64 {
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

    pub(super) fn n_unit(section: &SectionProblem) -> u64 {
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
        // Operands of two tiles for each array, or of one more than there are arrays, or of one;
        // sums of as many, or of one for each array.
        let two = 2 * arrays;
        let mut depths = vec![(two, two), (two, arrays), (arrays + 1, arrays + 1), (1, 1)];
        if arrays == 1 {
            depths.remove(2);
        }
        let mut shapes = Vec::new();
        for m in self.row_sizes() {
            for k in self.cut_sizes() {
                for splits in self.splits(k) {
                    for order in [LoopOrder::RowsOuter, LoopOrder::ColumnsOuter] {
                        for stays in [true, false] {
                            // An entry needs whole rows, once.
                            let entry = self.entry.is_some();
                            if entry && (order, stays) != (LoopOrder::RowsOuter, true) {
                                continue;
                            }
                            shapes.extend(depths.iter().map(|&(inputs, sums)| Shape {
                                order,
                                stays,
                                m,
                                k,
                                splits,
                                inputs,
                                sums,
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
            alone: shape.inputs == 1,
            ..Cost::default()
        };
        let rows = self.m.div_ceil(shape.m);
        let (mut off, mut blocks, mut tiles) = (0_u64, 0, 0_u64);
        let mut bytes: u64 = 0;
        let mut columns = Vec::with_capacity(self.sections.len());
        for section in &self.sections {
            let best = self.columns(section, shape, room, target, clockwork)?;
            cost.array = cost.array.saturating_add(best.cost.array);
            cost.vector = cost.vector.saturating_add(best.cost.vector);
            cost.held = cost.held.saturating_add(best.cost.held);
            bytes = bytes.saturating_add(best.cost.bytes);
            tiles = tiles.saturating_add(self.tiles(section, shape, best.n));
            off = off.saturating_add(best.off);
            blocks = section.n.div_ceil(best.n).max(blocks);
            columns.push(best.n);
        }
        if shape.a_stays() && !self.a_on_chip && self.entry.is_none() {
            bytes = bytes.saturating_add(self.all_a());
        }
        cost.results = shape.results(tiles);
        let inputs_once = self.a_on_chip || shape.a_stays() || blocks == 1;
        let plan = GemmPlan {
            order: shape.order,
            stays: shape.stays,
            m: shape.m,
            k: shape.k,
            needs: self.needs(shape, &columns),
            n: columns,
            splits: shape.splits,
            entry_rows,
            double: shape.inputs > 1,
            reuse: Reuse::of(inputs_once, shape.b_stays() || rows == 1),
            arrays: self.team.len() as u64,
            cost: self.entered(cost.and_bytes(bytes, target), shape, target),
        };
        let cuts = self.k.div_ceil(shape.k);
        Some((
            plan,
            (
                Reverse(shape.inputs + shape.sums),
                shape.splits,
                off,
                cuts,
                rows,
            ),
        ))
    }

    /// Tiles of C of a section.
    fn tiles(&self, section: &SectionProblem, shape: &Shape, n: u64) -> u64 {
        let rows = self.m.div_ceil(shape.m);
        rows.saturating_mul(section.n.div_ceil(n))
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
        let sizes = Self::column_sizes(section).into_iter();
        let fitting = sizes.filter(|&n| self.fits(section, shape, n, room));
        let found: Vec<Columns> = fitting
            .map(|n| self.weighed(section, shape, n, target, clockwork))
            .collect();
        let least = found.iter().map(|columns| columns.cost.cycles()).min()?;
        let cheap = found.into_iter();
        let cheap = cheap.filter(|columns| columns.cost.is_about(least));
        cheap.min_by_key(|columns| columns.off)
    }

    /// What tiles of so many columns cost.
    fn weighed(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        n: u64,
        target: &Target,
        clockwork: &Clockwork<'_>,
    ) -> Columns {
        let a = if self.a_on_chip || shape.a_stays() {
            0
        } else {
            self.all_a().saturating_mul(section.n.div_ceil(n))
        };
        let bytes = a
            .saturating_add(self.bytes_of_b(section, shape))
            .saturating_add(self.passing_bytes(section, n));
        // Where a memory without limits feeds a scratchpad without limits, there is nothing to
        // overlap, and every further tile is but one more to run.
        let free = self.weights >= UNLIMITED && target.laws.memory(Bytes(UNLIMITED)) == 0;
        let array = self.array_cycles(section, shape, n, clockwork);
        Columns {
            n,
            cost: Cost {
                array,
                held: self.held_cycles(section, shape, n, array, target),
                vector: self.vector_cycles(section, shape, target),
                results: shape.results(self.tiles(section, shape, n)),
                alone: shape.inputs == 1,
                ..Cost::default()
            }
            .and_bytes(bytes, target),
            off: match free {
                true => 0,
                false => distance(section.weights.tile_bytes(shape.k, n), self.weights),
            },
        }
    }
}

/// A choice of loop order and sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) order: LoopOrder,
    pub(super) stays: bool,
    pub(super) m: u64,
    pub(super) k: u64,
    /// Parts of k that are summed apart.
    pub(super) splits: u64,
    /// Tiles whose operands there is room for at once.
    pub(super) inputs: u64,
    /// Tiles whose sums there is room for at once.
    pub(super) sums: u64,
}

impl Shape {
    pub(super) fn a_stays(&self) -> bool {
        self.stays && self.order == LoopOrder::RowsOuter
    }

    pub(super) fn b_stays(&self) -> bool {
        self.stays && self.order == LoopOrder::ColumnsOuter
    }

    /// Of so many tiles of C, how many leave while arrays are at the next.
    fn results(&self, tiles: u64) -> u64 {
        if self.sums == 1 { 1 } else { tiles }
    }
}

/// Columns of a tile of a section.
struct Columns {
    n: u64,
    cost: Cost,
    off: u64,
}

/// More room first; then fewer parts of k, tiles near a good size, fewer cuts, fewer blocks.
type Tie = (Reverse<u64>, u64, u64, u64, u64);
