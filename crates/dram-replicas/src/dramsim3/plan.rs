//! Which banks' queues can give a command next, and when.
//!
//! Of each kind of command two sets of banks are kept: those whose queue could give it but for
//! timing, and of any those whose own past no longer delays it. What is left to look at are the
//! gates of groups and ranks, once for all banks behind them, and the few banks that still wait for
//! a command of their own.
//!
//! What comes next of a kind is kept as well. Commands only make it later: of a kind that they
//! delay it remains a bound, and need not be looked up while other kinds come before.

use super::NEVER;
use super::bank::Choices;
use super::gates::{Gates, Kind};

/// How many ticks hits alone must be able to go for to be worth a run.
const WORTH: u64 = 6;

/// Banks that can go at a tick, none of them before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) tick: u64,
    pub(super) banks: u64,
}

impl Next {
    const NONE: Self = Self {
        tick: NEVER,
        banks: 0,
    };

    /// Adds banks that can go at a tick. Which of the two comes first is as good as random: this
    /// does without a branch.
    #[inline]
    fn or(&mut self, tick: u64, banks: u64) {
        let kept = u64::from(self.tick <= tick).wrapping_neg();
        let added = u64::from(tick <= self.tick).wrapping_neg();
        self.banks = self.banks & kept | banks & added;
        self.tick = self.tick.min(tick);
    }
}

/// The banks that can issue a command of one kind.
#[derive(Clone, Copy, Debug)]
struct Queued {
    kind: Kind,
    /// The banks whose queue could issue it, one bit a bank.
    choosing: u64,
    /// Of any banks, those whose own past delays it no more.
    ripe: u64,
    /// What comes next, if that is fresh; else nothing comes before its tick.
    next: Next,
    fresh: bool,
}

impl Queued {
    /// Whether what comes next from a tick on is known.
    #[inline]
    const fn is_known(&self, tick: u64) -> bool {
        self.fresh & (self.next.tick >= tick)
    }

    /// The first tick from `tick` on at which banks can give this kind.
    #[inline]
    fn next(&mut self, tick: u64, frozen: u64, gates: &Gates) -> Next {
        if !self.is_known(tick) {
            self.next = self.look_up(tick, self.choosing & !frozen, gates);
            self.fresh = true;
        }
        self.next
    }

    fn look_up(&mut self, tick: u64, banks: u64, gates: &Gates) -> Next {
        let kind = self.kind;
        let mut next = Next::NONE;
        let mut ripe = 0;
        let mut left = banks & !self.ripe;
        while left != 0 {
            let bank = left.trailing_zeros() as usize;
            left &= left - 1;
            let own = gates.own(kind, bank);
            ripe |= u64::from(own <= tick) << bank;
            next.or(own.max(gates.gate(kind, bank)).max(tick), 1 << bank);
        }
        let mut left = banks & self.ripe;
        while left != 0 {
            let bank = left.trailing_zeros() as usize;
            let behind = gates.behind(kind, bank);
            next.or(gates.gate(kind, bank).max(tick), left & behind);
            left &= !behind;
        }
        self.ripe |= ripe;
        next
    }
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    kinds: [Queued; 4],
    /// The kinds that each bank can issue, one bit a kind.
    given_by: [u32; 64],
    /// The banks whose queues are frozen, one bit a bank.
    frozen: u64,
}

impl Plan {
    pub(super) fn new() -> Self {
        let kinds = Kind::QUEUED.map(|kind| Queued {
            kind,
            choosing: 0,
            ripe: 0,
            next: Next::NONE,
            fresh: true,
        });
        Self {
            kinds,
            given_by: [0; 64],
            frozen: 0,
        }
    }

    /// Takes note of what a bank's queue can give.
    #[inline]
    pub(super) fn set(&mut self, bank: usize, choices: &Choices, gates: &Gates) {
        let bit = 1 << bank;
        let could = self.given_by[bank];
        let can = choices.kinds();
        self.given_by[bank] = can;
        let mut changed = could ^ can;
        while changed != 0 {
            let kind = changed.trailing_zeros();
            changed &= changed - 1;
            let queued = &mut self.kinds[kind as usize];
            queued.choosing ^= bit;
            if could >> kind & 1 == 1 {
                queued.fresh &= queued.next.banks & bit == 0;
            } else if self.frozen & bit == 0 {
                queued.next.or(gates.earliest(queued.kind, bank), bit);
            }
        }
    }

    /// Takes note that a command to a bank has been given, of which the gates know.
    #[inline]
    pub(super) fn issued(&mut self, kind: Kind, bank: usize, gates: &Gates) {
        let bit = 1 << bank;
        for queued in &mut self.kinds {
            let delays = gates.delays(kind, queued.kind);
            if delays.own {
                queued.ripe &= !bit;
                queued.fresh &= queued.next.banks & bit == 0;
            }
            if delays.others && queued.choosing != 0 {
                queued.fresh = false;
                queued.next.tick = queued.next.tick.max(gates.first(queued.kind));
            }
        }
    }

    /// Takes note of the banks whose queues are frozen.
    pub(super) fn freeze(&mut self, frozen: u64) {
        self.frozen = frozen;
        for queued in &mut self.kinds {
            queued.fresh = false;
            queued.next.tick = 0;
        }
    }

    /// The first tick from `tick` on at which a queue can give a command, and all that can then.
    #[inline]
    pub(super) fn next(&mut self, tick: u64, gates: &Gates) -> Next {
        let mut next = Next::NONE;
        for queued in &self.kinds {
            let unknown = u64::from(!queued.is_known(tick)).wrapping_neg();
            next.or(queued.next.tick | unknown, queued.next.banks & !unknown);
        }
        // What comes after the others' next tick need not be known.
        let mut wanted = 0;
        for (index, queued) in self.kinds.iter().enumerate() {
            let wants = !queued.is_known(tick) & (queued.next.tick <= next.tick);
            wanted |= u32::from(wants) << index;
        }
        while wanted != 0 {
            let queued = &mut self.kinds[wanted.trailing_zeros() as usize];
            wanted &= wanted - 1;
            let of_kind = queued.next(tick, self.frozen, gates);
            next.or(of_kind.tick, of_kind.banks);
        }
        next
    }

    /// The one kind of column commands that the queues can give, if no activate and no precharge
    /// can go for some ticks; and from when on one can.
    #[inline]
    pub(super) fn hits_alone(&mut self, tick: u64, gates: &Gates) -> Option<(Kind, u64)> {
        let [activates, precharges, reads, writes] = &mut self.kinds;
        let kind = match (reads.choosing, writes.choosing) {
            (_, 0) => Kind::Read,
            (0, _) => Kind::Write,
            _ => return None,
        };
        let activate = activates.next(tick, self.frozen, gates).tick;
        let others = activate.min(precharges.next(tick, self.frozen, gates).tick);
        (others >= tick + WORTH).then_some((kind, others))
    }

    /// The banks that can give any kind but one, by kind.
    #[inline]
    pub(super) fn others(&self, kind: Kind) -> [u64; 3] {
        let [activates, precharges, reads, writes] = &self.kinds;
        let columns = if kind == Kind::Read { writes } else { reads };
        [activates.choosing, precharges.choosing, columns.choosing]
    }

    /// The banks that can give a kind and that their own past delays no more; and the first tick at
    /// which it delays one of the others no more.
    #[inline]
    pub(super) fn ripe(&mut self, kind: Kind, tick: u64, gates: &Gates) -> (u64, u64) {
        let Queued { choosing, ripe, .. } = &mut self.kinds[kind as usize];
        let mut others = NEVER;
        let mut left = *choosing & !*ripe;
        while left != 0 {
            let bank = left.trailing_zeros() as usize;
            left &= left - 1;
            let own = gates.own(kind, bank);
            if own <= tick {
                *ripe |= 1 << bank;
            } else {
                others = others.min(own);
            }
        }
        (*choosing & *ripe, others)
    }
}
