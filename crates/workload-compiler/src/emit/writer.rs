//! Program order, waits and scratchpad bytes.
//!
//! Bytes of a scratchpad are tokens. An instruction that gives bytes back makes a credit: so many
//! bytes, free once certain instructions are complete. An instruction that takes bytes uses up the
//! oldest credits and waits for them. No token is ever used twice, so occupancy cannot exceed the
//! capacity however the units run against each other; and how far a unit runs ahead (double
//! buffering and more) follows from what is free, not from a rule.
//!
//! Program order is no completion: an array may begin an instruction before the last has ended, and
//! what comes over one link may be what is sent over the next. So such a unit waits for its own
//! completions as for those of others, where it needs what they leave. The vector unit ends each
//! instruction before it begins the next, and neither side of the DMA reads what it moves.

use std::collections::VecDeque;

use quantities::Bytes;
use smallvec::SmallVec;
use tile_program::{Claim, Instruction, ScratchpadId, Target, UnitId, Wait, WaitReason, Waits};

use super::buffer::Buffer;
use super::dependencies::{Completion, Dependencies};
use super::pool::Pool;
use super::step::Step;

/// Writes the instructions of a core: it alone numbers them, derives their waits, and takes and
/// gives scratchpad bytes.
#[derive(Debug)]
pub(super) struct InstructionWriter {
    /// The number of instructions that each unit of the machine has been given by this core.
    counts: Vec<u64>,
    /// The number of the core's first unit.
    first: usize,
    /// Units that may begin an instruction before the last has ended: the arrays and the receiving
    /// end of the links.
    overlapping: Vec<UnitId>,
    receive: Option<UnitId>,
    /// `known[u][v]`: the core's unit u has already waited for so many instructions of unit v.
    known: Vec<Vec<u64>>,
    /// The free bytes of each scratchpad.
    pools: [Pool; 3],
    /// Instructions that have been written and not been handed out.
    queue: VecDeque<Instruction>,
    /// Every instruction waits for these completions.
    barrier: Dependencies,
}

impl InstructionWriter {
    /// The writer of a core of a machine with `units` units in all. `free` is the number of bytes
    /// of each scratchpad that instructions may take.
    pub(super) fn new(target: &Target, units: usize, free: [u64; 3]) -> Self {
        let own: Vec<_> = target.units().map(|(unit, _)| unit.index()).collect();
        let first = *own.iter().min().expect("a core has units");
        let arrays = target.arrays.iter().map(|array| array.unit);
        Self {
            counts: vec![0; units],
            first,
            overlapping: arrays.chain(target.receive).collect(),
            receive: target.receive,
            known: vec![vec![0; units]; own.len()],
            pools: free.map(Pool::new),
            queue: VecDeque::new(),
            barrier: Dependencies::default(),
        }
    }

    /// The number of instructions that each unit has been given so far.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The latest instruction of a unit.
    pub(super) fn latest(&self, unit: UnitId) -> Completion {
        Completion {
            unit,
            count: self.counts[unit.index()],
        }
    }

    /// The free bytes of a scratchpad.
    pub(super) fn free(&self, scratchpad: ScratchpadId) -> u64 {
        self.pools[scratchpad as usize].free()
    }

    /// Removes the barrier of [`InstructionWriter::separate`].
    pub(super) fn remove_barrier(&mut self) {
        self.barrier = Dependencies::default();
    }

    /// Makes all later instructions wait for all earlier ones.
    pub(super) fn separate(&mut self) {
        self.barrier = Dependencies::default();
        for (unit, &count) in (0_u16..).map(UnitId).zip(&self.counts) {
            self.barrier.add(Completion { unit, count });
        }
    }

    /// Hands out the earliest instruction that has not been handed out.
    pub(super) fn pop(&mut self) -> Option<Instruction> {
        self.queue.pop_front()
    }

    /// Whether all instructions have been handed out.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Appends an instruction, and says what its completion is.
    ///
    /// # Panics
    /// If it takes more bytes of a scratchpad than all that is ever given back.
    pub(super) fn write(&mut self, step: Step) -> Completion {
        let mut space = Dependencies::default();
        let takes = self.take(&step, &mut space);
        let unit = step.unit;
        // Whatever a unit itself still reads, it has read before it writes anew, but for the links.
        for completion in step.overwrites.completions() {
            if completion.unit != unit || self.receive == Some(unit) {
                space.add(completion);
            }
        }
        let mut data = step.data;
        data.merge(&self.barrier);
        let waits = self.waits(unit, &data, &space);
        self.counts[unit.index()] += 1;
        let completion = self.latest(unit);
        let mut given = [0; 3];
        for mut release in step.gives {
            given[release.scratchpad as usize] += release.bytes;
            release.users.add(completion);
            self.pools[release.scratchpad as usize].give(release.bytes, release.users);
        }
        self.queue.push_back(Instruction {
            unit,
            operation: step.operation,
            tile: step.tile,
            work: step.work,
            waits,
            takes,
            gives: claims_of(given),
            reads: step.reads,
            writes: step.writes,
        });
        completion
    }

    /// Takes the bytes that an instruction asks for; adds to `space` after what they are free.
    fn take(&mut self, step: &Step, space: &mut Dependencies) -> SmallVec<[Claim; 2]> {
        let mut claimed = step.takes;
        for (id, bytes) in ScratchpadId::ALL.into_iter().zip(step.takes) {
            let fits = bytes == 0 || self.pools[id as usize].take(bytes, space);
            assert!(
                fits,
                "a plan takes more of the {} scratchpad than it has",
                id.name()
            );
        }
        claimed[ScratchpadId::Weights as usize] += step.takes_resident;
        claims_of(claimed)
    }

    /// Gives a buffer back with the last instruction that was appended. Whatever has taken the
    /// buffer's bytes has started by then, even on another of several arrays.
    pub(super) fn give_with_last(&mut self, buffer: Buffer) {
        if buffer.bytes == 0 {
            return;
        }
        let unit = self.queue.back().map(|last| last.unit);
        let unit = unit.expect("a stage ends with an instruction");
        let mut others = Dependencies::default();
        for completion in buffer.ready.completions() {
            if completion.unit != unit {
                others.add(completion);
            }
        }
        let waits = self.waits(unit, &others, &Dependencies::default());
        let completion = self.latest(unit);
        let last = self.queue.back_mut().expect("just seen");
        for wait in waits {
            last.waits.retain(|known| known.unit != wait.unit);
            last.waits.push(wait);
        }
        let bytes = Bytes(buffer.bytes);
        let mut gives = last.gives.iter_mut();
        match gives.find(|claim| claim.scratchpad == buffer.scratchpad) {
            Some(claim) => claim.bytes += bytes,
            None => last.gives.push(Claim {
                scratchpad: buffer.scratchpad,
                bytes,
            }),
        }
        let mut users = buffer.users;
        users.add(completion);
        self.pools[buffer.scratchpad as usize].give(buffer.bytes, users);
    }

    /// The waits that are not met anyway: on other units (and on its own, if instructions overlap
    /// there), beyond what this unit has waited for before. Where one unit is waited for twice, the
    /// later completion decides, and the reason with it.
    fn waits(&mut self, unit: UnitId, data: &Dependencies, space: &Dependencies) -> Waits {
        let mut waits = Waits::new();
        let known = &mut self.known[unit.index() - self.first];
        for (after, reason) in [(data, WaitReason::Data), (space, WaitReason::Buffer)] {
            for Completion { unit: other, count } in after.completions() {
                let met = other == unit && !self.overlapping.contains(&unit);
                if met || count <= known[other.index()] {
                    continue;
                }
                known[other.index()] = count;
                waits.retain(|wait: &mut Wait| wait.unit != other);
                waits.push(Wait {
                    unit: other,
                    completed: count,
                    reason,
                });
            }
        }
        waits
    }
}

/// The claims of so many bytes of each scratchpad; none of a scratchpad with no bytes.
fn claims_of(bytes: [u64; 3]) -> SmallVec<[Claim; 2]> {
    ScratchpadId::ALL
        .into_iter()
        .zip(bytes)
        .filter(|(_, bytes)| *bytes > 0)
        .map(|(scratchpad, bytes)| Claim {
            scratchpad,
            bytes: Bytes(bytes),
        })
        .collect()
}
