//! Ticks in which hits alone can go, as one step.
//!
//! Such a run holds from a tick on where no refresh is due, the queues can give column commands of
//! one kind alone, and no activate and no precharge can go before some later tick; it ends there,
//! or where the next refresh falls due. In between step 3 has nothing to do; step 4 chooses among
//! these hits, by their gates and the pointer alone; and step 5 finds no second command, since
//! column commands of one kind keep a distance. A command or a moved request that lets a queue give
//! anything but such hits ends the run with its tick.
//!
//! A hit delays hits of its kind by distances that depend on where they go alone. So a run keeps
//! the earliest ticks of bank groups itself, and tells the gates of the last hit of each bank in
//! its end: those before it demand nothing later.

use super::gates::{GROUPS, Gates, Kind};
use super::{Channel, Moved};

/// When bank groups let hits of a kind pass.
struct Groups {
    /// By group: what was demanded before the run, and what the run's hits demand.
    before: [u64; GROUPS],
    same: [u64; GROUPS],
    /// By rank: what the run's hits demand of the rank, and of the others.
    near: [u64; GROUPS],
    far: [u64; GROUPS],
    distances: [u64; 3],
}

impl Groups {
    #[inline]
    fn new(kind: Kind, gates: &Gates) -> Self {
        let mut before = [0; GROUPS];
        for (before, group) in before.iter_mut().zip(gates.groups()) {
            *before = gates.gate(kind, group.first);
        }
        Self {
            before,
            same: [0; GROUPS],
            near: [0; GROUPS],
            far: [0; GROUPS],
            distances: gates.distances(kind),
        }
    }

    /// The first tick from `tick` on at which some banks can give a hit, and those that can then.
    #[inline]
    fn next(&self, tick: u64, mut left: u64, gates: &Gates) -> (u64, u64) {
        let (mut first, mut banks) = (u64::MAX, 0);
        while left != 0 {
            let number = gates.group_of(left.trailing_zeros() as usize);
            let group = &gates.groups()[number];
            let mut ready = self.before[number].max(self.same[number]);
            ready = ready.max(self.near[group.rank]).max(tick);
            if gates.ranks() > 1 {
                for (rank, &far) in self.far[..gates.ranks()].iter().enumerate() {
                    ready = ready.max(if rank == group.rank { 0 } else { far });
                }
            }
            if ready < first {
                (first, banks) = (ready, left & group.banks);
            } else if ready == first {
                banks |= left & group.banks;
            }
            left &= !group.banks;
        }
        (first, banks)
    }

    /// A bank gives a hit.
    #[inline]
    fn hit(&mut self, tick: u64, bank: usize, gates: &Gates) {
        let number = gates.group_of(bank);
        let rank = gates.groups()[number].rank;
        let [same, near, far] = self.distances;
        self.same[number] = tick + same;
        self.near[rank] = tick + near;
        self.far[rank] = tick + far;
    }
}

/// How a run has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Others could go, or it has gone as far as was asked for.
    Reached,
    /// A queue can issue something else than before.
    Changed,
    /// The run has stopped because no more requests are offered.
    Stopped,
}

impl Channel {
    /// Advances from a tick on, at most up to `to`, as long as hits alone can go: the last tick
    /// that is done, none if others can go from the first on.
    ///
    /// After each tick requests can be offered; `offers` tells the next tick at which more can be,
    /// or none if the run has to stop.
    pub(super) fn run_hits(
        &mut self,
        mut tick: u64,
        to: u64,
        mut offers: impl FnMut(&mut Self, u64) -> Option<u64>,
    ) -> Option<u64> {
        if self.refreshes.is_due(tick) || self.gates.groups().is_empty() {
            return None;
        }
        let mut last = None;
        while let Some((kind, others)) = self.plan.hits_alone(tick, &self.gates) {
            let end = others.min(self.refreshes.next).min(to.saturating_add(1));
            if tick >= end {
                break;
            }
            let (reached, why) = self.run(kind, tick, end, &mut offers);
            last = Some(reached);
            tick = reached + 1;
            if why != End::Changed {
                break;
            }
        }
        if let Some(last) = last {
            self.next_event = self.find_next_event(last);
        }
        last
    }

    /// Advances from a tick on until `end`, or until a queue can give something else: the last tick
    /// that is done.
    fn run(
        &mut self,
        kind: Kind,
        mut tick: u64,
        end: u64,
        offers: &mut impl FnMut(&mut Self, u64) -> Option<u64>,
    ) -> (u64, End) {
        let mut groups = Groups::new(kind, &self.gates);
        let others = self.plan.others(kind);
        let (mut hits, mut next_ripe) = self.plan.ripe(kind, tick, &self.gates);
        let (mut ready, mut banks) = groups.next(tick, hits, &self.gates);
        let mut given = 0;
        let why = loop {
            if next_ripe <= tick {
                (hits, next_ripe) = self.plan.ripe(kind, tick, &self.gates);
                (ready, banks) = groups.next(tick, hits, &self.gates);
            }
            let (mut same, mut moved_on) = (true, false);
            if ready <= tick {
                let at = self.turn(banks);
                let index = self.banks[at].choices.entry(kind);
                self.banks[at].last_hit = tick;
                given |= 1u64 << at;
                same = self.take_hit(tick, kind, at, index);
                groups.hit(tick, at, &self.gates);
                moved_on = true;
            }
            let moved = self.move_request();
            same &= moved != Moved::Changed;
            let Some(next_offer) = offers(self, tick) else {
                break End::Stopped;
            };
            // Perhaps for ever: whoever asked for the run has to notice.
            if moved == Moved::HeldUp && same {
                break End::Reached;
            }
            if !same {
                if self.plan.others(kind) != others {
                    break End::Changed;
                }
                (hits, next_ripe) = self.plan.ripe(kind, tick, &self.gates);
                moved_on = true;
            }
            if moved_on {
                (ready, banks) = groups.next(tick + 1, hits, &self.gates);
            }
            let following = if self.can_move() {
                tick + 1
            } else {
                ready.min(next_ripe)
            };
            let following = following.min(next_offer);
            if following >= end {
                break End::Reached;
            }
            tick = following;
        };
        while given != 0 {
            let at = given.trailing_zeros() as usize;
            given &= given - 1;
            self.gates.issue(kind, at, self.banks[at].last_hit);
            self.plan.issued(kind, at, &self.gates);
        }
        (tick, why)
    }
}
