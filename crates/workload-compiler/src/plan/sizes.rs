//! Sizes of tiles to try, and which of them are good.

use quantities::Bytes;

use super::room::Capacity;
use crate::tuning::{EXCESS_WEIGHT, GOOD_TILE_BYTES, GOOD_TILES_PER_SCRATCHPAD};

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

/// How far a tile of weights is from a good size for its scratchpad, in weighted bytes.
pub(super) fn distance_from_good_size(tile: Bytes, scratchpad: Capacity) -> u64 {
    let good = match scratchpad.fraction(GOOD_TILES_PER_SCRATCHPAD) {
        Capacity::Limited(fraction) => fraction.get().min(GOOD_TILE_BYTES),
        Capacity::Unlimited => GOOD_TILE_BYTES,
    };
    let tile = tile.get();
    if tile <= good {
        good - tile
    } else {
        (tile - good).saturating_mul(EXCESS_WEIGHT)
    }
}
