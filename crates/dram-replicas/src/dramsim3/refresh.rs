//! Step 3: refreshes by rank, in turns, each closing its rank's banks first.

use std::collections::VecDeque;

use dram::timing::Shape;

use super::NEVER;
use super::bank::Bank;
use super::gates::{Gates, Kind};

/// The refreshes of a channel's ranks.
#[derive(Clone, Debug)]
pub(super) struct Refreshes {
    interval: u64,
    /// When the next becomes due, and of which rank.
    pub(super) next: u64,
    next_rank: usize,
    /// The ranks whose refresh is due, oldest first.
    due: VecDeque<usize>,
    ranks: usize,
    banks_per_rank: usize,
}

impl Refreshes {
    pub(super) fn new(interval: u64, shape: Shape) -> Self {
        Self {
            interval,
            next: interval,
            next_rank: 0,
            due: VecDeque::new(),
            ranks: shape.ranks,
            banks_per_rank: shape.banks_per_rank(),
        }
    }

    /// The next refresh becomes due.
    pub(super) fn fall_due(&mut self) {
        self.next += self.interval;
        self.due.push_back(self.next_rank);
        self.next_rank = (self.next_rank + 1) % self.ranks;
    }

    /// Whether one is due at a tick.
    #[inline]
    pub(super) fn is_due(&self, tick: u64) -> bool {
        tick >= self.next || !self.due.is_empty()
    }

    /// The first bank of the rank whose queues are frozen, if one is.
    fn rank(&self) -> Option<usize> {
        self.due.front().map(|rank| rank * self.banks_per_rank)
    }

    /// The banks whose queues are frozen.
    pub(super) fn frozen(&self) -> u64 {
        let banks = u64::MAX >> (64 - self.banks_per_rank);
        self.rank().map_or(0, |first| banks << first)
    }

    /// The command that the oldest due refresh needs, if it can go now.
    #[inline]
    pub(super) fn command(
        &self,
        tick: u64,
        banks: &[Bank],
        gates: &Gates,
    ) -> Option<(Kind, usize)> {
        let first = self.rank()?;
        self.command_of(first, tick, banks, gates)
    }

    fn command_of(
        &self,
        first: usize,
        tick: u64,
        banks: &[Bank],
        gates: &Gates,
    ) -> Option<(Kind, usize)> {
        let mut all = true;
        let rank = banks.iter().enumerate().skip(first);
        for (at, bank) in rank.take(self.banks_per_rank) {
            if bank.row.is_some() {
                if gates.earliest(Kind::Precharge, at) <= tick {
                    return Some((Kind::Precharge, at));
                }
                all = false;
            } else {
                all &= gates.earliest(Kind::Refresh, at) <= tick;
            }
        }
        all.then_some((Kind::Refresh, first))
    }

    /// The oldest due refresh has gone.
    pub(super) fn gone(&mut self) {
        self.due.pop_front();
    }

    /// The next tick at which one becomes due or can give a command.
    #[inline]
    pub(super) fn next_event(&self, banks: &[Bank], gates: &Gates) -> u64 {
        match self.rank() {
            None => self.next,
            Some(first) => self.next.min(self.next_command(first, banks, gates)),
        }
    }

    fn next_command(&self, first: usize, banks: &[Bank], gates: &Gates) -> u64 {
        let rank = first..first + self.banks_per_rank;
        let open = rank.clone().filter(|&bank| banks[bank].row.is_some());
        let precharge = open.map(|bank| gates.earliest(Kind::Precharge, bank)).min();
        precharge.unwrap_or_else(|| {
            let refresh = rank.map(|bank| gates.earliest(Kind::Refresh, bank));
            refresh.max().unwrap_or(NEVER)
        })
    }
}
