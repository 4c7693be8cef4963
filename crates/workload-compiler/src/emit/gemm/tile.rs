//! A tile of C: its slices of k, the weights and activations of each, and the epilogue on the sums.

use smallvec::SmallVec;
use tile_program::{
    GemmTile, OperationId, ScratchpadId, Stream, TransferTile, UnitId, VectorKind, VectorTile, Work,
};

use super::{GemmEmitter, Tile};
use crate::emit::buffer::Buffer;
use crate::emit::context::{Context, Streams};
use crate::emit::dependencies::Completion;
use crate::emit::k_slice::{KSlice, k_slices};
use crate::emit::resident::ResidentMatrix;
use crate::emit::step::Step;
use crate::graph::{Part, Section};

/// The sums of a part of a section, one for each part of k.
struct Sums {
    buffers: SmallVec<[Buffer; 1]>,
    tile: u32,
}

impl GemmEmitter {
    /// Emits one tile of C: all of k, and its epilogue.
    pub(super) fn tile(&mut self, context: &mut Context, section: &Section, tile: &Tile) {
        let (rows, columns) = tile.shape();
        let bytes = rows * columns * self.accumulator_bytes;
        let units = self.assign_arrays(context, section, tile);
        let mut sums: SmallVec<[Sums; 2]> = section
            .parts
            .iter()
            .map(|part| Sums {
                buffers: units
                    .iter()
                    .map(|_| context.emitter.buffer(ScratchpadId::Outputs, bytes))
                    .collect(),
                tile: context.emitter.tile(part.operation),
            })
            .collect();
        if tile.first_of_columns {
            self.stay = vec![Vec::new(); section.parts.len()];
        }
        if tile.first_of_block {
            self.block.clear();
        }
        for slice in k_slices(self.stage.k, self.plan.k, self.plan.splits) {
            let unit = units[slice.split];
            self.slice(context, section, tile, &mut sums, (unit, &slice));
        }
        if tile.first_of_block && tile.last_of_block {
            self.look_ahead(context, tile);
        }
        self.add_up(context, section, tile, &mut sums);
        self.epilogue(context, section, tile, sums);
    }

    /// The vector unit adds up what several arrays have summed.
    fn add_up(&self, context: &mut Context, section: &Section, tile: &Tile, sums: &mut [Sums]) {
        let (rows, columns) = tile.shape();
        for (part, sums) in section.parts.iter().zip(sums) {
            while sums.buffers.len() > 1 {
                let other = sums.buffers.pop().expect("just counted");
                let kept_on_chip = context.tensors[section.out].on_chip().is_some();
                // Where nothing follows, the last sum goes where it is wanted.
                let alone = section.parts.len() == 1 && part.epilogue.is_empty();
                let last = sums.buffers.len() == 1 && alone && kept_on_chip;
                let bits = 8 * self.accumulator_bytes;
                let add = VectorTile::on_sums(VectorKind::Add, rows * columns, rows, bits);
                let work = Work::Vector(VectorTile {
                    operand: Some(add.source),
                    result: if last {
                        context.home(section.out)
                    } else {
                        add.result
                    },
                    ..add
                });
                let sum = &mut sums.buffers[0];
                let step = Step::new(context.units.vector, part.operation, sums.tile, work);
                if last {
                    let empty = Buffer::empty(ScratchpadId::Outputs);
                    let sum = std::mem::replace(&mut sums.buffers[0], empty);
                    context.deliver(step, section, tile, [sum, other].into_iter(), None, None);
                    return;
                }
                let completion = context
                    .emitter
                    .issue(step.read(sum).read(&other).write(sum).give(other));
                sums.buffers[0].written(completion);
            }
        }
    }

    /// Emits one slice of k for all parts of a tile, on one array.
    fn slice(
        &mut self,
        context: &mut Context,
        section: &Section,
        tile: &Tile,
        sums: &mut [Sums],
        (unit, slice): (UnitId, &KSlice),
    ) {
        let mut a: Option<Buffer> = None;
        for (index, part) in section.parts.iter().enumerate() {
            let at = (part.operation, sums[index].tile);
            let last_part = index + 1 == section.parts.len();
            // Weights come before A: they wait for nobody's result.
            let b = self.operand_b(context, at, (index, part), tile, slice);
            if index == 0 {
                a = self.operand_a(context, at, tile, slice);
            }
            let apart = sums[index].buffers.len() > 1;
            let sum = &mut sums[index].buffers[slice.split];
            let mut step = self.gemm_step(unit, at, tile, slice).read(&b);
            step = self.read_a(context, step, a.as_ref(), tile, slice);
            step = match slice.first {
                true => step.take(sum),
                // The array adds to its own sums in order.
                false => step.read_operands(&sum.operands),
            };
            if part.kept {
                let end = slice.end && tile.last_of_columns && tile.columns.end == section.n;
                let end = end && context.resident_uses.is_last_use(part.weights.base);
                step = Self::use_resident(context, part, step, end);
            }
            if !self.b_stays() || tile.last_of_columns {
                step = step.give(b);
            }
            if last_part
                && self.a_ends(tile, slice)
                && let Some(buffer) = a.take()
            {
                step = step.give(buffer);
            }
            let completion = if slice.last && !apart && last_part && part.epilogue.is_empty() {
                self.drain(context, step, section, tile, sum)
            } else {
                context.emitter.issue(step.write(sum))
            };
            self.record_use(context, &mut a, (index, part), slice, completion);
            sum.written(completion);
        }
        if let Some(buffer) = a {
            let index = self.block_index(slice);
            self.block[index] = buffer;
        }
    }

    /// The instruction of a tile and a slice of k, without its operands.
    fn gemm_step(&self, unit: UnitId, at: (OperationId, u32), tile: &Tile, slice: &KSlice) -> Step {
        let (m, n) = tile.shape();
        let work = Work::Gemm(GemmTile {
            accumulate: !slice.first,
            packed: self.stage.packed,
            ..GemmTile::one(m, n, slice.k.end - slice.k.start)
        });
        Step::new(unit, at.0, at.1, work)
    }

    /// Lets an instruction read A: from a buffer, or where the tensor is held.
    fn read_a(
        &self,
        context: &Context,
        step: Step,
        a: Option<&Buffer>,
        tile: &Tile,
        slice: &KSlice,
    ) -> Step {
        match a {
            Some(buffer) => step.read(buffer),
            None => {
                let live = &context.tensors[self.stage.input];
                step.read_tensor(live, &tile.rows, &slice.k)
            }
        }
    }

    /// Records that an instruction has used A and the weights of a part.
    fn record_use(
        &mut self,
        context: &mut Context,
        a: &mut Option<Buffer>,
        (index, part): (usize, &Part),
        slice: &KSlice,
        completion: Completion,
    ) {
        if self.a_held {
            context.tensors[self.stage.input].read(completion);
        }
        if let Some(buffer) = a {
            buffer.read(completion);
        }
        if self.b_stays() {
            self.stay[index][slice.index].read(completion);
        }
        if part.kept {
            let resident = &mut context.emitter.resident;
            resident.used(part.weights.base, completion);
        }
    }

    /// Whether the buffer of A is used for the last time in this slice of this tile.
    fn a_ends(&self, tile: &Tile, slice: &KSlice) -> bool {
        let all_k_in_one = !self.stage.prologue.is_empty();
        !self.a_stays() || (tile.last_of_block && (slice.end || !all_k_in_one))
    }

    /// The place in the block of A that holds a slice.
    fn block_index(&self, slice: &KSlice) -> usize {
        if self.stage.prologue.is_empty() {
            slice.index
        } else {
            0
        }
    }

    /// The operand A of a slice: `None` where the tensor is held on chip, otherwise a buffer that
    /// an earlier tile has left or that is loaded now.
    fn operand_a(
        &mut self,
        context: &mut Context,
        at: (OperationId, u32),
        tile: &Tile,
        slice: &KSlice,
    ) -> Option<Buffer> {
        if self.a_held {
            return None;
        }
        let index = self.block_index(slice);
        if self.a_stays() && index < self.block.len() {
            return Some(self.block[index].clone());
        }
        let buffer = if self.stage.prologue.is_empty() {
            context.load_piece(at, self.stage.input, &tile.rows, 1, &slice.k)
        } else {
            let ahead = self.ahead.take();
            ahead.unwrap_or_else(|| self.prologue(context, &tile.rows))
        };
        if self.a_stays() {
            self.block.push(buffer.clone());
        }
        Some(buffer)
    }

    /// The operand B of a slice: weights that an earlier tile has left, or that are loaded now.
    fn operand_b(
        &mut self,
        context: &mut Context,
        at: (OperationId, u32),
        (index, part): (usize, &Part),
        tile: &Tile,
        slice: &KSlice,
    ) -> Buffer {
        if self.b_stays() && !tile.first_of_columns {
            return self.stay[index][slice.index].clone();
        }
        let (k, (_, n)) = (slice.k.end - slice.k.start, tile.shape());
        let bytes = part.weights.tile_bytes(k, n);
        let mut buffer = if part.kept {
            let held = context
                .emitter
                .resident_operand(part.weights.base, &slice.k, &tile.columns);
            let mut buffer = Buffer::of_bytes(ScratchpadId::Weights, bytes);
            buffer.operands.push(held);
            buffer
        } else {
            context.emitter.buffer(ScratchpadId::Weights, bytes)
        };
        let (base, warm) = (part.weights.base, context.emitter.resident.preloaded);
        let matrix = part.kept.then(|| context.emitter.resident.matrix(base));
        let there = |matrix: &ResidentMatrix| warm || matrix.whole || !tile.first_of_columns;
        if let Some(matrix) = matrix.filter(|matrix| there(matrix)) {
            buffer.bytes = 0;
            buffer.ready = matrix.ready.clone();
        } else {
            let work = Work::Transfer(TransferTile {
                region: part.weights.region(&tile.columns, &slice.k),
                scratchpad: ScratchpadId::Weights,
            });
            let step = Step::new(context.units.load, at.0, at.1, work).write(&buffer);
            let step = if part.kept {
                let bytes = std::mem::take(&mut buffer.bytes);
                step.take_resident(context.emitter.resident.take(base, bytes))
            } else {
                step.take(&buffer)
            };
            let completion = context.emitter.issue(step);
            buffer.written(completion);
            if part.kept {
                context.emitter.resident.matrix(base).ready.add(completion);
            }
        }
        if self.b_stays() {
            self.stay[index].push(buffer.clone());
        }
        buffer
    }

    /// Lets an instruction use a resident matrix. Where the matrix is there from the start, its
    /// first use takes its bytes. Its `last` use in the last pass gives them back.
    fn use_resident(context: &mut Context, part: &Part, mut step: Step, last: bool) -> Step {
        let kept = &mut context.emitter.resident;
        let base = part.weights.base;
        if kept.preloaded && kept.matrix(base).held == 0 {
            step = step.take_resident(kept.take(base, part.weights.footprint()));
        }
        if context.history.is_last_pass && last {
            // Whatever took the bytes may be on another array.
            let buffer = kept.release(base);
            step = step.in_order_after(&buffer.ready).give(buffer);
        }
        step
    }

    /// The array itself leaves the result where it is wanted, when nothing else is to be done.
    fn drain(
        &self,
        context: &mut Context,
        step: Step,
        section: &Section,
        tile: &Tile,
        sums: &mut Buffer,
    ) -> Completion {
        let out = section.out;
        let Some(scratchpad) = context.tensors[out].on_chip() else {
            return context.emitter.issue(step.write(sums));
        };
        let (rows, columns) = tile.shape();
        let bytes = context.tensors[out].piece(rows, columns);
        // A tensor that is overwritten holds its bytes already.
        let mut step = step;
        if context.tensors[out].is_full(bytes) {
            step.overwrites.merge(&context.tensors[out].users);
        } else {
            let buffer = context.hold(out, scratchpad, bytes);
            step = step.take(&buffer);
        }
        step = step.write_tensor(&context.tensors[out], &tile.rows, &tile.columns);
        let empty = Buffer::empty(ScratchpadId::Outputs);
        step = step.give(std::mem::replace(sums, empty));
        let completion = context.emitter.issue(step);
        context.tensors[out].written(&tile.rows, completion);
        completion
    }

    /// Emits the epilogue of a tile: scale, bias, rotation, activation and residual. Its last step
    /// moves the result out of the output scratchpad.
    fn epilogue(
        &self,
        context: &mut Context,
        section: &Section,
        tile: &Tile,
        mut sums: SmallVec<[Sums; 2]>,
    ) {
        let (rows, columns) = tile.shape();
        let parts = section.parts.len();
        for (index, part) in section.parts.iter().enumerate() {
            let steps = part.epilogue.len();
            for (number, work) in part.epilogue.iter().enumerate() {
                let at = context.emitter.tile(work.operation);
                let last = index + 1 == parts && number + 1 == steps;
                let operand = context.operand(work, at, &tile.rows, &tile.columns);
                let sums_at = Stream::new(ScratchpadId::Outputs, 8 * self.accumulator_bytes);
                let streams = Streams {
                    source: sums_at,
                    // A product of two results reads both.
                    operand: match context.stream(work.with) {
                        None if last && parts > 1 => Some(sums_at),
                        operand => operand,
                    },
                    result: if last {
                        context.home(section.out)
                    } else {
                        sums_at
                    },
                };
                let vector = Context::vector_work(work, rows, columns, streams);
                let step = Step::new(context.units.vector, work.operation, at, vector);
                let sum = &sums[index].buffers[0];
                // What is delivered is read of all parts, there.
                let step = match last {
                    true => step.after(&sum.ready),
                    false => step.read(sum).write(sum),
                };
                let step = context.wait_for_others(step, work, operand.as_ref());
                if last {
                    let all = std::mem::take(&mut sums);
                    let sums = all.into_iter().flat_map(|sums| sums.buffers);
                    context.deliver(step, section, tile, sums, operand, work.state);
                    return;
                }
                let completion = context.issue_with(step, operand);
                sums[index].buffers[0].written(completion);
            }
        }
        // No vector work: the sums are drained already, or go to memory as they are.
        let Sums {
            mut buffers,
            tile: number,
        } = sums.pop().expect("a section has a part");
        if let Some(buffer) = buffers.pop()
            && buffer.bytes > 0
        {
            let at = (section.stored_by, number);
            context.store_piece(at, buffer, section.out, &tile.rows, &tile.columns);
        }
    }
}
