//! How activations lie in memory: in strips of columns.
//!
//! ```text
//!   rows of columns 0..strip │ rows of columns strip..2 strip │ … the last, narrower one
//! ```
//!
//! A tile of a GEMM is as wide as the array, and attention reads whole heads: in strips of that
//! width their rows follow one another, and a tile moves in few long bursts instead of a short one
//! a row. A tensor of one row lies as if there were no strips.

use std::ops::Range;

use quantities::{Bytes, gcd};
use smallvec::SmallVec;
use tile_program::{MemoryTarget, Region};

use crate::layout::joined;
use crate::spread;

/// How many columns the strips of each kind of tensor have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strips {
    /// Columns of a tile of a GEMM.
    pub(crate) tile: u64,
    /// Columns of a head of attention.
    pub(crate) head: u64,
    /// Bytes of an access to main memory: a row of a strip is a whole number of accesses.
    pub(crate) access: u64,
}

/// The columns of a tensor that lie together in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StripUnit {
    /// As many as a tile of a GEMM has.
    Tile,
    /// As many as a head of attention has.
    Head,
    /// All columns of a row.
    Row,
}

impl Strips {
    /// Columns of a strip of a tensor that is `width` elements of so many bits wide.
    pub(crate) fn of(self, unit: StripUnit, width: u64, bits: u64) -> u64 {
        let columns = match unit {
            StripUnit::Head => self.head,
            StripUnit::Tile => self.tile,
            StripUnit::Row => width,
        };
        let access_bits = 8 * self.access;
        let unit = access_bits / gcd(access_bits, bits);
        columns.next_multiple_of(unit).min(width)
    }
}

/// The shape of a tensor, and the columns of it that lie together in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rows: u64,
    /// Columns of the whole tensor.
    pub(crate) width: u64,
    /// Bits of an element.
    pub(crate) bits: u64,
    /// Columns of a strip; `width` where rows lie whole.
    pub(crate) strip: u64,
}

/// Where a tensor lies in main memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The address of the first byte.
    base: u64,
    rows: u64,
    /// Columns of the whole tensor.
    width: u64,
    /// Bits of an element.
    bits: u64,
    /// Columns of a strip.
    strip: u64,
    /// From the start of a strip to that of the next, in bytes.
    pitch: u64,
    /// Bytes of an access to main memory.
    access: u64,
}

impl Place {
    pub(crate) fn new(base: u64, tensor: &Extent, memory: &MemoryTarget) -> Self {
        let access = memory.access.get();
        let row_bytes = (tensor.strip * tensor.bits).div_ceil(8);
        let strip_bytes = tensor
            .rows
            .saturating_mul(row_bytes.next_multiple_of(access));
        Self {
            pitch: spread::pitch(strip_bytes, memory.interleave),
            base,
            rows: tensor.rows,
            width: tensor.width,
            bits: tensor.bits,
            strip: tensor.strip,
            access,
        }
    }

    /// The bytes that the tensor takes, with those between its strips.
    pub(crate) fn bytes(&self) -> u64 {
        let last = self.width.saturating_sub(1) / self.strip.max(1) * self.strip;
        let of_last = self.rows.saturating_mul(self.row_bytes(last..self.width));
        self.strip_base(last).saturating_add(of_last)
    }

    /// The region of a whole tensor, which must be of one strip.
    pub(crate) fn all(&self) -> Region {
        assert_eq!(self.strip, self.width, "strips lie apart");
        Region::contiguous(self.base, Bytes(self.bytes()))
    }

    /// The regions of some columns of every `stride`-th of some rows. What a strip has of a row is
    /// widened to whole accesses.
    pub(crate) fn regions(
        &self,
        rows: &Range<u64>,
        stride: u64,
        columns: &Range<u64>,
    ) -> SmallVec<[Region; 1]> {
        let count = (rows.end - rows.start).div_ceil(stride);
        let mut regions = SmallVec::new();
        let mut column = columns.start;
        while column < columns.end {
            let first = column / self.strip * self.strip;
            let strip = first..(first + self.strip).min(self.width);
            let row_bytes = self.row_bytes(strip.clone());
            let base = self.base + self.strip_base(first) + rows.start * row_bytes;
            // Whole strips that move alike are one region.
            let whole = (columns.end - first) / self.strip;
            if column == first && whole > 1 && (stride == 1 || count == 1) {
                regions.push(joined(Region {
                    address: base,
                    row_bytes: Bytes(count * row_bytes),
                    rows: whole,
                    pitch: Bytes(self.pitch),
                }));
                column += whole * self.strip;
                continue;
            }
            let end = strip.end.min(columns.end);
            let part = column - first..end - first;
            let offset = part.start * self.bits / 8 / self.access * self.access;
            let bytes = (part.end * self.bits).div_ceil(8);
            let bytes = bytes.next_multiple_of(self.access) - offset;
            regions.push(joined(Region {
                address: base + offset,
                row_bytes: Bytes(bytes),
                rows: count,
                pitch: Bytes(row_bytes * stride),
            }));
            column = end;
        }
        regions
    }

    /// The bytes from the start of the tensor to that of the strip that begins with a column.
    fn strip_base(&self, column: u64) -> u64 {
        (column / self.strip.max(1)).saturating_mul(self.pitch)
    }

    /// The bytes of a row of some columns of a strip, in whole accesses.
    fn row_bytes(&self, columns: Range<u64>) -> u64 {
        let bits = (columns.end - columns.start) * self.bits;
        bits.div_ceil(8).next_multiple_of(self.access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tile_program::Interleave;

    fn bytes(regions: &[Region]) -> Vec<u64> {
        let rows = regions.iter().flat_map(|region| {
            (0..region.rows).map(move |row| {
                let first = region.address + row * region.pitch.get();
                first..first + region.row_bytes.get()
            })
        });
        rows.flatten().collect()
    }

    proptest! {
        /// Every byte is in one piece alone; together the pieces are the whole tensor, and no more
        /// bytes than it takes.
        #[test]
        fn pieces_of_a_tensor_are_apart_and_cover_it(
            rows in 1u64..9, strips in 1u64..4, rest in 0u64..3, cut in 1u64..8, stride in 1u64..4,
            channels in 1u64..9,
            bits in prop::sample::select(vec![8u64, 16, 32]),
        ) {
            let memory = MemoryTarget {
                capacity: None,
                access: Bytes(32),
                interleave: Interleave { stripe: Bytes(32), channels },
            };
            let access = 32;
            let unit = 8 * access / bits;
            let tensor = Extent {
                rows,
                width: strips * 2 * unit + rest * unit / 2 + 1,
                bits,
                strip: 2 * unit,
            };
            let place = Place::new(4096, &tensor, &memory);
            let mut seen = Vec::new();
            let columns = cut * unit;
            for from in (0..tensor.width).step_by(columns as usize) {
                let to = (from + columns).min(tensor.width);
                for offset in 0..stride.min(rows) {
                    seen.extend(bytes(&place.regions(&(offset..rows), stride, &(from..to))));
                }
            }
            seen.sort_unstable();
            prop_assert!(seen.is_sorted_by(|a, b| a < b), "no byte is in two pieces");
            let last = seen.last().copied();
            prop_assert_eq!(last, Some(4096 + place.bytes() - 1));
            let columns = place.regions(&(0..rows), 1, &(0..tensor.width));
            prop_assert_eq!(seen.len(), bytes(&columns).len());
        }
    }
}
