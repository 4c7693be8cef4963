//! Bytes held in a scratchpad.

use smallvec::SmallVec;
use tile_program::{Operand, ScratchpadId};

use super::dependencies::{Completion, Dependencies};

/// Bytes held in a scratchpad, with the instructions that write and read them.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    pub(crate) scratchpad: ScratchpadId,
    pub(crate) bytes: u64,
    /// What an instruction names that reads or writes it: one operand, or those of the buffers that
    /// it was joined from. Empty where nothing is held.
    pub(crate) operands: SmallVec<[Operand; 1]>,
    /// After these completions the data are there.
    pub(crate) ready: Dependencies,
    /// All instructions that have used the bytes so far.
    pub(crate) users: Dependencies,
}

impl Buffer {
    /// Bytes that belong to no buffer yet: those that a tensor on chip grows by, or none.
    pub(crate) fn of_bytes(scratchpad: ScratchpadId, bytes: u64) -> Self {
        Self {
            scratchpad,
            bytes,
            operands: SmallVec::new(),
            ready: Dependencies::default(),
            users: Dependencies::default(),
        }
    }

    /// A buffer of no bytes, which takes the place of one that has been given back.
    pub(crate) fn empty(scratchpad: ScratchpadId) -> Self {
        Self::of_bytes(scratchpad, 0)
    }

    /// Joins another buffer of the same scratchpad to this one.
    pub(crate) fn join(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.operands.extend_from_slice(&other.operands);
        self.ready.merge(&other.ready);
        self.users.merge(&other.users);
    }

    /// Records an instruction that writes the buffer.
    pub(crate) fn written(&mut self, completion: Completion) {
        self.ready = completion.into();
        self.users.add(completion);
    }

    /// Records an instruction that reads the buffer.
    pub(crate) fn read(&mut self, completion: Completion) {
        self.users.add(completion);
    }
}
