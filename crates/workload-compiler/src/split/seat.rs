//! Where a core stands among those that share the work, and what they tell each other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tile_program::{CoreId, Platform, Region, Target};

use super::{Algorithm, Division};
use crate::emit::After;

/// What is told, and of which transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// What a rank of a stage sends in a step of a collective is there.
    Ready {
        /// Which collective of the stage, counted from the start of the run.
        collective: u64,
        stage: u64,
        step: u32,
        from: u64,
    },
    /// It has been read.
    Read {
        collective: u64,
        stage: u64,
        step: u32,
        from: u64,
    },
    /// A piece of what a rank of a stage hands on to the next stage is there, counted from the start
    /// of the run.
    Handed { piece: u64, stage: u64, rank: u64 },
    /// It has been read.
    Taken { piece: u64, stage: u64, rank: u64 },
}

/// When something is there, and where, if it lies in the memory that both share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posted {
    pub(crate) after: After,
    pub(crate) region: Option<Region>,
}

/// What cores have told each other and nobody has taken down yet: few entries.
#[derive(Debug, Default)]
pub(crate) struct Board(BTreeMap<Key, Posted>);

/// The board of a run.
pub(crate) type SharedBoard = Rc<RefCell<Board>>;

impl Board {
    pub(crate) fn post(&mut self, key: Key, posted: Posted) {
        let before = self.0.insert(key, posted);
        assert!(before.is_none(), "{key:?} is told once");
    }

    /// Takes what was told; `None` if it has not been told yet.
    pub(crate) fn take(&mut self, key: Key) -> Option<Posted> {
        self.0.remove(&key)
    }
}

/// A core that others exchange data with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mate {
    pub(crate) core: CoreId,
    pub(crate) chip: u16,
}

/// Where a core stands.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) stage: u64,
    pub(crate) rank: u64,
    pub(crate) ways: u64,
    pub(crate) chip: u16,
    pub(crate) algorithm: Algorithm,
    /// One rank of a stage does what all do: what it is told by another, it has said itself.
    pub(crate) alike: bool,
    /// The ranks of its stage, of the one before and of the one after.
    ranks: Vec<Mate>,
    before: Vec<Mate>,
    after: Vec<Mate>,
    pub(crate) board: SharedBoard,
}

impl Seat {
    /// The seats of the simulated cores of a division.
    pub(crate) fn all(
        division: &Division,
        machine: &Platform,
        algorithm: Algorithm,
        board: &SharedBoard,
    ) -> Vec<Self> {
        let alike = division.platform.replicas > 1;
        let mate = |core: &Target| Mate {
            core: core.core,
            chip: core.chip,
        };
        let group = |stage: u64| -> Vec<Mate> {
            let index = |place: u64| usize::try_from(place).expect("at most the machine's cores");
            let from = index(stage * division.ways);
            let cores = &machine.cores[from..from + index(division.ways)];
            cores.iter().map(mate).collect()
        };
        let cores = division.platform.cores.iter();
        (0..)
            .zip(cores)
            .map(|(index, core)| {
                let (stage, rank) = if alike {
                    (index, 0)
                } else {
                    (index / division.ways, index % division.ways)
                };
                Self {
                    stage,
                    rank,
                    ways: division.ways,
                    chip: core.chip,
                    algorithm,
                    alike,
                    ranks: group(stage),
                    before: stage.checked_sub(1).map(group).unwrap_or_default(),
                    after: if stage + 1 < division.stages {
                        group(stage + 1)
                    } else {
                        Vec::new()
                    },
                    board: Rc::clone(board),
                }
            })
            .collect()
    }

    /// A rank of this core's stage.
    pub(crate) fn mate(&self, rank: u64) -> Mate {
        self.ranks[usize::try_from(rank).expect("few ranks")]
    }

    /// The same rank in the stage before, or in the one after.
    pub(crate) fn neighbour(&self, onward: bool) -> Mate {
        let stage = if onward { &self.after } else { &self.before };
        stage[usize::try_from(self.rank).expect("few ranks")]
    }

    /// Under whose name something from a rank is told.
    pub(crate) const fn told_by(&self, rank: u64) -> u64 {
        if self.alike { 0 } else { rank }
    }
}
