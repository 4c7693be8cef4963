//! The search for a tiling: which of all that fit the scratchpads is taken, and why.

use quantities::Cycles;
use tile_program::{DecidedBy, TileChoice, Tiling};

use super::cost::Cost;

/// A way to cut a stage into tiles, as the search sees it.
pub(super) trait Candidate {
    fn cost(&self) -> Cost;

    /// Whether two candidates cut the stage into the same tiles, however else they differ.
    fn has_same_tiles(&self, other: &Self) -> bool;
}

/// All candidates that fit. Of those that cost about as much as the cheapest, the one with the
/// least tie-breaker `T` is taken.
#[derive(Debug)]
pub(super) struct TilingSearch<T, P> {
    candidates: Vec<(T, P)>,
}

impl<T: Ord + Copy, P: Candidate> TilingSearch<T, P> {
    pub(super) const fn new() -> Self {
        Self {
            candidates: Vec::new(),
        }
    }

    /// Adds a candidate that fits; `tie_breaker` decides between equal costs, less is better.
    pub(super) fn consider(&mut self, plan: P, tie_breaker: T) {
        self.candidates.push((tie_breaker, plan));
    }

    /// The best candidate, or `None` if there is none. `unlimited` is the least cost if scratchpads
    /// had no limits.
    pub(super) fn finish(mut self, unlimited: Option<Cost>) -> Option<SearchResult<P>> {
        let candidates = self.candidates.len() as u64;
        let least = self.least_cost()?.cycles();
        let order = |(tie_breaker, plan): &(T, P)| {
            let cost = plan.cost();
            let excess = if cost.is_about(least) {
                Cycles::ZERO
            } else {
                cost.cycles()
            };
            (excess, *tie_breaker)
        };
        let first = position_of_least(&self.candidates, order)?;
        let (_, best) = self.candidates.swap_remove(first);
        self.candidates
            .retain(|(_, plan)| !plan.has_same_tiles(&best));
        let second = position_of_least(&self.candidates, order);
        let alternative = second.map(|second| self.candidates.swap_remove(second).1);
        let decided_by = if unlimited.is_some_and(|cost| !best.cost().is_about(cost.cycles())) {
            DecidedBy::Capacity
        } else if let Some(second) = &alternative {
            decided_by(&best.cost(), &second.cost(), least)
        } else {
            DecidedBy::OnlyChoice
        };
        Some(SearchResult {
            best,
            alternative,
            candidates,
            decided_by,
        })
    }

    /// The cost of the cheapest candidate.
    pub(super) fn least_cost(&self) -> Option<Cost> {
        let costs = self.candidates.iter().map(|(_, plan)| plan.cost());
        costs.min_by_key(Cost::cycles)
    }
}

/// The place of the least item, the first one among equals.
fn position_of_least<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Option<usize> {
    let keys = items.iter().map(key).enumerate();
    keys.min_by(|(_, a), (_, b)| a.cmp(b))
        .map(|(place, _)| place)
}

/// What made the best candidate better than the other.
fn decided_by(best: &Cost, other: &Cost, least: Cycles) -> DecidedBy {
    if other.is_about(least) {
        return DecidedBy::Overlap;
    }
    let excess =
        |part: fn(&Cost) -> Cycles| i128::from(part(other).get()) - i128::from(part(best).get());
    if excess(|cost| cost.memory) > excess(|cost| cost.array.saturating_add(cost.vector)) {
        DecidedBy::Traffic
    } else {
        DecidedBy::ArrayTime
    }
}

/// The plan that a search took, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SearchResult<P> {
    pub(super) best: P,
    /// The best plan with other tiles.
    pub(super) alternative: Option<P>,
    /// How many plans fit the scratchpads and were compared.
    pub(super) candidates: u64,
    pub(super) decided_by: DecidedBy,
}

impl<P> SearchResult<P> {
    /// The result in the form in which operations carry it.
    pub(super) fn choice(&self, tiling: impl Fn(&P) -> Tiling) -> TileChoice {
        TileChoice {
            chosen: tiling(&self.best),
            alternative: self.alternative.as_ref().map(tiling),
            candidates: self.candidates,
            decided_by: self.decided_by,
        }
    }
}
