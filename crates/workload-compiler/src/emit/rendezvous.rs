//! Messages between cores that share the work, while their programs are emitted.
//!
//! The instructions of each core are a stream of their own. An instruction that needs data of
//! another core waits for an instruction of that core's stream, whose number is known only once it
//! has been emitted. The other core publishes that number here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use smallvec::SmallVec;
use tile_program::{Operand, Region};

use super::dependencies::Dependencies;

/// A transfer between two ranks in a step of a collective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CollectiveStep {
    /// The number of the collective in its pipeline stage, counted from the start of the run.
    pub(crate) collective: u64,
    pub(crate) pipeline_stage: u64,
    /// The number of the step within the collective.
    pub(crate) step: u32,
    /// The rank that sends.
    pub(crate) from: u64,
}

/// A piece of the residual stream that goes from a pipeline stage to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StagePiece {
    /// The number of the piece, counted from the start of the run.
    pub(crate) piece: u64,
    /// The pipeline stage that sends.
    pub(crate) pipeline_stage: u64,
    /// The rank that sends and the rank that receives, each in its pipeline stage.
    pub(crate) rank: u64,
}

/// The transfer that a message is about, and the event that it announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The data of a step of a collective are ready to be read.
    Ready(CollectiveStep),
    /// The data of a step of a collective have been read.
    Read(CollectiveStep),
    /// A piece of the residual stream is ready to be read.
    Sent(StagePiece),
    /// A piece of the residual stream has been read.
    Acked(StagePiece),
}

/// After which completions an event has happened, and where the data that it is about lie: in
/// regions of the memory that both cores share, or in a scratchpad of the sender's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) after: Dependencies,
    pub(crate) regions: SmallVec<[Region; 1]>,
    pub(crate) operands: SmallVec<[Operand; 1]>,
}

impl Message {
    /// A message that names no data.
    pub(crate) fn event(after: Dependencies) -> Self {
        Self {
            after,
            regions: SmallVec::new(),
            operands: SmallVec::new(),
        }
    }
}

/// Messages that have been published and not been taken yet. There are few of them at a time.
#[derive(Debug, Default)]
pub(crate) struct Rendezvous(BTreeMap<Key, Message>);

/// The rendezvous of a run, shared by the emitters of all its cores.
pub(crate) type SharedRendezvous = Rc<RefCell<Rendezvous>>;

impl Rendezvous {
    /// Publishes a message.
    ///
    /// # Panics
    /// If a message of that key is there already.
    pub(crate) fn post(&mut self, key: Key, message: Message) {
        let before = self.0.insert(key, message);
        assert!(before.is_none(), "{key:?} is published once");
    }

    /// Takes a message; `None` if it has not been published yet.
    pub(crate) fn take(&mut self, key: Key) -> Option<Message> {
        self.0.remove(&key)
    }
}
