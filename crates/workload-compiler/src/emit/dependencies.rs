//! What an instruction must wait for.

use smallvec::SmallVec;
use tile_program::UnitId;

/// An event: a unit has completed so many instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    pub(crate) unit: UnitId,
    /// The number of instructions of the unit, counted from the start of the run.
    pub(crate) count: u64,
}

/// A set of completions, at most one of each unit: the latest that matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dependencies(SmallVec<[Completion; 4]>);

impl Dependencies {
    /// Adds a completion. Of two of the same unit the later one stays.
    pub(crate) fn add(&mut self, completion: Completion) {
        let mut known = self.0.iter_mut();
        match known.find(|known| known.unit == completion.unit) {
            Some(known) => known.count = known.count.max(completion.count),
            None => self.0.push(completion),
        }
    }

    /// The completions, in the order in which their units were added.
    pub(super) fn completions(&self) -> impl Iterator<Item = Completion> {
        self.0.iter().copied()
    }

    /// Adds the completions of another set.
    pub(crate) fn merge(&mut self, other: &Self) {
        for completion in other.completions() {
            self.add(completion);
        }
    }
}

impl From<Completion> for Dependencies {
    fn from(completion: Completion) -> Self {
        let mut this = Self::default();
        this.add(completion);
        this
    }
}
