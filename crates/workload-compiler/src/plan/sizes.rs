//! Sizes of tiles to try, and which of them are good.

use crate::tuning::{EXCESS_WEIGHT, GOOD_TILE_BYTES, GOOD_TILES_PER_SCRATCHPAD};

/// What is left of a scratchpad without limits is at least this: 2^60 bytes hold whatever a program
/// can address.
pub(super) const UNLIMITED: u64 = 1 << 60;

/// Sizes to try, largest first: all, halved again and again; and `unit`, doubled again and again.
/// All but the first are whole units.
pub(super) fn sizes(all: u64, unit: u64) -> Vec<u64> {
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

/// How far a tile of so many bytes is from a good size.
pub(super) fn distance(tile: u64, scratchpad: u64) -> u64 {
    let good = GOOD_TILE_BYTES.min(scratchpad / GOOD_TILES_PER_SCRATCHPAD);
    if tile <= good {
        good - tile
    } else {
        (tile - good).saturating_mul(EXCESS_WEIGHT)
    }
}
