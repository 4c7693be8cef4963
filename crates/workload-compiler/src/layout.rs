//! Addresses in main memory.
//!
//! ```text
//!   weights (strips, one matrix after another) │ tables │ caches │ states │ activation slots
//! ```
//!
//! A weight matrix B\[k, n\] is packed in strips as wide as the array: strip after strip, each with
//! all of k, each starting on a whole access, at a distance that spreads them over channels.
//! Whatever the tile, its part of a strip is contiguous, so prefill and decode read the same copy.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use quantities::Bytes;
use smallvec::SmallVec;
use tile_program::{Interleave, Matrix, MemoryTarget, Region};

use crate::error::CompileError;
use crate::format::Format;
use crate::passes::Sequences;
use crate::spread;

/// Where the weights B\[k, n\] of a GEMM lie in main memory, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WeightRegion {
    /// The address of the first byte.
    pub(crate) base: u64,
    /// Rows of the matrix.
    pub(crate) k: u64,
    /// Columns of the matrix.
    pub(crate) n: u64,
    pub(crate) format: Format,
    /// Columns of a strip.
    pub(crate) strip: u64,
    /// Bytes of a strip.
    pub(crate) strip_bytes: u64,
    /// From the start of a strip to that of the next, in bytes.
    pitch: u64,
    /// Columns of a strip as they lie: `strip`, or those of as many whole tiles as hold them.
    width: u64,
    /// Rows of k that always lie together, the last ones padded: 1, or those of a whole tile.
    pub(crate) tile_rows: u64,
    /// Whether weights lie, and move, in whole tiles.
    whole: bool,
    /// Bytes of an access to main memory.
    access: u64,
}

impl WeightRegion {
    /// The same region at address 0: two matrices that are packed alike are then equal.
    pub(crate) const fn without_address(mut self) -> Self {
        self.base = 0;
        self
    }

    /// Strips that a range of columns touches.
    fn strips(&self, columns: u64) -> u64 {
        columns.div_ceil(self.strip)
    }

    /// Bytes of a tile of `k` × `columns`, as it lies in memory and in the scratchpad.
    pub(crate) fn tile_bytes(&self, k: u64, columns: u64) -> u64 {
        self.strips(columns) * self.row_bytes(k)
    }

    /// Bytes of so many rows of k of one strip.
    fn row_bytes(&self, k: u64) -> u64 {
        if k == self.k {
            return self.strip_bytes;
        }
        let rows = k.next_multiple_of(self.tile_rows);
        let bytes = self.format.bytes(rows * self.width);
        bytes
            .expect("a part of a matrix that was placed")
            .next_multiple_of(self.access)
    }

    /// Rows of k after which a cut falls on a whole access.
    pub(crate) fn k_unit(&self) -> u64 {
        let elements = self.format.elements_of_accesses(self.access);
        let unit = elements / quantities::gcd(elements, self.width);
        quantities::lcm(unit, self.tile_rows).unwrap_or(u64::MAX)
    }

    /// Where some columns of some rows of k lie.
    pub(crate) fn region(&self, columns: &Range<u64>, k: &Range<u64>) -> Region {
        let first = self.base + columns.start / self.strip * self.pitch;
        let offset = self.format.bytes(k.start * self.width);
        let offset = offset.expect("a part of a matrix that was placed");
        let strips = Region {
            address: first + offset,
            row_bytes: Bytes(self.row_bytes(k.end - k.start)),
            rows: self.strips(columns.end - columns.start),
            pitch: Bytes(self.pitch),
        };
        joined(strips)
    }

    /// Whether weights lie, and move, in whole tiles: one at a time, or as many side by side as a
    /// strip (a head, say) is wide.
    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Bytes of all strips, without what lies between them.
    pub(crate) fn footprint(&self) -> u64 {
        self.strips(self.n) * self.strip_bytes
    }

    /// The least bytes that hold these weights, without padding.
    pub(crate) fn compulsory(&self) -> u64 {
        self.format
            .bytes(self.k * self.n)
            .expect("less than the footprint, which was placed")
    }
}

/// The tile to which weights are padded for an array that takes whole tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeTile {
    pub(crate) rows: u64,
    pub(crate) columns: u64,
}

/// The same region as one row, if its rows follow one another without a gap.
pub(crate) const fn joined(region: Region) -> Region {
    if region.rows == 1 || region.pitch.get() == region.row_bytes.get() {
        let bytes = Bytes(region.row_bytes.get() * region.rows);
        return Region::contiguous(region.address, bytes);
    }
    region
}

/// The cache of keys (or values) of one layer: sequence by sequence, head by head, position after
/// position, each position's vector padded to whole accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cache {
    /// The address of the first byte.
    pub(crate) base: u64,
    pub(crate) heads: u64,
    /// Elements of a position's vector.
    pub(crate) head_dim: u64,
    /// Bytes from one position to the next.
    pub(crate) stride: u64,
}

impl Cache {
    /// The part of the cache that some sequences have.
    pub(crate) const fn of(&self, sequences: &Sequences) -> CacheRegion {
        CacheRegion {
            base: self.base + sequences.before * self.heads * self.stride,
            heads: self.heads,
            positions: sequences.room,
            stride: self.stride,
            past: sequences.past,
        }
    }

    /// The regions of new rows `rows` (over all sequences) and columns `columns` (over the heads).
    pub(crate) fn new_rows(
        &self,
        sequences: &[Sequences],
        rows: Range<u64>,
        columns: &Range<u64>,
    ) -> SmallVec<[Region; 1]> {
        let heads = columns.start / self.head_dim..columns.end.div_ceil(self.head_dim);
        let mut regions = SmallVec::new();
        let from = sequences.partition_point(|group| group.row + group.rows() <= rows.start);
        for group in &sequences[from..] {
            let cache = self.of(group);
            let within = rows.start.max(group.row)..rows.end.min(group.row + group.rows());
            let mut row = within.start;
            while row < within.end {
                let sequence = (row - group.row) / group.tokens;
                let start = group.row + sequence * group.tokens;
                let end = within.end.min(start + group.tokens);
                let positions = group.past + row - start..group.past + end - start;
                regions.push(cache.region(sequence, &heads, &positions));
                row = end;
            }
            if within.end == rows.end {
                break;
            }
        }
        regions
    }
}

/// The cache of sequences that are equal, numbered from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheRegion {
    /// The address of the first byte.
    base: u64,
    heads: u64,
    /// Positions that each head of a sequence has room for.
    positions: u64,
    /// Bytes from one position to the next.
    pub(crate) stride: u64,
    /// The first new position of this pass.
    pub(crate) past: u64,
}

impl CacheRegion {
    /// The address of a position.
    fn address(&self, sequence: u64, head: u64, position: u64) -> u64 {
        self.base + ((sequence * self.heads + head) * self.positions + position) * self.stride
    }

    /// Where some positions of some heads of a sequence lie.
    pub(crate) fn region(
        &self,
        sequence: u64,
        heads: &Range<u64>,
        positions: &Range<u64>,
    ) -> Region {
        joined(Region {
            address: self.address(sequence, heads.start, positions.start),
            row_bytes: Bytes((positions.end - positions.start) * self.stride),
            rows: heads.end - heads.start,
            pitch: Bytes(self.positions * self.stride),
        })
    }
}

/// A matrix of weights, by which its place is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MatrixName {
    /// `None` for a matrix that stands before or after all layers.
    pub(crate) layer: Option<u64>,
    pub(crate) matrix: Matrix,
}

/// The shape of a matrix of weights, and how it lies in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatrixLayout {
    /// Rows of the matrix.
    pub(crate) k: u64,
    /// Columns of the matrix.
    pub(crate) n: u64,
    pub(crate) format: Format,
    /// The most columns of a strip.
    pub(crate) strip: u64,
    /// The tile to which weights are padded, if the array takes whole tiles.
    pub(crate) whole: Option<WholeTile>,
}

/// A region of memory that holds no weights of a layer, by which its place is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RegionName {
    /// The embedding table.
    Embedding,
    /// The table of learned positions.
    Positions,
    /// The cache of keys of a layer.
    Keys(u64),
    /// The cache of values of a layer.
    Values(u64),
    /// The recurrent state of a layer.
    State(u64),
    /// The input of a dense layer that stands for itself.
    DenseInput(u64),
    /// The result of a dense layer that stands for itself.
    DenseResult(u64),
}

/// Hands out addresses, each aligned to whole accesses.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Bytes of an access to main memory.
    access: u64,
    interleave: Interleave,
    /// The first free address.
    next: u64,
    weights: BTreeMap<MatrixName, WeightRegion>,
    /// The addresses of all other regions.
    places: BTreeMap<RegionName, u64>,
    /// Bytes of all caches and recurrent states.
    cached: u64,
    /// The addresses of the matrices that stay on chip from pass to pass.
    pub(crate) kept: BTreeSet<u64>,
}

impl Layout {
    /// A layout that begins at a first address.
    pub(crate) fn new(memory: &MemoryTarget, first: u64) -> Self {
        let access = memory.access.get().max(1);
        Self {
            access,
            interleave: memory.interleave,
            next: first.next_multiple_of(access),
            weights: BTreeMap::new(),
            places: BTreeMap::new(),
            cached: 0,
            kept: BTreeSet::new(),
        }
    }

    /// Bytes of an access to main memory.
    pub(crate) const fn access(&self) -> u64 {
        self.access
    }

    /// The address after all that was handed out so far.
    pub(crate) const fn footprint(&self) -> u64 {
        self.next
    }

    /// Bytes of all caches and recurrent states.
    pub(crate) const fn cached(&self) -> u64 {
        self.cached
    }

    /// All matrices that were placed.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = (&MatrixName, &WeightRegion)> {
        self.weights.iter()
    }

    /// The address of so many bytes that are asked for once.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<u64, CompileError> {
        self.allocate(Some(bytes))
    }

    /// The address of so many bytes; `None` stands for more than 64 bits count.
    fn allocate(&mut self, bytes: Option<u64>) -> Result<u64, CompileError> {
        let at = self.next;
        self.next = bytes
            .and_then(|bytes| bytes.checked_next_multiple_of(self.access))
            .and_then(|bytes| at.checked_add(bytes))
            .ok_or(CompileError::Overflow {
                what: "the bytes in main memory",
            })?;
        Ok(at)
    }

    /// The place of a matrix. It is the same whenever it is asked for.
    pub(crate) fn weights(
        &mut self,
        name: MatrixName,
        layout: MatrixLayout,
    ) -> Result<WeightRegion, CompileError> {
        if let Some(region) = self.weights.get(&name) {
            return Ok(*region);
        }
        let MatrixLayout {
            k,
            n,
            format,
            strip,
            whole,
        } = layout;
        let strip = strip.min(n);
        let tile = whole.unwrap_or(WholeTile {
            rows: 1,
            columns: 1,
        });
        let width = strip.next_multiple_of(tile.columns);
        let too_many = CompileError::Overflow {
            what: "the bytes of a weight matrix",
        };
        let strip_bytes = k
            .checked_next_multiple_of(tile.rows)
            .and_then(|rows| rows.checked_mul(width))
            .and_then(|elements| format.bytes(elements))
            .and_then(|bytes| bytes.checked_next_multiple_of(self.access))
            .ok_or(too_many)?;
        let pitch = spread::pitch(strip_bytes, self.interleave);
        let mut region = WeightRegion {
            base: 0,
            k,
            n,
            format,
            strip,
            strip_bytes,
            pitch,
            width,
            tile_rows: tile.rows,
            whole: whole.is_some(),
            access: self.access,
        };
        let bytes = region.strips(n).checked_mul(region.pitch);
        region.base = self.allocate(bytes)?;
        self.weights.insert(name, region);
        Ok(region)
    }

    /// The address of so many bytes under a name. It is the same whenever it is asked for; the
    /// first call decides the size.
    pub(crate) fn place(
        &mut self,
        name: RegionName,
        bytes: Option<u64>,
    ) -> Result<u64, CompileError> {
        if let Some(&at) = self.places.get(&name) {
            return Ok(at);
        }
        let at = self.allocate(bytes)?;
        self.places.insert(name, at);
        Ok(at)
    }

    /// The address of what sequences leave from pass to pass: a cache or a recurrent state.
    pub(crate) fn cache(
        &mut self,
        name: RegionName,
        bytes: Option<u64>,
    ) -> Result<u64, CompileError> {
        let before = self.next;
        let at = self.place(name, bytes)?;
        self.cached += self.next - before;
        Ok(at)
    }
}
