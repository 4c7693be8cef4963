//! Bytes of scratchpads: what a stage may take, and what tiles need.

use quantities::Bytes;
use tile_program::ScratchpadId;

/// Free bytes of one scratchpad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Capacity {
    /// So many bytes.
    Limited(Bytes),
    /// As many as anything needs: the scratchpad of the machine has no limit, or a search asks what
    /// would be best if it had none.
    Unlimited,
}

impl Capacity {
    /// From here on a capacity counts as unlimited. A machine states 2^62 bytes for a scratchpad
    /// without a limit, and 2^60 bytes hold whatever a program can address.
    const LEAST_UNLIMITED: Bytes = Bytes(1 << 60);

    /// The capacity of a scratchpad with so many free bytes.
    pub(super) fn of(free: Bytes) -> Self {
        if free >= Self::LEAST_UNLIMITED {
            Self::Unlimited
        } else {
            Self::Limited(free)
        }
    }

    /// Whether so many bytes fit.
    pub(super) fn holds(self, bytes: Bytes) -> bool {
        match self {
            Self::Limited(free) => bytes <= free,
            Self::Unlimited => true,
        }
    }

    /// What is left beside so many bytes; `None` if they do not fit.
    pub(super) const fn checked_sub(self, bytes: Bytes) -> Option<Self> {
        match self {
            Self::Limited(free) => match free.get().checked_sub(bytes.get()) {
                Some(left) => Some(Self::Limited(Bytes(left))),
                None => None,
            },
            Self::Unlimited => Some(Self::Unlimited),
        }
    }

    /// One part of so many equal ones, rounded down to whole bytes.
    pub(super) const fn fraction(self, parts: u64) -> Self {
        match self {
            Self::Limited(free) => Self::Limited(Bytes(free.get() / parts)),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// How many pieces of so many bytes fit; `None` if there is no end of them.
    pub(super) const fn pieces_of(self, piece: Bytes) -> Option<u64> {
        match self {
            Self::Limited(free) => free.get().checked_div(piece.get()),
            Self::Unlimited => None,
        }
    }
}

/// Free bytes of the scratchpads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScratchpadRoom {
    pub(crate) activations: Capacity,
    pub(crate) weights: Capacity,
    pub(crate) outputs: Capacity,
}

impl ScratchpadRoom {
    /// Scratchpads without limits.
    pub(super) const UNLIMITED: Self = Self {
        activations: Capacity::Unlimited,
        weights: Capacity::Unlimited,
        outputs: Capacity::Unlimited,
    };

    /// The free bytes of one scratchpad.
    pub(super) const fn of(&self, id: ScratchpadId) -> Capacity {
        match id {
            ScratchpadId::Activations => self.activations,
            ScratchpadId::Weights => self.weights,
            ScratchpadId::Outputs => self.outputs,
        }
    }

    /// Whether needs fit each scratchpad.
    pub(super) fn holds(&self, needs: &ScratchpadNeeds) -> bool {
        self.activations.holds(needs.activations)
            && self.weights.holds(needs.weights)
            && self.outputs.holds(needs.outputs)
    }
}

/// Bytes of each scratchpad that something takes at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScratchpadNeeds {
    pub(crate) activations: Bytes,
    pub(crate) weights: Bytes,
    pub(crate) outputs: Bytes,
}

impl ScratchpadNeeds {
    /// The bytes of one scratchpad.
    pub(crate) const fn of(&self, id: ScratchpadId) -> Bytes {
        match id {
            ScratchpadId::Activations => self.activations,
            ScratchpadId::Weights => self.weights,
            ScratchpadId::Outputs => self.outputs,
        }
    }

    /// The larger need of each scratchpad.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            activations: self.activations.max(other.activations),
            weights: self.weights.max(other.weights),
            outputs: self.outputs.max(other.outputs),
        }
    }
}
