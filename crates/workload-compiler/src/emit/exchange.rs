//! Exchanges with other cores: collectives, and handing on from stage to stage.
//!
//! Each core emits its own side. What a move needs of the other side (when the data are there, when
//! they have been read) stands on the board, or will: until then the core is asked again later.
//! Over links a receiver pulls from the sender's scratchpad; on one chip the sender stores to
//! memory and the receiver loads from there.

use std::ops::Range;
use std::task::Poll;

use quantities::Bytes;
use smallvec::SmallVec;
use tile_program::{
    Operand, OperationId, ReceiveTile, Region, ScratchpadId, Stream, TransferTile, UnitId,
    VectorKind, VectorTile, Work,
};

use super::context::Context;
use super::emitter::{After, Buffer, Step};
use super::rank::Mate;
use super::rendezvous::{Key, Posted};
use crate::graph::{Exchange, ExchangeStage, STATISTIC_BYTES, Slot};
use crate::split::{Collective, Move, moves};

pub(super) const PAD: ScratchpadId = ScratchpadId::Activations;

/// What a core does for a block of a collective.
#[derive(Clone, Debug)]
enum Action {
    Send(Move),
    Receive(Move),
    /// Waits until what was sent has been read.
    Await(Move),
}

/// A block of a collective in the course of being exchanged.
struct Block {
    rows: Range<u64>,
    tile: u32,
    collective: u64,
    part_bytes: u64,
    /// What is exchanged, unless the tensor is held on chip.
    buffer: Option<Buffer>,
    /// Room for it that is still to be taken.
    untaken: u64,
    /// Each rank's part.
    parts: Vec<BlockPart>,
    /// Who on other cores has read parts.
    readers: After,
    /// Where its part of the mailbox begins, and how much of that is in use.
    mailbox: u64,
    mailed: u64,
    next: usize,
}

/// A rank's part of a block: where it is held, and when it is there.
struct BlockPart {
    operand: Operand,
    ready: After,
}

/// An exchange in the course of being emitted.
pub(super) struct ExchangeRun {
    pub(super) stage: ExchangeStage,
    actions: Vec<Action>,
    pub(super) row: u64,
    /// Blocks under way, which take turns: while one is on its way, the other is.
    blocks: [Option<Block>; 2],
    turn: usize,
    /// The piece that has been handed on and awaits thanks, and how it was there.
    pub(super) handed: Option<Buffer>,
}

impl ExchangeRun {
    pub(super) fn new(stage: ExchangeStage, context: &Context) -> Self {
        let seat = &context.seat;
        let collective = match stage.exchange {
            Exchange::Gather(_) => Collective::AllGather,
            _ => Collective::AllReduce,
        };
        let all = moves(seat.algorithm, collective, seat.ways);
        let mut actions = Vec::new();
        let last = all.last().map_or(0, |last| last.step);
        for step in 0..=last {
            let now = || all.iter().filter(|turn| turn.step == step);
            let sent = now().filter(|turn| turn.from == seat.rank);
            actions.extend(sent.cloned().map(Action::Send));
            let received = now().filter(|turn| turn.to == seat.rank);
            actions.extend(received.cloned().map(Action::Receive));
        }
        let sent = all.iter().filter(|turn| turn.from == seat.rank);
        actions.extend(sent.cloned().map(Action::Await));
        Self {
            stage,
            actions,
            row: 0,
            blocks: [None, None],
            turn: 0,
            handed: None,
        }
    }

    /// Emits a piece; false at the end.
    pub(super) fn step(&mut self, context: &mut Context) -> Poll<bool> {
        match self.stage.exchange {
            Exchange::HandOn => self.hand_on(context),
            Exchange::TakeOver => self.take_over(context),
            _ => self.collective(context),
        }
    }

    pub(super) fn rows(&self, context: &Context) -> u64 {
        context.tensors[self.stage.tensor.0].spec.rows
    }

    pub(super) fn next_rows(&self, context: &Context) -> Range<u64> {
        self.row..(self.row + self.stage.rows).min(self.rows(context))
    }

    fn collective(&mut self, context: &mut Context) -> Poll<bool> {
        let turn = self.turn;
        let Some(mut block) = self.blocks[turn].take() else {
            let under_way = self.blocks.iter().flatten().count() as u64;
            if self.row < self.rows(context) && under_way < self.stage.blocks {
                let block = self.begin(context);
                self.row = block.rows.end;
                self.blocks[turn] = Some(block);
            }
            self.turn = 1 - turn;
            return Poll::Ready(self.blocks.iter().any(Option::is_some));
        };
        let Some(action) = self.actions.get(block.next) else {
            self.end(context, block);
            return Poll::Ready(true);
        };
        let done = match action {
            Action::Send(turn) => {
                self.send(context, &mut block, turn);
                true
            }
            Action::Receive(turn) => self.receive(context, &mut block, turn),
            Action::Await(turn) => Self::read(context, &mut block, turn),
        };
        block.next += usize::from(done);
        self.blocks[turn] = Some(block);
        if !done {
            return Poll::Pending;
        }
        self.turn = 1 - turn;
        Poll::Ready(true)
    }

    /// The next rows, on chip; of statistics, only the room for them.
    fn begin(&self, context: &mut Context) -> Block {
        let rows = self.next_rows(context);
        let count = rows.end - rows.start;
        let ExchangeStage {
            operation,
            exchange,
            tensor,
            ..
        } = self.stage;
        let tile = context.emitter.tile(operation);
        let live = &context.tensors[tensor.0];
        let (width, held) = (live.spec.width, live.on_chip().is_some());
        let bytes = live.piece(count, width);
        let (ways, rank) = (context.seat.ways, context.seat.rank);
        let there = live.ready(&rows);
        let own = live.operand(&rows, &(0..width));
        let load = |context: &mut Context| {
            context.load_piece((operation, tile), tensor, &rows, 1, &(0..width))
        };
        let parts_of = |whole: Operand, columns: u64, ready: &After| -> Vec<BlockPart> {
            let part = |part: u64| BlockPart {
                operand: Operand {
                    columns: (&(part * columns / ways..(part + 1) * columns / ways)).into(),
                    ..whole
                },
                ready: ready.clone(),
            };
            (0..ways).map(part).collect()
        };
        let (buffer, parts, untaken, part_bytes) = match exchange {
            Exchange::Statistics(figures) => {
                let bytes = count * figures * STATISTIC_BYTES;
                let buffer = context.emitter.buffer(PAD, 0);
                let parts = parts_of(buffer.operands[0], ways, &there);
                (Some(buffer), parts, bytes, bytes.div_ceil(ways))
            }
            Exchange::Gather(_) => {
                let mut buffer = if held {
                    Buffer::empty(PAD)
                } else {
                    load(context)
                };
                let rest = ways * bytes - buffer.bytes;
                let others = context.emitter.buffer(PAD, 0);
                let mut parts = parts_of(others.operands[0], ways, &After::default());
                parts[usize::try_from(rank).expect("few ranks")] = BlockPart {
                    operand: own.unwrap_or_else(|| buffer.operands[0]),
                    ready: if held { there } else { buffer.ready.clone() },
                };
                buffer.join(&others);
                (Some(buffer), parts, rest, bytes)
            }
            _ => match own {
                Some(own) => {
                    let parts = parts_of(own, width, &there);
                    (None, parts, 0, bytes.div_ceil(ways))
                }
                None => {
                    let buffer = load(context);
                    let parts = parts_of(buffer.operands[0], ways, &buffer.ready);
                    (Some(buffer), parts, 0, bytes.div_ceil(ways))
                }
            },
        };
        let exchanges = &mut context.emitter.exchanges;
        exchanges.collectives += 1;
        Block {
            rows,
            tile,
            collective: exchanges.collectives,
            part_bytes,
            buffer,
            untaken,
            parts,
            readers: After::default(),
            mailbox: self.turn as u64 * context.mailbox.1 / 2,
            mailed: 0,
            next: 0,
        }
    }

    fn key(context: &Context, block: &Block, turn: &Move) -> (Key, Key) {
        let seat = &context.seat;
        let (collective, stage, step) = (block.collective, seat.stage, turn.step);
        let from = seat.told_by(turn.from);
        let ready = Key::Ready {
            collective,
            stage,
            step,
            from,
        };
        let read = Key::Read {
            collective,
            stage,
            step,
            from,
        };
        (ready, read)
    }

    /// Says when parts are there; stores them where the receiver shares the memory.
    fn send(&self, context: &mut Context, block: &mut Block, turn: &Move) {
        let mut after = After::default();
        let mut operands = SmallVec::new();
        for part in &block.parts[indices(&turn.parts)] {
            after.merge(&part.ready);
            operands.push(part.operand);
        }
        let bytes = (turn.parts.end - turn.parts.start) * block.part_bytes;
        let mut regions = SmallVec::new();
        if context.seat.mate(turn.to).chip == context.seat.chip {
            let place = Region::contiguous(
                context.mailbox.0 + block.mailbox + block.mailed,
                Bytes(bytes.next_multiple_of(context.units.access)),
            );
            block.mailed += place.row_bytes.get();
            let work = Work::Transfer(TransferTile {
                region: place,
                scratchpad: PAD,
            });
            let unit = context.units.store;
            let mut step = Step::new(unit, self.stage.operation, block.tile, work)
                .after(&after)
                .read_operands(&operands);
            operands.clear();
            step.overwrites
                .merge(&context.slot_readers[Slot::Mailbox as usize]);
            let stamp = context.emitter.issue(step);
            self.note_read(context, block, stamp);
            after = stamp.into();
            regions.push(place);
        }
        let (ready, _) = Self::key(context, block, turn);
        let posted = Posted {
            after,
            regions,
            operands,
        };
        context.seat.post(ready, posted);
    }

    /// A unit of this core has read the block.
    fn note_read(&self, context: &mut Context, block: &mut Block, stamp: (UnitId, u64)) {
        match &mut block.buffer {
            Some(buffer) => buffer.read(stamp),
            None => context.tensor(self.stage.tensor).read(stamp),
        }
    }

    /// Takes parts in, and adds them up; false if they have not been sent yet.
    fn receive(&self, context: &mut Context, block: &mut Block, turn: &Move) -> bool {
        let (ready, read) = Self::key(context, block, turn);
        let Some(posted) = context.seat.board.borrow_mut().take(ready) else {
            return false;
        };
        let mate = context.seat.mate(turn.from);
        let bytes = (turn.parts.end - turn.parts.start) * block.part_bytes;
        let landing = match turn.add {
            true => context.emitter.buffer(PAD, bytes),
            false => Buffer::empty(PAD),
        };
        let parts = block.parts[indices(&turn.parts)].iter();
        let writes: SmallVec<[Operand; 1]> = match turn.add {
            true => landing.operands.clone(),
            false => parts.map(|part| part.operand).collect(),
        };
        let pulled = Pulled {
            at: (self.stage.operation, block.tile),
            mate,
            bytes,
            posted: &posted,
            writes: &writes,
        };
        let mut stamp = pull(context, &pulled, |step| {
            let step = step.take(&landing);
            if block.untaken == 0 {
                return step;
            }
            let room = Buffer::of_bytes(PAD, std::mem::take(&mut block.untaken));
            let buffer = block.buffer.as_mut().expect("room is taken for a buffer");
            buffer.bytes += room.bytes;
            step.take(&room)
        });
        let told = Posted::news(stamp.into());
        context.seat.post(read, told);
        if turn.add {
            stamp = self.add(context, block, turn, (landing, stamp));
        }
        for part in &mut block.parts[indices(&turn.parts)] {
            part.ready = stamp.into();
        }
        self.note_read(context, block, stamp);
        true
    }

    /// Adds what has landed to the block's own.
    fn add(
        &self,
        context: &mut Context,
        block: &Block,
        turn: &Move,
        (landing, landed): (Buffer, (UnitId, u64)),
    ) -> (UnitId, u64) {
        let bits = match self.stage.exchange {
            Exchange::Statistics(_) => 8 * STATISTIC_BYTES,
            _ => context.tensors[self.stage.tensor.0].spec.bits,
        };
        let stream = Stream::new(PAD, bits);
        let work = Work::Vector(VectorTile {
            kind: VectorKind::Add,
            elements: (landing.bytes * 8).div_ceil(bits),
            rows: 1,
            source: stream,
            operand: Some(stream),
            result: stream,
        });
        let unit = context.units.vector;
        let mut landing = landing;
        landing.written(landed);
        let mut step = Step::new(unit, self.stage.operation, block.tile, work).read(&landing);
        for part in &block.parts[indices(&turn.parts)] {
            let operand = [part.operand];
            step = step.after(&part.ready).read_operands(&operand);
            step = step.write_operands(&operand);
        }
        context.emitter.issue(step.give(landing))
    }

    /// Notes that what was sent has been read; false if it has not been yet.
    fn read(context: &mut Context, block: &mut Block, turn: &Move) -> bool {
        let (_, read) = Self::key(context, block, turn);
        let Some(posted) = context.seat.board.borrow_mut().take(read) else {
            return false;
        };
        if context.seat.mate(turn.to).chip == context.seat.chip {
            // It was read in the mailbox.
            context.slot_readers[Slot::Mailbox as usize].merge(&posted.after);
        } else {
            block.readers.merge(&posted.after);
        }
        true
    }

    /// The result goes where it is wanted.
    fn end(&self, context: &mut Context, block: Block) {
        let ExchangeStage {
            operation,
            exchange,
            tensor,
            ..
        } = self.stage;
        let at = (operation, block.tile);
        let mut ready = After::default();
        for part in &block.parts {
            ready.merge(&part.ready);
        }
        let Some(mut buffer) = block.buffer else {
            let live = context.tensor(tensor);
            for stamp in ready.stamps() {
                live.written(&block.rows, stamp);
            }
            live.users.merge(&block.readers);
            return;
        };
        buffer.ready = ready;
        buffer.users.merge(&block.readers);
        let width = |id: crate::graph::TensorId| 0..context.tensors[id.0].spec.width;
        match exchange {
            Exchange::Gather(whole) => {
                let columns = width(whole);
                context.store_piece(at, buffer, whole, &block.rows, &columns);
            }
            Exchange::Statistics(_) => {
                // A factor for each row.
                let stream = Stream::new(PAD, 8 * STATISTIC_BYTES);
                let rows = block.rows.end - block.rows.start;
                let work = Work::Vector(VectorTile {
                    kind: VectorKind::Multiply,
                    elements: rows,
                    rows,
                    source: stream,
                    operand: None,
                    result: stream,
                });
                let step = Step::new(context.units.vector, at.0, at.1, work);
                let mut step = step.read(&buffer).write(&buffer);
                step.overwrites.merge(&buffer.users);
                let stamp = context.emitter.issue(step.give(buffer));
                context.tensor(tensor).written(&block.rows, stamp);
            }
            _ => {
                let columns = width(tensor);
                context.store_piece(at, buffer, tensor, &block.rows, &columns);
            }
        }
    }
}

/// The places of some ranks' parts.
fn indices(parts: &Range<u64>) -> Range<usize> {
    let index = |part: u64| usize::try_from(part).expect("few ranks");
    index(parts.start)..index(parts.end)
}

/// Bytes that move from another core.
pub(super) struct Pulled<'a> {
    /// The operation and tile that they move for.
    pub(super) at: (OperationId, u32),
    pub(super) mate: Mate,
    pub(super) bytes: u64,
    /// What the other core has told of them.
    pub(super) posted: &'a Posted,
    /// Where they land.
    pub(super) writes: &'a [Operand],
}

/// Moves bytes from another core, over links or from the memory that both share; `first` completes
/// the first step. The stamp is of the last.
pub(super) fn pull(
    context: &mut Context,
    pulled: &Pulled<'_>,
    first: impl FnOnce(Step) -> Step,
) -> (UnitId, u64) {
    let &Pulled {
        at: (operation, tile),
        mate,
        bytes,
        posted,
        writes,
    } = pulled;
    let step = |unit, work| {
        Step::new(unit, operation, tile, work)
            .after(&posted.after)
            .read_operands(&posted.operands)
            .write_operands(writes)
    };
    let load = |region| {
        let scratchpad = PAD;
        let work = Work::Transfer(TransferTile { region, scratchpad });
        step(context.units.load, work)
    };
    let mut steps = posted.regions.iter().copied().map(load);
    let begin = steps.next().unwrap_or_else(|| {
        let unit = context.units.target.receive;
        let work = Work::Receive(ReceiveTile {
            from: mate.core,
            bytes: Bytes(bytes),
            scratchpad: PAD,
        });
        step(unit.expect("chips have links"), work)
    });
    let rest: SmallVec<[Step; 1]> = steps.collect();
    let stamp = context.emitter.issue(first(begin));
    let later = rest.into_iter().map(|step| context.emitter.issue(step));
    later.last().unwrap_or(stamp)
}
