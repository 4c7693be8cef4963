//! The items of a layer's attention: scores, softmax, context.

use std::ops::Range;

use tile_program::{GemmTile, ScratchpadId, Stream, VectorKind, VectorTile, Work};

use super::Lane;
use super::items::{Item, Items};
use super::operands::Side;
use crate::emit::buffer::Buffer;
use crate::emit::context::Context;
use crate::emit::dependencies::Completion;
use crate::emit::step::Step;
use crate::graph::{AttentionPhase, AttentionStage};
use crate::layout::CacheRegion;
use crate::plan::{AttentionPlan, times};

/// What does not change while a layer's attention is emitted.
pub(super) struct Layer {
    pub(super) stage: AttentionStage,
    pub(super) plan: AttentionPlan,
    pub(super) items: Items,
    pub(super) cache: [CacheRegion; 2],
    pub(super) accumulator_bytes: u64,
}

/// An item whose scores are done.
pub(super) struct Pending {
    pub(super) item: Item,
    /// Probabilities, one buffer or one for each block of keys.
    probabilities: Vec<Buffer>,
}

impl Layer {
    /// A step of one lane.
    pub(super) fn step(&self, context: &mut Context, lane: &mut Lane) {
        let Some(item) = lane.next.take() else {
            if let Some(last) = lane.pending.take() {
                self.context(context, lane, last);
            }
            return;
        };
        lane.next = self.items.after(&item);
        match self.stage.phase {
            AttentionPhase::Fused => {}
            AttentionPhase::Scores(_) => {
                self.scores(context, lane, item);
                return;
            }
            AttentionPhase::Context(rows) => {
                let probabilities = self.load_probabilities(context, rows, &item);
                let loaded = Pending {
                    item,
                    probabilities,
                };
                self.context(context, lane, loaded);
                return;
            }
        }
        let done = self.scores(context, lane, item);
        if !self.plan.pipelined {
            self.context(context, lane, done);
        } else if let Some(before) = lane.pending.replace(done) {
            self.context(context, lane, before);
        }
    }

    /// Cycles of an item on an array, to share items out by; with one array it makes no difference.
    pub(super) fn cycles(&self, context: &Context, array: usize, item: &Item) -> u64 {
        if self.plan.lanes == 1 {
            return 0;
        }
        let (m, repeat) = self.items.shape(item);
        let (span, depth) = (item.keys.end - item.keys.start, self.stage.head_dim);
        let cycles = |n, k| {
            let tile = GemmTile {
                repeat,
                ..GemmTile::one(m, n, k)
            };
            times(&context.units.target, &[array], &tile)[0]
        };
        cycles(span, depth).saturating_add(cycles(depth, span))
    }

    /// Rows and columns that a block of keys of an item has in scores that lie in memory.
    pub(super) fn in_memory(&self, item: &Item, block: &Range<u64>) -> (Range<u64>, Range<u64>) {
        let stage = &self.stage;
        let head = item.sequence * stage.kv_heads + item.heads.start;
        let heads = item.heads.end - item.heads.start;
        let tokens = item.queries.end - item.queries.start;
        let first = (head * stage.tokens + item.queries.start) * stage.group;
        let columns = block.start - stage.from..block.end - stage.from;
        (first..first + heads * tokens * stage.group, columns)
    }

    fn last_queries(&self, item: &Item) -> bool {
        item.queries.end == self.stage.tokens
    }

    fn scores(&self, context: &mut Context, lane: &mut Lane, item: Item) -> Pending {
        let (m, repeat) = self.items.shape(&item);
        let rows = self.items.rows(&item);
        let vector = self.stage.softmax.is_some();
        let mut sums = Buffer::empty(ScratchpadId::Outputs);
        let mut probabilities = Vec::new();
        let (first_keys, last_keys) = (item.is_first(), item.is_last());
        for block in self.items.blocks(&item) {
            let operation = self.stage.scores;
            let at = (operation, context.emitter.tile(operation));
            let keys = self.operand(context, lane, Side::Keys, at, &item, &block);
            if first_keys && block.start == item.keys.start {
                lane.query = self.load_query(context, at, &item);
            }
            let n = block.end - block.start;
            let work = context.pack(
                lane.array,
                GemmTile {
                    repeat,
                    ..GemmTile::one(m, n, self.stage.head_dim)
                },
            );
            let bytes = m * repeat * n * self.accumulator_bytes;
            let mut piece = context.emitter.buffer(ScratchpadId::Outputs, bytes);
            let mut step = Step::new(lane.unit, at.0, at.1, work)
                .read(&keys)
                .take(&piece);
            step = match &lane.query {
                Some(query) => step.read(query),
                None => {
                    let live = &context.tensors[self.stage.query];
                    step.read_tensor(live, &rows, &self.items.columns(&item))
                }
            };
            if !self.plan.kept || self.last_queries(&item) {
                step = step.give(keys);
            }
            if last_keys
                && block.end == item.keys.end
                && let Some(query) = lane.query.take()
            {
                step = step.give(query);
            }
            let mut drained = None;
            let to_memory = match self.stage.phase {
                AttentionPhase::Scores(scores) => Some(scores),
                AttentionPhase::Fused | AttentionPhase::Context(_) => None,
            };
            if !vector && to_memory.is_none() {
                let bytes = (m * repeat * n * self.stage.a_bits).div_ceil(8);
                let buffer = context.emitter.buffer(ScratchpadId::Activations, bytes);
                step = step.take(&buffer).write(&buffer).give(piece.clone());
                drained = Some(buffer);
            } else {
                step = step.write(&piece);
            }
            let completion = context.emitter.issue(step);
            self.used(context, lane, Side::Keys, &block, completion);
            match &mut lane.query {
                Some(query) => query.read(completion),
                None => context.tensors[self.stage.query].read(completion),
            }
            if let Some(scores) = to_memory {
                piece.written(completion);
                let (rows, columns) = self.in_memory(&item, &block);
                context.store_piece(at, piece, scores, &rows, &columns);
            } else if let Some(mut buffer) = drained {
                buffer.written(completion);
                probabilities.push(buffer);
            } else {
                piece.written(completion);
                sums.join(&piece);
            }
        }
        if vector && self.stage.phase == AttentionPhase::Fused {
            probabilities.push(self.softmax(context, &item, sums));
        }
        Pending {
            item,
            probabilities,
        }
    }

    /// Where scores and sums are while they are worked on.
    const fn sums(&self) -> Stream {
        Stream::new(ScratchpadId::Outputs, 8 * self.accumulator_bytes)
    }

    /// Softmax over the item's scores; quantised where the array wants integers.
    fn softmax(&self, context: &mut Context, item: &Item, sums: Buffer) -> Buffer {
        let (m, repeat) = self.items.shape(item);
        let elements = m * repeat * (item.keys.end - item.keys.start);
        let scores = self.sums();
        let probabilities = Stream::new(ScratchpadId::Activations, self.stage.a_bits);
        let work = |kind, result| {
            Work::Vector(VectorTile {
                kind,
                elements,
                rows: m * repeat,
                source: scores,
                operand: None,
                result,
            })
        };
        let softmax = match self.stage.quantise {
            Some(_) => work(VectorKind::Softmax, scores),
            None => work(VectorKind::Softmax, probabilities),
        };
        let bytes = (elements * self.stage.a_bits).div_ceil(8);
        let mut result = context.emitter.buffer(ScratchpadId::Activations, bytes);
        let operation = self
            .stage
            .softmax
            .expect("softmax is done where the stage has one");
        let tile = context.emitter.tile(operation);
        let vector = context.units.vector;
        let step = Step::new(vector, operation, tile, softmax);
        let mut step = step.read(&sums);
        if let Some(operation) = self.stage.quantise {
            let completion = context.emitter.issue(step.write(&sums));
            let mut sums = sums;
            sums.written(completion);
            let tile = context.emitter.tile(operation);
            let quantise = work(VectorKind::Quantise, probabilities);
            step = Step::new(vector, operation, tile, quantise);
            step = step.read(&sums).give(sums);
        } else {
            step = step.give(sums);
        }
        let completion = context.emitter.issue(step.write(&result).take(&result));
        result.written(completion);
        result
    }

    fn context(&self, context: &mut Context, lane: &mut Lane, pending: Pending) {
        let Pending {
            item,
            mut probabilities,
        } = pending;
        let (m, repeat) = self.items.shape(&item);
        let elements = m * repeat * self.stage.head_dim;
        let (first_keys, last_keys) = (item.is_first(), item.is_last());
        let operation = self.stage.context;
        let bytes = elements * self.accumulator_bytes;
        let mut sums = lane
            .context
            .take()
            .unwrap_or_else(|| context.emitter.buffer(ScratchpadId::Outputs, bytes));
        if !first_keys
            && self.stage.phase == AttentionPhase::Fused
            && let Some(softmax) = self.stage.softmax
        {
            let tile = context.emitter.tile(softmax);
            let work = Work::Vector(VectorTile {
                kind: VectorKind::Multiply,
                elements,
                rows: m * repeat,
                source: self.sums(),
                operand: None,
                result: self.sums(),
            });
            let step = Step::new(context.units.vector, softmax, tile, work)
                .read(&sums)
                .write(&sums);
            let completion = context.emitter.issue(step);
            sums.ready.add(completion);
            sums.read(completion);
        }
        let whole = probabilities.len() == 1;
        let blocks: Vec<_> = self.items.blocks(&item).collect();
        for (index, block) in blocks.iter().enumerate() {
            let at = (operation, context.emitter.tile(operation));
            let values = self.operand(context, lane, Side::Values, at, &item, block);
            let work = context.pack(
                lane.array,
                GemmTile {
                    repeat,
                    accumulate: !first_keys || index > 0,
                    ..GemmTile::one(m, self.stage.head_dim, block.end - block.start)
                },
            );
            let source = if whole { 0 } else { index };
            let mut step = Step::new(lane.unit, at.0, at.1, work)
                .read(&values)
                .in_order_after(&sums.ready)
                .read(&probabilities[source]);
            step = if first_keys && index == 0 {
                step.take(&sums)
            } else {
                step.read_operands(&sums.operands)
            };
            if !self.plan.kept || self.last_queries(&item) {
                step = step.give(values);
            }
            let last = index + 1 == blocks.len();
            if last || !whole {
                let empty = Buffer::empty(ScratchpadId::Activations);
                step = step.give(std::mem::replace(&mut probabilities[source], empty));
            }
            let completion = if last && last_keys && self.stage.dequantise.is_none() {
                self.drain(context, step, &item, &mut sums)
            } else {
                context.emitter.issue(step.write(&sums))
            };
            self.used(context, lane, Side::Values, block, completion);
            probabilities[source].read(completion);
            sums.written(completion);
        }
        if last_keys {
            self.epilogue(context, &item, sums);
        } else {
            lane.context = Some(sums);
        }
    }

    /// The array leaves the context where it is held, if it is.
    fn drain(
        &self,
        context: &mut Context,
        mut step: Step,
        item: &Item,
        sums: &mut Buffer,
    ) -> Completion {
        let out = self.stage.out;
        let Some(scratchpad) = context.tensors[out].on_chip() else {
            return context.emitter.issue(step.write(sums));
        };
        let (rows, columns) = (self.items.rows(item), self.items.columns(item));
        let bytes = context.tensors[out].piece(rows.end - rows.start, columns.end - columns.start);
        let buffer = context.hold(out, scratchpad, bytes);
        let empty = Buffer::empty(ScratchpadId::Outputs);
        step = step.write_tensor(&context.tensors[out], &rows, &columns);
        step = step.take(&buffer).give(std::mem::replace(sums, empty));
        let completion = context.emitter.issue(step);
        context.tensors[out].written(&rows, completion);
        completion
    }

    /// The context leaves the output scratchpad, scaled back where integers were summed.
    fn epilogue(&self, context: &mut Context, item: &Item, sums: Buffer) {
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
            source: self.sums(),
            operand: None,
            result: context.home(out),
        });
        let bytes = context.tensors[out].piece(count, width);
        let chip = context.tensors[out].on_chip();
        let mut buffer = match chip {
            Some(scratchpad) => context.hold(out, scratchpad, bytes),
            None => context.emitter.buffer(ScratchpadId::Activations, bytes),
        };
        let step = Step::new(context.units.vector, operation, tile, work)
            .read(&sums)
            .write(&buffer)
            .write_tensor(&context.tensors[out], &rows, &columns)
            .give(sums)
            .take(&buffer);
        let completion = context.emitter.issue(step);
        if chip.is_some() {
            context.tensors[out].written(&rows, completion);
        } else {
            buffer.written(completion);
            context.store_piece((operation, tile), buffer, out, &rows, &columns);
        }
    }
}
