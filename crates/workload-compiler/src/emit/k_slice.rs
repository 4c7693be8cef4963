//! Slices of k: they pass an array one after another, in parts that are summed apart.

use std::ops::Range;

/// A range of the k of a tile that one instruction computes.
pub(super) struct KSlice {
    pub(super) k: Range<u64>,
    /// The slice's number in the order of emission.
    pub(super) index: usize,
    /// The number of the part of k that it belongs to; parts are summed apart.
    pub(super) split: usize,
    /// Whether it is the first slice of its part.
    pub(super) first: bool,
    /// Whether it is the last slice of its part.
    pub(super) last: bool,
    /// Whether it is the last slice of the tile.
    pub(super) end: bool,
}

/// The slices of `all` rows of k, `size` rows each. There are at most `splits_wanted` parts that are
/// summed apart; one slice of each part comes in turn.
pub(super) fn k_slices(all: u64, size: u64, splits_wanted: u64) -> impl Iterator<Item = KSlice> {
    let slices = all.div_ceil(size);
    let length = slices.div_ceil(splits_wanted);
    let splits = slices.div_ceil(length);
    let order = (0..length).flat_map(move |turn| {
        let numbers = (0..splits).map(move |split| (split, turn, split * length + turn));
        numbers.filter(move |&(_, _, number)| number < slices)
    });
    order
        .enumerate()
        .map(move |(index, (split, turn, number))| KSlice {
            k: number * size..((number + 1) * size).min(all),
            index,
            split: usize::try_from(split).expect("no more parts than arrays"),
            first: turn == 0,
            last: turn + 1 == length || number + 1 == slices,
            end: index as u64 + 1 == slices,
        })
}
