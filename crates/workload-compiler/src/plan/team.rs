//! Arrays that work on one stage side by side, and how long they take.

use std::cell::RefCell;
use std::collections::BTreeMap;

use quantities::Cycles;
use smallvec::SmallVec;
use tile_program::{GemmTile, Target};

use crate::tuning::MAX_EXACT_SCHEDULE;

/// The cycles that a piece of work takes on each array of a team; `None` on an array that cannot run
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TileTimes(SmallVec<[Option<Cycles>; 4]>);

impl TileTimes {
    /// No work yet, on a team of so many arrays.
    pub(super) fn zero(arrays: usize) -> Self {
        Self(SmallVec::from_elem(Some(Cycles::ZERO), arrays))
    }

    /// The cycles on the first array of the team.
    pub(crate) fn on_first(&self) -> Option<Cycles> {
        self.0[0]
    }

    /// The times of so many pieces of this work, one after another.
    pub(crate) fn times(mut self, count: u64) -> Self {
        for time in &mut self.0 {
            *time = time.map(|time| time.saturating_mul(count));
        }
        self
    }

    /// Adds so many pieces of other work.
    pub(super) fn add(&mut self, count: u64, other: &Self) {
        for (sum, time) in self.0.iter_mut().zip(&other.0) {
            *sum = sum
                .zip(*time)
                .map(|(sum, time)| sum.saturating_add(time.saturating_mul(count)));
        }
    }

    /// The least time, if any array can run the work.
    fn least(&self) -> Option<Cycles> {
        self.0.iter().flatten().min().copied()
    }
}

/// Equal pieces of work.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) count: u64,
    /// The time of one piece on each array.
    pub(super) times: TileTimes,
}

/// Remembers the times of the tiles of one stage: a search asks for the same ones again and again.
pub(super) struct TileTimeCache<'a> {
    target: &'a Target,
    team: &'a [usize],
    /// The times by m, n, k, `repeat` and `side_by_side` of a tile. The rest of a tile is the same
    /// for all tiles of a stage.
    known: RefCell<BTreeMap<[u64; 5], TileTimes>>,
}

impl<'a> TileTimeCache<'a> {
    pub(super) const fn new(target: &'a Target, team: &'a [usize]) -> Self {
        Self {
            target,
            team,
            known: RefCell::new(BTreeMap::new()),
        }
    }

    /// The times of a tile on the arrays of the team.
    pub(super) fn tile(&self, tile: &GemmTile) -> TileTimes {
        let key = [tile.m, tile.n, tile.k, tile.repeat, tile.side_by_side];
        if let Some(times) = self.known.borrow().get(&key) {
            return times.clone();
        }
        let times = times(self.target, self.team, tile);
        self.known.borrow_mut().insert(key, times.clone());
        times
    }
}

/// The times of a tile on the arrays of a team.
pub(crate) fn times(target: &Target, team: &[usize], tile: &GemmTile) -> TileTimes {
    let on = |&array: &usize| {
        let tile = packed(target, array, *tile);
        let time = target.laws.array(array, &tile)?;
        Some(Cycles(time.next_cycles))
    };
    TileTimes(team.iter().map(on).collect())
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

/// The array that is the first to end a further piece of work, by its place in the team; its load
/// grows by the work. An array that cannot run it is taken only if none can.
pub(crate) fn assign(loads: &mut [Cycles], times: &TileTimes) -> usize {
    let end = |index: usize| Some(loads[index].saturating_add(times.0[index]?));
    let first = (0..loads.len()).min_by_key(|&index| (end(index).is_none(), end(index)));
    let index = first.expect("a team has an array");
    if let Some(end) = end(index) {
        loads[index] = end;
    }
    index
}

/// The cycles until all work is done, each piece given to the array that ends it first; `None` if no
/// array can run one of them.
pub(super) fn makespan(work: &[Work]) -> Option<Cycles> {
    let least: Option<Vec<Cycles>> = work.iter().map(|work| work.times.least()).collect();
    let least = least?;
    let arrays = work.first().map_or(1, |work| work.times.0.len());
    if arrays == 1 {
        let all = work.iter().zip(least);
        let all = all.map(|(work, time)| time.saturating_mul(work.count));
        return Some(all.fold(Cycles::ZERO, Cycles::saturating_add));
    }
    let count: u64 = work.iter().map(|work| work.count).sum();
    if count > MAX_EXACT_SCHEDULE {
        return Some(estimated_makespan(work));
    }
    let mut loads: SmallVec<[Cycles; 4]> = SmallVec::from_elem(Cycles::ZERO, arrays);
    for Work { count, times } in work {
        for _ in 0..*count {
            assign(&mut loads, times);
        }
    }
    loads.into_iter().max()
}

/// About the cycles until all work is done: the arrays' rates add up, and half of the longest piece
/// is left over on average.
fn estimated_makespan(work: &[Work]) -> Cycles {
    let mut sum: u128 = 0;
    let mut longest = Cycles::ZERO;
    for Work { count, times } in work.iter().filter(|work| work.count > 0) {
        let rates = times.0.iter().flatten();
        let rate: u128 = rates
            .map(|time| (1 << 64) / u128::from(time.get().max(1)))
            .sum();
        sum += (u128::from(*count) << 64) / rate.max(1);
        longest = longest.max(times.least().unwrap_or(Cycles::ZERO));
    }
    let sum = u64::try_from(sum).map_or(Cycles::MAX, Cycles);
    sum.saturating_add(Cycles(longest.get() / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(cycles: &[u64]) -> TileTimes {
        TileTimes(cycles.iter().map(|&cycles| Some(Cycles(cycles))).collect())
    }

    #[test]
    fn four_equal_arrays_take_a_quarter_of_the_time() {
        let makespan = |count| {
            let times = times(&[10; 4]);
            makespan(&[Work { count, times }])
        };
        assert_eq!(makespan(8), Some(Cycles(20)));
        assert_eq!(makespan(9), Some(Cycles(30)));
        assert_eq!(makespan(4000), Some(Cycles(10_005)));
    }

    #[test]
    fn a_faster_array_gets_more_of_the_work() {
        let times = times(&[10, 20]);
        let mut loads = [Cycles::ZERO; 2];
        let given: Vec<_> = (0..6).map(|_| assign(&mut loads, &times)).collect();
        assert_eq!(given, [0, 0, 1, 0, 0, 1]);
        assert_eq!(makespan(&[Work { count: 6, times }]), Some(Cycles(40)));
    }

    #[test]
    fn an_array_that_cannot_run_a_tile_gets_none() {
        let times = TileTimes(SmallVec::from_slice(&[None, Some(Cycles(10))]));
        let mut loads = [Cycles::ZERO; 2];
        assert_eq!(assign(&mut loads, &times), 1);
        assert_eq!(loads, [Cycles::ZERO, Cycles(10)]);
        let none = TileTimes(SmallVec::from_slice(&[None, None]));
        let work = [times, none].map(|times| Work { count: 3, times });
        assert_eq!(makespan(&work[..1]), Some(Cycles(30)));
        assert_eq!(makespan(&work), None);
    }
}
