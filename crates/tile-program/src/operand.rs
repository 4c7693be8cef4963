//! What an instruction reads and writes on chip.
//!
//! The machine needs no operands: waits order the units, and claims keep the occupancy of the
//! scratchpads. Operands exist so that the waits can be proven. A checker that follows each buffer
//! finds an instruction that may begin before its data are there, or that overwrites what another
//! one may still read.

use std::ops::Range;

use smallvec::SmallVec;

use crate::{CoreId, ScratchpadId};

/// A buffer of a scratchpad: the bytes of a tile, or a tensor or matrix that stays on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufferId {
    /// The core that has the scratchpad.
    pub core: CoreId,
    /// The scratchpad that the buffer lies in.
    pub scratchpad: ScratchpadId,
    /// Unique among the buffers of its core in a run.
    pub number: u32,
}

/// Rows or columns of a buffer, from the first up to the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first one.
    pub start: u32,
    /// The one after the last.
    pub end: u32,
}

impl Span {
    /// All rows, or all columns.
    pub const ALL: Self = Self {
        start: 0,
        end: u32::MAX,
    };

    /// Whether two spans have an element in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether every element of another span is in this one.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

impl From<&Range<u64>> for Span {
    /// Indices beyond 32 bits count as the last index.
    fn from(range: &Range<u64>) -> Self {
        let index = |index: u64| u32::try_from(index).unwrap_or(u32::MAX);
        Self {
            start: index(range.start),
            end: index(range.end),
        }
    }
}

/// A rectangle of a buffer: some of its rows, and some of their columns. Two operands that share no
/// element may be written and read in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// The buffer that the rows and columns are of.
    pub buffer: BufferId,
    /// The rows of the buffer that are read or written.
    pub rows: Span,
    /// Columns of these rows.
    pub columns: Span,
}

impl Operand {
    /// All of a buffer.
    #[must_use]
    pub const fn whole(buffer: BufferId) -> Self {
        Self {
            buffer,
            rows: Span::ALL,
            columns: Span::ALL,
        }
    }

    /// Whether two operands have an element in common.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.buffer == other.buffer
            && self.rows.meets(other.rows)
            && self.columns.meets(other.columns)
    }

    /// Whether every element of another operand is in this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.buffer == other.buffer
            && self.rows.covers(other.rows)
            && self.columns.covers(other.columns)
    }
}

/// The operands that an instruction reads; most read at most two.
pub type Operands = SmallVec<[Operand; 2]>;

/// The operands that an instruction writes; most write one.
pub type Results = SmallVec<[Operand; 1]>;
