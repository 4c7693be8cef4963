//! Arrays that work on one stage side by side, and how long they take.

use std::cell::RefCell;
use std::collections::BTreeMap;

use smallvec::SmallVec;
use tile_program::{GemmTile, Target};

use crate::tuning::MAX_EXACT_SCHEDULE;

/// Cycles of a piece of work on each array of a team.
pub(crate) type Times = SmallVec<[u64; 4]>;

/// Answers for the time of tiles; remembers what it was asked.
pub(crate) struct Clockwork<'a> {
    target: &'a Target,
    team: &'a [usize],
    known: RefCell<BTreeMap<GemmKey, Times>>,
}

type GemmKey = (u64, u64, u64, u64, u64);

impl<'a> Clockwork<'a> {
    pub(crate) fn new(target: &'a Target, team: &'a [usize]) -> Self {
        Self {
            target,
            team,
            known: RefCell::new(BTreeMap::new()),
        }
    }

    /// Cycles of a tile on each array; what an array cannot run takes for ever.
    pub(crate) fn tile(&self, tile: &GemmTile) -> Times {
        let key = (tile.m, tile.n, tile.k, tile.repeat, tile.side_by_side);
        if let Some(times) = self.known.borrow().get(&key) {
            return times.clone();
        }
        let times: Times = times(self.target, self.team, tile);
        self.known.borrow_mut().insert(key, times.clone());
        times
    }
}

/// Cycles of a tile on each array of a team.
pub(crate) fn times(target: &Target, team: &[usize], tile: &GemmTile) -> Times {
    let on = |&array: &usize| {
        let tile = packed(target, array, *tile);
        let time = target.laws.array(array, &tile);
        time.map_or(u64::MAX >> 16, |time| time.next_cycles)
    };
    team.iter().map(on).collect()
}

/// A tile with as many of its GEMMs side by side in the array as are faster so.
pub(crate) fn packed(target: &Target, array: usize, tile: GemmTile) -> GemmTile {
    let most = target.laws.side_by_side(array, &tile).min(tile.repeat);
    // Whole groups only.
    let Some(side_by_side) = (2..=most)
        .rev()
        .find(|&group| tile.repeat.is_multiple_of(group))
    else {
        return tile;
    };
    let packed = GemmTile {
        side_by_side,
        ..tile
    };
    let cycles = |tile: &GemmTile| Some(target.laws.array(array, tile)?.next_cycles);
    match (cycles(&packed), cycles(&tile)) {
        (Some(together), Some(apart)) if together < apart => packed,
        _ => tile,
    }
}

/// The array that is the first to end a further piece of work; its load grows by it.
pub(crate) fn assign(loads: &mut [u64], times: &[u64]) -> usize {
    let ends = |index: &usize| loads[*index].saturating_add(times[*index]);
    let first = (0..loads.len()).min_by_key(ends);
    let index = first.expect("a team has an array");
    loads[index] = ends(&index);
    index
}

/// Cycles until all pieces of work are done, each given to the array that ends it first.
pub(crate) fn makespan(pieces: &[(u64, Times)]) -> u64 {
    let count: u64 = pieces.iter().map(|(count, _)| count).sum();
    let arrays = pieces.first().map_or(1, |(_, times)| times.len());
    if arrays == 1 {
        let all = pieces
            .iter()
            .map(|(count, times)| count.saturating_mul(times[0]));
        return all.fold(0, u64::saturating_add);
    }
    if count <= MAX_EXACT_SCHEDULE {
        let mut loads: Times = SmallVec::from_elem(0, arrays);
        for (count, times) in pieces {
            for _ in 0..*count {
                assign(&mut loads, times);
            }
        }
        return loads.into_iter().max().unwrap_or(0);
    }
    // Above that, the arrays' rates add up; on average half of the longest piece is left over.
    let mut sum: u128 = 0;
    let mut longest = 0;
    for (count, times) in pieces.iter().filter(|(count, _)| *count > 0) {
        let rate: u128 = times
            .iter()
            .map(|&time| (1 << 64) / u128::from(time.max(1)))
            .sum();
        sum += (u128::from(*count) << 64) / rate.max(1);
        longest = longest.max(times.iter().copied().min().unwrap_or(0));
    }
    u64::try_from(sum)
        .unwrap_or(u64::MAX)
        .saturating_add(longest / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_equal_arrays_take_a_quarter_of_the_time() {
        let piece = |count| (count, Times::from_slice(&[10, 10, 10, 10]));
        assert_eq!(makespan(&[piece(8)]), 20);
        assert_eq!(makespan(&[piece(9)]), 30);
        assert_eq!(makespan(&[piece(4000)]), 10_005);
    }

    #[test]
    fn a_faster_array_gets_more_of_the_work() {
        let pieces = [(6, Times::from_slice(&[10, 20]))];
        assert_eq!(makespan(&pieces), 40);
        let mut loads = [0, 0];
        let given: Vec<_> = (0..6).map(|_| assign(&mut loads, &[10, 20])).collect();
        assert_eq!(given, [0, 0, 1, 0, 0, 1]);
    }
}
