//! What a channel was asked for, cut into row visits: the bursts of a range that lie in one row.

use std::collections::VecDeque;

use crate::address::AddressMap;
use crate::preset::Organisation;

/// The bursts of one range in one row: contiguous columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// The sequence number of the range that it belongs to.
    pub(super) range: u64,
    pub(super) bank: usize,
    pub(super) row: u32,
    /// The column of the next burst.
    pub(super) column: u32,
    /// Bursts that have no column command yet.
    pub(super) left: u32,
}

#[derive(Clone, Debug)]
struct Range {
    tag: u64,
    /// The next burst to cut, and how many of the rows that interleave there are cut already.
    next: u64,
    rows_cut: u64,
    end: u64,
    /// The number of bursts that have no column command yet.
    left: u64,
    /// When its first data moves, as far as is decided.
    first_data: u64,
}

/// How channel-local bursts lie in rows.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    map: AddressMap,
    /// Rows that a contiguous range touches by turns.
    rows_interleaved: Divisor,
    /// The number of bursts of all those rows.
    block: Divisor,
    groups: u64,
    banks: u64,
    /// Bursts of the channel; addresses wrap there.
    bursts: Divisor,
}

/// A number that others are divided by: a shift, where it is a power of two.
#[derive(Clone, Copy, Debug)]
struct Divisor {
    value: u64,
    shift: Option<u32>,
}

impl Divisor {
    fn new(value: u64) -> Self {
        Self {
            value,
            shift: value.is_power_of_two().then(|| value.trailing_zeros()),
        }
    }

    #[inline]
    const fn quotient(self, number: u64) -> u64 {
        match self.shift {
            Some(shift) => number >> shift,
            None => number / self.value,
        }
    }

    #[inline]
    const fn remainder(self, number: u64) -> u64 {
        match self.shift {
            Some(_) => number & (self.value - 1),
            None => number % self.value,
        }
    }
}

impl Geometry {
    pub(super) fn new(map: &AddressMap, organisation: &Organisation) -> Self {
        let rows_interleaved = map.rows_interleaved();
        let bytes = organisation.capacity_bytes().unwrap_or(u64::MAX);
        Self {
            map: map.clone(),
            rows_interleaved: Divisor::new(rows_interleaved),
            block: Divisor::new(rows_interleaved * organisation.columns()),
            groups: organisation.bank_groups,
            banks: organisation.banks_per_group,
            bursts: Divisor::new(bytes / organisation.access_bytes),
        }
    }

    /// The next visit of a range.
    fn cut(&self, range: &mut Range, sequence: u64) -> Visit {
        let from = self.block.remainder(range.next);
        let begin = range.next - from;
        let to = (range.end - begin).min(self.block.value);
        let position = from + range.rows_cut;
        let location = self
            .map
            .locate_local(self.bursts.remainder(begin + position));
        let bank = (location.rank * self.groups + location.group) * self.banks + location.bank;
        let rows = self.rows_interleaved;
        range.rows_cut += 1;
        if range.rows_cut == rows.value.min(to - from) {
            range.next = begin + to;
            range.rows_cut = 0;
        }
        Visit {
            range: sequence,
            bank: bank as usize,
            row: location.row as u32,
            column: location.column as u32,
            left: rows.quotient(to - position + rows.value - 1) as u32,
        }
    }
}

/// A range whose last burst has its command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished {
    pub(super) tag: u64,
    pub(super) first_data: u64,
}

/// The ranges of one direction and the window of row visits that the scheduler sees, oldest
/// first.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) visits: Vec<Visit>,
    window: usize,
    ranges: VecDeque<Range>,
    /// The sequence number of the first range in the queue.
    base: u64,
    /// The first range not cut up yet, counted from the front.
    uncut: usize,
    /// The number of bursts that have no column command yet.
    pub(super) bursts: u64,
    /// The number of ranges with such bursts.
    unfinished: usize,
}

impl Queue {
    pub(super) fn new(window: usize) -> Self {
        Self {
            visits: Vec::with_capacity(window),
            window,
            ranges: VecDeque::new(),
            base: 0,
            uncut: 0,
            bursts: 0,
            unfinished: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.unfinished
    }

    /// Appends a range of bursts.
    pub(super) fn push(&mut self, first: u64, bursts: u64, tag: u64, geometry: &Geometry) {
        self.ranges.push_back(Range {
            tag,
            next: first,
            rows_cut: 0,
            end: first + bursts,
            left: bursts,
            first_data: u64::MAX,
        });
        self.bursts += bursts;
        self.unfinished += 1;
        self.refill(geometry);
    }

    fn refill(&mut self, geometry: &Geometry) {
        while self.visits.len() < self.window && self.uncut < self.ranges.len() {
            let range = &mut self.ranges[self.uncut];
            let visit = geometry.cut(range, self.base + self.uncut as u64);
            if range.next == range.end {
                self.uncut += 1;
            }
            self.visits.push(visit);
        }
    }

    /// Takes note of `bursts` column commands of a visit, the first of which moves data from
    /// `first_data` on; returns the range if that was its last. They are subtracted from
    /// `self.bursts` when they are issued.
    pub(super) fn issued(
        &mut self,
        index: usize,
        bursts: u32,
        first_data: u64,
        geometry: &Geometry,
    ) -> Option<Finished> {
        let visit = &mut self.visits[index];
        visit.left -= bursts;
        visit.column += bursts;
        let at = (visit.range - self.base) as usize;
        let visit_ends = visit.left == 0;
        let range = &mut self.ranges[at];
        range.left -= u64::from(bursts);
        // Hits of a train tell their commands visit by visit.
        range.first_data = range.first_data.min(first_data);
        let finished = (range.left == 0).then_some(Finished {
            tag: range.tag,
            first_data: range.first_data,
        });
        self.unfinished -= usize::from(finished.is_some());
        if visit_ends {
            self.visits.remove(index);
            while self.ranges.front().is_some_and(|range| range.left == 0) {
                self.ranges.pop_front();
                self.base += 1;
                self.uncut -= 1;
            }
            self.refill(geometry);
        }
        finished
    }

    /// Bytes that the queue holds on the heap.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.visits.capacity() * size_of::<Visit>() + self.ranges.capacity() * size_of::<Range>()
    }

    /// The least number over all ranges of the greatest that holds for it: `by_bursts` of its
    /// bursts left, and `by_visit` of each of its visits in the window. None is below `by_bursts`
    /// of one burst.
    // Called at each visit of a channel; by itself the compiler leaves the closures as calls, which
    // costs 3 % of a run.
    #[inline(always)]
    pub(super) fn soonest(
        &self,
        by_bursts: impl Fn(u64) -> u64,
        by_visit: impl Fn(&Visit) -> u64,
    ) -> Option<u64> {
        let index = |visit: &Visit| (visit.range - self.base) as usize;
        let least = by_bursts(1);
        let mut soonest = None;
        // Ranges without a visit in the window lie behind it: the cheap ones first.
        let behind = self.visits.last().map_or(0, |visit| index(visit) + 1);
        let behind = self.ranges.range(behind..);
        if let Some(fewest) = behind.map(|range| range.left).min() {
            let bound = by_bursts(fewest);
            if bound == least {
                return Some(bound);
            }
            soonest = Some(bound);
        }
        for visits in self.visits.chunk_by(|one, other| one.range == other.range) {
            let range = &self.ranges[index(&visits[0])];
            let visits = visits.iter().map(&by_visit);
            let bound = visits.fold(by_bursts(range.left), u64::max);
            soonest = Some(soonest.map_or(bound, |soonest| bound.min(soonest)));
            if bound == least {
                break;
            }
        }
        soonest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Hash;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn visits_cover_each_burst_of_a_range_once_in_contiguous_columns(
            first in 0u64..3000, bursts in 1u64..2000, window in 1usize..9,
            map in prop::sample::select(vec!["rorabgbachco", "rorabacochbg", "rocorabgbach", "chrobacobgra"]),
            hash in prop::sample::select(vec![Hash::None, Hash::RowXor]),
        ) {
            let organisation = Organisation {
                ranks: 2, bank_groups: 4, banks_per_group: 2, rows_per_bank: 128,
                row_bytes: 512, access_bytes: 32,
            };
            let map = AddressMap::new(map, &organisation, 3, hash).unwrap();
            let geometry = Geometry::new(&map, &organisation);
            let mut queue = Queue::new(window);
            queue.push(first, bursts, 7, &geometry);
            let mut seen = BTreeSet::new();
            let mut finished = None;
            while let Some(visit) = queue.visits.first().copied() {
                prop_assert!(finished.is_none());
                prop_assert!(queue.visits.len() <= window);
                for column in visit.column..visit.column + visit.left {
                    prop_assert!(seen.insert((visit.bank, visit.row, column)));
                }
                queue.bursts -= u64::from(visit.left);
                finished = queue.issued(0, visit.left, 0, &geometry);
            }
            prop_assert_eq!(finished.unwrap().tag, 7);
            let expected: BTreeSet<_> = (first..first + bursts).map(|burst| {
                let l = map.locate_local(burst);
                (((l.rank * 4 + l.group) * 2 + l.bank) as usize, l.row as u32, l.column as u32)
            }).collect();
            prop_assert_eq!(seen, expected);
            prop_assert_eq!((queue.len(), queue.bursts), (0, 0));
        }
    }
}
