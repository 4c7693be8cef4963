//! An instruction before it is numbered.

use std::ops::Range;

use smallvec::SmallVec;
use tile_program::{Operand, Operands, OperationId, Results, ScratchpadId, UnitId, Work};

use super::buffer::Buffer;
use super::dependencies::Dependencies;
use super::tensor::Live;

/// An instruction before it is numbered. Its dependencies become waits when it is written.
pub(crate) struct Step {
    pub(crate) unit: UnitId,
    pub(crate) operation: OperationId,
    pub(crate) tile: u32,
    pub(crate) work: Work,
    /// The completions that make what it reads.
    pub(crate) data: Dependencies,
    /// The readers of what it overwrites, beyond those of the bytes that it takes.
    pub(crate) overwrites: Dependencies,
    pub(super) reads: Operands,
    pub(super) writes: Results,
    /// The free bytes of each scratchpad that it takes when it starts.
    pub(super) takes: [u64; 3],
    /// The bytes that it takes of those set aside for resident weights.
    pub(super) takes_resident: u64,
    /// The bytes that it gives back when it completes.
    pub(super) gives: SmallVec<[Release; 2]>,
}

/// Bytes of a scratchpad that are given back.
pub(super) struct Release {
    pub(super) scratchpad: ScratchpadId,
    pub(super) bytes: u64,
    /// The completions of all uses of the bytes, after which they are free.
    pub(super) users: Dependencies,
}

impl Step {
    pub(crate) fn new(unit: UnitId, operation: OperationId, tile: u32, work: Work) -> Self {
        Self {
            unit,
            operation,
            tile,
            work,
            data: Dependencies::default(),
            overwrites: Dependencies::default(),
            reads: Operands::new(),
            writes: Results::new(),
            takes: [0; 3],
            takes_resident: 0,
            gives: SmallVec::new(),
        }
    }

    /// Reads after these completions.
    pub(crate) fn after(mut self, after: &Dependencies) -> Self {
        self.data.merge(after);
        self
    }

    /// Waits for those of these completions that are of other units. For those of its own unit,
    /// program order is enough: an array adds to its own sums in order, however closely its
    /// instructions follow one another.
    pub(crate) fn in_order_after(mut self, after: &Dependencies) -> Self {
        for completion in after.completions() {
            if completion.unit != self.unit {
                self.data.add(completion);
            }
        }
        self
    }

    /// Reads a buffer, once it is there.
    pub(crate) fn read(self, buffer: &Buffer) -> Self {
        self.after(&buffer.ready).read_operands(&buffer.operands)
    }

    /// Reads rows and columns of a tensor: where it is held, or (a transfer) in memory.
    pub(crate) fn read_tensor(self, live: &Live, rows: &Range<u64>, columns: &Range<u64>) -> Self {
        let step = self.after(&live.ready(rows));
        step.read_operands(live.operand(rows, columns).as_slice())
    }

    /// Reads operands. The caller adds what it waits for by [`Step::after`].
    pub(crate) fn read_operands(mut self, operands: &[Operand]) -> Self {
        self.reads.extend_from_slice(operands);
        self
    }

    /// Writes a buffer.
    pub(crate) fn write(self, buffer: &Buffer) -> Self {
        self.write_operands(&buffer.operands)
    }

    /// Writes rows and columns of a tensor, if it is held on chip.
    pub(crate) fn write_tensor(self, live: &Live, rows: &Range<u64>, columns: &Range<u64>) -> Self {
        self.write_operands(live.operand(rows, columns).as_slice())
    }

    /// Writes operands, which are on chip.
    pub(crate) fn write_operands(mut self, operands: &[Operand]) -> Self {
        self.writes.extend_from_slice(operands);
        self
    }

    /// Takes the bytes of a buffer when it starts.
    pub(crate) fn take(mut self, buffer: &Buffer) -> Self {
        self.takes[buffer.scratchpad as usize] += buffer.bytes;
        self
    }

    /// Takes bytes that were set aside for resident weights when it starts.
    pub(super) const fn take_resident(mut self, bytes: u64) -> Self {
        self.takes_resident = bytes;
        self
    }

    /// Gives the bytes of a buffer back when it completes.
    pub(crate) fn give(mut self, buffer: Buffer) -> Self {
        if buffer.bytes > 0 {
            self.gives.push(Release {
                scratchpad: buffer.scratchpad,
                bytes: buffer.bytes,
                users: buffer.users,
            });
        }
        self
    }
}
