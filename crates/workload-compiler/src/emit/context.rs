//! What the stages of a pass share while they are emitted: the emitter, the tensors, the units.

use std::collections::BTreeMap;
use std::ops::Range;

use tile_program::{
    Family, GemmTile, OperationId, ScratchpadId, Stream, Target, TransferTile, UnitId, VectorTile,
    Work,
};

use super::buffer::Buffer;
use super::dependencies::Dependencies;
use super::emitter::Emitter;
use super::rank::RankContext;
use super::step::Step;
use super::tensor::{Live, Slots, Tensors};
use crate::graph::{Backing, Graph, Slot, Stage, Tensor, TensorId, VectorStep};
use crate::plan::{Home, packed};

/// What the stages of a pass share while they are emitted.
pub(crate) struct Context {
    pub(crate) emitter: Emitter,
    pub(crate) tensors: Tensors,
    pub(crate) units: Units,
    pub(super) arrays: ArrayChoice,
    /// For each region of activations, its readers: several tensors share a region.
    pub(super) slot_readers: Vec<Dependencies>,
    pub(super) history: History,
    pub(super) resident_uses: ResidentUses,
    pub(super) rank: RankContext,
    pub(super) mailbox: Mailbox,
}

/// What earlier passes leave, and whether later ones follow.
pub(super) struct History {
    /// After these completions, what earlier passes wrote to main memory (caches, states) is there.
    pub(super) stored: Dependencies,
    /// After these completions earlier passes are over, and the token that this one begins with is
    /// known.
    pub(super) token: Dependencies,
    /// Whether no pass comes after this one.
    pub(super) is_last_pass: bool,
}

/// Where cores of the same chip leave data for each other.
pub(super) struct Mailbox {
    /// The first address in main memory.
    pub(super) base: u64,
    pub(super) bytes: u64,
}

/// Which stages use which resident matrices.
pub(super) struct ResidentUses {
    /// The number of the stage that is being emitted.
    pub(super) stage: usize,
    /// For each resident matrix, by its address, the last stage of the pass that uses it.
    last_uses: BTreeMap<u64, usize>,
}

impl ResidentUses {
    /// Whether no further stage of the pass uses a matrix.
    pub(super) fn is_last_use(&self, base: u64) -> bool {
        self.last_uses.get(&base) == Some(&self.stage)
    }
}

/// Which arrays share an operation's work, and how an array takes independent GEMMs.
pub(super) struct ArrayChoice {
    /// For each operation, the family of arrays that it runs on; `None` for other work.
    families: Vec<Option<Family>>,
    /// How many GEMMs stand side by side on an array; a cache of what its law says, by
    /// array, m, n, k and number of GEMMs.
    side_by_side: BTreeMap<(usize, u64, u64, u64, u64), u64>,
}

impl ArrayChoice {
    /// The arrays that share an operation's work, by their places in the target; first the one
    /// that the stage names.
    pub(super) fn team(&self, target: &Target, array: usize, operation: OperationId) -> Vec<usize> {
        let family = self.families[operation.index()];
        crate::graph::team(target, array, family)
    }

    /// A tile of independent GEMMs, with as many of them side by side as is fastest.
    pub(super) fn pack(&mut self, target: &Target, array: usize, tile: GemmTile) -> Work {
        if tile.repeat == 1 {
            return Work::Gemm(tile);
        }
        let known = self
            .side_by_side
            .entry((array, tile.m, tile.n, tile.k, tile.repeat));
        let side_by_side = *known.or_insert_with(|| packed(target, array, tile).side_by_side);
        Work::Gemm(GemmTile {
            side_by_side,
            ..tile
        })
    }
}

/// What vector work reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) source: Stream,
    pub(crate) operand: Option<Stream>,
    pub(crate) result: Stream,
}

/// What a pass is emitted for: the core's units and its place among the cores, and the place of
/// the pass in the run.
pub(crate) struct PassPlace {
    pub(crate) units: Units,
    pub(crate) rank: RankContext,
    /// Whether no pass comes after this one.
    pub(crate) is_last_pass: bool,
}

/// The units of a core by their work.
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

impl History {
    /// What the emitter has issued so far is what earlier passes have done.
    fn new(emitter: &Emitter, units: &Units, is_last_pass: bool) -> Self {
        let stored = Dependencies::from(emitter.latest(units.store));
        let mut token = stored.clone();
        for &unit in units.arrays.iter().chain([&units.vector]) {
            token.add(emitter.latest(unit));
        }
        Self {
            stored,
            token,
            is_last_pass,
        }
    }
}

impl Mailbox {
    fn new(graph: &Graph, slots: &Slots) -> Self {
        let tensors = graph.tensors.iter();
        let mailboxes =
            tensors.filter(|tensor| matches!(tensor.backing, Backing::Slot(Slot::Mailbox)));
        Self {
            base: slots[Slot::Mailbox as usize],
            bytes: mailboxes.map(|tensor| tensor.width).max().unwrap_or(0),
        }
    }
}

impl Context {
    /// The context of a pass that begins: its tensors, each with its home, and what earlier passes
    /// have left.
    pub(super) fn new(
        graph: &Graph,
        homes: &[Home],
        slots: &Slots,
        mut emitter: Emitter,
        pass: PassPlace,
    ) -> Self {
        let PassPlace {
            units,
            rank,
            is_last_pass,
        } = pass;
        let history = History::new(&emitter, &units, is_last_pass);
        let slot_readers = slot_readers(&mut emitter, &units);
        let memory = &units.target.memory;
        let begin = |(&spec, &home): (&Tensor, &Home)| {
            let sequences = graph.sequences[spec.microbatch].clone();
            let mut live = Live::new(spec, home, slots, memory, sequences, &mut emitter);
            if matches!(spec.backing, Backing::Slot(Slot::Residual)) {
                live.begin(&history.token);
            }
            live
        };
        let tensors = Tensors::new(graph.tensors.iter().zip(homes).map(begin).collect());
        let operations = graph.operations.iter();
        Self {
            tensors,
            emitter,
            units,
            arrays: ArrayChoice {
                families: operations.map(|operation| operation.family).collect(),
                side_by_side: BTreeMap::new(),
            },
            slot_readers,
            history,
            resident_uses: ResidentUses {
                stage: 0,
                last_uses: last_uses(&graph.stages),
            },
            rank,
            mailbox: Mailbox::new(graph, slots),
        }
    }

    /// The arrays that share an operation's work; see [`ArrayChoice::team`].
    pub(crate) fn team(&self, array: usize, operation: OperationId) -> Vec<usize> {
        self.arrays.team(&self.units.target, array, operation)
    }

    /// A tile of independent GEMMs; see [`ArrayChoice::pack`].
    pub(crate) fn pack(&mut self, array: usize, tile: GemmTile) -> Work {
        self.arrays.pack(&self.units.target, array, tile)
    }

    /// The bytes of a new piece of a tensor on chip.
    pub(crate) fn hold(&mut self, id: TensorId, scratchpad: ScratchpadId, bytes: u64) -> Buffer {
        self.tensors.hold(id, scratchpad, bytes, &mut self.emitter)
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
        let live = &self.tensors[tensor];
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
            let completion = self.emitter.issue(step);
            buffer.written(completion);
            self.tensors[tensor].read(completion);
            if let Backing::Slot(slot) = self.tensors[tensor].spec.backing {
                self.slot_readers[slot as usize].add(completion);
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
        let live = &self.tensors[tensor];
        let readers = match live.spec.backing {
            Backing::Slot(slot) => self.slot_readers[slot as usize].clone(),
            Backing::Cache(_) | Backing::Rows(_) => Dependencies::default(),
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
            let completion = self.emitter.issue(step);
            self.tensors[tensor].written(rows, completion);
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
        let live = &self.tensors[tensor];
        let scratchpad = live.on_chip().unwrap_or(ScratchpadId::Activations);
        Stream::new(scratchpad, live.spec.bits)
    }

    /// The same of a second operand, if there is one.
    pub(crate) fn stream(&self, operand: Option<TensorId>) -> Option<Stream> {
        operand.map(|tensor| self.home(tensor))
    }
}

/// The readers of each region of activations: those of earlier passes, on other cores too, and all
/// loads of this core so far.
fn slot_readers(emitter: &mut Emitter, units: &Units) -> Vec<Dependencies> {
    let loads = Dependencies::from(emitter.latest(units.load));
    let mut slot_readers = std::mem::take(&mut emitter.slot_readers);
    slot_readers.resize(Slot::COUNT, Dependencies::default());
    for readers in &mut slot_readers {
        readers.merge(&loads);
    }
    slot_readers
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
