//! What a way to cut costs, and which of many wins.

use quantities::Bytes;
use tile_program::{DecidedBy, Target, TileChoice, Tiling};

use crate::tuning::{COST_PER_TIE, HIDDEN_PER_UNHIDDEN};

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
    /// Until the first tile can begin: what is not hidden behind another.
    pub(crate) first: u64,
    /// Of the weight scratchpad: for which tiles fill it, from request to last use.
    pub(crate) held: u64,
    /// Results that leave one after another, each while the arrays are at the next; 0 and 1 are
    /// none that do.
    pub(crate) results: u64,
    /// Arrays take turns with memory: there is no room for a second tile's operands.
    pub(crate) alone: bool,
}

impl Cost {
    /// The same with further bytes.
    pub(crate) fn and_bytes(mut self, bytes: u64, target: &Target) -> Self {
        self.bytes = self.bytes.saturating_add(bytes);
        self.memory = target.laws.memory(Bytes(self.bytes));
        self
    }

    /// Units overlap, so the busiest decides: memory; the room that tiles wait for; or arrays and
    /// vector unit, with what one does before the other can begin. A part of what is hidden behind
    /// it stands for what no schedule hides ([`HIDDEN_PER_UNHIDDEN`]).
    pub(crate) fn cycles(&self) -> u64 {
        let more = self.array.max(self.vector);
        let less = self.array.min(self.vector);
        let compute = more.saturating_add(less / self.results.max(1));
        let busiest = match self.alone {
            true => compute.saturating_add(self.memory),
            false => compute.max(self.memory),
        };
        let busiest = busiest.max(self.held);
        let all = more.saturating_add(less).saturating_add(self.memory);
        let hidden = all.saturating_sub(busiest);
        let cycles = busiest.saturating_add(hidden / HIDDEN_PER_UNHIDDEN);
        cycles.saturating_add(self.first)
    }

    /// Whether it costs as much as the least, within [`COST_PER_TIE`]: below that, how well tiles
    /// overlap counts for more.
    pub(crate) fn is_about(&self, least: u64) -> bool {
        self.cycles() <= least.saturating_add(least / COST_PER_TIE)
    }
}

/// A way to cut, as a contest sees it.
pub(crate) trait Candidate {
    fn cost(&self) -> Cost;

    /// Whether two cut alike, for whoever reads of them.
    fn cuts_like(&self, other: &Self) -> bool;
}

/// All that is offered: of those that cost about as much as the cheapest, the one wins that
/// overlaps best.
#[derive(Debug)]
pub(crate) struct Contest<T, P> {
    offers: Vec<(T, P)>,
}

impl<T: Ord + Copy, P: Candidate> Contest<T, P> {
    pub(crate) const fn new() -> Self {
        Self { offers: Vec::new() }
    }

    /// A candidate that fits; `tie` decides between equals, less is better.
    pub(crate) fn offer(&mut self, plan: P, tie: T) {
        self.offers.push((tie, plan));
    }

    /// The winner; `unbounded` is the cost of the best if scratchpads had no limits.
    pub(crate) fn end(mut self, unbounded: Option<Cost>) -> Option<(P, Verdict<P>)> {
        let candidates = self.offers.len() as u64;
        let least = self.best_cost()?.cycles();
        let order = |(tie, plan): &(T, P)| {
            let cost = plan.cost();
            let dearer = if cost.is_about(least) {
                0
            } else {
                cost.cycles()
            };
            (dearer, *tie)
        };
        let first = position_of_least(&self.offers, order)?;
        let (_, best) = self.offers.swap_remove(first);
        self.offers.retain(|(_, plan)| !plan.cuts_like(&best));
        let second = position_of_least(&self.offers, order);
        let alternative = second.map(|second| self.offers.swap_remove(second).1);
        let decided_by = if unbounded.is_some_and(|cost| !best.cost().is_about(cost.cycles())) {
            DecidedBy::Capacity
        } else if let Some(second) = &alternative {
            decided(&best.cost(), &second.cost(), least)
        } else {
            DecidedBy::OnlyChoice
        };
        let verdict = Verdict {
            alternative,
            candidates,
            decided_by,
        };
        Some((best, verdict))
    }

    pub(crate) fn best_cost(&self) -> Option<Cost> {
        let costs = self.offers.iter().map(|(_, plan)| plan.cost());
        costs.min_by_key(Cost::cycles)
    }
}

/// The first of the least.
fn position_of_least<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Option<usize> {
    let keys = items.iter().map(key).enumerate();
    keys.min_by(|(_, a), (_, b)| a.cmp(b))
        .map(|(place, _)| place)
}

fn decided(best: &Cost, other: &Cost, least: u64) -> DecidedBy {
    if other.is_about(least) {
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
