//! The items of a layer's attention: scores, softmax, context.

use std::ops::Range;

use quantities::Cycles;
use tile_program::{GemmTile, OperationId, ScratchpadId, Stream, VectorKind, VectorTile, Work};

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

/// The attention of a layer, as it is planned: what does not change while it is emitted.
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
    /// The probabilities: one buffer for all keys, or one for each block of keys.
    probabilities: Vec<Buffer>,
}

/// What becomes of the scores of a block of keys.
enum Scores {
    /// They stay in the output scratchpad, where softmax reads them.
    Sums(Buffer),
    /// The array leaves them as the operand of the context: there is no softmax.
    Probabilities(Buffer),
    /// They have been stored to main memory.
    Stored,
}

impl Layer {
    /// Emits the next item of a lane.
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
            let cycles = times(&context.units.target, &[array], &tile).on_first();
            cycles.map_or(u64::MAX, Cycles::get)
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

    /// Whether an item has the last queries of its sequence.
    fn last_queries(&self, item: &Item) -> bool {
        item.queries.end == self.stage.tokens
    }

    /// Emits the scores of an item, block of keys by block of keys, and their softmax.
    fn scores(&self, context: &mut Context, lane: &mut Lane, item: Item) -> Pending {
        let mut sums = Buffer::empty(ScratchpadId::Outputs);
        let mut probabilities = Vec::new();
        for block in self.items.blocks(&item) {
            match self.block_scores(context, lane, &item, &block) {
                Scores::Sums(piece) => sums.join(&piece),
                Scores::Probabilities(buffer) => probabilities.push(buffer),
                Scores::Stored => {}
            }
        }
        if self.stage.softmax.is_some() && self.stage.phase == AttentionPhase::Fused {
            probabilities.push(self.softmax(context, &item, sums));
        }
        Pending {
            item,
            probabilities,
        }
    }

    /// Emits the scores of one block of keys.
    fn block_scores(
        &self,
        context: &mut Context,
        lane: &mut Lane,
        item: &Item,
        block: &Range<u64>,
    ) -> Scores {
        let (m, repeat) = self.items.shape(item);
        let n = block.end - block.start;
        let operation = self.stage.scores;
        let at = (operation, context.emitter.tile(operation));
        let keys = self.operand(context, lane, Side::Keys, at, item, block);
        if item.is_first() && block.start == item.keys.start {
            lane.query = self.load_query(context, at, item);
        }
        let tile = GemmTile {
            repeat,
            ..GemmTile::one(m, n, self.stage.head_dim)
        };
        let work = context.pack(lane.array, tile);
        let bytes = m * repeat * n * self.accumulator_bytes;
        let mut piece = context.emitter.buffer(ScratchpadId::Outputs, bytes);
        let mut step = Step::new(lane.unit, at.0, at.1, work)
            .read(&keys)
            .take(&piece);
        step = self.read_query(context, lane, item, step);
        if !self.plan.kept || self.last_queries(item) {
            step = step.give(keys);
        }
        if item.is_last()
            && block.end == item.keys.end
            && let Some(query) = lane.query.take()
        {
            step = step.give(query);
        }
        let to_memory = match self.stage.phase {
            AttentionPhase::Scores(scores) => Some(scores),
            AttentionPhase::Fused | AttentionPhase::Context(_) => None,
        };
        let mut drained = None;
        if self.stage.softmax.is_none() && to_memory.is_none() {
            let bytes = (m * repeat * n * self.stage.a_bits).div_ceil(8);
            let buffer = context.emitter.buffer(ScratchpadId::Activations, bytes);
            step = step.take(&buffer).write(&buffer).give(piece.clone());
            drained = Some(buffer);
        } else {
            step = step.write(&piece);
        }
        let completion = context.emitter.issue(step);
        self.used(context, lane, Side::Keys, block, completion);
        match &mut lane.query {
            Some(query) => query.read(completion),
            None => context.tensors[self.stage.query].read(completion),
        }
        if let Some(mut buffer) = drained {
            buffer.written(completion);
            return Scores::Probabilities(buffer);
        }
        piece.written(completion);
        let Some(scores) = to_memory else {
            return Scores::Sums(piece);
        };
        let (rows, columns) = self.in_memory(item, block);
        context.store_piece(at, piece, scores, &rows, &columns);
        Scores::Stored
    }

    /// Lets an instruction read the queries of an item: from a buffer, or where the tensor is held.
    fn read_query(&self, context: &Context, lane: &Lane, item: &Item, step: Step) -> Step {
        match &lane.query {
            Some(query) => step.read(query),
            None => {
                let live = &context.tensors[self.stage.query];
                step.read_tensor(live, &self.items.rows(item), &self.items.columns(item))
            }
        }
    }

    /// The stream of scores and sums in the output scratchpad.
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

    /// Emits the context of an item: the sums of its values, weighted by its probabilities.
    fn context(&self, context: &mut Context, lane: &mut Lane, pending: Pending) {
        let Pending {
            item,
            mut probabilities,
        } = pending;
        let (m, repeat) = self.items.shape(&item);
        let bytes = m * repeat * self.stage.head_dim * self.accumulator_bytes;
        let mut sums = lane
            .context
            .take()
            .unwrap_or_else(|| context.emitter.buffer(ScratchpadId::Outputs, bytes));
        if !item.is_first()
            && self.stage.phase == AttentionPhase::Fused
            && let Some(softmax) = self.stage.softmax
        {
            self.rescale(context, softmax, &item, &mut sums);
        }
        let operation = self.stage.context;
        let whole = probabilities.len() == 1;
        let blocks: Vec<_> = self.items.blocks(&item).collect();
        for (index, block) in blocks.iter().enumerate() {
            let at = (operation, context.emitter.tile(operation));
            let values = self.operand(context, lane, Side::Values, at, &item, block);
            let first = item.is_first() && index == 0;
            let tile = GemmTile {
                repeat,
                accumulate: !first,
                ..GemmTile::one(m, self.stage.head_dim, block.end - block.start)
            };
            let work = context.pack(lane.array, tile);
            let source = if whole { 0 } else { index };
            let mut step = Step::new(lane.unit, at.0, at.1, work)
                .read(&values)
                .in_order_after(&sums.ready)
                .read(&probabilities[source]);
            step = match first {
                true => step.take(&sums),
                false => step.read_operands(&sums.operands),
            };
            if !self.plan.kept || self.last_queries(&item) {
                step = step.give(values);
            }
            let last = index + 1 == blocks.len();
            if last || !whole {
                let empty = Buffer::empty(ScratchpadId::Activations);
                step = step.give(std::mem::replace(&mut probabilities[source], empty));
            }
            let completion = if last && item.is_last() && self.stage.dequantise.is_none() {
                self.drain(context, step, &item, &mut sums)
            } else {
                context.emitter.issue(step.write(&sums))
            };
            self.used(context, lane, Side::Values, block, completion);
            probabilities[source].read(completion);
            sums.written(completion);
        }
        if item.is_last() {
            self.epilogue(context, &item, sums);
        } else {
            lane.context = Some(sums);
        }
    }

    /// Scales the sums of earlier items to the maximum of this one (online softmax).
    fn rescale(&self, context: &mut Context, softmax: OperationId, item: &Item, sums: &mut Buffer) {
        let (m, repeat) = self.items.shape(item);
        let tile = context.emitter.tile(softmax);
        let work = Work::Vector(VectorTile {
            kind: VectorKind::Multiply,
            elements: m * repeat * self.stage.head_dim,
            rows: m * repeat,
            source: self.sums(),
            operand: None,
            result: self.sums(),
        });
        let step = Step::new(context.units.vector, softmax, tile, work)
            .read(sums)
            .write(sums);
        let completion = context.emitter.issue(step);
        sums.ready.add(completion);
        sums.read(completion);
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
