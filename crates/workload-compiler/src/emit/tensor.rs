//! Tensors while a pass is emitted: where they are, and after what their rows are there.

use std::ops::Range;
use std::rc::Rc;

use smallvec::SmallVec;
use tile_program::{BufferId, MemoryTarget, Operand, Region, ScratchpadId, UnitId};

use super::emitter::{After, Buffer, Emitter};
use crate::graph::{Backing, Slot, Tensor};
use crate::passes::Sequences;
use crate::plan::Home;
use crate::strips::Place;
use crate::tuning::MAX_READY_BANDS;

/// A tensor in the course of a pass.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) spec: Tensor,
    pub(crate) home: Home,
    /// Where it lies in memory, unless in a cache.
    place: Place,
    /// Rows of a band.
    band: u64,
    /// After what the rows of each band are there; empty while nothing has been said of any, and
    /// after the last use: a model has many tensors, and few of them are in use at a time.
    ready: Vec<After>,
    pub(crate) users: After,
    /// Bytes held on chip, and the buffer that they are.
    held: u64,
    buffer: Option<BufferId>,
    /// The pass begins with it, and nothing has been written since.
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
            users: After::default(),
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

    pub(crate) const fn on_chip(&self) -> Option<ScratchpadId> {
        match self.home {
            Home::Chip(scratchpad) => Some(scratchpad),
            Home::Memory => None,
        }
    }

    /// Rows and columns where they are held; `None` of a tensor in memory.
    pub(crate) fn operand(&self, rows: &Range<u64>, columns: &Range<u64>) -> Option<Operand> {
        self.buffer.map(|buffer| Operand {
            buffer,
            rows: rows.into(),
            columns: columns.into(),
        })
    }

    /// All columns.
    pub(crate) const fn columns(&self) -> Range<u64> {
        0..self.spec.width
    }

    /// What the pass begins with is there after this.
    pub(crate) fn begin(&mut self, after: &After) {
        self.begun = true;
        self.ready = vec![after.clone(); self.count()];
    }

    /// How many bands there are.
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

    /// After what these rows are there.
    pub(crate) fn ready(&self, rows: &Range<u64>) -> After {
        let mut after = After::default();
        if !self.ready.is_empty() {
            for band in &self.ready[self.bands(rows)] {
                after.merge(band);
            }
        }
        after
    }

    /// These rows (or a part of their columns) are there after this.
    pub(crate) fn written(&mut self, rows: &Range<u64>, stamp: (UnitId, u64)) {
        let bands = self.bands(rows);
        if self.ready.is_empty() {
            self.ready = vec![After::default(); self.count()];
        }
        for band in &mut self.ready[bands] {
            band.add(stamp);
        }
        self.users.add(stamp);
    }

    pub(crate) fn read(&mut self, stamp: (UnitId, u64)) {
        self.users.add(stamp);
    }

    /// Bytes of a piece on chip.
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

    /// Whether a further piece would be more than all of it: it is overwritten.
    pub(crate) const fn is_full(&self, bytes: u64) -> bool {
        self.held + bytes > self.piece(self.spec.rows, self.spec.width)
    }

    /// Ends its use: all that is held, to be given back.
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

    /// Where rows and columns lie in memory.
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

    /// A whole tensor as one region.
    pub(crate) fn all(&self) -> Region {
        self.place.all()
    }
}
