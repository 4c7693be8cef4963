//! Where a core stands among those that share the work.

use std::rc::Rc;

use tile_program::{CoreId, Platform, Target};

use super::rendezvous::{Key, Posted, SharedBoard};
use crate::split::Division;
use crate::workload::Algorithm;

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
    /// What is to be told.
    posts: Vec<(Key, Posted)>,
}

impl Seat {
    /// Has other cores told something, once the instructions that it is about have been given.
    pub(crate) fn post(&mut self, key: Key, posted: Posted) {
        self.posts.push((key, posted));
    }

    /// Tells other cores what is to be told: all instructions so far have been given.
    pub(crate) fn tell(&mut self) {
        let mut board = self.board.borrow_mut();
        for (key, posted) in self.posts.drain(..) {
            board.post(key, posted);
        }
    }

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
                    after: if stage + 1 < division.pipeline_stages {
                        group(stage + 1)
                    } else {
                        Vec::new()
                    },
                    board: Rc::clone(board),
                    posts: Vec::new(),
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
