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

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use quantities::Bytes;
use smallvec::SmallVec;
use tile_program::{
    BufferId, Claim, CoreId, Instruction, Operand, Operands, OperationId, ScratchpadId, Target,
    UnitId, Wait, WaitReason, Waits, Work,
};

use super::log::DependencyLog;
use super::pool::Pool;
use super::resident::Kept;
use super::tensor::Live;

/// A set of completions: for each unit in it, so many of its instructions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct After(SmallVec<[(UnitId, u64); 4]>);

impl After {
    pub(crate) fn add(&mut self, (unit, completed): (UnitId, u64)) {
        match self.0.iter_mut().find(|(known, _)| *known == unit) {
            Some((_, known)) => *known = (*known).max(completed),
            None => self.0.push((unit, completed)),
        }
    }

    pub(super) fn stamps(&self) -> impl Iterator<Item = (UnitId, u64)> {
        self.0.iter().copied()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for &stamp in &other.0 {
            self.add(stamp);
        }
    }
}

impl From<(UnitId, u64)> for After {
    fn from(stamp: (UnitId, u64)) -> Self {
        let mut this = Self::default();
        this.add(stamp);
        this
    }
}

/// Bytes held in a scratchpad: who writes them and who reads them.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    pub(crate) scratchpad: ScratchpadId,
    pub(crate) bytes: u64,
    /// What an instruction names that reads or writes it: one operand, or those of the buffers that
    /// it was joined from. Empty where nothing is held.
    pub(crate) operands: SmallVec<[Operand; 1]>,
    /// The data are there after this.
    pub(crate) ready: After,
    /// Everybody who has used them so far.
    pub(crate) users: After,
}

impl Buffer {
    /// Bytes that belong to no buffer yet: those that a tensor on chip grows by, or none.
    pub(crate) fn of_bytes(scratchpad: ScratchpadId, bytes: u64) -> Self {
        Self {
            scratchpad,
            bytes,
            operands: SmallVec::new(),
            ready: After::default(),
            users: After::default(),
        }
    }

    /// Nothing: stands where a buffer has been given back.
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

    /// Somebody writes it.
    pub(crate) fn written(&mut self, stamp: (UnitId, u64)) {
        self.ready = stamp.into();
        self.users.add(stamp);
    }

    /// Somebody reads it.
    pub(crate) fn read(&mut self, stamp: (UnitId, u64)) {
        self.users.add(stamp);
    }
}

/// An instruction in the making.
pub(crate) struct Step {
    pub(crate) unit: UnitId,
    pub(crate) operation: OperationId,
    pub(crate) tile: u32,
    pub(crate) work: Work,
    /// What it reads must be there.
    pub(crate) data: After,
    /// What it overwrites must be read, beyond what the bytes it takes ask for.
    pub(crate) overwrites: After,
    reads: Operands,
    writes: Operands,
    takes: [u64; 3],
    /// Bytes that are taken of those set aside for matrices that stay.
    keeps: u64,
    gives: SmallVec<[(ScratchpadId, u64, After); 2]>,
}

impl Step {
    pub(crate) fn new(unit: UnitId, operation: OperationId, tile: u32, work: Work) -> Self {
        Self {
            unit,
            operation,
            tile,
            work,
            data: After::default(),
            overwrites: After::default(),
            reads: Operands::new(),
            writes: Operands::new(),
            takes: [0; 3],
            keeps: 0,
            gives: SmallVec::new(),
        }
    }

    /// Reads after these completions.
    pub(crate) fn after(mut self, after: &After) -> Self {
        self.data.merge(after);
        self
    }

    /// Comes after these instructions: those of other units are complete by then, of those of its
    /// own it is enough that they have begun. An array adds to its own sums in order, however
    /// closely its instructions follow one another.
    pub(crate) fn in_order_after(mut self, after: &After) -> Self {
        for stamp in after.stamps().filter(|(unit, _)| *unit != self.unit) {
            self.data.add(stamp);
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

    /// Reads operands; that it waits for them is said elsewhere.
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

    /// Writes operands.
    pub(crate) fn write_operands(mut self, operands: &[Operand]) -> Self {
        self.writes.extend_from_slice(operands);
        self
    }

    /// Takes the bytes of a buffer when it starts.
    pub(crate) fn take(mut self, buffer: &Buffer) -> Self {
        self.takes[buffer.scratchpad as usize] += buffer.bytes;
        self
    }

    /// Takes bytes that were set aside for matrices that stay when it starts.
    pub(super) const fn keep(mut self, bytes: u64) -> Self {
        self.keeps = bytes;
        self
    }

    /// Gives the bytes of a buffer back when it completes.
    pub(crate) fn give(mut self, buffer: Buffer) -> Self {
        if buffer.bytes > 0 {
            self.gives
                .push((buffer.scratchpad, buffer.bytes, buffer.users));
        }
        self
    }
}

/// Books of a whole run.
#[derive(Debug)]
pub(crate) struct Emitter {
    /// Instructions given to each unit so far.
    counts: Vec<u64>,
    /// The number of the core's first unit.
    first: usize,
    core: CoreId,
    /// Buffers numbered so far.
    buffers: u32,
    /// Units that may begin an instruction before the last has ended: arrays, receiving end.
    overlapping: Vec<UnitId>,
    receive: Option<UnitId>,
    /// `known[u][v]`: the core's unit u has already waited for so many instructions of unit v.
    known: Vec<Vec<u64>>,
    pools: [Pool; 3],
    capacities: [u64; 3],
    queue: VecDeque<Instruction>,
    /// What every instruction waits for.
    barrier: After,
    /// Next tile of each operation of the pass, and multiply-accumulates emitted.
    tiles: Vec<u32>,
    macs: Vec<u64>,
    pub(super) kept: Kept,
    log: Option<DependencyLog>,
    /// Collectives so far, and pieces handed on and taken over.
    pub(super) exchanges: Exchanges,
    /// Between passes: who has read each region of activations.
    pub(super) slot_readers: Vec<After>,
}

/// How much has been exchanged since the start of the run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exchanges {
    pub(super) collectives: u64,
    pub(super) handed: u64,
    pub(super) taken: u64,
}

impl Emitter {
    /// Books of a core of a machine that has so many units in all.
    pub(crate) fn new(target: &Target, units: usize, kept: Kept) -> Self {
        let own: Vec<_> = target.units().map(|(unit, _)| unit.index()).collect();
        let first = *own.iter().min().expect("a core has units");
        let capacities = ScratchpadId::ALL.map(|id| target.capacity(id).get());
        let mut free = capacities;
        free[ScratchpadId::Weights as usize] -= kept.left;
        Self {
            counts: vec![0; units],
            first,
            core: target.core,
            buffers: 0,
            overlapping: target
                .arrays
                .iter()
                .map(|array| array.unit)
                .chain(target.receive)
                .collect(),
            receive: target.receive,
            known: vec![vec![0; units]; own.len()],
            pools: free.map(Pool::new),
            capacities,
            queue: VecDeque::new(),
            barrier: After::default(),
            tiles: Vec::new(),
            macs: Vec::new(),
            kept,
            log: None,
            exchanges: Exchanges::default(),
            slot_readers: Vec::new(),
        }
    }

    /// Notes from now on which operations read what which others make.
    pub(crate) fn record_dependencies(&mut self) {
        self.log = Some(DependencyLog::default());
    }

    /// For each operation of the latest pass, those whose results it reads, if that was asked for.
    pub(crate) fn dependencies(&self) -> Option<&[BTreeSet<OperationId>]> {
        self.log.as_ref().map(|log| &log.dependencies[..])
    }

    pub(crate) fn begin_pass(&mut self, operations: usize) {
        self.barrier = After::default();
        if let Some(log) = &mut self.log {
            log.begin_pass(&self.counts, operations);
        }
        self.tiles = vec![0; operations];
        self.macs = vec![0; operations];
    }

    /// Whatever is appended from here on waits for whatever has been appended so far.
    pub(crate) fn separate(&mut self) {
        let target = (0_u16..).zip(&self.counts);
        self.barrier = After::default();
        for (unit, &count) in target {
            self.barrier.add((UnitId(unit), count));
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Instruction> {
        self.queue.pop_front()
    }

    /// Whether all instructions so far have been given.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Multiply-accumulates emitted for each operation of the pass.
    pub(crate) fn macs(&self) -> &[u64] {
        &self.macs
    }

    /// Ends a pass: asserts that nothing is held but what stays.
    pub(crate) fn end_pass(&mut self) {
        for matrix in self.kept.matrices.values_mut() {
            matrix.whole = true;
        }
        for (id, pool) in ScratchpadId::ALL.iter().zip(&self.pools) {
            assert_eq!(
                pool.free(),
                self.room(*id),
                "bytes of the {} scratchpad are held beyond the pass",
                id.name()
            );
        }
    }

    /// Bytes of a scratchpad, less what is set aside for matrices that stay.
    pub(crate) fn room(&self, id: ScratchpadId) -> u64 {
        let kept = match id {
            ScratchpadId::Weights => self.kept.left + self.kept.held(),
            ScratchpadId::Activations | ScratchpadId::Outputs => 0,
        };
        self.capacities[id as usize].saturating_sub(kept)
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

    /// Rows and columns of a matrix that stays from pass to pass.
    pub(crate) fn kept_operand(
        &mut self,
        base: u64,
        rows: &Range<u64>,
        columns: &Range<u64>,
    ) -> Operand {
        let buffer = match self.kept.matrix(base).buffer {
            Some(buffer) => buffer,
            None => self.buffer_id(ScratchpadId::Weights),
        };
        self.kept.matrix(base).buffer = Some(buffer);
        Operand {
            buffer,
            rows: rows.into(),
            columns: columns.into(),
        }
    }

    /// Instructions given to a unit so far.
    pub(crate) fn count(&self, unit: UnitId) -> u64 {
        self.counts[unit.index()]
    }

    /// The number of an operation's next tile.
    pub(crate) fn tile(&mut self, operation: OperationId) -> u32 {
        let tile = &mut self.tiles[operation.index()];
        let this = *tile;
        *tile = tile.wrapping_add(1);
        this
    }

    /// Appends an instruction; says what its completion is.
    pub(crate) fn issue(&mut self, step: Step) -> (UnitId, u64) {
        let Step {
            unit,
            operation,
            tile,
            work,
            data,
            overwrites,
            reads,
            writes,
            takes,
            keeps,
            gives,
        } = step;
        if let Some(log) = &mut self.log {
            log.issue(unit, operation, &data);
        }
        let mut space = After::default();
        let mut claims: SmallVec<[Claim; 2]> = SmallVec::new();
        for (id, bytes) in ScratchpadId::ALL.into_iter().zip(takes) {
            let kept = match id {
                ScratchpadId::Weights => keeps,
                ScratchpadId::Activations | ScratchpadId::Outputs => 0,
            };
            if bytes + kept == 0 {
                continue;
            }
            let fits = self.pools[id as usize].take(bytes, &mut space);
            assert!(
                fits,
                "a plan takes more of the {} scratchpad than it has",
                id.name()
            );
            claims.push(Claim {
                scratchpad: id,
                bytes: Bytes(bytes + kept),
            });
        }
        // Whatever a unit itself still reads, it has read before it writes anew, but for the links.
        for stamp in overwrites.stamps() {
            if stamp.0 != unit || self.receive == Some(unit) {
                space.add(stamp);
            }
        }
        let mut data = data;
        data.merge(&self.barrier);
        let waits = self.waits(unit, &data, &space);
        self.counts[unit.index()] += 1;
        let stamp = (unit, self.counts[unit.index()]);
        let mut given = [0; 3];
        for (id, bytes, mut users) in gives {
            given[id as usize] += bytes;
            users.add(stamp);
            self.pools[id as usize].give(bytes, users);
        }
        if let Work::Gemm(gemm) = &work {
            self.macs[operation.index()] += gemm.macs();
        }
        self.queue.push_back(Instruction {
            unit,
            operation,
            tile,
            work,
            waits,
            takes: claims,
            gives: claims_of(given),
            reads,
            writes,
        });
        stamp
    }

    /// Gives a buffer back with the last instruction that was appended; whatever has taken its
    /// bytes has started by then, though it be on another of several arrays.
    pub(crate) fn give_with_last(&mut self, buffer: Buffer) {
        if buffer.bytes == 0 {
            return;
        }
        let unit = self.queue.back().map(|last| last.unit);
        let unit = unit.expect("a stage ends with an instruction");
        let mut others = After::default();
        for stamp in buffer.ready.stamps().filter(|stamp| stamp.0 != unit) {
            others.add(stamp);
        }
        let waits = self.waits(unit, &others, &After::default());
        let last = self.queue.back_mut().expect("just seen");
        for wait in waits {
            last.waits.retain(|known| known.unit != wait.unit);
            last.waits.push(wait);
        }
        let stamp = (last.unit, self.counts[last.unit.index()]);
        let bytes = Bytes(buffer.bytes);
        match last
            .gives
            .iter_mut()
            .find(|claim| claim.scratchpad == buffer.scratchpad)
        {
            Some(claim) => claim.bytes += bytes,
            None => last.gives.push(Claim {
                scratchpad: buffer.scratchpad,
                bytes,
            }),
        }
        let mut users = buffer.users;
        users.add(stamp);
        self.pools[buffer.scratchpad as usize].give(buffer.bytes, users);
    }

    /// The waits that are not met anyway: on other units (and on its own, if instructions overlap
    /// there), beyond what this unit has waited for before. Where one unit is waited for twice, the
    /// later completion decides, and the reason with it.
    fn waits(&mut self, unit: UnitId, data: &After, space: &After) -> Waits {
        let mut waits = Waits::new();
        let known = &mut self.known[unit.index() - self.first];
        for (after, reason) in [(data, WaitReason::Data), (space, WaitReason::Buffer)] {
            for &(other, completed) in &after.0 {
                let met = other == unit && !self.overlapping.contains(&unit);
                if met || completed <= known[other.index()] {
                    continue;
                }
                known[other.index()] = completed;
                waits.retain(|wait: &mut Wait| wait.unit != other);
                waits.push(Wait {
                    unit: other,
                    completed,
                    reason,
                });
            }
        }
        waits
    }
}

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
