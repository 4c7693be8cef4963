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

use quantities::{Bytes, Cycles, gcd, lcm};
use tile_program::{LoopOrder, Packed, Reuse, Target, Tiling};

use super::cost::{Buffering, Cost, VectorOverlap, memory_cycles};
use super::prologue::Prologue;
use super::room::{Capacity, ScratchpadNeeds, ScratchpadRoom};
use super::search::{Candidate, SearchResult, TilingSearch};
use super::sizes::{distance_from_good_size, sizes};
use super::team::TileTimeCache;
use crate::layout::WeightRegion;

/// A section of a GEMM stage, as far as its tiles depend on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SectionProblem {
    /// The columns of each part of the section.
    pub(super) n: u64,
    /// A tile has a multiple of so many columns.
    pub(super) unit_columns: u64,
    /// The matrices whose results are combined.
    pub(super) parts: u64,
    /// Parts whose weights are loaded; those of the others are on chip.
    pub(super) streamed: u64,
    /// The tensors of which a part moves to or from main memory with each tile of C.
    pub(super) moved: Vec<MovedTensor>,
    /// Bits an element of the tile that passes through the activation scratchpad.
    pub(super) staging_bits: u64,
    /// The time of the vector unit for the epilogues of all rows.
    pub(super) epilogue_cycles: Cycles,
    /// How the weights of each part lie; the address does not matter.
    pub(super) weights: WeightRegion,
}

/// A tensor in main memory that moves tile by tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MovedTensor {
    /// Bits of an element.
    pub(super) bits: u64,
    /// Columns of a strip.
    pub(super) strip: u64,
}

impl SectionProblem {
    /// Bytes of weights that are loaded for a tile of one part.
    pub(super) fn tile_bytes(&self, k: u64, n: u64) -> Bytes {
        match self.streamed {
            0 => Bytes::ZERO,
            _ => Bytes(self.weights.tile_bytes(k, n)),
        }
    }
}

/// A GEMM stage, as far as its tiles depend on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GemmProblem {
    /// Rows of A and C.
    pub(super) m: u64,
    /// Columns of A and rows of B.
    pub(super) k: u64,
    /// Bits of an element of A.
    pub(super) a_bits: u64,
    /// How the weights lie, if they must be unpacked.
    pub(super) packed: Option<Packed>,
    /// Whether A is held in the activation scratchpad.
    pub(super) a_on_chip: bool,
    /// The row-wise work on each block of rows before its tiles.
    pub(super) prologue: Option<Prologue>,
    pub(super) sections: Vec<SectionProblem>,
    /// Bytes of a partial sum.
    pub(super) accumulator_bytes: u64,
    /// Places in the target of the arrays that share the work.
    pub(super) team: Vec<usize>,
    /// PE rows of the first array of the team.
    pub(super) rows: u64,
    /// Bytes of an access to main memory.
    pub(super) access: u64,
    pub(super) room: ScratchpadRoom,
}

/// Tiles of a GEMM stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GemmPlan {
    pub(crate) order: LoopOrder,
    /// Whether the operand of the outer loop stays, all of its k.
    pub(crate) stays: bool,
    /// Rows of a tile.
    pub(crate) m: u64,
    /// Rows of B in a tile.
    pub(crate) k: u64,
    /// Columns of a tile, for each section.
    pub(crate) n: Vec<u64>,
    /// Parts of k that are summed apart.
    pub(crate) splits: u64,
    /// Rows that the prologue takes at a time.
    pub(crate) prologue_rows: u64,
    /// For how many tiles there is room.
    pub(crate) buffering: Buffering,
    /// What is loaded once.
    pub(crate) reuse: Reuse,
    /// Arrays that share the work.
    pub(crate) arrays: u64,
    /// Bytes of each scratchpad that are taken at once in program order.
    pub(crate) needs: ScratchpadNeeds,
    pub(crate) cost: Cost,
}

impl Candidate for GemmPlan {
    fn cost(&self) -> Cost {
        self.cost
    }

    fn has_same_tiles(&self, other: &Self) -> bool {
        (self.m, self.k, &self.n, self.splits, self.reuse)
            == (other.m, other.k, &other.n, other.splits, other.reuse)
    }
}

impl GemmPlan {
    /// The tiles of one section in the form in which operations carry them.
    pub(super) fn tiling(&self, section: usize) -> Tiling {
        Tiling {
            m: self.m,
            n: self.n[section],
            k: self.k,
            order: self.order,
            reuse: self.reuse,
            arrays: self.arrays,
            side_by_side: 1,
            splits_of_k: self.splits,
            cycles: self.cost.array.get(),
            bytes: self.cost.bytes,
        }
    }
}

/// A plan of a GEMM stage and how it was found.
pub(super) type GemmChoice = SearchResult<GemmPlan>;

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

    /// Columns between legal cuts of a section.
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
    pub(super) fn solve(&self, target: &Target) -> Option<GemmChoice> {
        let times = TileTimeCache::new(target, &self.team);
        let search = self.search(target, &times);
        let unlimited = Self {
            room: ScratchpadRoom::UNLIMITED,
            ..self.clone()
        };
        search.finish(unlimited.search(target, &times).least_cost())
    }

    fn search(
        &self,
        target: &Target,
        times: &TileTimeCache<'_>,
    ) -> TilingSearch<TieBreaker, GemmPlan> {
        let mut search = TilingSearch::new();
        for shape in self.shapes() {
            if let Some((plan, tie_breaker)) = self.candidate(&shape, target, times) {
                search.consider(plan, tie_breaker);
            }
        }
        search
    }

    /// All combinations of loop order, m, k, parts of k and number of buffers.
    fn shapes(&self) -> Vec<Shape> {
        let loops = self.loops();
        let depths = self.buffer_depths();
        let mut shapes = Vec::new();
        for m in self.row_sizes() {
            for k in self.cut_sizes() {
                for splits in self.splits(k) {
                    for &(order, stays) in &loops {
                        shapes.extend(depths.iter().map(|depth| Shape {
                            order,
                            stays,
                            m,
                            k,
                            splits,
                            inputs: depth.inputs,
                            sums: depth.sums,
                        }));
                    }
                }
            }
        }
        shapes
    }

    /// The orders of loops, each with whether the operand of the outer loop stays. A prologue needs
    /// whole rows, once.
    fn loops(&self) -> Vec<(LoopOrder, bool)> {
        if self.prologue.is_some() {
            return vec![(LoopOrder::RowsOuter, true)];
        }
        vec![
            (LoopOrder::RowsOuter, true),
            (LoopOrder::RowsOuter, false),
            (LoopOrder::ColumnsOuter, true),
            (LoopOrder::ColumnsOuter, false),
        ]
    }

    /// The numbers of buffers to try: operands of two tiles for each array, or of one more than
    /// there are arrays, or of one; sums of as many, or of one for each array.
    fn buffer_depths(&self) -> Vec<BufferDepth> {
        let arrays = self.team.len() as u64;
        let depth = |inputs, sums| BufferDepth { inputs, sums };
        let mut depths = vec![
            depth(2 * arrays, 2 * arrays),
            depth(2 * arrays, arrays),
            depth(arrays + 1, arrays + 1),
            depth(1, 1),
        ];
        if arrays == 1 {
            depths.remove(2);
        }
        depths
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

    /// The best plan of a shape with its tie-breaker, or `None` if none fits.
    fn candidate(
        &self,
        shape: &Shape,
        target: &Target,
        times: &TileTimeCache<'_>,
    ) -> Option<(GemmPlan, TieBreaker)> {
        let room = self.room.activations.checked_sub(self.a_bytes(shape))?;
        let mut cost = Cost {
            buffering: shape.buffering(),
            ..Cost::default()
        };
        let row_blocks = self.m.div_ceil(shape.m);
        let (mut size_distance, mut column_blocks, mut tiles) = (0_u64, 0, 0_u64);
        let mut bytes = Bytes::ZERO;
        let mut n = Vec::with_capacity(self.sections.len());
        for section in &self.sections {
            let best = self.columns(section, shape, room, target, times)?;
            cost.array = cost.array.saturating_add(best.cost.array);
            cost.vector = cost.vector.saturating_add(best.cost.vector);
            cost.buffer_occupancy = cost
                .buffer_occupancy
                .saturating_add(best.cost.buffer_occupancy);
            bytes = bytes.saturating_add(best.cost.bytes);
            tiles = tiles.saturating_add(self.tiles(section, shape, best.n));
            size_distance = size_distance.saturating_add(best.size_distance);
            column_blocks = section.n.div_ceil(best.n).max(column_blocks);
            n.push(best.n);
        }
        if shape.a_stays() && !self.a_on_chip && self.prologue.is_none() {
            bytes = bytes.saturating_add(self.all_a());
        }
        cost.vector_overlap = shape.vector_overlap(tiles);
        let inputs_once = self.a_on_chip || shape.a_stays() || column_blocks == 1;
        let plan = GemmPlan {
            order: shape.order,
            stays: shape.stays,
            m: shape.m,
            k: shape.k,
            needs: self.needs(shape, &n),
            n,
            splits: shape.splits,
            prologue_rows: self.prologue_rows(shape),
            buffering: shape.buffering(),
            reuse: Reuse::of(inputs_once, shape.b_stays() || row_blocks == 1),
            arrays: self.team.len() as u64,
            cost: self.with_prologue(cost.and_bytes(bytes, target), shape, target),
        };
        let tie_breaker = TieBreaker {
            buffers: Reverse(shape.inputs + shape.sums),
            splits: shape.splits,
            size_distance,
            cuts: self.k.div_ceil(shape.k),
            row_blocks,
        };
        Some((plan, tie_breaker))
    }

    /// Tiles of C of a section.
    fn tiles(&self, section: &SectionProblem, shape: &Shape, n: u64) -> u64 {
        let rows = self.m.div_ceil(shape.m);
        rows.saturating_mul(section.n.div_ceil(n))
    }

    /// Bytes of A.
    fn all_a(&self) -> Bytes {
        Bytes((self.k * self.a_bits).div_ceil(8)).saturating_mul(self.m)
    }

    /// The best columns of a section, and what they cost; `None` if none fit.
    fn columns(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        room: Capacity,
        target: &Target,
        times: &TileTimeCache<'_>,
    ) -> Option<Columns> {
        let sizes = Self::column_sizes(section).into_iter();
        let fitting = sizes.filter(|&n| self.fits(section, shape, n, room));
        let found: Vec<Columns> = fitting
            .filter_map(|n| self.columns_of(section, shape, n, target, times))
            .collect();
        let least = found.iter().map(|columns| columns.cost.cycles()).min()?;
        let cheap = found.into_iter();
        let cheap = cheap.filter(|columns| columns.cost.is_about(least));
        cheap.min_by_key(|columns| columns.size_distance)
    }

    /// What tiles of so many columns cost; `None` if no array can run them.
    fn columns_of(
        &self,
        section: &SectionProblem,
        shape: &Shape,
        n: u64,
        target: &Target,
        times: &TileTimeCache<'_>,
    ) -> Option<Columns> {
        let a = if self.a_on_chip || shape.a_stays() {
            Bytes::ZERO
        } else {
            self.all_a().saturating_mul(section.n.div_ceil(n))
        };
        let bytes = a
            .saturating_add(self.bytes_of_b(section, shape))
            .saturating_add(self.moved_bytes(section, n));
        // Where a memory without limits feeds a scratchpad without limits, there is nothing to
        // overlap, and every further tile is but one more to run.
        let nothing_to_overlap =
            self.room.weights == Capacity::Unlimited && memory_cycles(Bytes::MAX, target).is_zero();
        let size_distance = if nothing_to_overlap {
            0
        } else {
            let tile = Bytes(section.weights.tile_bytes(shape.k, n));
            distance_from_good_size(tile, self.room.weights)
        };
        let array = self.array_cycles(section, shape, n, times)?;
        let cost = Cost {
            array,
            buffer_occupancy: self.buffer_occupancy(section, shape, n, array, target),
            vector: self.vector_cycles(section, shape, target),
            vector_overlap: shape.vector_overlap(self.tiles(section, shape, n)),
            buffering: shape.buffering(),
            ..Cost::default()
        };
        Some(Columns {
            n,
            cost: cost.and_bytes(bytes, target),
            size_distance,
        })
    }
}

/// For how many tiles there is room at once.
#[derive(Clone, Copy, Debug)]
struct BufferDepth {
    /// Tiles whose operands there is room for.
    inputs: u64,
    /// Tiles whose sums there is room for.
    sums: u64,
}

/// A choice of loop order and sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) order: LoopOrder,
    /// Whether the operand of the outer loop stays, all of its k.
    pub(super) stays: bool,
    /// Rows of a tile.
    pub(super) m: u64,
    /// Rows of B in a tile.
    pub(super) k: u64,
    /// Parts of k that are summed apart.
    pub(super) splits: u64,
    /// Tiles whose operands there is room for at once.
    pub(super) inputs: u64,
    /// Tiles whose sums there is room for at once.
    pub(super) sums: u64,
}

impl Shape {
    /// Whether a block of rows of A stays for all columns.
    pub(super) fn a_stays(&self) -> bool {
        self.stays && self.order == LoopOrder::RowsOuter
    }

    /// Whether a block of columns of B stays for all rows.
    pub(super) fn b_stays(&self) -> bool {
        self.stays && self.order == LoopOrder::ColumnsOuter
    }

    /// How arrays and memory overlap.
    const fn buffering(&self) -> Buffering {
        match self.inputs {
            1 => Buffering::Single,
            _ => Buffering::Double,
        }
    }

    /// How arrays and the vector unit overlap over so many tiles of C.
    const fn vector_overlap(&self, tiles: u64) -> VectorOverlap {
        match self.sums {
            1 => VectorOverlap::Turns,
            _ => VectorOverlap::Tiles(tiles),
        }
    }
}

/// Columns of a tile of a section.
struct Columns {
    n: u64,
    cost: Cost,
    /// How far a tile of weights is from a good size.
    size_distance: u64,
}

/// What decides between plans of about the same cost; the first field that differs does, and less is
/// better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TieBreaker {
    /// More buffers are better.
    buffers: Reverse<u64>,
    /// Parts of k that are summed apart.
    splits: u64,
    /// How far tiles of weights are from a good size.
    size_distance: u64,
    /// Cuts of k.
    cuts: u64,
    /// Blocks of rows.
    row_blocks: u64,
}
