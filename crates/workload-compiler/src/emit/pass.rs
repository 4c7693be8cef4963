//! A pass, stage by stage.

use std::iter::Peekable;
use std::task::Poll;

use tile_program::{Instruction, Operation};

use super::context::{Context, PassPlace};
use super::emitter::Emitter;
use super::interleave::Interleaver;
use super::tensor::Slots;
use crate::graph::{Stage, TensorId};
use crate::plan::{PassPlan, StagePlan};

/// Emits the instructions of a pass.
pub(crate) struct PassEmitter {
    context: Context,
    stages: Peekable<std::vec::IntoIter<(Stage, StagePlan)>>,
    /// The number of the stage that begins next.
    index: usize,
    /// The stages that have begun and not ended.
    interleaver: Interleaver,
    /// Whether a stage begins only when the one before it has ended.
    one_after_another: bool,
    /// For each stage, the tensors that no later stage touches.
    last_touched: Vec<Vec<TensorId>>,
    /// For each operation, the multiply-accumulates that its tiles must sum up to.
    macs: Vec<u64>,
}

impl PassEmitter {
    /// The emitter of a planned pass, and the operations of that pass. `slots` are the addresses of
    /// the regions of activations.
    pub(crate) fn new(
        plan: PassPlan,
        mut emitter: Emitter,
        slots: &Slots,
        place: PassPlace,
    ) -> (Self, Vec<Operation>) {
        let PassPlan {
            graph,
            homes,
            plans,
            last_touched,
            one_after_another,
        } = plan;
        emitter.begin_pass(graph.operations.len());
        let context = Context::new(&graph, &homes, slots, emitter, place);
        let stages: Vec<_> = graph.stages.into_iter().zip(plans).collect();
        let operations = graph.operations.iter();
        let this = Self {
            context,
            stages: stages.into_iter().peekable(),
            index: 0,
            interleaver: Interleaver::default(),
            one_after_another,
            last_touched,
            macs: operations.map(|operation| operation.macs).collect(),
        };
        (this, graph.operations)
    }

    /// The next instruction; emits a further piece of a stage when none is at hand. Pending, while
    /// another core has to emit its own part of an exchange first.
    pub(crate) fn next(&mut self) -> Option<Poll<Instruction>> {
        loop {
            let instruction = self.context.emitter.pop();
            if self.context.emitter.is_empty() {
                self.context.rank.publish();
            }
            if let Some(instruction) = instruction {
                return Some(Poll::Ready(instruction));
            }
            match self.advance() {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return None,
                Poll::Pending => return Some(Poll::Pending),
            }
        }
    }

    /// Ends the pass, and returns the emitter for the next one.
    pub(crate) fn finish(self) -> Emitter {
        let mut emitter = self.context.emitter;
        emitter.slot_readers = self.context.slot_readers;
        assert_eq!(
            emitter.macs(),
            &self.macs[..],
            "every multiply-accumulate of an operation is in exactly one tile"
        );
        emitter.end_pass();
        emitter
    }

    /// Emits a piece; false at the end of the pass.
    fn advance(&mut self) -> Poll<bool> {
        let context = &mut self.context;
        while let Some((stage, plan)) = self.stages.next_if(|(stage, plan)| {
            self.interleaver.is_empty()
                || !self.one_after_another && self.interleaver.admits(stage, plan, context)
        }) {
            if self.one_after_another {
                context.emitter.separate();
            }
            self.interleaver.begin(self.index, stage, plan, context);
            self.index += 1;
        }
        if self.interleaver.is_empty() {
            return Poll::Ready(false);
        }
        match self.interleaver.step(context) {
            Poll::Ready(Some(ended)) => self.release(ended),
            Poll::Ready(None) => {}
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(true)
    }

    /// Gives back the tensors that no stage after this one touches.
    fn release(&mut self, ended: usize) {
        for tensor in std::mem::take(&mut self.last_touched[ended]) {
            if let Some(buffer) = self.context.tensors.release(tensor) {
                self.context.emitter.give_with_last(buffer);
            }
        }
    }
}
