//! Attention, item by item.
//!
//! An item is a block of queries of some heads of a sequence against all keys (whole rows) or one
//! block of keys (online). Its scores go through softmax; its context is summed up over the items
//! of the block of queries. With pipelining the next item's scores stand before this item's
//! context in program order, so that the array has work while the vector unit does softmax.

use std::ops::Range;

use tile_program::{
    GemmTile, OperationId, ScratchpadId, TransferTile, UnitId, VectorKind, VectorTile, Work,
};

use super::emitter::{Buffer, Step};
use super::items::{Item, Items};
use super::pass::Context;
use crate::layout::CacheRegion;
use crate::lower::{AttentionStage, Backing, TensorId};
use crate::plan::AttentionPlan;

/// An item whose scores are done.
struct Pending {
    item: Item,
    /// Probabilities, one buffer or one for each block of keys.
    probabilities: Vec<Buffer>,
}

/// Attention of a layer in the course of being emitted.
pub(super) struct AttentionRun {
    stage: AttentionStage,
    plan: AttentionPlan,
    items: Items,
    cache: [CacheRegion; 2],
    unit: UnitId,
    accumulator_bytes: u64,
    next: Option<Item>,
    pending: Option<Pending>,
    /// The present block of queries, while items share it.
    query: Option<Buffer>,
    /// The sums of the present context.
    context: Option<Buffer>,
    /// Keys and values that stay for all blocks of queries, block by block.
    kept: [Vec<Buffer>; 2],
}

/// Keys or values.
#[derive(Clone, Copy)]
enum Side {
    Keys,
    Values,
}

impl AttentionRun {
    pub(super) fn new(stage: AttentionStage, plan: AttentionPlan, context: &Context) -> Self {
        let cache = |id: TensorId| match context.tensors[id.0].spec.backing {
            Backing::Cache(cache) => cache.of(&stage.sequences),
            Backing::Slot(_) | Backing::Rows(_) => unreachable!("keys are backed by a cache"),
        };
        let mut run = Self {
            cache: [cache(stage.key), cache(stage.value)],
            unit: context.units.arrays[stage.array],
            accumulator_bytes: context.units.accumulators[stage.array],
            items: Items::new(&stage, &plan),
            stage,
            plan,
            next: None,
            pending: None,
            query: None,
            context: None,
            kept: [Vec::new(), Vec::new()],
        };
        run.next = Some(run.items.first());
        run
    }

    /// Emits the scores of an item and the context of the one before (or of the same).
    pub(super) fn step(&mut self, context: &mut Context) -> bool {
        let Some(item) = self.next.take() else {
            let last = self
                .pending
                .take()
                .expect("an item is pending until the end");
            self.context(context, last);
            return false;
        };
        self.next = self.items.after(&item);
        let done = self.scores(context, item);
        if self.plan.pipelined {
            if let Some(before) = self.pending.replace(done) {
                self.context(context, before);
            }
            return true;
        }
        self.context(context, done);
        self.next.is_some()
    }

    fn last_queries(&self, item: &Item) -> bool {
        item.queries.end == self.stage.tokens
    }

    /// A block of keys or values: what must be complete before use, and the buffer to give back.
    fn operand(
        &mut self,
        context: &mut Context,
        side: Side,
        at: (OperationId, u32),
        item: &Item,
        block: &Range<u64>,
    ) -> (super::emitter::After, Buffer) {
        let index = (block.start - self.stage.from) / self.plan.keys;
        let index = usize::try_from(index).expect("blocks of keys are few");
        let place = side as usize;
        let keep = self.plan.kept;
        if keep && item.queries.start > 0 {
            let buffer = self.kept[place][index].clone();
            return (buffer.ready.clone(), buffer);
        }
        let tensor = match side {
            Side::Keys => self.stage.key,
            Side::Values => self.stage.value,
        };
        let cache = &self.cache[place];
        let live = &context.tensors[tensor.0];
        let mut ready = super::emitter::After::default();
        if block.end > cache.past {
            let base = self.stage.sequences.row + item.sequence * self.stage.tokens;
            let from = block.start.saturating_sub(cache.past);
            ready = live.ready(&(base + from..base + block.end - cache.past));
        }
        let end = if live.on_chip().is_some() {
            block.end.min(cache.past)
        } else {
            block.end
        };
        let mut buffer = Buffer::new(ScratchpadId::Weights, 0);
        if block.start < end {
            let heads = item.heads.end - item.heads.start;
            buffer.bytes = heads * (end - block.start) * cache.stride;
            let region = cache.region(item.sequence, item.heads.start, heads, block.start, end);
            let work = Work::Transfer(TransferTile {
                region,
                scratchpad: ScratchpadId::Weights,
            });
            let mut step = Step::new(context.units.load, at.0, at.1, work)
                .after(&context.past)
                .take(&buffer);
            if live.on_chip().is_none() {
                step = step.after(&ready);
            }
            let stamp = context.emitter.issue(step);
            buffer.written(stamp);
        }
        ready.merge(&buffer.ready);
        buffer.ready = ready.clone();
        if keep {
            if index == 0 {
                self.kept[place].clear();
            }
            self.kept[place].push(buffer.clone());
        }
        (ready, buffer)
    }

    /// Gives a block back, or notes who used it.
    fn used(
        &mut self,
        context: &mut Context,
        side: Side,
        block: &Range<u64>,
        stamp: (UnitId, u64),
    ) {
        let index = (block.start - self.stage.from) / self.plan.keys;
        if self.plan.kept
            && let Some(buffer) = usize::try_from(index)
                .ok()
                .and_then(|index| self.kept[side as usize].get_mut(index))
        {
            buffer.read(stamp);
        }
        let tensor = match side {
            Side::Keys => self.stage.key,
            Side::Values => self.stage.value,
        };
        if context.tensors[tensor.0].on_chip().is_some() {
            context.tensor(tensor).read(stamp);
        }
    }

    fn scores(&mut self, context: &mut Context, item: Item) -> Pending {
        let (m, repeat) = self.items.shape(&item);
        let rows = self.items.rows(&item);
        let vector = self.stage.softmax.is_some();
        let mut sums = Buffer::new(ScratchpadId::Outputs, 0);
        let mut probabilities = Vec::new();
        let first_keys = item.keys.start == self.stage.from;
        let last_keys = item.keys.end == self.stage.to;
        for block in self.items.blocks(&item) {
            let operation = self.stage.scores;
            let at = (operation, context.emitter.tile(operation));
            let (ready, keys) = self.operand(context, Side::Keys, at, &item, &block);
            if first_keys && block.start == item.keys.start {
                self.query = self.load_query(context, at, &item);
            }
            let n = block.end - block.start;
            let work = Work::Gemm(GemmTile {
                m,
                n,
                k: self.stage.head_dim,
                repeat,
                accumulate: false,
            });
            let mut piece = Buffer::new(
                ScratchpadId::Outputs,
                m * repeat * n * self.accumulator_bytes,
            );
            let mut step = Step::new(self.unit, at.0, at.1, work)
                .after(&ready)
                .take(&piece);
            step = match &self.query {
                Some(query) => step.after(&query.ready),
                None => step.after(&context.tensors[self.stage.query.0].ready(&rows)),
            };
            if !self.plan.kept || self.last_queries(&item) {
                step = step.give(keys);
            }
            if last_keys
                && block.end == item.keys.end
                && let Some(query) = self.query.take()
            {
                step = step.give(query);
            }
            let mut drained = None;
            if !vector {
                let bytes = (m * repeat * n * self.stage.a_bits).div_ceil(8);
                let buffer = Buffer::new(ScratchpadId::Activations, bytes);
                step = step.take(&buffer).give(piece.clone());
                drained = Some(buffer);
            }
            let stamp = context.emitter.issue(step);
            self.used(context, Side::Keys, &block, stamp);
            match &mut self.query {
                Some(query) => query.read(stamp),
                None => context.tensor(self.stage.query).read(stamp),
            }
            if let Some(mut buffer) = drained {
                buffer.written(stamp);
                probabilities.push(buffer);
            } else {
                piece.written(stamp);
                sums.bytes += piece.bytes;
                sums.ready.merge(&piece.ready);
                sums.users.merge(&piece.users);
            }
        }
        if vector {
            probabilities.push(self.softmax(context, &item, sums));
        }
        Pending {
            item,
            probabilities,
        }
    }

    fn load_query(
        &self,
        context: &mut Context,
        at: (OperationId, u32),
        item: &Item,
    ) -> Option<Buffer> {
        let tensor = self.stage.query;
        if context.tensors[tensor.0].on_chip().is_some() {
            return None;
        }
        let (rows, columns) = (self.items.rows(item), self.items.columns(item));
        Some(context.load_piece(at, tensor, &rows, 1, &columns))
    }

    /// Softmax over the item's scores; quantised where the array wants integers.
    fn softmax(&self, context: &mut Context, item: &Item, sums: Buffer) -> Buffer {
        let (m, repeat) = self.items.shape(item);
        let elements = m * repeat * (item.keys.end - item.keys.start);
        let work = |kind| {
            Work::Vector(VectorTile {
                kind,
                elements,
                rows: m * repeat,
            })
        };
        let bytes = (elements * self.stage.a_bits).div_ceil(8);
        let mut result = Buffer::new(ScratchpadId::Activations, bytes);
        let operation = self.stage.softmax.expect("asked for");
        let tile = context.emitter.tile(operation);
        let vector = context.units.vector;
        let step = Step::new(vector, operation, tile, work(VectorKind::Softmax));
        let mut step = step.after(&sums.ready);
        if let Some(operation) = self.stage.quantise {
            let stamp = context.emitter.issue(step);
            let mut sums = sums;
            sums.written(stamp);
            let tile = context.emitter.tile(operation);
            step = Step::new(vector, operation, tile, work(VectorKind::Quantise));
            step = step.after(&sums.ready).give(sums);
        } else {
            step = step.give(sums);
        }
        let stamp = context.emitter.issue(step.take(&result));
        result.written(stamp);
        result
    }

    fn context(&mut self, context: &mut Context, pending: Pending) {
        let Pending {
            item,
            mut probabilities,
        } = pending;
        let (m, repeat) = self.items.shape(&item);
        let elements = m * repeat * self.stage.head_dim;
        let first_keys = item.keys.start == self.stage.from;
        let last_keys = item.keys.end == self.stage.to;
        let operation = self.stage.context;
        let mut sums = self.context.take().unwrap_or_else(|| {
            Buffer::new(ScratchpadId::Outputs, elements * self.accumulator_bytes)
        });
        if !first_keys && let Some(softmax) = self.stage.softmax {
            let tile = context.emitter.tile(softmax);
            let work = Work::Vector(VectorTile {
                kind: VectorKind::Multiply,
                elements,
                rows: m * repeat,
            });
            let step = Step::new(context.units.vector, softmax, tile, work).after(&sums.ready);
            let stamp = context.emitter.issue(step);
            sums.ready.add(stamp);
            sums.read(stamp);
        }
        let whole = probabilities.len() == 1;
        let blocks: Vec<_> = self.items.blocks(&item).collect();
        for (index, block) in blocks.iter().enumerate() {
            let at = (operation, context.emitter.tile(operation));
            let (ready, values) = self.operand(context, Side::Values, at, &item, block);
            let work = Work::Gemm(GemmTile {
                m,
                n: self.stage.head_dim,
                k: block.end - block.start,
                repeat,
                accumulate: !first_keys || index > 0,
            });
            let source = if whole { 0 } else { index };
            let mut step = Step::new(self.unit, at.0, at.1, work)
                .after(&ready)
                .after(&sums.ready)
                .after(&probabilities[source].ready);
            if first_keys && index == 0 {
                step = step.take(&sums);
            }
            if !self.plan.kept || self.last_queries(&item) {
                step = step.give(values);
            }
            let last = index + 1 == blocks.len();
            if last || !whole {
                let empty = Buffer::new(ScratchpadId::Activations, 0);
                step = step.give(std::mem::replace(&mut probabilities[source], empty));
            }
            let stamp = if last && last_keys && self.stage.dequantise.is_none() {
                self.drain(context, step, &item, &mut sums)
            } else {
                context.emitter.issue(step)
            };
            self.used(context, Side::Values, block, stamp);
            probabilities[source].read(stamp);
            sums.written(stamp);
        }
        if last_keys {
            self.leave(context, &item, sums);
        } else {
            self.context = Some(sums);
        }
    }

    /// The array leaves the context where it is held, if it is.
    fn drain(
        &self,
        context: &mut Context,
        mut step: Step,
        item: &Item,
        sums: &mut Buffer,
    ) -> (UnitId, u64) {
        let out = self.stage.out;
        let Some(scratchpad) = context.tensors[out.0].on_chip() else {
            return context.emitter.issue(step);
        };
        let (rows, columns) = (self.items.rows(item), self.items.columns(item));
        let bytes =
            context.tensors[out.0].piece(rows.end - rows.start, columns.end - columns.start);
        let buffer = context.tensor(out).hold(scratchpad, bytes);
        let empty = Buffer::new(ScratchpadId::Outputs, 0);
        step = step.take(&buffer).give(std::mem::replace(sums, empty));
        let stamp = context.emitter.issue(step);
        context.tensor(out).written(&rows, stamp);
        stamp
    }

    /// The context leaves the output scratchpad, scaled back where integers were summed.
    fn leave(&self, context: &mut Context, item: &Item, sums: Buffer) {
        if sums.bytes == 0 {
            return;
        }
        let out = self.stage.out;
        let (rows, columns) = (self.items.rows(item), self.items.columns(item));
        let (count, width) = (rows.end - rows.start, columns.end - columns.start);
        let Some(operation) = self.stage.dequantise else {
            let tile = context.emitter.tile(self.stage.context);
            let at = (self.stage.context, tile);
            context.store_piece(at, sums, out, &rows, &columns);
            return;
        };
        let tile = context.emitter.tile(operation);
        let work = Work::Vector(VectorTile {
            kind: VectorKind::Dequantise,
            elements: count * width,
            rows: count,
        });
        let bytes = context.tensors[out.0].piece(count, width);
        let chip = context.tensors[out.0].on_chip();
        let mut buffer = match chip {
            Some(scratchpad) => context.tensor(out).hold(scratchpad, bytes),
            None => Buffer::new(ScratchpadId::Activations, bytes),
        };
        let step = Step::new(context.units.vector, operation, tile, work)
            .after(&sums.ready)
            .give(sums)
            .take(&buffer);
        let stamp = context.emitter.issue(step);
        if chip.is_some() {
            context.tensor(out).written(&rows, stamp);
        } else {
            buffer.written(stamp);
            context.store_piece((operation, tile), buffer, out, &rows, &columns);
        }
    }
}
