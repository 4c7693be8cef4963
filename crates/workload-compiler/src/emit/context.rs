//! What stages share while they are emitted: the books, the tensors, the units.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tile_program::{
    Family, GemmTile, OperationId, ScratchpadId, Stream, Target, TransferTile, UnitId, VectorTile,
    Work,
};

use super::emitter::{After, Buffer, Emitter, Step};
use super::rank::Seat;
use super::tensor::{Live, Slots};
use crate::graph::{Backing, Graph, Slot, Stage, Tensor, TensorId, VectorStep};
use crate::plan::{Home, packed};

/// What stages share while they are emitted.
pub(crate) struct Context {
    pub(crate) emitter: Emitter,
    pub(crate) tensors: Vec<Live>,
    /// Those of which bytes are held on chip.
    held: BTreeSet<TensorId>,
    pub(crate) units: Units,
    /// Of each operation.
    families: Vec<Option<Family>>,
    /// How many GEMMs stand side by side, by array and tile.
    packed: BTreeMap<(usize, u64, u64, u64, u64), u64>,
    /// Who has read each region of activations: several tensors share one.
    pub(super) slot_readers: Vec<After>,
    /// What earlier passes wrote to main memory (caches, states) is there after this.
    pub(crate) past: After,
    /// Earlier passes are over, and with them the token that this one begins with is known.
    pub(super) token: After,
    /// No pass comes after this one.
    pub(super) last: bool,
    /// The stage that is being emitted, and the last one that uses each matrix that stays.
    pub(super) stage: usize,
    last_uses: BTreeMap<u64, usize>,
    pub(super) seat: Seat,
    /// Where what goes to cores of the same chip lies, and how many bytes there are.
    pub(super) mailbox: (u64, u64),
}

/// What vector work reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) source: Stream,
    pub(crate) operand: Option<Stream>,
    pub(crate) result: Stream,
}

/// Units by their work.
#[derive(Clone, Debug)]
pub(crate) struct Units {
    pub(crate) target: Target,
    pub(crate) arrays: Vec<UnitId>,
    pub(crate) vector: UnitId,
    pub(crate) load: UnitId,
    pub(crate) store: UnitId,
    pub(crate) access: u64,
}

impl Units {
    pub(crate) fn new(target: &Target) -> Self {
        let arrays = &target.arrays;
        Self {
            arrays: arrays.iter().map(|array| array.unit).collect(),
            target: target.clone(),
            vector: target.vector,
            load: target.load,
            store: target.store,
            access: target.memory.access.get(),
        }
    }
}

impl Context {
    /// What a pass begins with: its tensors, each with its home, and what earlier passes have done.
    pub(super) fn new(
        mut emitter: Emitter,
        graph: &Graph,
        homes: &[Home],
        slots: &Slots,
        units: Units,
        seat: Seat,
        last: bool,
    ) -> Self {
        let count = |unit: UnitId| (unit, emitter.count(unit));
        let past = After::from(count(units.store));
        let mut token = past.clone();
        for &unit in units.arrays.iter().chain([&units.vector]) {
            token.add(count(unit));
        }
        let loads = After::from(count(units.load));
        // Those of other cores, too.
        let mut slot_readers = std::mem::take(&mut emitter.slot_readers);
        slot_readers.resize(Slot::COUNT, After::default());
        for readers in &mut slot_readers {
            readers.merge(&loads);
        }
        let tensors = graph.tensors.iter();
        let mailboxes = tensors
            .clone()
            .filter(|tensor| matches!(tensor.backing, Backing::Slot(Slot::Mailbox)));
        let mailbox = (
            slots[Slot::Mailbox as usize],
            mailboxes.map(|tensor| tensor.width).max().unwrap_or(0),
        );
        let memory = &units.target.memory;
        let begin = |(&spec, &home): (&Tensor, &Home)| {
            let sequences = graph.sequences[spec.microbatch].clone();
            let mut live = Live::new(spec, home, slots, memory, sequences, &mut emitter);
            if matches!(spec.backing, Backing::Slot(Slot::Residual)) {
                live.begin(&token);
            }
            live
        };
        let tensors = tensors.zip(homes).map(begin).collect();
        Self {
            tensors,
            held: BTreeSet::new(),
            emitter,
            units,
            families: graph
                .operations
                .iter()
                .map(|operation| operation.family)
                .collect(),
            packed: BTreeMap::new(),
            slot_readers,
            past,
            token,
            last,
            stage: 0,
            last_uses: last_uses(&graph.stages),
            seat,
            mailbox,
        }
    }

    /// The arrays that share a stage, by their places in the target: its own first.
    pub(crate) fn team(&self, array: usize, operation: OperationId) -> Vec<usize> {
        let family = self.families[operation.index()];
        crate::graph::team(&self.units.target, array, family)
    }

    /// A tile of independent GEMMs, as many of them side by side as are faster so.
    pub(crate) fn pack(&mut self, array: usize, tile: GemmTile) -> Work {
        if tile.repeat == 1 {
            return Work::Gemm(tile);
        }
        let side_by_side = *self
            .packed
            .entry((array, tile.m, tile.n, tile.k, tile.repeat))
            .or_insert_with(|| packed(&self.units.target, array, tile).side_by_side);
        Work::Gemm(GemmTile {
            side_by_side,
            ..tile
        })
    }

    pub(crate) fn tensor(&mut self, id: TensorId) -> &mut Live {
        &mut self.tensors[id.0]
    }

    /// The tensors of which bytes are held on chip.
    pub(super) const fn held(&self) -> &BTreeSet<TensorId> {
        &self.held
    }

    /// The bytes of a new piece of a tensor on chip.
    pub(crate) fn hold(&mut self, id: TensorId, scratchpad: ScratchpadId, bytes: u64) -> Buffer {
        if bytes > 0 {
            self.held.insert(id);
        }
        self.tensors[id.0].hold(scratchpad, bytes, &mut self.emitter)
    }

    /// All that is held of a tensor that no further stage touches, to be given back.
    pub(super) fn release(&mut self, id: TensorId) -> Option<Buffer> {
        self.held.remove(&id);
        self.tensors[id.0].release()
    }

    /// Whether no further stage of the pass uses a matrix that stays.
    pub(crate) fn is_last_use(&self, base: u64) -> bool {
        self.last_uses.get(&base) == Some(&self.stage)
    }

    /// Loads a piece of a tensor in memory into a scratchpad.
    pub(crate) fn load_piece(
        &mut self,
        (operation, tile): (OperationId, u32),
        tensor: TensorId,
        rows: &Range<u64>,
        stride: u64,
        columns: &Range<u64>,
    ) -> Buffer {
        let live = &self.tensors[tensor.0];
        let count = (rows.end - rows.start).div_ceil(stride);
        let bytes = live.piece(count, columns.end - columns.start);
        let ready = live.ready(rows);
        let regions = live.regions(rows, stride, columns);
        let mut buffer = self.emitter.buffer(ScratchpadId::Activations, bytes);
        for (index, region) in regions.into_iter().enumerate() {
            let work = Work::Transfer(TransferTile {
                region,
                scratchpad: ScratchpadId::Activations,
            });
            let mut step = Step::new(self.units.load, operation, tile, work)
                .after(&ready)
                .write(&buffer);
            if index == 0 {
                step = step.take(&buffer);
            }
            let stamp = self.emitter.issue(step);
            buffer.written(stamp);
            self.tensors[tensor.0].read(stamp);
            if let Backing::Slot(slot) = self.tensors[tensor.0].spec.backing {
                self.slot_readers[slot as usize].add(stamp);
            }
        }
        buffer
    }

    /// Stores a buffer as a piece of a tensor in memory, and gives the buffer back.
    pub(crate) fn store_piece(
        &mut self,
        (operation, tile): (OperationId, u32),
        mut buffer: Buffer,
        tensor: TensorId,
        rows: &Range<u64>,
        columns: &Range<u64>,
    ) {
        let live = &self.tensors[tensor.0];
        let readers = match live.spec.backing {
            Backing::Slot(slot) => self.slot_readers[slot as usize].clone(),
            Backing::Cache(_) | Backing::Rows(_) => After::default(),
        };
        let regions = live.regions(rows, 1, columns);
        let last = regions.len() - 1;
        let scratchpad = buffer.scratchpad;
        for (index, region) in regions.into_iter().enumerate() {
            let work = Work::Transfer(TransferTile { region, scratchpad });
            let mut step = Step::new(self.units.store, operation, tile, work).read(&buffer);
            step.overwrites.merge(&readers);
            if index == last {
                let empty = Buffer::empty(scratchpad);
                step = step.give(std::mem::replace(&mut buffer, empty));
            }
            let stamp = self.emitter.issue(step);
            self.tensors[tensor.0].written(rows, stamp);
        }
    }

    /// Vector work on `rows` rows of `columns` elements.
    pub(crate) fn vector_work(
        step: &VectorStep,
        rows: u64,
        columns: u64,
        streams: Streams,
    ) -> Work {
        let elements = step.elements(rows, columns);
        let rows = step
            .group
            .map_or(rows, |group| rows * columns.div_ceil(group));
        Work::Vector(VectorTile {
            kind: step.kind,
            elements: elements.max(1),
            rows,
            source: streams.source,
            operand: streams.operand,
            result: streams.result,
        })
    }

    /// Where the elements of a tensor are while they are worked on: where it is held, or in the
    /// activation scratchpad, through which it passes.
    pub(crate) fn home(&self, tensor: TensorId) -> Stream {
        let live = &self.tensors[tensor.0];
        let scratchpad = live.on_chip().unwrap_or(ScratchpadId::Activations);
        Stream::new(scratchpad, live.spec.bits)
    }

    /// The same of a second operand, if there is one.
    pub(crate) fn stream(&self, operand: Option<TensorId>) -> Option<Stream> {
        operand.map(|tensor| self.home(tensor))
    }
}

/// The last stage that uses each matrix that stays, by its address.
fn last_uses(stages: &[Stage]) -> BTreeMap<u64, usize> {
    let mut last = BTreeMap::new();
    for (index, stage) in stages.iter().enumerate() {
        let Stage::Gemm(stage) = stage else {
            continue;
        };
        let parts = stage.sections.iter().flat_map(|section| &section.parts);
        last.extend(
            parts
                .filter(|part| part.kept)
                .map(|part| (part.weights.base, index)),
        );
    }
    last
}
