//! How k is cut: pieces that pass an array one after another, in parts that are summed apart.

use std::ops::Range;

/// A cut of k.
pub(super) struct KSlice {
    pub(super) k: Range<u64>,
    /// Its number, in the order in which cuts are emitted.
    pub(super) index: usize,
    /// Which of the parts of k that are summed apart it belongs to; its first cut, or its last.
    pub(super) split: usize,
    pub(super) first: bool,
    pub(super) last: bool,
    /// The last of the tile.
    pub(super) end: bool,
}

/// The cuts of `all` rows of k, `size` at a time: those of the parts that are summed apart, at most
/// `splits_wanted`, turn by turn.
pub(super) fn k_slices(all: u64, size: u64, splits_wanted: u64) -> impl Iterator<Item = KSlice> {
    let cuts = all.div_ceil(size);
    let length = cuts.div_ceil(splits_wanted);
    let splits = cuts.div_ceil(length);
    let order = (0..length).flat_map(move |turn| {
        let numbers = (0..splits).map(move |split| (split, turn, split * length + turn));
        numbers.filter(move |&(_, _, number)| number < cuts)
    });
    order
        .enumerate()
        .map(move |(index, (split, turn, number))| KSlice {
            k: number * size..((number + 1) * size).min(all),
            index,
            split: usize::try_from(split).expect("no more parts than arrays"),
            first: turn == 0,
            last: turn + 1 == length || number + 1 == cuts,
            end: index as u64 + 1 == cuts,
        })
}
