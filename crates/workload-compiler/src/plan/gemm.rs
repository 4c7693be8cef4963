//! The tiles of a GEMM stage, by exact main-memory traffic.
//!
//! For C = A·B in tiles (`m`, `k`, `n`), the loop over `k` is innermost, so partial sums never
//! leave the chip. What is left is which of the other two loops is outer:
//!
//! * [`Order::RowsOuter`]: a block of rows of A stays (if all of k fits) while B passes once for
//!   each block: A + ⌈M/m⌉·B;
//! * [`Order::ColumnsOuter`]: a block of columns of B stays while A passes: B + ⌈N/n⌉·A.
//!
//! Where k is cut, nothing stays: ⌈N/n⌉·A + ⌈M/m⌉·B. All combinations of a small grid of sizes are
//! tried; the least traffic wins, then uncut k, then tiles near a good size for overlap.

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

/// The shape of packed weights, without their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Weights {
    strip: u64,
    strip_bytes: u64,
    k_unit: u64,
    /// Bytes of one row of k of a strip, as a fraction: numerator over all of k.
    k: u64,
}

impl From<&WeightRegion> for Weights {
    fn from(region: &WeightRegion) -> Self {
        Self {
            strip: region.strip,
            strip_bytes: region.strip_bytes,
            k_unit: region.k_unit(),
            k: region.k,
        }
    }
}

impl Weights {
    /// Bytes of a tile, rounded up.
    fn tile(&self, k: u64, n: u64, access: u64) -> u64 {
        let strips = n.div_ceil(self.strip);
        if k >= self.k {
            return strips * self.strip_bytes;
        }
        let row = u128::from(self.strip_bytes) * u128::from(k);
        let row = u64::try_from(row.div_ceil(u128::from(self.k))).unwrap_or(u64::MAX);
        strips.saturating_mul(row.saturating_add(access))
    }

    fn all(&self, n: u64) -> u64 {
        n.div_ceil(self.strip).saturating_mul(self.strip_bytes)
    }
}

/// A section, as far as its tiles go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SectionProblem {
    pub(crate) n: u64,
    pub(crate) unit_columns: u64,
    pub(crate) parts: u64,
    /// Bits an element of the tile that passes through the activation scratchpad.
    pub(crate) staging_bits: u64,
    pub(crate) shape: Weights,
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
    pub(crate) rows: u64,
    pub(crate) access: u64,
    pub(crate) activations: u64,
    pub(crate) weights: u64,
    pub(crate) outputs: u64,
}

/// Tiles of a GEMM stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GemmPlan {
    pub(crate) order: Order,
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
}

/// A tile of weights that is long enough to stream well and short enough to overlap.
const GOOD_TILE_BYTES: u64 = 256 << 10;

/// Sizes from all down to `unit`, halved and rounded up to whole units.
pub(crate) fn sizes(all: u64, unit: u64) -> Vec<u64> {
    let mut sizes = vec![all];
    let mut size = all;
    while size > unit {
        size = size.div_ceil(2).next_multiple_of(unit);
        if size >= *sizes.last().expect("starts with one") {
            size = unit;
        }
        sizes.push(size);
    }
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
            .try_fold(a_unit, |unit, section| lcm(unit, section.shape.k_unit))
            .unwrap_or(self.k)
            .min(self.k)
    }

    fn n_unit(section: &SectionProblem) -> u64 {
        lcm(section.shape.strip, section.unit_columns)
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

    /// Bytes of A, and of what its entry holds, in the activation scratchpad.
    fn a_bytes(&self, order: Order, m: u64, k: u64, buffers: u64) -> (u64, u64) {
        if self.a_on_chip {
            return (0, 1);
        }
        let k_held = match order {
            Order::RowsOuter if k == self.k => self.k,
            _ => k,
        };
        let block = m.saturating_mul((k_held * self.a_bits).div_ceil(8));
        let block = block.saturating_mul(buffers);
        let Some(bits) = self.entry_bits else {
            return (block, 1);
        };
        let row = (self.k * bits).div_ceil(8) * buffers;
        let rows = (self.activations / 4 / row.max(1)).clamp(1, m);
        (block.saturating_add(rows * row), rows)
    }

    /// What the smallest tile needs: activations, weights, outputs.
    pub(crate) fn least(&self) -> (u64, u64, u64) {
        let k = self.k_unit();
        let mut least = (0, 0, 0);
        for section in &self.sections {
            let n = Self::n_unit(section);
            let a = self.a_bytes(Order::ColumnsOuter, 1, k, 1).0;
            least.0 = least.0.max(a + (n * section.staging_bits).div_ceil(8));
            least.1 = least.1.max(section.shape.tile(k, n, self.access));
            least.2 = least.2.max(n * self.accumulator_bytes * section.parts);
        }
        least
    }

    /// The best tiles, or `None` if nothing fits.
    pub(crate) fn solve(&self) -> Option<GemmPlan> {
        self.best(2).or_else(|| self.best(1))
    }

    fn best(&self, buffers: u64) -> Option<GemmPlan> {
        let k_unit = self.k_unit();
        let mut best: Option<((u64, bool, u64, u64), GemmPlan)> = None;
        for order in [Order::RowsOuter, Order::ColumnsOuter] {
            for &m in &self.row_sizes() {
                for &k in &sizes(self.k, k_unit) {
                    if self.entry_bits.is_some() && (order, k) != (Order::RowsOuter, self.k) {
                        continue;
                    }
                    let Some((score, plan)) = self.candidate(order, m, k, buffers) else {
                        continue;
                    };
                    if best.as_ref().is_none_or(|(least, _)| score < *least) {
                        best = Some((score, plan));
                    }
                }
            }
        }
        best.map(|(_, plan)| plan)
    }

    fn candidate(
        &self,
        order: Order,
        m: u64,
        k: u64,
        buffers: u64,
    ) -> Option<((u64, bool, u64, u64), GemmPlan)> {
        let (a_bytes, entry_rows) = self.a_bytes(order, m, k, buffers);
        let room = self.activations.checked_sub(a_bytes)?;
        let blocks = self.m.div_ceil(m);
        let whole = k == self.k;
        let all_a = self.m.saturating_mul((self.k * self.a_bits).div_ceil(8));
        let mut traffic: u64 = 0;
        let mut off = 0_u64;
        let mut columns = Vec::with_capacity(self.sections.len());
        for section in &self.sections {
            let (n, bytes, distance) = self.columns(section, (order, m, k), buffers, room)?;
            traffic = traffic.saturating_add(bytes);
            off = off.saturating_add(distance);
            columns.push(n);
        }
        let a_once = order == Order::RowsOuter && whole;
        if a_once && !self.a_on_chip && self.entry_bits.is_none() {
            traffic = traffic.saturating_add(all_a);
        }
        let plan = GemmPlan {
            order,
            m,
            k,
            n: columns,
            entry_rows,
            double: buffers == 2,
            traffic,
        };
        Some(((traffic, !whole, off, blocks), plan))
    }

    /// The best columns of a section: their number, the traffic, how far from a good size.
    fn columns(
        &self,
        section: &SectionProblem,
        (order, m, k): (Order, u64, u64),
        buffers: u64,
        room: u64,
    ) -> Option<(u64, u64, u64)> {
        let blocks = self.m.div_ceil(m);
        let whole = k == self.k;
        let a_once = order == Order::RowsOuter && whole;
        let b_stays = order == Order::ColumnsOuter && whole && blocks > 1;
        let all_a = self.m.saturating_mul((self.k * self.a_bits).div_ceil(8));
        let all_b = section.shape.all(section.n).saturating_mul(section.parts);
        let mut best: Option<(u64, u64, u64)> = None;
        for n in sizes(section.n, Self::n_unit(section)) {
            let tile = section.shape.tile(k, n, self.access);
            let held = if b_stays { section.parts } else { 1 };
            let elements = m.saturating_mul(n);
            let sums = elements
                .saturating_mul(self.accumulator_bytes)
                .saturating_mul(section.parts);
            let staging = elements.saturating_mul(section.staging_bits).div_ceil(8);
            if tile.saturating_mul(held * buffers) > self.weights
                || sums.saturating_mul(buffers) > self.outputs
                || staging.saturating_mul(buffers) > room
            {
                continue;
            }
            let tiles = section.n.div_ceil(n);
            let a = if self.a_on_chip || a_once {
                0
            } else {
                all_a.saturating_mul(tiles)
            };
            let b = if b_stays {
                all_b
            } else {
                all_b.saturating_mul(blocks)
            };
            let candidate = (a.saturating_add(b), distance(tile, self.weights), n);
            if best.is_none_or(|(traffic, off, _)| (candidate.0, candidate.1) < (traffic, off)) {
                best = Some(candidate);
            }
        }
        best.map(|(traffic, off, n)| (n, traffic, off))
    }
}
