//! Tensors while a pass is emitted: where they are, and after which completions their rows are
//! there.

use std::collections::BTreeSet;
use std::ops::{Index, IndexMut, Range};
use std::rc::Rc;

use smallvec::SmallVec;
use tile_program::{BufferId, MemoryTarget, Operand, Region, ScratchpadId};

use super::buffer::Buffer;
use super::dependencies::{Completion, Dependencies};
use super::emitter::Emitter;
use crate::graph::{Backing, Slot, Tensor, TensorId};
use crate::passes::Sequences;
use crate::plan::Home;
use crate::strips::Place;
use crate::tuning::MAX_READY_BANDS;

/// A tensor while a pass is emitted: where its bytes are, and who has written and read them.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) spec: Tensor,
    pub(crate) home: Home,
    /// The tensor's place in main memory, unless it is in a cache.
    place: Place,
    /// The number of rows of a band.
    band: u64,
    /// For each band, the completions after which its rows are there. Empty before the first write
    /// and after the last use: a model has many tensors, and few of them are in use at a time.
    ready: Vec<Dependencies>,
    /// All instructions that have written or read the tensor.
    pub(crate) users: Dependencies,
    /// The bytes held on chip so far, and the buffer that instructions name for them.
    held: u64,
    buffer: Option<BufferId>,
    /// The pass begins with the tensor, and no instruction has written it since.
    begun: bool,
    sequences: Rc<[Sequences]>,
}

/// Addresses of the activation slots.
pub(crate) type Slots = [u64; Slot::COUNT];

impl Live {
    pub(crate) fn new(
        spec: Tensor,
        home: Home,
        slots: &Slots,
        memory: &MemoryTarget,
        sequences: Rc<[Sequences]>,
        emitter: &mut Emitter,
    ) -> Self {
        let band = spec.rows.div_ceil(MAX_READY_BANDS).max(1);
        let base = match spec.backing {
            Backing::Slot(slot) => slots[slot as usize],
            Backing::Rows(address) => address,
            Backing::Cache(_) => 0,
        };
        Self {
            place: Place::new(base, &spec.extent(), memory),
            band,
            ready: Vec::new(),
            users: Dependencies::default(),
            held: 0,
            buffer: match home {
                Home::Chip(scratchpad) => Some(emitter.buffer_id(scratchpad)),
                Home::Memory => None,
            },
            begun: false,
            sequences,
            spec,
            home,
        }
    }

    /// The scratchpad that holds the tensor; `None` if it lies in main memory.
    pub(crate) const fn on_chip(&self) -> Option<ScratchpadId> {
        match self.home {
            Home::Chip(scratchpad) => Some(scratchpad),
            Home::Memory => None,
        }
    }

    /// The operand that names rows and columns on chip; `None` if the tensor is in main memory.
    pub(crate) fn operand(&self, rows: &Range<u64>, columns: &Range<u64>) -> Option<Operand> {
        self.buffer.map(|buffer| Operand {
            buffer,
            rows: rows.into(),
            columns: columns.into(),
        })
    }

    /// The range of all of the tensor's columns.
    pub(crate) const fn columns(&self) -> Range<u64> {
        0..self.spec.width
    }

    /// Marks the tensor as one that the pass begins with, there after these completions.
    pub(crate) fn begin(&mut self, after: &Dependencies) {
        self.begun = true;
        self.ready = vec![after.clone(); self.count()];
    }

    /// The number of bands.
    fn count(&self) -> usize {
        usize::try_from(self.spec.rows.div_ceil(self.band)).expect("few bands")
    }

    /// The bands that some rows lie in.
    fn bands(&self, rows: &Range<u64>) -> Range<usize> {
        let first = rows.start / self.band;
        let last = rows.end.div_ceil(self.band);
        let index = |band: u64| usize::try_from(band).unwrap_or(usize::MAX);
        index(first)..index(last).min(self.count())
    }

    /// The completions after which these rows are there.
    pub(crate) fn ready(&self, rows: &Range<u64>) -> Dependencies {
        let mut after = Dependencies::default();
        if !self.ready.is_empty() {
            for band in &self.ready[self.bands(rows)] {
                after.merge(band);
            }
        }
        after
    }

    /// Records an instruction that writes these rows, or a part of their columns.
    pub(crate) fn written(&mut self, rows: &Range<u64>, completion: Completion) {
        let bands = self.bands(rows);
        if self.ready.is_empty() {
            self.ready = vec![Dependencies::default(); self.count()];
        }
        for band in &mut self.ready[bands] {
            band.add(completion);
        }
        self.users.add(completion);
    }

    /// Records an instruction that reads the tensor.
    pub(crate) fn read(&mut self, completion: Completion) {
        self.users.add(completion);
    }

    /// The bytes of so many rows and columns on chip.
    pub(crate) const fn piece(&self, rows: u64, columns: u64) -> u64 {
        (rows * columns * self.spec.bits).div_ceil(8)
    }

    /// The bytes of a new piece on chip. What a pass begins with holds no bytes: whoever writes the
    /// tensor first writes another buffer than those read who came before.
    pub(crate) fn hold(
        &mut self,
        scratchpad: ScratchpadId,
        bytes: u64,
        emitter: &mut Emitter,
    ) -> Buffer {
        if std::mem::take(&mut self.begun) {
            self.buffer = Some(emitter.buffer_id(scratchpad));
        }
        self.held += bytes;
        Buffer::of_bytes(scratchpad, bytes)
    }

    /// Whether so many further bytes would exceed the whole tensor, so that a piece overwrites what
    /// is held.
    pub(crate) const fn is_full(&self, bytes: u64) -> bool {
        self.held + bytes > self.piece(self.spec.rows, self.spec.width)
    }

    /// Ends the tensor's use, and returns all that is held of it, to be given back.
    pub(crate) fn release(&mut self) -> Option<Buffer> {
        let ready = self.ready(&(0..self.spec.rows));
        self.ready = Vec::new();
        let users = std::mem::take(&mut self.users);
        let bytes = std::mem::take(&mut self.held);
        let buffer = Buffer::of_bytes(self.on_chip()?, bytes);
        Some(Buffer {
            ready,
            users,
            ..buffer
        })
    }

    /// The regions of main memory that rows and columns lie in; every `stride`-th row counts.
    pub(crate) fn regions(
        &self,
        rows: &Range<u64>,
        stride: u64,
        columns: &Range<u64>,
    ) -> SmallVec<[Region; 1]> {
        if let Backing::Cache(cache) = self.spec.backing {
            return cache.new_rows(&self.sequences, rows.clone(), columns);
        }
        self.place.regions(rows, stride, columns)
    }

    /// The region of main memory that the whole tensor lies in.
    pub(crate) fn all(&self) -> Region {
        self.place.all()
    }
}

/// The tensors of a pass, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Tensors {
    all: Vec<Live>,
    /// The tensors of which bytes are held on chip.
    held: BTreeSet<TensorId>,
}

impl Tensors {
    /// The tensors of a pass, in the order of their numbers. Nothing is held of them yet.
    pub(super) fn new(all: Vec<Live>) -> Self {
        Self {
            all,
            held: BTreeSet::new(),
        }
    }

    /// The tensors of which bytes are held on chip.
    pub(super) const fn held(&self) -> &BTreeSet<TensorId> {
        &self.held
    }

    /// The bytes of a new piece of a tensor on chip.
    pub(super) fn hold(
        &mut self,
        id: TensorId,
        scratchpad: ScratchpadId,
        bytes: u64,
        emitter: &mut Emitter,
    ) -> Buffer {
        if bytes > 0 {
            self.held.insert(id);
        }
        self[id].hold(scratchpad, bytes, emitter)
    }

    /// All that is held of a tensor that no further stage touches, to be given back.
    pub(super) fn release(&mut self, id: TensorId) -> Option<Buffer> {
        self.held.remove(&id);
        self[id].release()
    }
}

impl Index<TensorId> for Tensors {
    type Output = Live;

    fn index(&self, id: TensorId) -> &Live {
        &self.all[id.0]
    }
}

impl IndexMut<TensorId> for Tensors {
    fn index_mut(&mut self, id: TensorId) -> &mut Live {
        &mut self.all[id.0]
    }
}
