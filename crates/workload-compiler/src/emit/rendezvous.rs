//! What cores that share the work tell each other while their programs are emitted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use smallvec::SmallVec;
use tile_program::{Operand, Region};

use super::emitter::After;

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
    /// A piece of what a rank of a stage hands on to the next stage is there, counted from the
    /// start of the run.
    Handed { piece: u64, stage: u64, rank: u64 },
    /// It has been read.
    Taken { piece: u64, stage: u64, rank: u64 },
}

/// When something is there, and where: in the memory that both share, or in a scratchpad of the
/// sender's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posted {
    pub(crate) after: After,
    pub(crate) regions: SmallVec<[Region; 1]>,
    pub(crate) operands: SmallVec<[Operand; 1]>,
}

impl Posted {
    /// That something has happened.
    pub(crate) fn news(after: After) -> Self {
        Self {
            after,
            regions: SmallVec::new(),
            operands: SmallVec::new(),
        }
    }
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
