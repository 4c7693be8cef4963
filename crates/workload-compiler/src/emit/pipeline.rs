//! The residual stream from pipeline stage to pipeline stage: sending it and receiving it.
//!
//! The sender announces a piece, and the receiver pulls it: over links from the sender's scratchpad,
//! or on one chip from the memory that both share. Where the piece lies in a scratchpad, the sender
//! waits for an acknowledgement before it reuses the bytes.

use std::task::Poll;

use quantities::Bytes;
use smallvec::smallvec;
use tile_program::{TransferTile, Work};

use super::buffer::Buffer;
use super::context::Context;
use super::exchange::{EXCHANGE_SCRATCHPAD, ExchangeEmitter};
use super::pull::Pull;
use super::rendezvous::{Key, Message, StagePiece};
use super::step::Step;
use crate::graph::Slot;

/// The bytes of the message that acknowledges a piece.
const ACK_BYTES: Bytes = Bytes(8);

impl ExchangeEmitter {
    /// Sends the next piece to the next pipeline stage: announces it in one step, and waits for its
    /// acknowledgement in the following ones.
    pub(super) fn send_to_next_stage(&mut self, context: &mut Context) -> Poll<bool> {
        if let Some(buffer) = self.awaiting_ack.take() {
            return self.await_ack(context, buffer);
        }
        let (buffer, message) = self.announcement(context);
        let key = Key::Sent(Self::sent_piece(context));
        context.rank.post(key, message);
        self.awaiting_ack = Some(buffer);
        Poll::Ready(true)
    }

    /// The next piece where the receiver can read it, and the message that says where. The buffer
    /// is empty unless the piece had to be loaded.
    fn announcement(&self, context: &mut Context) -> (Buffer, Message) {
        let rows = self.next_rows(context);
        let operation = self.stage.operation;
        let tile = context.emitter.tile(operation);
        let live = &context.tensors[self.stage.tensor];
        let (columns, held) = (live.columns(), live.on_chip());
        let mut message = Message::event(live.ready(&rows));
        let mut buffer = Buffer::empty(EXCHANGE_SCRATCHPAD);
        let sent = live.operand(&rows, &columns);
        if context
            .rank
            .shares_chip_with(context.rank.next_stage_peer())
        {
            message.regions = live.regions(&rows, 1, &columns);
            if let Some(scratchpad) = held {
                let ready = std::mem::take(&mut message.after);
                for &region in &message.regions {
                    let work = Work::Transfer(TransferTile { region, scratchpad });
                    let step = Step::new(context.units.store, operation, tile, work);
                    let step = step.after(&ready).read_operands(sent.as_slice());
                    let completion = context.emitter.issue(step);
                    context.tensors[self.stage.tensor].read(completion);
                    message.after.add(completion);
                }
            }
        } else if held.is_none() {
            buffer = context.load_piece((operation, tile), self.stage.tensor, &rows, 1, &columns);
            message.after = buffer.ready.clone();
            message.operands = buffer.operands.clone();
        } else {
            message.operands.extend(sent);
        }
        (buffer, message)
    }

    /// The piece that this core sends next.
    const fn sent_piece(context: &Context) -> StagePiece {
        StagePiece {
            piece: context.emitter.exchanges.sent,
            pipeline_stage: context.rank.pipeline_stage,
            rank: context.rank.index,
        }
    }

    /// The piece that this core receives next.
    const fn received_piece(context: &Context) -> StagePiece {
        StagePiece {
            piece: context.emitter.exchanges.received,
            pipeline_stage: context.rank.pipeline_stage - 1,
            rank: context.rank.index,
        }
    }

    /// Takes the acknowledgement of the piece that was sent, and gives its bytes back.
    fn await_ack(&mut self, context: &mut Context, mut buffer: Buffer) -> Poll<bool> {
        let key = Key::Acked(Self::sent_piece(context));
        let Some(ack) = context.rank.take_message(key) else {
            self.awaiting_ack = Some(buffer);
            return Poll::Pending;
        };
        context.emitter.exchanges.sent += 1;
        let rows = self.next_rows(context);
        self.row = rows.end;
        let peer = context.rank.next_stage_peer();
        if context.rank.shares_chip_with(peer) {
            // It was read where it lies in memory.
            context.slot_readers[Slot::Residual as usize].merge(&ack.after);
        } else {
            let live = &mut context.tensors[self.stage.tensor];
            if live.on_chip().is_some() {
                live.users.merge(&ack.after);
            }
            buffer.users.merge(&ack.after);
            let tile = context.emitter.tile(self.stage.operation);
            let pull = Pull {
                at: (self.stage.operation, tile),
                peer,
                bytes: ACK_BYTES.get(),
                message: &Message::event(ack.after),
                writes: &[],
            };
            pull.issue(context, |step| step.give(buffer));
        }
        Poll::Ready(self.row < self.rows(context))
    }

    /// Receives the next piece from the previous pipeline stage, and acknowledges it.
    pub(super) fn receive_from_previous_stage(&mut self, context: &mut Context) -> Poll<bool> {
        let piece = Self::received_piece(context);
        let Some(message) = context.rank.take_message(Key::Sent(piece)) else {
            return Poll::Pending;
        };
        context.emitter.exchanges.received += 1;
        let rows = self.next_rows(context);
        let tensor = self.stage.tensor;
        let at = (
            self.stage.operation,
            context.emitter.tile(self.stage.operation),
        );
        let live = &context.tensors[tensor];
        let (columns, held) = (live.columns(), live.on_chip());
        let bytes = live.piece(rows.end - rows.start, columns.end);
        let mut buffer = match held {
            Some(scratchpad) => context.hold(tensor, scratchpad, bytes),
            None => context.emitter.buffer(EXCHANGE_SCRATCHPAD, bytes),
        };
        let held_rows = context.tensors[tensor].operand(&rows, &columns);
        let writes = held_rows.map_or_else(|| buffer.operands.clone(), |held| smallvec![held]);
        let pull = Pull {
            at,
            peer: context.rank.previous_stage_peer(),
            bytes,
            message: &message,
            writes: &writes,
        };
        let completion = pull.issue(context, |step| step.take(&buffer));
        let ack = Message::event(completion.into());
        context.rank.post(Key::Acked(piece), ack);
        if held.is_some() {
            context.tensors[tensor].written(&rows, completion);
        } else {
            buffer.written(completion);
            context.store_piece(at, buffer, tensor, &rows, &columns);
        }
        self.row = rows.end;
        Poll::Ready(self.row < self.rows(context))
    }
}
