//! A core's place among the cores that share a workload.

use std::rc::Rc;

use tile_program::{CoreId, Platform, Target};

use super::rendezvous::{Key, Message, SharedRendezvous};
use crate::split::Division;
use crate::workload::Algorithm;

/// A core that another core exchanges data with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) core: CoreId,
    /// The number of the chip that the core is on.
    pub(crate) chip: u16,
}

/// A core's place in the split of a workload: its pipeline stage, its rank among the cores that
/// share that stage's layers, and whom it exchanges data with.
#[derive(Clone, Debug)]
pub(crate) struct RankContext {
    /// The number of the core's pipeline stage, from 0 on.
    pub(crate) pipeline_stage: u64,
    /// The core's rank in its pipeline stage, from 0 to `ways`, exclusive.
    pub(crate) index: u64,
    /// The number of ranks of a pipeline stage (tensor parallelism).
    pub(crate) ways: u64,
    /// The number of the chip that the core is on.
    pub(crate) chip: u16,
    pub(crate) algorithm: Algorithm,
    /// One rank of a pipeline stage is simulated and stands for all of them. What a rank receives
    /// from another is then what it has sent itself.
    pub(crate) replicated: bool,
    /// The ranks of this pipeline stage.
    peers: Vec<Peer>,
    /// The ranks of the pipeline stage before this one; empty in the first stage.
    previous_stage: Vec<Peer>,
    /// The ranks of the pipeline stage after this one; empty in the last stage.
    next_stage: Vec<Peer>,
    pub(crate) rendezvous: SharedRendezvous,
    /// Messages that are published once the instructions that they name have been handed out.
    unpublished: Vec<(Key, Message)>,
}

impl RankContext {
    /// Queues a message for other cores. [`RankContext::publish`] makes it visible to them.
    pub(crate) fn post(&mut self, key: Key, message: Message) {
        self.unpublished.push((key, message));
    }

    /// Publishes the queued messages. The caller has handed out all instructions emitted so far.
    pub(crate) fn publish(&mut self) {
        let mut rendezvous = self.rendezvous.borrow_mut();
        for (key, message) in self.unpublished.drain(..) {
            rendezvous.post(key, message);
        }
    }

    /// Takes a message of another core; `None` if it has not been published yet.
    pub(crate) fn take_message(&self, key: Key) -> Option<Message> {
        self.rendezvous.borrow_mut().take(key)
    }

    /// The places of the simulated cores of a division, in the order of its platform.
    pub(crate) fn all(
        division: &Division,
        machine: &Platform,
        algorithm: Algorithm,
        rendezvous: &SharedRendezvous,
    ) -> Vec<Self> {
        let replicated = division.platform.replicas > 1;
        let peer = |core: &Target| Peer {
            core: core.core,
            chip: core.chip,
        };
        let group = |pipeline_stage: u64| -> Vec<Peer> {
            let index = |place: u64| usize::try_from(place).expect("at most the machine's cores");
            let from = index(pipeline_stage * division.ways);
            let cores = &machine.cores[from..from + index(division.ways)];
            cores.iter().map(peer).collect()
        };
        let place = |(number, core): (u64, &Target)| {
            let (pipeline_stage, index) = match replicated {
                true => (number, 0),
                false => (number / division.ways, number % division.ways),
            };
            let next_stage = pipeline_stage + 1;
            let next_stage = (next_stage < division.pipeline_stages).then(|| group(next_stage));
            Self {
                pipeline_stage,
                index,
                ways: division.ways,
                chip: core.chip,
                algorithm,
                replicated,
                peers: group(pipeline_stage),
                previous_stage: pipeline_stage.checked_sub(1).map(group).unwrap_or_default(),
                next_stage: next_stage.unwrap_or_default(),
                rendezvous: Rc::clone(rendezvous),
                unpublished: Vec::new(),
            }
        };
        (0..).zip(&division.platform.cores).map(place).collect()
    }

    /// A rank of this core's pipeline stage.
    pub(crate) fn peer(&self, rank: u64) -> Peer {
        self.peers[usize::try_from(rank).expect("few ranks")]
    }

    /// Whether a core is on this core's chip, so that both share a main memory.
    pub(crate) const fn shares_chip_with(&self, peer: Peer) -> bool {
        peer.chip == self.chip
    }

    /// The same rank in the pipeline stage after this one.
    pub(crate) fn next_stage_peer(&self) -> Peer {
        self.next_stage[usize::try_from(self.index).expect("few ranks")]
    }

    /// The same rank in the pipeline stage before this one.
    pub(crate) fn previous_stage_peer(&self) -> Peer {
        self.previous_stage[usize::try_from(self.index).expect("few ranks")]
    }

    /// The rank under which messages of `rank` are published: the simulated one.
    pub(crate) const fn source_rank(&self, rank: u64) -> u64 {
        if self.replicated { 0 } else { rank }
    }
}
