//! The loop orders and sizes that are tried for the tiles of a GEMM stage.

use quantities::{gcd, lcm};
use tile_program::LoopOrder;

use super::cost::{Buffering, VectorOverlap};
use super::gemm::{GemmProblem, SectionProblem};
use super::sizes::sizes;

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
    pub(super) const fn buffering(&self) -> Buffering {
        match self.inputs {
            1 => Buffering::Single,
            _ => Buffering::Double,
        }
    }

    /// How arrays and the vector unit overlap over so many tiles of C.
    pub(super) const fn vector_overlap(&self, tiles: u64) -> VectorOverlap {
        match self.sums {
            1 => VectorOverlap::Turns,
            _ => VectorOverlap::Tiles(tiles),
        }
    }
}

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
    pub(super) fn column_sizes(section: &SectionProblem) -> Vec<u64> {
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

    /// All combinations of loop order, m, k, parts of k and number of buffers.
    pub(super) fn shapes(&self) -> Vec<Shape> {
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
}
