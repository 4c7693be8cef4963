//! Exchanges with other cores: collectives among the ranks of a pipeline stage, and the residual
//! stream from pipeline stage to pipeline stage.
//!
//! Each core emits its own side. What a transfer needs of the other side (when the data are there,
//! when they have been read) is a message at the rendezvous. As long as it is missing, emission is
//! pending and tried again later. Over links a receiver pulls from the sender's scratchpad; on one
//! chip the sender stores to memory and the receiver loads from there.

use std::ops::Range;
use std::task::Poll;

use tile_program::ScratchpadId;

use super::buffer::Buffer;
use super::collective::Block;
use super::context::Context;
use crate::graph::{Exchange, ExchangeStage};
use crate::split::{Collective, Move, moves};

/// The scratchpad that exchanged data pass through.
pub(super) const EXCHANGE_SCRATCHPAD: ScratchpadId = ScratchpadId::Activations;

/// What a core does for a block of a collective.
#[derive(Clone, Debug)]
enum Action {
    Send(Move),
    Receive(Move),
    /// Waits until what was sent has been read.
    Await(Move),
}

/// An exchange in the course of being emitted.
pub(super) struct ExchangeEmitter {
    pub(super) stage: ExchangeStage,
    /// What this rank does for each block of a collective, in order.
    actions: Vec<Action>,
    /// The first row that has not been exchanged.
    pub(super) row: u64,
    /// The blocks under way take turns: while the transfer of one is waited for, the other goes on.
    blocks: [Option<Block>; 2],
    /// The place in `blocks` whose turn it is.
    turn: usize,
    /// The buffer of the piece that the next pipeline stage has not acknowledged yet. It is empty
    /// where the piece needed none of its own.
    pub(super) awaiting_ack: Option<Buffer>,
}

impl ExchangeEmitter {
    /// The emitter of an exchange that begins.
    pub(super) fn new(stage: ExchangeStage, context: &Context) -> Self {
        let rank = &context.rank;
        let collective = match stage.exchange {
            Exchange::Gather(_) => Collective::AllGather,
            _ => Collective::AllReduce,
        };
        let all = moves(rank.algorithm, collective, rank.ways);
        let mut actions = Vec::new();
        let last = all.last().map_or(0, |last| last.step);
        for step in 0..=last {
            let now = || all.iter().filter(|transfer| transfer.step == step);
            let sent = now().filter(|transfer| transfer.from == rank.index);
            actions.extend(sent.cloned().map(Action::Send));
            let received = now().filter(|transfer| transfer.to == rank.index);
            actions.extend(received.cloned().map(Action::Receive));
        }
        let sent = all.iter().filter(|transfer| transfer.from == rank.index);
        actions.extend(sent.cloned().map(Action::Await));
        Self {
            stage,
            actions,
            row: 0,
            blocks: [None, None],
            turn: 0,
            awaiting_ack: None,
        }
    }

    /// Emits a piece; false at the end.
    pub(super) fn step(&mut self, context: &mut Context) -> Poll<bool> {
        match self.stage.exchange {
            Exchange::HandOn => self.send_to_next_stage(context),
            Exchange::TakeOver => self.receive_from_previous_stage(context),
            _ => self.collective(context),
        }
    }

    /// The number of rows that are exchanged.
    pub(super) fn rows(&self, context: &Context) -> u64 {
        context.tensors[self.stage.tensor].spec.rows
    }

    /// The rows that are exchanged next.
    pub(super) fn next_rows(&self, context: &Context) -> Range<u64> {
        self.row..(self.row + self.stage.rows).min(self.rows(context))
    }

    /// Emits one action of one block; false when all blocks have ended.
    fn collective(&mut self, context: &mut Context) -> Poll<bool> {
        let turn = self.turn;
        let Some(mut block) = self.blocks[turn].take() else {
            let under_way = self.blocks.iter().flatten().count() as u64;
            if self.row < self.rows(context) && under_way < self.stage.blocks {
                let block = Block::begin(&self.stage, self.next_rows(context), turn, context);
                self.row = block.rows.end;
                self.blocks[turn] = Some(block);
            }
            self.turn = 1 - turn;
            return Poll::Ready(self.blocks.iter().any(Option::is_some));
        };
        let Some(action) = self.actions.get(block.next_action) else {
            block.end(context);
            return Poll::Ready(true);
        };
        let done = match action {
            Action::Send(transfer) => {
                block.send(context, transfer);
                Poll::Ready(())
            }
            Action::Receive(transfer) => block.receive(context, transfer),
            Action::Await(transfer) => block.await_read(context, transfer),
        };
        block.next_action += usize::from(done.is_ready());
        self.blocks[turn] = Some(block);
        if done.is_pending() {
            return Poll::Pending;
        }
        self.turn = 1 - turn;
        Poll::Ready(true)
    }
}
