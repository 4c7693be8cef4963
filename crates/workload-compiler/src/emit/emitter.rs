//! What is counted and kept while the program of a core is emitted, from pass to pass.

use std::collections::BTreeSet;
use std::ops::Range;

use tile_program::{
    BufferId, CoreId, Instruction, Operand, OperationId, ScratchpadId, Target, UnitId, Work,
};

use super::buffer::Buffer;
use super::dependencies::{Completion, Dependencies};
use super::log::DependencyLog;
use super::resident::ResidentWeights;
use super::step::Step;
use super::writer::InstructionWriter;

/// Emits the instructions of a core over a whole run: numbers tiles and buffers, and sums up the
/// multiply-accumulates of each operation.
#[derive(Debug)]
pub(crate) struct Emitter {
    writer: InstructionWriter,
    core: CoreId,
    /// The number of buffers so far.
    buffers: u32,
    /// The bytes of each scratchpad.
    capacities: [u64; 3],
    /// For each operation of the pass, the number of its next tile.
    tiles: Vec<u32>,
    /// For each operation of the pass, the multiply-accumulates of the tiles emitted so far.
    macs: Vec<u64>,
    pub(super) resident: ResidentWeights,
    /// Present if dependencies between operations are recorded.
    log: Option<DependencyLog>,
    pub(super) exchanges: Exchanges,
    /// Between passes, the readers of each region of activations.
    pub(super) slot_readers: Vec<Dependencies>,
}

/// How many exchanges with other cores there have been since the start of the run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exchanges {
    /// Blocks of collectives.
    pub(super) collectives: u64,
    /// Pieces of the residual stream that have gone to the next pipeline stage.
    pub(super) sent: u64,
    /// Pieces of the residual stream that have come from the previous pipeline stage.
    pub(super) received: u64,
}

impl Emitter {
    /// The emitter of a core of a machine with `units` units in all.
    pub(crate) fn new(target: &Target, units: usize, resident: ResidentWeights) -> Self {
        let capacities = ScratchpadId::ALL.map(|id| target.capacity(id).get());
        let mut free = capacities;
        free[ScratchpadId::Weights as usize] -= resident.left;
        Self {
            writer: InstructionWriter::new(target, units, free),
            core: target.core,
            buffers: 0,
            capacities,
            tiles: Vec::new(),
            macs: Vec::new(),
            resident,
            log: None,
            exchanges: Exchanges::default(),
            slot_readers: Vec::new(),
        }
    }

    /// Records from now on which operations read the results of which others.
    pub(crate) fn record_dependencies(&mut self) {
        self.log = Some(DependencyLog::default());
    }

    /// For each operation of the latest pass, those whose results it reads; `None` unless
    /// dependencies are recorded.
    pub(crate) fn dependencies(&self) -> Option<&[BTreeSet<OperationId>]> {
        self.log.as_ref().map(|log| &log.dependencies[..])
    }

    /// Begins a pass of so many operations.
    pub(crate) fn begin_pass(&mut self, operations: usize) {
        self.writer.remove_barrier();
        if let Some(log) = &mut self.log {
            log.begin_pass(self.writer.counts(), operations);
        }
        self.tiles = vec![0; operations];
        self.macs = vec![0; operations];
    }

    /// Makes all later instructions of the pass wait for all earlier ones.
    pub(crate) fn separate(&mut self) {
        self.writer.separate();
    }

    /// Hands out the earliest instruction that has not been handed out.
    pub(crate) fn pop(&mut self) -> Option<Instruction> {
        self.writer.pop()
    }

    /// Whether all instructions have been handed out.
    pub(crate) fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    /// The multiply-accumulates emitted for each operation of the pass.
    pub(crate) fn macs(&self) -> &[u64] {
        &self.macs
    }

    /// Ends a pass.
    ///
    /// # Panics
    /// If scratchpads hold anything but resident weights.
    pub(crate) fn end_pass(&mut self) {
        for matrix in self.resident.matrices.values_mut() {
            matrix.whole = true;
        }
        for id in ScratchpadId::ALL {
            assert_eq!(
                self.writer.free(id),
                self.room(id),
                "bytes of the {} scratchpad are held beyond the pass",
                id.name()
            );
        }
    }

    /// The bytes of a scratchpad, less those that are set aside for resident weights.
    pub(crate) fn room(&self, id: ScratchpadId) -> u64 {
        let resident = match id {
            ScratchpadId::Weights => self.resident.left + self.resident.held(),
            ScratchpadId::Activations | ScratchpadId::Outputs => 0,
        };
        self.capacities[id as usize].saturating_sub(resident)
    }

    /// A new buffer of so many bytes.
    pub(crate) fn buffer(&mut self, scratchpad: ScratchpadId, bytes: u64) -> Buffer {
        let mut buffer = Buffer::of_bytes(scratchpad, bytes);
        buffer
            .operands
            .push(Operand::whole(self.buffer_id(scratchpad)));
        buffer
    }

    /// The number of a new buffer, or of a tensor or matrix that is held in pieces.
    pub(crate) const fn buffer_id(&mut self, scratchpad: ScratchpadId) -> BufferId {
        let number = self.buffers;
        self.buffers = number.wrapping_add(1);
        BufferId {
            core: self.core,
            scratchpad,
            number,
        }
    }

    /// The operand that names rows and columns of a resident matrix.
    pub(crate) fn resident_operand(
        &mut self,
        base: u64,
        rows: &Range<u64>,
        columns: &Range<u64>,
    ) -> Operand {
        let buffer = match self.resident.matrix(base).buffer {
            Some(buffer) => buffer,
            None => self.buffer_id(ScratchpadId::Weights),
        };
        self.resident.matrix(base).buffer = Some(buffer);
        Operand {
            buffer,
            rows: rows.into(),
            columns: columns.into(),
        }
    }

    /// The latest instruction of a unit.
    pub(crate) fn latest(&self, unit: UnitId) -> Completion {
        self.writer.latest(unit)
    }

    /// The number of an operation's next tile.
    pub(crate) fn tile(&mut self, operation: OperationId) -> u32 {
        let tile = &mut self.tiles[operation.index()];
        let this = *tile;
        *tile = tile.wrapping_add(1);
        this
    }

    /// Appends an instruction, and says what its completion is.
    pub(crate) fn issue(&mut self, step: Step) -> Completion {
        if let Some(log) = &mut self.log {
            log.issue(step.unit, step.operation, &step.data);
        }
        if let Work::Gemm(gemm) = &step.work {
            self.macs[step.operation.index()] += gemm.macs();
        }
        self.writer.write(step)
    }

    /// Gives a buffer back with the last instruction that was appended.
    pub(crate) fn give_with_last(&mut self, buffer: Buffer) {
        self.writer.give_with_last(buffer);
    }
}
