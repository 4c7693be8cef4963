//! What attention reads: blocks of keys and of values, queries, probabilities that lie in memory.

use std::ops::Range;

use tile_program::{OperationId, ScratchpadId, TransferTile, Work};

use super::Lane;
use super::items::Item;
use super::layer::Layer;
use crate::emit::buffer::Buffer;
use crate::emit::context::Context;
use crate::emit::dependencies::{Completion, Dependencies};
use crate::emit::step::Step;
use crate::graph::TensorId;

/// The operand of an item besides its queries or probabilities.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// The keys, which scores are computed with.
    Keys,
    /// The values, which the context is computed with.
    Values,
}

impl Layer {
    /// The tensor of new keys or values.
    const fn tensor(&self, side: Side) -> TensorId {
        match side {
            Side::Keys => self.stage.key,
            Side::Values => self.stage.value,
        }
    }

    /// A block of keys or values: what is loaded of it, to be given back, and what the tensor holds
    /// of it on chip.
    pub(super) fn operand(
        &self,
        context: &mut Context,
        lane: &mut Lane,
        side: Side,
        at: (OperationId, u32),
        item: &Item,
        block: &Range<u64>,
    ) -> Buffer {
        let index = (block.start - self.stage.from) / self.plan.keys;
        let index = usize::try_from(index).expect("blocks of keys are few");
        let place = side as usize;
        let keep = self.plan.kept;
        let first_queries = item.queries.start == 0;
        if keep
            && !first_queries
            && let Some(buffer) = lane.kept[place].get(index)
        {
            return buffer.clone();
        }
        let buffer = self.load_or_hold(context, side, at, item, block);
        if keep {
            if first_queries && index == 0 {
                lane.kept[place].clear();
            }
            lane.kept[place].push(buffer.clone());
        }
        buffer
    }

    /// A block of keys or values that no lane holds: loads the positions that are in main memory,
    /// and names those that the tensor holds on chip.
    fn load_or_hold(
        &self,
        context: &mut Context,
        side: Side,
        at: (OperationId, u32),
        item: &Item,
        block: &Range<u64>,
    ) -> Buffer {
        let tensor = self.tensor(side);
        let cache = &self.cache[side as usize];
        let live = &context.tensors[tensor];
        let mut ready = Dependencies::default();
        let base = self.stage.sequences.row + item.sequence * self.stage.tokens;
        let new = |position: u64| base + position.saturating_sub(cache.past);
        let new_rows = new(block.start)..new(block.end);
        if block.end > cache.past {
            ready = live.ready(&new_rows);
        }
        let dim = self.stage.head_dim;
        let on_chip = live.on_chip().is_some();
        let end = if on_chip {
            block.end.min(cache.past)
        } else {
            block.end
        };
        let mut buffer = Buffer::empty(ScratchpadId::Weights);
        let mut held = None;
        if block.end > cache.past {
            held = live.operand(&new_rows, &(item.heads.start * dim..item.heads.end * dim));
        }
        if block.start < end {
            let heads = item.heads.end - item.heads.start;
            let bytes = heads * (end - block.start) * cache.stride;
            buffer = context.emitter.buffer(ScratchpadId::Weights, bytes);
            let region = cache.region(item.sequence, item.heads.start, heads, block.start, end);
            let work = Work::Transfer(TransferTile {
                region,
                scratchpad: ScratchpadId::Weights,
            });
            let mut step = Step::new(context.units.load, at.0, at.1, work)
                .after(&context.history.stored)
                .write(&buffer)
                .take(&buffer);
            if !on_chip {
                step = step.after(&ready);
            }
            let completion = context.emitter.issue(step);
            buffer.written(completion);
        }
        ready.merge(&buffer.ready);
        buffer.ready = ready;
        buffer.operands.extend(held);
        buffer
    }

    /// Records a use of a block of keys or values.
    pub(super) fn used(
        &self,
        context: &mut Context,
        lane: &mut Lane,
        side: Side,
        block: &Range<u64>,
        completion: Completion,
    ) {
        let index = (block.start - self.stage.from) / self.plan.keys;
        if self.plan.kept
            && let Some(buffer) = usize::try_from(index)
                .ok()
                .and_then(|index| lane.kept[side as usize].get_mut(index))
        {
            buffer.read(completion);
        }
        let tensor = self.tensor(side);
        if context.tensors[tensor].on_chip().is_some() {
            context.tensors[tensor].read(completion);
        }
    }

    /// The queries of an item, loaded; `None` where their tensor is held on chip.
    pub(super) fn load_query(
        &self,
        context: &mut Context,
        at: (OperationId, u32),
        item: &Item,
    ) -> Option<Buffer> {
        let tensor = self.stage.query;
        if context.tensors[tensor].on_chip().is_some() {
            return None;
        }
        let (rows, columns) = (self.items.rows(item), self.items.columns(item));
        Some(context.load_piece(at, tensor, &rows, 1, &columns))
    }

    /// Probabilities that a softmax of its own has left in memory, block by block.
    pub(super) fn load_probabilities(
        &self,
        context: &mut Context,
        from: TensorId,
        item: &Item,
    ) -> Vec<Buffer> {
        let operation = self.stage.context;
        let blocks = self.items.blocks(item);
        let load = |block: Range<u64>| {
            let at = (operation, context.emitter.tile(operation));
            let (rows, columns) = self.in_memory(item, &block);
            context.load_piece(at, from, &rows, 1, &columns)
        };
        blocks.map(load).collect()
    }
}
