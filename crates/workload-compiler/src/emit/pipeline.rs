//! Handing the residual stream on from stage to stage, and taking it over.

use std::task::Poll;

use quantities::Bytes;
use smallvec::smallvec;
use tile_program::{TransferTile, Work};

use super::context::Context;
use super::emitter::{Buffer, Step};
use super::exchange::{ExchangeRun, PAD, Pulled, pull};
use super::rendezvous::{Key, Posted};
use crate::graph::{Exchange, Slot};

/// Bytes of the message that says that a piece has been taken over.
const THANKS: Bytes = Bytes(8);

impl ExchangeRun {
    /// Says where the next rows are to be had; then waits for thanks, where they lie in a
    /// scratchpad.
    pub(super) fn hand_on(&mut self, context: &mut Context) -> Poll<bool> {
        if let Some(buffer) = self.handed.take() {
            return self.thanked(context, buffer);
        }
        let rows = self.next_rows(context);
        let operation = self.stage.operation;
        let tile = context.emitter.tile(operation);
        let live = &context.tensors[self.stage.tensor.0];
        let (columns, held) = (0..live.spec.width, live.on_chip());
        let mut posted = Posted::news(live.ready(&rows));
        let same_chip = context.seat.neighbour(true).chip == context.seat.chip;
        let mut buffer = Buffer::empty(PAD);
        let sent = live.operand(&rows, &columns);
        if same_chip {
            posted.regions = live.regions(&rows, 1, &columns);
            if let Some(scratchpad) = held {
                let ready = std::mem::take(&mut posted.after);
                for &region in &posted.regions {
                    let work = Work::Transfer(TransferTile { region, scratchpad });
                    let step = Step::new(context.units.store, operation, tile, work);
                    let step = step.after(&ready).read_operands(sent.as_slice());
                    let stamp = context.emitter.issue(step);
                    context.tensor(self.stage.tensor).read(stamp);
                    posted.after.add(stamp);
                }
            }
        } else if held.is_none() {
            buffer = context.load_piece((operation, tile), self.stage.tensor, &rows, 1, &columns);
            posted.after = buffer.ready.clone();
            posted.operands = buffer.operands.clone();
        } else {
            posted.operands.extend(sent);
        }
        let (piece, stage, rank) = self.piece(context, context.emitter.exchanges.handed);
        context
            .seat
            .post(Key::Handed { piece, stage, rank }, posted);
        self.handed = Some(buffer);
        Poll::Ready(true)
    }

    /// Which piece of which stage, as the board knows it.
    fn piece(&self, context: &Context, piece: u64) -> (u64, u64, u64) {
        let seat = &context.seat;
        let stage = match self.stage.exchange {
            Exchange::TakeOver => seat.stage - 1,
            _ => seat.stage,
        };
        (piece, stage, seat.rank)
    }

    fn thanked(&mut self, context: &mut Context, mut buffer: Buffer) -> Poll<bool> {
        let (piece, stage, rank) = self.piece(context, context.emitter.exchanges.handed);
        let key = Key::Taken { piece, stage, rank };
        let Some(posted) = context.seat.board.borrow_mut().take(key) else {
            self.handed = Some(buffer);
            return Poll::Pending;
        };
        context.emitter.exchanges.handed += 1;
        let rows = self.next_rows(context);
        self.row = rows.end;
        let mate = context.seat.neighbour(true);
        if mate.chip == context.seat.chip {
            // It was read where it lies in memory.
            context.slot_readers[Slot::Residual as usize].merge(&posted.after);
        } else {
            let live = context.tensor(self.stage.tensor);
            if live.on_chip().is_some() {
                live.users.merge(&posted.after);
            }
            buffer.users.merge(&posted.after);
            let tile = context.emitter.tile(self.stage.operation);
            let at = (self.stage.operation, tile);
            let thanks = Posted::news(posted.after);
            let give = |step: Step| step.give(buffer);
            let message = Pulled {
                at,
                mate,
                bytes: THANKS.get(),
                posted: &thanks,
                writes: &[],
            };
            pull(context, &message, give);
        }
        Poll::Ready(self.row < self.rows(context))
    }

    pub(super) fn take_over(&mut self, context: &mut Context) -> Poll<bool> {
        let (piece, stage, rank) = self.piece(context, context.emitter.exchanges.taken);
        let key = Key::Handed { piece, stage, rank };
        let Some(posted) = context.seat.board.borrow_mut().take(key) else {
            return Poll::Pending;
        };
        context.emitter.exchanges.taken += 1;
        let rows = self.next_rows(context);
        let tensor = self.stage.tensor;
        let tile = context.emitter.tile(self.stage.operation);
        let at = (self.stage.operation, tile);
        let live = &context.tensors[tensor.0];
        let (columns, held) = (0..live.spec.width, live.on_chip());
        let bytes = live.piece(rows.end - rows.start, columns.end);
        let mate = context.seat.neighbour(false);
        let mut buffer = match held {
            Some(scratchpad) => context.hold(tensor, scratchpad, bytes),
            None => context.emitter.buffer(PAD, bytes),
        };
        let held_rows = context.tensors[tensor.0].operand(&rows, &columns);
        let writes = held_rows.map_or_else(|| buffer.operands.clone(), |held| smallvec![held]);
        let pulled = Pulled {
            at,
            mate,
            bytes,
            posted: &posted,
            writes: &writes,
        };
        let stamp = pull(context, &pulled, |step| step.take(&buffer));
        let told = Posted::news(stamp.into());
        let key = Key::Taken { piece, stage, rank };
        context.seat.post(key, told);
        if held.is_some() {
            context.tensor(tensor).written(&rows, stamp);
        } else {
            buffer.written(stamp);
            context.store_piece(at, buffer, tensor, &rows, &columns);
        }
        self.row = rows.end;
        Poll::Ready(self.row < self.rows(context))
    }
}
