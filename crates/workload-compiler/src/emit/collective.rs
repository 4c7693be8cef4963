//! A block of a collective: sending, receiving and adding up the parts of the ranks.

use std::ops::Range;
use std::task::Poll;

use quantities::Bytes;
use smallvec::SmallVec;
use tile_program::{Operand, Region, Stream, TransferTile, VectorKind, VectorTile, Work};

use super::buffer::Buffer;
use super::context::Context;
use super::dependencies::{Completion, Dependencies};
use super::exchange::EXCHANGE_SCRATCHPAD;
use super::pull::Pull;
use super::rendezvous::{CollectiveStep, Key, Message};
use super::step::Step;
use crate::graph::{Exchange, ExchangeStage, STATISTIC_BYTES, Slot};
use crate::split::Move;

/// Rows of a tensor that the ranks of a pipeline stage exchange at once.
pub(super) struct Block {
    stage: ExchangeStage,
    pub(super) rows: Range<u64>,
    tile: u32,
    /// The number of the collective, counted from the start of the run.
    collective: u64,
    /// The bytes of one rank's part.
    part_bytes: u64,
    /// The data on chip; `None` where the tensor itself is held there.
    buffer: Option<Buffer>,
    /// Bytes of the buffer that the first transfer to arrive takes.
    untaken: u64,
    /// The part of each rank.
    parts: Vec<BlockPart>,
    /// Completions of other cores that have read parts.
    readers: Dependencies,
    /// Where the block's half of the mailbox begins, in bytes from the start of the mailbox.
    mailbox: u64,
    /// The bytes of that half which are in use.
    mailed: u64,
    /// The place of the action that comes next.
    pub(super) next_action: usize,
}

/// A rank's part of a block: where it is held, and after which completions it is there.
struct BlockPart {
    operand: Operand,
    ready: Dependencies,
}

/// The data that a block begins with.
struct BlockData {
    buffer: Option<Buffer>,
    parts: Vec<BlockPart>,
    untaken: u64,
    part_bytes: u64,
}

/// Cuts an operand into the parts of `ways` ranks, which lie side by side in `columns` columns.
fn parts_of(whole: Operand, columns: u64, ways: u64, ready: &Dependencies) -> Vec<BlockPart> {
    let part = |part: u64| BlockPart {
        operand: Operand {
            columns: (&(part * columns / ways..(part + 1) * columns / ways)).into(),
            ..whole
        },
        ready: ready.clone(),
    };
    (0..ways).map(part).collect()
}

impl BlockData {
    /// Sums or maxima of rows, of which each rank has its own already.
    fn statistics(
        stage: &ExchangeStage,
        rows: &Range<u64>,
        figures: u64,
        context: &mut Context,
    ) -> Self {
        let ways = context.rank.ways;
        let bytes = (rows.end - rows.start) * figures * STATISTIC_BYTES;
        let buffer = context.emitter.buffer(EXCHANGE_SCRATCHPAD, 0);
        let ready = context.tensors[stage.tensor].ready(rows);
        Self {
            parts: parts_of(buffer.operands[0], ways, ways, &ready),
            buffer: Some(buffer),
            untaken: bytes,
            part_bytes: bytes.div_ceil(ways),
        }
    }

    /// Rows of which this rank has its own columns, and room for those of the others.
    fn gathered(
        stage: &ExchangeStage,
        rows: &Range<u64>,
        tile: u32,
        context: &mut Context,
    ) -> Self {
        let (ways, rank) = (context.rank.ways, context.rank.index);
        let live = &context.tensors[stage.tensor];
        let columns = live.columns();
        let bytes = live.piece(rows.end - rows.start, columns.end);
        let own = live.operand(rows, &columns);
        let there = live.ready(rows);
        let mut buffer = match own {
            Some(_) => Buffer::empty(EXCHANGE_SCRATCHPAD),
            None => context.load_piece((stage.operation, tile), stage.tensor, rows, 1, &columns),
        };
        let untaken = ways * bytes - buffer.bytes;
        let others = context.emitter.buffer(EXCHANGE_SCRATCHPAD, 0);
        let mut parts = parts_of(others.operands[0], ways, ways, &Dependencies::default());
        parts[usize::try_from(rank).expect("few ranks")] = match own {
            Some(operand) => BlockPart {
                operand,
                ready: there,
            },
            None => BlockPart {
                operand: buffer.operands[0],
                ready: buffer.ready.clone(),
            },
        };
        buffer.join(&others);
        Self {
            buffer: Some(buffer),
            parts,
            untaken,
            part_bytes: bytes,
        }
    }

    /// Rows of which each rank sums up its part.
    fn summed(stage: &ExchangeStage, rows: &Range<u64>, tile: u32, context: &mut Context) -> Self {
        let ways = context.rank.ways;
        let live = &context.tensors[stage.tensor];
        let columns = live.columns();
        let bytes = live.piece(rows.end - rows.start, columns.end);
        let part_bytes = bytes.div_ceil(ways);
        if let Some(own) = live.operand(rows, &columns) {
            return Self {
                buffer: None,
                parts: parts_of(own, columns.end, ways, &live.ready(rows)),
                untaken: 0,
                part_bytes,
            };
        }
        let at = (stage.operation, tile);
        let buffer = context.load_piece(at, stage.tensor, rows, 1, &columns);
        Self {
            parts: parts_of(buffer.operands[0], ways, ways, &buffer.ready),
            buffer: Some(buffer),
            untaken: 0,
            part_bytes,
        }
    }
}

impl Block {
    /// Begins a block of rows: brings them on chip, or sets up the room for statistics of them. The
    /// block uses one half of the mailbox, the one of `turn`.
    pub(super) fn begin(
        stage: &ExchangeStage,
        rows: Range<u64>,
        turn: usize,
        context: &mut Context,
    ) -> Self {
        let tile = context.emitter.tile(stage.operation);
        let data = match stage.exchange {
            Exchange::Statistics(figures) => BlockData::statistics(stage, &rows, figures, context),
            Exchange::Gather(_) => BlockData::gathered(stage, &rows, tile, context),
            _ => BlockData::summed(stage, &rows, tile, context),
        };
        let exchanges = &mut context.emitter.exchanges;
        exchanges.collectives += 1;
        Self {
            stage: *stage,
            rows,
            tile,
            collective: exchanges.collectives,
            part_bytes: data.part_bytes,
            buffer: data.buffer,
            untaken: data.untaken,
            parts: data.parts,
            readers: Dependencies::default(),
            mailbox: turn as u64 * context.mailbox.bytes / 2,
            mailed: 0,
            next_action: 0,
        }
    }

    /// The name of a transfer at the rendezvous.
    const fn name(&self, context: &Context, transfer: &Move) -> CollectiveStep {
        CollectiveStep {
            collective: self.collective,
            pipeline_stage: context.rank.pipeline_stage,
            step: transfer.step,
            from: context.rank.source_rank(transfer.from),
        }
    }

    /// The bytes of a transfer.
    const fn bytes(&self, transfer: &Move) -> u64 {
        (transfer.parts.end - transfer.parts.start) * self.part_bytes
    }

    /// Announces parts to their receiver. Where the receiver shares the memory, stores them there
    /// first.
    pub(super) fn send(&mut self, context: &mut Context, transfer: &Move) {
        let mut message = Message::default();
        for part in &self.parts[indices(&transfer.parts)] {
            message.after.merge(&part.ready);
            message.operands.push(part.operand);
        }
        if context
            .rank
            .shares_chip_with(context.rank.peer(transfer.to))
        {
            message = self.mail(context, self.bytes(transfer), &message);
        }
        let name = self.name(context, transfer);
        context.rank.post(Key::Ready(name), message);
    }

    /// Stores parts to the mailbox, and returns the message that says where they lie.
    fn mail(&mut self, context: &mut Context, bytes: u64, parts: &Message) -> Message {
        let place = Region::contiguous(
            context.mailbox.base + self.mailbox + self.mailed,
            Bytes(bytes.next_multiple_of(context.units.access)),
        );
        self.mailed += place.row_bytes.get();
        let work = Work::Transfer(TransferTile {
            region: place,
            scratchpad: EXCHANGE_SCRATCHPAD,
        });
        let unit = context.units.store;
        let mut step = Step::new(unit, self.stage.operation, self.tile, work)
            .after(&parts.after)
            .read_operands(&parts.operands);
        step.overwrites
            .merge(&context.slot_readers[Slot::Mailbox as usize]);
        let completion = context.emitter.issue(step);
        self.record_use(context, completion);
        let mut message = Message::event(completion.into());
        message.regions.push(place);
        message
    }

    /// Records a use of the block by a unit of this core.
    fn record_use(&mut self, context: &mut Context, completion: Completion) {
        match &mut self.buffer {
            Some(buffer) => buffer.read(completion),
            None => context.tensors[self.stage.tensor].read(completion),
        }
    }

    /// Receives parts, and adds them up where the collective sums; pending if they have not been
    /// sent yet.
    pub(super) fn receive(&mut self, context: &mut Context, transfer: &Move) -> Poll<()> {
        let name = self.name(context, transfer);
        let Some(message) = context.rank.take_message(Key::Ready(name)) else {
            return Poll::Pending;
        };
        let bytes = self.bytes(transfer);
        let landing = match transfer.add {
            true => context.emitter.buffer(EXCHANGE_SCRATCHPAD, bytes),
            false => Buffer::empty(EXCHANGE_SCRATCHPAD),
        };
        let parts = self.parts[indices(&transfer.parts)].iter();
        let writes: SmallVec<[Operand; 1]> = match transfer.add {
            true => landing.operands.clone(),
            false => parts.map(|part| part.operand).collect(),
        };
        let room = Buffer::of_bytes(EXCHANGE_SCRATCHPAD, std::mem::take(&mut self.untaken));
        if let Some(buffer) = &mut self.buffer {
            buffer.bytes += room.bytes;
        }
        let pull = Pull {
            at: (self.stage.operation, self.tile),
            peer: context.rank.peer(transfer.from),
            bytes,
            message: &message,
            writes: &writes,
        };
        let mut completion = pull.issue(context, |step| step.take(&landing).take(&room));
        let read = Message::event(completion.into());
        context.rank.post(Key::Read(name), read);
        if transfer.add {
            completion = self.add(context, transfer, landing, completion);
        }
        for part in &mut self.parts[indices(&transfer.parts)] {
            part.ready = completion.into();
        }
        self.record_use(context, completion);
        Poll::Ready(())
    }

    /// Adds received parts to this core's own. `received` is the completion of their transfer.
    fn add(
        &self,
        context: &mut Context,
        transfer: &Move,
        mut landing: Buffer,
        received: Completion,
    ) -> Completion {
        let bits = match self.stage.exchange {
            Exchange::Statistics(_) => 8 * STATISTIC_BYTES,
            _ => context.tensors[self.stage.tensor].spec.bits,
        };
        let stream = Stream::new(EXCHANGE_SCRATCHPAD, bits);
        let work = Work::Vector(VectorTile {
            kind: VectorKind::Add,
            elements: (landing.bytes * 8).div_ceil(bits),
            rows: 1,
            source: stream,
            operand: Some(stream),
            result: stream,
        });
        landing.written(received);
        let unit = context.units.vector;
        let mut step = Step::new(unit, self.stage.operation, self.tile, work).read(&landing);
        for part in &self.parts[indices(&transfer.parts)] {
            let operand = [part.operand];
            step = step.after(&part.ready).read_operands(&operand);
            step = step.write_operands(&operand);
        }
        context.emitter.issue(step.give(landing))
    }

    /// Takes the message that what was sent has been read; pending if it has not been yet.
    pub(super) fn await_read(&mut self, context: &mut Context, transfer: &Move) -> Poll<()> {
        let name = self.name(context, transfer);
        let Some(message) = context.rank.take_message(Key::Read(name)) else {
            return Poll::Pending;
        };
        if context
            .rank
            .shares_chip_with(context.rank.peer(transfer.to))
        {
            // It was read in the mailbox.
            context.slot_readers[Slot::Mailbox as usize].merge(&message.after);
        } else {
            self.readers.merge(&message.after);
        }
        Poll::Ready(())
    }

    /// Ends the block: its result goes to the tensor that the collective makes.
    pub(super) fn end(self, context: &mut Context) {
        let tensor = self.stage.tensor;
        let at = (self.stage.operation, self.tile);
        let mut ready = Dependencies::default();
        for part in &self.parts {
            ready.merge(&part.ready);
        }
        let Some(mut buffer) = self.buffer else {
            let live = &mut context.tensors[tensor];
            for completion in ready.completions() {
                live.written(&self.rows, completion);
            }
            live.users.merge(&self.readers);
            return;
        };
        buffer.ready = ready;
        buffer.users.merge(&self.readers);
        match self.stage.exchange {
            Exchange::Gather(whole) => {
                let columns = context.tensors[whole].columns();
                context.store_piece(at, buffer, whole, &self.rows, &columns);
            }
            Exchange::Statistics(_) => {
                let work = row_factors(self.rows.end - self.rows.start);
                let step = Step::new(context.units.vector, at.0, at.1, work);
                let mut step = step.read(&buffer).write(&buffer);
                step.overwrites.merge(&buffer.users);
                let completion = context.emitter.issue(step.give(buffer));
                context.tensors[tensor].written(&self.rows, completion);
            }
            _ => {
                let columns = context.tensors[tensor].columns();
                context.store_piece(at, buffer, tensor, &self.rows, &columns);
            }
        }
    }
}

/// The vector work that makes a factor for each of so many rows out of its statistics.
fn row_factors(rows: u64) -> Work {
    let stream = Stream::new(EXCHANGE_SCRATCHPAD, 8 * STATISTIC_BYTES);
    Work::Vector(VectorTile {
        kind: VectorKind::Multiply,
        elements: rows,
        rows,
        source: stream,
        operand: None,
        result: stream,
    })
}

/// The places of the parts of some ranks.
fn indices(parts: &Range<u64>) -> Range<usize> {
    let index = |part: u64| usize::try_from(part).expect("few ranks");
    index(parts.start)..index(parts.end)
}
