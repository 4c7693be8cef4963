//! One transfer from another core, as its receiver emits it.

use quantities::Bytes;
use smallvec::SmallVec;
use tile_program::{Operand, OperationId, ReceiveTile, TransferTile, Work};

use super::context::Context;
use super::dependencies::Completion;
use super::exchange::EXCHANGE_SCRATCHPAD;
use super::rank::Peer;
use super::rendezvous::Message;
use super::step::Step;

/// Bytes that move from another core to this one.
pub(super) struct Pull<'a> {
    /// The operation and tile that the bytes move for.
    pub(super) at: (OperationId, u32),
    pub(super) peer: Peer,
    pub(super) bytes: u64,
    /// The sender's message about the bytes.
    pub(super) message: &'a Message,
    /// The operands that the bytes are written to.
    pub(super) writes: &'a [Operand],
}

impl Pull<'_> {
    /// Emits the transfer: loads from the memory that both cores share where the message names
    /// regions of it, one instruction over links otherwise. `first` completes the first of the
    /// instructions. Returns the completion of the last one.
    pub(super) fn issue(
        &self,
        context: &mut Context,
        first: impl FnOnce(Step) -> Step,
    ) -> Completion {
        let load = |region| {
            let scratchpad = EXCHANGE_SCRATCHPAD;
            let work = Work::Transfer(TransferTile { region, scratchpad });
            self.step(context.units.load, work)
        };
        let mut loads = self.message.regions.iter().copied().map(load);
        let begin = loads.next().unwrap_or_else(|| {
            let unit = context.units.target.receive;
            let work = Work::Receive(ReceiveTile {
                from: self.peer.core,
                bytes: Bytes(self.bytes),
                scratchpad: EXCHANGE_SCRATCHPAD,
            });
            self.step(unit.expect("chips have links"), work)
        });
        let rest: SmallVec<[Step; 1]> = loads.collect();
        let completion = context.emitter.issue(first(begin));
        let later = rest.into_iter().map(|step| context.emitter.issue(step));
        later.last().unwrap_or(completion)
    }

    fn step(&self, unit: tile_program::UnitId, work: Work) -> Step {
        Step::new(unit, self.at.0, self.at.1, work)
            .after(&self.message.after)
            .read_operands(&self.message.operands)
            .write_operands(self.writes)
    }
}
