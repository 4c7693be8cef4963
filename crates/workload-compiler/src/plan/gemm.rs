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
//! All combinations of a grid of sizes that fit the scratchpads are tried. The least product of
//! exact traffic and estimated array cycles wins (a product, because bandwidth against cycles is
//! the machine's affair: whichever of the two binds, a factor saved in it counts the same); then
//! tiles near a good size for overlap.

use tile_program::Dataflow;

use crate::format::{gcd, lcm};
use crate::layout::WeightRegion;

/// Which loop is outermost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Blocks of rows of A, then columns of B.
    RowsOuter,
    /// Blocks of columns of B, then rows of A.
    ColumnsOuter,
}

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

/// An array, as far as tiles go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Array {
    pub(crate) rows: u64,
    pub(crate) columns: u64,
    pub(crate) dataflow: Dataflow,
}

impl Array {
    /// About the cycles of a tile: folds, each with its stream and a wavefront in and out. Only
    /// to compare tiles; what a tile takes is the machine's law.
    pub(crate) fn cycles(&self, m: u64, n: u64, k: u64) -> u64 {
        let (rows, columns, stream) = match self.dataflow {
            Dataflow::OutputStationary => (m, n, k),
            Dataflow::WeightStationary => (k, n, m),
            Dataflow::InputStationary => (k, m, n),
        };
        let folds = rows
            .div_ceil(self.rows)
            .saturating_mul(columns.div_ceil(self.columns));
        folds.saturating_mul(stream + self.rows + self.columns)
    }
}

/// A GEMM stage, as far as its tiles go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GemmProblem {
    pub(crate) m: u64,
    pub(crate) k: u64,
    pub(crate) a_bits: u64,
    pub(crate) a_on_chip: bool,
    /// Row-wise entry on the way in: bits an element that it holds at once.
    pub(crate) entry_bits: Option<u64>,
    pub(crate) sections: Vec<SectionProblem>,
    pub(crate) accumulator_bytes: u64,
    pub(crate) array: Array,
    pub(crate) access: u64,
    pub(crate) activations: u64,
    pub(crate) weights: u64,
    pub(crate) outputs: u64,
}

/// Tiles of a GEMM stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GemmPlan {
    pub(crate) order: Order,
    /// The operand of the outer loop stays, all of its k.
    pub(crate) stays: bool,
    pub(crate) m: u64,
    pub(crate) k: u64,
    /// Columns of a tile, for each section.
    pub(crate) n: Vec<u64>,
    /// Rows of the entry at a time.
    pub(crate) entry_rows: u64,
    /// Room for the next tile beside the present one.
    pub(crate) double: bool,
    /// Bytes of A and B that are loaded.
    pub(crate) traffic: u64,
    /// About the cycles of the array.
    pub(crate) cycles: u64,
}

/// A tile of weights that is long enough to stream well and short enough to overlap.
const GOOD_TILE_BYTES: u64 = 256 << 10;

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
            if *size > self.array.rows && *size < self.m {
                *size = size.next_multiple_of(self.array.rows).min(self.m);
            }
        }
        rows.dedup();
        rows
    }

    /// Bytes of A, and of what its entry holds, in the activation scratchpad; rows of the entry.
    fn a_bytes(&self, shape: &Shape, buffers: u64) -> (u64, u64) {
        if self.a_on_chip {
            return (0, 1);
        }
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
            order: Order::ColumnsOuter,
            stays: false,
            m: 1,
            k: self.k_unit(),
        };
        let mut least = (0, 0, 0);
        for section in &self.sections {
            let n = Self::n_unit(section);
            let a = self.a_bytes(&shape, 1).0;
            least.0 = least.0.max(a + (n * section.staging_bits).div_ceil(8));
            least.1 = least.1.max(section.tile_bytes(shape.k, n));
            least.2 = least.2.max(n * self.accumulator_bytes * section.parts);
        }
        least
    }

    /// The best tiles, or `None` if nothing fits.
    pub(crate) fn solve(&self) -> Option<GemmPlan> {
        self.best(2).or_else(|| self.best(1))
    }

    fn best(&self, buffers: u64) -> Option<GemmPlan> {
        let mut best: Option<(Score, GemmPlan)> = None;
        for shape in self.shapes() {
            if let Some((score, plan)) = self.candidate(&shape, buffers)
                && best.as_ref().is_none_or(|(least, _)| score < *least)
            {
                best = Some((score, plan));
            }
        }
        best.map(|(_, plan)| plan)
    }

    /// All combinations of loop order, m and k.
    fn shapes(&self) -> Vec<Shape> {
        let mut shapes = Vec::new();
        for m in self.row_sizes() {
            for k in self.cut_sizes() {
                for order in [Order::RowsOuter, Order::ColumnsOuter] {
                    for stays in [true, false] {
                        // An entry needs whole rows, once.
                        let entry = self.entry_bits.is_some();
                        if !entry || (order, stays) == (Order::RowsOuter, true) {
                            shapes.push(Shape { order, stays, m, k });
                        }
                    }
                }
            }
        }
        shapes
    }

    fn candidate(&self, shape: &Shape, buffers: u64) -> Option<(Score, GemmPlan)> {
        let (a_bytes, entry_rows) = self.a_bytes(shape, buffers);
        let room = self.activations.checked_sub(a_bytes)?;
        let mut sum = Cost::default();
        let mut columns = Vec::with_capacity(self.sections.len());
        for section in &self.sections {
            let (n, cost) = self.columns(section, shape, buffers, room)?;
            sum.traffic = sum.traffic.saturating_add(cost.traffic);
            sum.cycles = sum.cycles.saturating_add(cost.cycles);
            sum.off = sum.off.saturating_add(cost.off);
            columns.push(n);
        }
        if shape.a_stays() && !self.a_on_chip && self.entry_bits.is_none() {
            sum.traffic = sum.traffic.saturating_add(self.all_a());
        }
        let plan = GemmPlan {
            order: shape.order,
            stays: shape.stays,
            m: shape.m,
            k: shape.k,
            n: columns,
            entry_rows,
            double: buffers == 2,
            traffic: sum.traffic,
            cycles: sum.cycles,
        };
        let cuts = self.k.div_ceil(shape.k);
        Some((
            (sum.product(), cuts, sum.off, self.m.div_ceil(shape.m)),
            plan,
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
        buffers: u64,
        room: u64,
    ) -> Option<(u64, Cost)> {
        let blocks = self.m.div_ceil(shape.m);
        let b_stays = shape.b_stays() && blocks > 1;
        let all_b = section.weights.footprint().saturating_mul(section.streamed);
        let mut best: Option<(u64, Cost)> = None;
        for n in Self::column_sizes(section) {
            let tile = section.tile_bytes(shape.k, n);
            let held = if b_stays {
                let cuts = self.k.div_ceil(shape.k);
                tile.saturating_mul(cuts).saturating_mul(section.streamed)
            } else {
                tile
            };
            let elements = shape.m.saturating_mul(n);
            let sums = elements
                .saturating_mul(self.accumulator_bytes)
                .saturating_mul(section.parts);
            let staging = elements.saturating_mul(section.staging_bits).div_ceil(8);
            if held.saturating_mul(buffers) > self.weights
                || sums.saturating_mul(buffers) > self.outputs
                || staging.saturating_mul(buffers) > room
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
            let cycles = self.cycles(section, shape, n);
            let cost = Cost {
                traffic: a.saturating_add(b),
                cycles,
                off: distance(section.weights.tile_bytes(shape.k, n), self.weights),
            };
            let score = |cost: &Cost| (cost.product(), cost.off);
            if best
                .as_ref()
                .is_none_or(|(_, least)| score(&cost) < score(least))
            {
                best = Some((n, cost));
            }
        }
        best
    }

    /// About the array's cycles for all tiles of a section, rests included.
    fn cycles(&self, section: &SectionProblem, shape: &Shape, n: u64) -> u64 {
        let pieces = |all: u64, size: u64| {
            [
                (all / size, size),
                (u64::from(!all.is_multiple_of(size)), all % size),
            ]
        };
        let mut cycles: u64 = 0;
        for (rows, m) in pieces(self.m, shape.m) {
            for (columns, n) in pieces(section.n, n) {
                for (cuts, k) in pieces(self.k, shape.k) {
                    let tiles = rows * columns * cuts;
                    if tiles > 0 {
                        let tile = self.array.cycles(m, n, k);
                        cycles = cycles.saturating_add(tile.saturating_mul(tiles));
                    }
                }
            }
        }
        cycles.saturating_mul(section.parts)
    }
}

/// A choice of loop order and sizes.
#[derive(Clone, Copy, Debug)]
struct Shape {
    order: Order,
    stays: bool,
    m: u64,
    k: u64,
}

impl Shape {
    fn a_stays(&self) -> bool {
        self.stays && self.order == Order::RowsOuter
    }

    fn b_stays(&self) -> bool {
        self.stays && self.order == Order::ColumnsOuter
    }
}

/// What a choice costs: bytes, cycles, distance from a good size of tile.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    traffic: u64,
    cycles: u64,
    off: u64,
}

impl Cost {
    fn product(&self) -> u128 {
        u128::from(self.traffic.max(1)) * u128::from(self.cycles.max(1))
    }
}

/// Product of traffic and cycles, cuts of k, distance from a good size, blocks of rows.
type Score = (u128, u64, u64, u64);
