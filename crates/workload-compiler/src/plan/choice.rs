//! What a way to cut costs, and which of many wins.

use tile_program::{Bytes, DecidedBy, Target, TileChoice, Tiling};

/// How long each kind of unit is kept busy, in cycles of the reference clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    /// From the first array's start to the last one's end, operands at hand.
    pub(crate) array: u64,
    /// Of the vector unit, as far as it depends on the choice.
    pub(crate) vector: u64,
    /// Of the memory's bus.
    pub(crate) memory: u64,
    /// Bytes moved.
    pub(crate) bytes: u64,
    /// Nothing overlaps: there is no room for a second tile.
    pub(crate) serial: bool,
}

impl Cost {
    /// The same with further bytes.
    pub(crate) fn and_bytes(mut self, bytes: u64, target: &Target) -> Self {
        self.bytes = self.bytes.saturating_add(bytes);
        self.memory = target.laws.memory(Bytes(self.bytes));
        self
    }

    /// Units overlap, so the busiest decides. An eighth of what the others do stands for what no
    /// schedule hides: the first load, the last result, refreshes and turns of the bus.
    pub(crate) fn cycles(&self) -> u64 {
        let busiest = self.array.max(self.vector).max(self.memory);
        let all = self.array.saturating_add(self.vector);
        let all = all.saturating_add(self.memory);
        if self.serial {
            return all;
        }
        busiest.saturating_add((all - busiest) / 8)
    }

    /// The cycles to within half a percent: below that, how well tiles overlap counts for more.
    pub(crate) fn rank(&self) -> u64 {
        const KEPT: u32 = 8;
        let cycles = self.cycles();
        let shift = (u64::BITS - cycles.leading_zeros()).saturating_sub(KEPT);
        (cycles >> shift) << shift
    }
}

/// A way to cut, as a contest sees it.
pub(crate) trait Candidate {
    fn cost(&self) -> Cost;

    /// Whether two cut alike, for whoever reads of them.
    fn cuts_like(&self, other: &Self) -> bool;
}

/// Keeps the best of what is offered, and the best that differs from it.
#[derive(Debug)]
pub(crate) struct Contest<T, P> {
    best: Option<(u64, T, P)>,
    second: Option<(u64, T, P)>,
    candidates: u64,
}

impl<T: Ord + Copy, P: Candidate> Contest<T, P> {
    pub(crate) const fn new() -> Self {
        Self {
            best: None,
            second: None,
            candidates: 0,
        }
    }

    /// A candidate that fits; `tie` decides between equals, less is better.
    pub(crate) fn offer(&mut self, plan: P, tie: T) {
        self.candidates += 1;
        let rank = plan.cost().rank();
        let beats = |other: &Option<(u64, T, P)>| {
            other
                .as_ref()
                .is_none_or(|(theirs, their_tie, _)| (rank, tie) < (*theirs, *their_tie))
        };
        let alike = |other: &Option<(u64, T, P)>| {
            other
                .as_ref()
                .is_some_and(|(_, _, other)| plan.cuts_like(other))
        };
        if beats(&self.best) {
            let alike = alike(&self.best);
            let before = self.best.replace((rank, tie, plan));
            if !alike {
                self.second = before;
            }
        } else if beats(&self.second) && !alike(&self.best) {
            self.second = Some((rank, tie, plan));
        }
    }

    /// The winner; `unbounded` is the cost of the best if scratchpads had no limits.
    pub(crate) fn end(self, unbounded: Option<Cost>) -> Option<(P, Verdict<P>)> {
        let (rank, _, best) = self.best?;
        let alternative = self.second.map(|(_, _, second)| second);
        let decided_by = if unbounded.is_some_and(|cost| cost.rank() < rank) {
            DecidedBy::Capacity
        } else if let Some(second) = &alternative {
            decided(&best.cost(), &second.cost())
        } else {
            DecidedBy::OnlyChoice
        };
        let verdict = Verdict {
            alternative,
            candidates: self.candidates,
            decided_by,
        };
        Some((best, verdict))
    }

    pub(crate) fn best_cost(&self) -> Option<Cost> {
        self.best.as_ref().map(|(_, _, plan)| plan.cost())
    }
}

fn decided(best: &Cost, other: &Cost) -> DecidedBy {
    if other.rank() == best.rank() {
        return DecidedBy::Overlap;
    }
    let more = |part: fn(&Cost) -> u64| i128::from(part(other)) - i128::from(part(best));
    if more(|cost| cost.memory) > more(|cost| cost.array.saturating_add(cost.vector)) {
        DecidedBy::Traffic
    } else {
        DecidedBy::ArrayTime
    }
}

/// How a contest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict<P> {
    pub(crate) alternative: Option<P>,
    pub(crate) candidates: u64,
    pub(crate) decided_by: DecidedBy,
}

impl<P> Verdict<P> {
    /// As an operation carries it.
    pub(crate) fn choice(&self, best: &P, tiling: impl Fn(&P) -> Tiling) -> TileChoice {
        TileChoice {
            chosen: tiling(best),
            alternative: self.alternative.as_ref().map(tiling),
            candidates: self.candidates,
            decided_by: self.decided_by,
        }
    }
}
