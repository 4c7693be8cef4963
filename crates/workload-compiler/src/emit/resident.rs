//! Weights that stay on chip from pass to pass.
//!
//! Their bytes are set aside for the whole run and no other instruction takes them. The first
//! instruction that loads a matrix (or uses it, where it is there from the start) takes the
//! matrix's bytes, and the last one that uses it in the last pass gives all of them back. So the
//! claims of a program prove its capacity with these weights as without.

use std::collections::BTreeMap;

use tile_program::{BufferId, ScratchpadId};

use super::buffer::Buffer;
use super::dependencies::{Completion, Dependencies};

/// A matrix that stays on chip from pass to pass.
#[derive(Clone, Debug, Default)]
pub(super) struct ResidentMatrix {
    /// The buffer that holds it; `None` before its first use.
    pub(super) buffer: Option<BufferId>,
    /// The bytes that it has taken so far.
    pub(super) held: u64,
    /// After these completions, all that has been loaded of it is there.
    pub(super) ready: Dependencies,
    /// Its first use, which has taken its bytes where it is there from the start.
    pub(super) first: Dependencies,
    /// All its uses so far.
    pub(super) users: Dependencies,
    /// All of it has been loaded: a stage that used it is over.
    pub(super) whole: bool,
}

/// The matrices that stay on chip from pass to pass, by their addresses in main memory.
#[derive(Debug)]
pub(crate) struct ResidentWeights {
    /// The bytes that are set aside and that no matrix has taken yet.
    pub(super) left: u64,
    /// Whether the matrices are on chip before the run begins.
    pub(super) preloaded: bool,
    pub(super) matrices: BTreeMap<u64, ResidentMatrix>,
}

impl ResidentWeights {
    /// Resident weights for which so many bytes are set aside, and which the run loads.
    pub(crate) const fn loaded(bytes: u64) -> Self {
        Self {
            left: bytes,
            preloaded: false,
            matrices: BTreeMap::new(),
        }
    }

    /// Resident weights for which so many bytes are set aside, and which are there before the run.
    pub(crate) const fn preloaded(bytes: u64) -> Self {
        Self {
            left: bytes,
            preloaded: true,
            matrices: BTreeMap::new(),
        }
    }

    /// Begins a stage that uses a matrix. If another stage has used it before, all of it is there.
    pub(super) fn begin_stage(&mut self, base: u64) {
        let matrix = self.matrix(base);
        matrix.whole |= matrix.users != Dependencies::default();
    }

    /// The matrix at an address, which is new if no instruction has used it.
    pub(super) fn matrix(&mut self, base: u64) -> &mut ResidentMatrix {
        self.matrices.entry(base).or_default()
    }

    /// Records a use of a matrix.
    pub(super) fn used(&mut self, base: u64, completion: Completion) {
        let matrix = self.matrix(base);
        if matrix.users == Dependencies::default() {
            matrix.first = completion.into();
        }
        matrix.users.add(completion);
    }

    /// The bytes that all matrices hold.
    pub(super) fn held(&self) -> u64 {
        self.matrices.values().map(|matrix| matrix.held).sum()
    }

    /// The bytes of a matrix that no further instruction uses, to be given back.
    pub(super) fn release(&mut self, base: u64) -> Buffer {
        let matrix = self.matrix(base);
        let mut buffer = Buffer::of_bytes(ScratchpadId::Weights, std::mem::take(&mut matrix.held));
        buffer.ready = matrix.ready.clone();
        buffer.ready.merge(&matrix.first);
        buffer.users = matrix.users.clone();
        buffer
    }

    /// Takes bytes for a matrix out of those that are set aside, and returns their number.
    ///
    /// # Panics
    /// If fewer are left: the plan sets aside bytes for all of the matrices.
    pub(super) fn take(&mut self, base: u64, bytes: u64) -> u64 {
        self.left = self
            .left
            .checked_sub(bytes)
            .expect("resident matrices take what was set aside for them");
        self.matrix(base).held += bytes;
        bytes
    }
}
