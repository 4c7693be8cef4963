//! Weights that stay on chip from pass to pass.
//!
//! Their bytes are set aside for the whole run and lent to nobody else: the first instruction that
//! loads (or, where they are there already, uses) a matrix takes its share, and the last that uses
//! it in the last pass gives all of it back. So the claims of a program prove its capacity with
//! them as without.

use std::collections::BTreeMap;

use tile_program::{BufferId, ScratchpadId, UnitId};

use super::emitter::{After, Buffer};

/// A matrix that stays.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptMatrix {
    /// The buffer that it is, once something has been used of it.
    pub(super) buffer: Option<BufferId>,
    /// Bytes that it has taken so far.
    pub(super) held: u64,
    /// All that was loaded of it is there after this.
    pub(super) ready: After,
    /// Whoever used it first has taken its bytes, where it is there from the start.
    pub(super) first: After,
    /// Everybody who has used it so far.
    pub(super) users: After,
    /// All of it is there: a stage that used it is over.
    pub(super) whole: bool,
}

/// The matrices that stay, by their addresses.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Bytes set aside and not yet taken.
    pub(super) left: u64,
    /// They are there before the run begins.
    pub(super) warm: bool,
    pub(super) matrices: BTreeMap<u64, KeptMatrix>,
}

impl Kept {
    pub(crate) const fn new(bytes: u64, warm: bool) -> Self {
        Self {
            left: bytes,
            warm,
            matrices: BTreeMap::new(),
        }
    }

    /// A stage begins that uses a matrix: if another has used it before, all of it is there.
    pub(super) fn begin_stage(&mut self, base: u64) {
        let matrix = self.matrix(base);
        matrix.whole |= matrix.users != After::default();
    }

    pub(super) fn matrix(&mut self, base: u64) -> &mut KeptMatrix {
        self.matrices.entry(base).or_default()
    }

    /// Somebody has used a matrix.
    pub(super) fn used(&mut self, base: u64, stamp: (UnitId, u64)) {
        let matrix = self.matrix(base);
        if matrix.users == After::default() {
            matrix.first = stamp.into();
        }
        matrix.users.add(stamp);
    }

    /// Bytes that the matrices hold.
    pub(super) fn held(&self) -> u64 {
        self.matrices.values().map(|matrix| matrix.held).sum()
    }

    /// The bytes of a matrix, which nobody needs any more.
    pub(super) fn release(&mut self, base: u64) -> Buffer {
        let matrix = self.matrix(base);
        let mut buffer = Buffer::of_bytes(ScratchpadId::Weights, std::mem::take(&mut matrix.held));
        buffer.ready = matrix.ready.clone();
        buffer.ready.merge(&matrix.first);
        buffer.users = matrix.users.clone();
        buffer
    }

    /// Takes bytes for a matrix.
    pub(super) fn take(&mut self, base: u64, bytes: u64) -> u64 {
        self.left = self
            .left
            .checked_sub(bytes)
            .expect("matrices that stay take what was set aside for them");
        self.matrix(base).held += bytes;
        bytes
    }
}
