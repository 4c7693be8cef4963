//! An array that answers for the timing of tiles.

use config::FieldError;
use quantities::Bits;
use serde::Serialize;
use tile_program::{Dataflow, GemmTile};

use crate::config::Resolved;
use crate::dataflow::{Blocks, Dimensions, Mapping, Operand, Spatial};
use crate::fold::{Cut, Folds};
use crate::law::Law;
use crate::{ArrayConfig, Convention, Feed, NumberFormat, PeKind, TileTiming, Tiles, kind};

/// Elements that a tile moves through the ports of the scratchpads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Traffic {
    /// The number of elements of operand A that are read.
    pub a_reads: u64,
    /// The number of elements of operand B that are read.
    pub b_reads: u64,
    /// The number of partial sums that are read to add to them.
    pub c_reads: u64,
    /// The number of results and partial sums that are written.
    pub c_writes: u64,
}

/// Why a tile cannot be timed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// A dimension of the GEMM is zero.
    #[error("a GEMM with {dimension} = 0 has nothing to compute; give every dimension at least 1")]
    Zero {
        /// `M`, `N`, `K` or `repeat`.
        dimension: &'static str,
    },
    /// The cycles, MACs or accesses leave 64 bits.
    #[error(
        "a GEMM of M = {m}, N = {n}, K = {k}, {repeat} times takes more cycles, MACs or accesses than 64 bits count; cut it smaller"
    )]
    Overflow {
        /// Rows of A and C.
        m: u64,
        /// Columns of B and C.
        n: u64,
        /// Columns of A.
        k: u64,
        /// The number of such GEMMs.
        repeat: u64,
    },
    /// GEMMs that are to run side by side do not fit the array at once.
    #[error(
        "{repeat} GEMMs of M = {m}, N = {n}, K = {k} cannot run {side_by_side} at a time; a group must divide their number and fit the array in one fold, off-diagonal zeros and all"
    )]
    SideBySide {
        /// Rows of A and C.
        m: u64,
        /// Columns of B and C.
        n: u64,
        /// Columns of A.
        k: u64,
        /// The number of such GEMMs.
        repeat: u64,
        /// How many were to run at a time.
        side_by_side: u64,
    },
    /// A sum may leave the accumulator.
    #[error(
        "sums of K = {k} products may overflow the {accumulator}-bit accumulator of {kind} PEs, which holds K up to {greatest}; choose a wider accumulator"
    )]
    Accumulator {
        /// The PE kind.
        kind: &'static str,
        /// The width of the accumulator, in bits.
        accumulator: u64,
        /// The reduction length that was asked for.
        k: u64,
        /// The greatest reduction length that always fits.
        greatest: u64,
    },
}

/// An array whose description makes sense; answers for the timing of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayModel {
    array: Resolved,
}

impl ArrayModel {
    /// Checks a description.
    ///
    /// # Errors
    /// The field that cannot stand, and what would: no rows or columns or more than 65536, an
    /// interval or latency of zero or above 1024, or not 1 in the `ScaleSim` convention, formats
    /// that the PE kind does not take.
    pub fn new(config: &ArrayConfig) -> Result<Self, FieldError> {
        Ok(Self {
            array: config.resolve()?,
        })
    }

    /// The same array, taking tiles of weights of this form.
    ///
    /// # Errors
    /// Whole tiles, unless weights stay in the array.
    pub fn with_tiles(&self, tiles: Tiles) -> Result<Self, FieldError> {
        if tiles == Tiles::Whole && Mapping::of(self.array.dataflow).stays != Operand::B {
            return Err(FieldError::new(
                "tiles",
                format!("{:?} arrays keep no tiles of weights", self.array.dataflow),
            )
            .help("dataflow: WeightStationary, or tiles: AsUsed"));
        }
        let array = Resolved {
            tiles,
            ..self.array
        };
        Ok(Self { array })
    }

    /// The number of PE rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.array.rows
    }

    /// The number of PE columns.
    #[must_use]
    pub fn columns(&self) -> u64 {
        self.array.columns
    }

    /// What stays in the array.
    #[must_use]
    pub fn dataflow(&self) -> Dataflow {
        self.array.dataflow
    }

    /// How cycles are counted.
    #[must_use]
    pub fn convention(&self) -> Convention {
        self.array.timing
    }

    /// What its PEs compute with.
    #[must_use]
    pub fn kind(&self) -> PeKind {
        PeKind {
            initiation_interval: self.array.interval,
            latency: self.array.latency,
            ..self.array.kind
        }
    }

    /// The same array, its PEs taking operands of other formats: narrower ones as their own, wider
    /// ones in more passes (INT8 PEs take 16 bits on one side at half speed, on both at a quarter).
    /// An interval given in the description counts for the formats given there.
    ///
    /// # Errors
    /// Formats that the kind does not take, or whose product does not fit the accumulator.
    pub fn at(&self, activation: NumberFormat, weight: NumberFormat) -> Result<Self, FieldError> {
        let kind = kind::at(&self.kind(), activation, weight)?;
        if self.array.timing == Convention::ScaleSim && kind.initiation_interval != 1 {
            return Err(FieldError::new(
                "timing",
                "the ScaleSim convention knows only PEs of one product a cycle",
            )
            .help("Serial or Overlapped"));
        }
        Ok(Self {
            array: Resolved {
                kind,
                interval: kind.initiation_interval,
                ..self.array
            },
        })
    }

    /// The number of PEs.
    #[must_use]
    pub fn pes(&self) -> u64 {
        self.array.rows * self.array.columns
    }

    /// Whether every sum of `k` products fits the accumulator, over all the tiles of a reduction.
    ///
    /// # Errors
    /// [`TileError::Accumulator`] if some operands overflow it.
    pub fn check_reduction(&self, k: u64) -> Result<(), TileError> {
        match self.array.kind.greatest_reduction() {
            Some(greatest) if k > greatest => Err(TileError::Accumulator {
                kind: self.array.kind.name,
                accumulator: self.array.kind.accumulator.bits().get(),
                k,
                greatest,
            }),
            _ => Ok(()),
        }
    }

    /// When a tile runs on the array, its operands and results passing ports of the given rates.
    /// Takes the same few operations for any size.
    ///
    /// # Errors
    /// A dimension of zero; counts beyond 64 bits; a reduction that may overflow the accumulator
    /// (the tile's own; see [`ArrayModel::check_reduction`] for that of an operation).
    pub fn tile(&self, tile: &GemmTile, feed: &Feed) -> Result<TileTiming, TileError> {
        let &GemmTile {
            m,
            n,
            k,
            repeat,
            side_by_side,
            ..
        } = tile;
        let sizes = [("M", m), ("N", n), ("K", k), ("repeat", repeat)];
        for (dimension, value) in sizes.into_iter().chain([("side_by_side", side_by_side)]) {
            if value == 0 {
                return Err(TileError::Zero { dimension });
            }
        }
        self.check_reduction(k)?;
        if side_by_side > 1
            && (side_by_side > self.most_side_by_side(m, n, k)
                || !repeat.is_multiple_of(side_by_side))
        {
            return Err(TileError::SideBySide {
                m,
                n,
                k,
                repeat,
                side_by_side,
            });
        }
        self.timing(tile, feed)
            .ok_or(TileError::Overflow { m, n, k, repeat })
    }

    /// How many independent GEMMs of a shape fit the array at once, in blocks that share neither
    /// rows nor columns: ⌊R/Sr⌋ or ⌊C/Sc⌋, whichever is less; 0 if not even one does in one fold.
    /// WS and IS hold zeros off the diagonal, which stationary bits (−1, +1) cannot; `ScaleSim`
    /// counts one GEMM at a time.
    #[must_use]
    pub fn most_side_by_side(&self, m: u64, n: u64, k: u64) -> u64 {
        let Spatial { rows, columns, .. } = self.spatial(m, n, k);
        let fit = (self.array.rows / rows).min(self.array.columns / columns);
        let no_zero = match Mapping::of(self.array.dataflow).stays {
            Operand::A => self.array.kind.activation == NumberFormat::Bit,
            Operand::B => self.array.kind.weight == NumberFormat::Bit,
            Operand::C => false,
        };
        if no_zero || self.array.timing == Convention::ScaleSim || self.array.tiles == Tiles::Whole
        {
            fit.min(1)
        } else {
            fit
        }
    }

    /// Rows and columns of the array that a GEMM spreads over, and the steps that it streams.
    fn spatial(&self, m: u64, n: u64, k: u64) -> Spatial {
        // A lookup PE takes a group of products a step; the last group need not be full.
        let k = k.div_ceil(self.array.kind.group);
        Mapping::of(self.array.dataflow).spatial(Dimensions { m, n, k })
    }

    fn timing(&self, tile: &GemmTile, feed: &Feed) -> Option<TileTiming> {
        let Spatial {
            rows,
            columns,
            steps,
        } = self.spatial(tile.m, tile.n, tile.k);
        let side_by_side = tile.side_by_side;
        let macs = product([tile.m, tile.n, tile.k, tile.repeat])?;
        let (rows, columns, moved) = match self.array.tiles {
            Tiles::AsUsed => (
                rows.checked_mul(side_by_side)?,
                columns.checked_mul(side_by_side)?,
                *tile,
            ),
            Tiles::Whole => {
                let rows = rows.checked_next_multiple_of(self.array.rows)?;
                let n = columns.checked_next_multiple_of(self.array.columns)?;
                let k = rows.checked_mul(self.array.kind.group)?;
                (rows, n, GemmTile { n, k, ..*tile })
            }
        };
        let rows = Cut::new(rows, self.array.rows);
        let columns = Cut::new(columns, self.array.columns);
        let cut = Folds::new(rows, columns, tile.repeat / side_by_side)?;
        let blocks = Blocks {
            rows: rows.blocks(),
            columns: columns.blocks(),
        };
        let traffic = self.traffic(&moved, blocks)?;
        let law = Law {
            array: self.array,
            feed: *feed,
            steps,
            side_by_side,
        };
        TileTiming::new(law, cut, macs, traffic)
    }

    fn traffic(&self, tile: &GemmTile, blocks: Blocks) -> Option<Traffic> {
        let a = product([tile.m, tile.k, tile.repeat])?;
        let b = product([tile.k, tile.n, tile.repeat])?;
        let c = product([tile.m, tile.n, tile.repeat])?;
        let mapping = Mapping::of(self.array.dataflow);
        let passes = |operand| mapping.passes(operand, blocks);
        let sums = passes(Operand::C);
        Some(Traffic {
            a_reads: a.checked_mul(passes(Operand::A))?,
            b_reads: b.checked_mul(passes(Operand::B))?,
            c_reads: c.checked_mul(sums - u64::from(!tile.accumulate))?,
            c_writes: c.checked_mul(sums)?,
        })
    }

    /// Widths of an activation, a weight and a result in the PEs.
    #[must_use]
    pub fn widths(&self) -> (Bits, Bits, Bits) {
        let kind = self.array.kind;
        (
            kind.activation.bits(),
            kind.weight.bits(),
            kind.accumulator.bits(),
        )
    }
}

fn product<const N: usize>(factors: [u64; N]) -> Option<u64> {
    factors.into_iter().try_fold(1u64, u64::checked_mul)
}
