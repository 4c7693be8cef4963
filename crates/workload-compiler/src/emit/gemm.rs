//! A GEMM stage, tile by tile.

use std::ops::Range;

use smallvec::SmallVec;
use tile_program::{GemmTile, OperationId, ScratchpadId, TransferTile, UnitId, Work};

use super::chain::{Band, Goal};
use super::emitter::{Buffer, Step};
use super::pass::Context;
use crate::layout::WeightRegion;
use crate::lower::{GemmStage, Section};
use crate::plan::{GemmPlan, Order};

/// A GEMM stage in the course of being emitted. One step is one tile of C of one section, with all
/// of its k.
pub(super) struct GemmRun {
    stage: GemmStage,
    plan: GemmPlan,
    unit: UnitId,
    accumulator_bytes: u64,
    /// A is held where the tensor is held.
    a_held: bool,
    /// Block of rows, section, block of columns that come next.
    row: u64,
    section: usize,
    column: u64,
    /// The present block of A, and the next one once its entry has been run.
    block: Option<Buffer>,
    ahead: Option<Buffer>,
    /// Weights that stay while A passes.
    stay: Vec<Buffer>,
}

/// A tile of C.
struct Tile {
    rows: Range<u64>,
    columns: Range<u64>,
    /// First and last use of the block of A, and of the block of B.
    last_of_block: bool,
    first_of_columns: bool,
    last_of_columns: bool,
}

/// The sums of a part.
struct Sums {
    buffer: Buffer,
    tile: u32,
}

impl GemmRun {
    pub(super) fn new(stage: GemmStage, plan: GemmPlan, context: &Context) -> Self {
        let a_held =
            context.tensors[stage.input.0].on_chip().is_some() && stage.prologue.is_empty();
        Self {
            unit: context.units.arrays[stage.array],
            accumulator_bytes: context.units.accumulators[stage.array],
            stage,
            plan,
            a_held,
            row: 0,
            section: 0,
            column: 0,
            block: None,
            ahead: None,
            stay: Vec::new(),
        }
    }

    /// Whether a block of rows of A stays for all columns.
    fn a_stays(&self) -> bool {
        self.plan.order == Order::RowsOuter && self.plan.k == self.stage.k
    }

    /// Whether weights stay while the rows pass.
    fn b_stays(&self) -> bool {
        self.plan.order == Order::ColumnsOuter
            && self.plan.k == self.stage.k
            && self.plan.m < self.stage.m
    }

    /// Emits one tile of C; false at the end.
    pub(super) fn step(&mut self, context: &mut Context) -> bool {
        let rows = self.row..(self.row + self.plan.m).min(self.stage.m);
        let n = self.plan.n[self.section];
        let all = self.stage.sections[self.section].n;
        let columns = self.column..(self.column + n).min(all);
        let tile = Tile {
            last_of_block: self.section + 1 == self.stage.sections.len() && columns.end == all,
            first_of_columns: rows.start == 0,
            last_of_columns: rows.end == self.stage.m,
            rows,
            columns,
        };
        let first_of_block = self.section == 0 && tile.columns.start == 0;
        let section = std::mem::replace(&mut self.stage.sections[self.section], Section::empty());
        self.tile(context, &section, &tile, first_of_block);
        self.stage.sections[self.section] = section;
        if first_of_block && self.a_stays() && self.plan.double {
            self.look_ahead(context, tile.rows.end);
        }
        self.advance(&tile)
    }

    fn advance(&mut self, tile: &Tile) -> bool {
        let all = self.stage.sections[self.section].n;
        match self.plan.order {
            Order::RowsOuter => {
                self.column = tile.columns.end;
                if self.column < all {
                    return true;
                }
                self.column = 0;
                self.section += 1;
                if self.section < self.stage.sections.len() {
                    return true;
                }
                self.section = 0;
                self.row = tile.rows.end;
                self.row < self.stage.m
            }
            Order::ColumnsOuter => {
                self.row = tile.rows.end;
                if self.row < self.stage.m {
                    return true;
                }
                self.row = 0;
                self.column = tile.columns.end;
                if self.column < all {
                    return true;
                }
                self.column = 0;
                self.section += 1;
                self.section < self.stage.sections.len()
            }
        }
    }

    /// The entry of the next block is run while the present one is in the array.
    fn look_ahead(&mut self, context: &mut Context, row: u64) {
        if row < self.stage.m && !self.stage.prologue.is_empty() {
            let rows = row..(row + self.plan.m).min(self.stage.m);
            self.ahead = Some(self.enter(context, &rows));
        }
    }

    /// Runs the entry over a block of rows of A.
    fn enter(&self, context: &mut Context, rows: &Range<u64>) -> Buffer {
        let mut block = Buffer::new(ScratchpadId::Activations, 0);
        let mut from = rows.start;
        while from < rows.end {
            let to = (from + self.plan.entry_rows).min(rows.end);
            let band = Band {
                rows: from..to,
                stride: 1,
                out_rows: from..to,
                width: self.stage.k,
            };
            let piece = context.chain(self.stage.input, &self.stage.prologue, &band, Goal::Buffer);
            if let Some(piece) = piece {
                block.bytes += piece.bytes;
                block.ready.merge(&piece.ready);
                block.users.merge(&piece.users);
            }
            from = to;
        }
        block
    }

    /// One tile of C, all of k, and what follows on it.
    fn tile(&mut self, context: &mut Context, section: &Section, tile: &Tile, first: bool) {
        let tiles: SmallVec<[u32; 2]> = section
            .parts
            .iter()
            .map(|part| context.emitter.tile(part.operation))
            .collect();
        let elements = (tile.rows.end - tile.rows.start) * (tile.columns.end - tile.columns.start);
        let mut sums: SmallVec<[Sums; 2]> = SmallVec::new();
        for &number in &tiles {
            let bytes = elements * self.accumulator_bytes;
            sums.push(Sums {
                buffer: Buffer::new(ScratchpadId::Outputs, bytes),
                tile: number,
            });
        }
        // Weights come before A: they wait for nobody's result.
        let whole = self.plan.k == self.stage.k;
        if whole && self.b_stays() && tile.first_of_columns {
            let load = |(part, &number): (&crate::lower::Part, &u32)| {
                let at = (part.operation, number);
                weights(
                    context,
                    at,
                    &part.weights,
                    &tile.columns,
                    &(0..self.stage.k),
                )
            };
            self.stay = section.parts.iter().zip(&tiles).map(load).collect();
        }
        let mut k_from = 0;
        while k_from < self.stage.k {
            let k = k_from..(k_from + self.plan.k).min(self.stage.k);
            self.k_step(context, section, tile, &mut sums, &k, first);
            k_from = k.end;
        }
        self.leave(context, section, tile, sums);
    }

    /// One step of k for all parts of a tile.
    fn k_step(
        &mut self,
        context: &mut Context,
        section: &Section,
        tile: &Tile,
        sums: &mut [Sums],
        k: &Range<u64>,
        first: bool,
    ) {
        let mut a: Option<Buffer> = None;
        let parts = section.parts.len();
        for (index, part) in section.parts.iter().enumerate() {
            let at = (part.operation, sums[index].tile);
            let b = if self.b_stays() {
                self.stay[index].clone()
            } else {
                weights(context, at, &part.weights, &tile.columns, k)
            };
            if index == 0 {
                a = self.operand_a(context, at, tile, k, first);
            }
            let a_ready = match &a {
                Some(buffer) => buffer.ready.clone(),
                None => context.tensors[self.stage.input.0].ready(&tile.rows),
            };
            let last = k.end == self.stage.k;
            let work = Work::Gemm(GemmTile {
                m: tile.rows.end - tile.rows.start,
                n: tile.columns.end - tile.columns.start,
                k: k.end - k.start,
                repeat: 1,
                accumulate: k.start > 0,
            });
            let mut step = Step::new(self.unit, at.0, at.1, work)
                .after(&b.ready)
                .after(&a_ready);
            if k.start == 0 {
                step = step.take(&sums[index].buffer);
            }
            if !self.b_stays() || tile.last_of_columns {
                step = step.give(b);
            }
            let last_user = index + 1 == parts && (!self.a_stays() || tile.last_of_block);
            if last_user && let Some(buffer) = a.take() {
                step = step.give(buffer);
            }
            let drained = last && index + 1 == parts && part.epilogue.is_empty();
            let stamp = if drained {
                self.drain(context, step, section, tile, &mut sums[index].buffer)
            } else {
                context.emitter.issue(step)
            };
            if self.a_held {
                context.tensors[self.stage.input.0].read(stamp);
            }
            if let Some(buffer) = &mut a {
                buffer.read(stamp);
            }
            if self.b_stays() {
                self.stay[index].read(stamp);
            }
            sums[index].buffer.written(stamp);
        }
        if self.a_stays() && !tile.last_of_block {
            self.block = a;
        }
    }

    /// A for this tile: held by the tensor (none), the block that stays, or loaded.
    fn operand_a(
        &mut self,
        context: &mut Context,
        at: (OperationId, u32),
        tile: &Tile,
        k: &Range<u64>,
        first: bool,
    ) -> Option<Buffer> {
        if self.a_held {
            return None;
        }
        if self.a_stays() && !first {
            return self.block.take();
        }
        if !self.stage.prologue.is_empty() {
            let ahead = self.ahead.take();
            return Some(ahead.unwrap_or_else(|| self.enter(context, &tile.rows)));
        }
        Some(context.load_piece(at, self.stage.input, &tile.rows, 1, k))
    }

    /// The array itself leaves the result where it is wanted, when nothing else is to be done.
    fn drain(
        &self,
        context: &mut Context,
        step: Step,
        section: &Section,
        tile: &Tile,
        sums: &mut Buffer,
    ) -> (UnitId, u64) {
        let out = section.out;
        let Some(scratchpad) = context.tensors[out.0].on_chip() else {
            return context.emitter.issue(step);
        };
        let rows = tile.rows.end - tile.rows.start;
        let bytes = context.tensors[out.0].piece(rows, tile.columns.end - tile.columns.start);
        // A tensor that is overwritten holds its bytes already.
        let mut step = step;
        if context.tensors[out.0].is_full(bytes) {
            step.overwrites.merge(&context.tensors[out.0].users);
        } else {
            let buffer = context.tensor(out).hold(scratchpad, bytes);
            step = step.take(&buffer);
        }
        let empty = Buffer::new(ScratchpadId::Outputs, 0);
        step = step.give(std::mem::replace(sums, empty));
        let stamp = context.emitter.issue(step);
        context.tensor(out).written(&tile.rows, stamp);
        stamp
    }

    /// What follows on a tile: scale, bias, rotation, activation, residual; then it leaves.
    fn leave(
        &self,
        context: &mut Context,
        section: &Section,
        tile: &Tile,
        mut sums: SmallVec<[Sums; 2]>,
    ) {
        let rows = tile.rows.end - tile.rows.start;
        let columns = tile.columns.end - tile.columns.start;
        let parts = section.parts.len();
        for (index, part) in section.parts.iter().enumerate() {
            let steps = part.epilogue.len();
            for (number, work) in part.epilogue.iter().enumerate() {
                let at = context.emitter.tile(work.operation);
                let last = index + 1 == parts && number + 1 == steps;
                let operand = context.operand(work, at, &tile.rows, &tile.columns);
                let vector = Context::vector_work(work, rows, columns);
                let mut step = Step::new(context.units.vector, work.operation, at, vector)
                    .after(&sums[index].buffer.ready);
                if let Some(operand) = &operand {
                    step = step.after(&operand.ready);
                }
                if let Some(state) = work.state {
                    let state = &context.tensors[state.0];
                    step = step.after(&state.ready(&(0..state.spec.rows)));
                }
                if last {
                    let all = std::mem::take(&mut sums);
                    let sums = all.into_iter().map(|sums| sums.buffer);
                    context.deliver(step, section, tile, sums, operand, work.state);
                    return;
                }
                let tensor = operand.as_ref().and_then(|operand| operand.tensor);
                if let Some(buffer) = operand.and_then(|operand| operand.buffer) {
                    step = step.give(buffer);
                }
                let stamp = context.emitter.issue(step);
                if let Some(tensor) = tensor {
                    context.tensor(tensor).read(stamp);
                }
                sums[index].buffer.written(stamp);
            }
        }
        // No vector work: the sums are drained already, or go to memory as they are.
        let Sums {
            buffer,
            tile: number,
        } = sums.pop().expect("a section has a part");
        if buffer.bytes > 0 {
            let at = (section.stored_by, number);
            context.store_piece(at, buffer, section.out, &tile.rows, &tile.columns);
        }
    }
}

/// Loads a tile of weights.
fn weights(
    context: &mut Context,
    (operation, tile): (OperationId, u32),
    weights: &WeightRegion,
    columns: &Range<u64>,
    k: &Range<u64>,
) -> Buffer {
    let (k_count, n) = (k.end - k.start, columns.end - columns.start);
    let mut buffer = Buffer::new(ScratchpadId::Weights, weights.tile_bytes(k_count, n));
    let work = Work::Transfer(TransferTile {
        region: weights.region(columns.start, n, k.start, k_count),
        scratchpad: ScratchpadId::Weights,
    });
    let step = Step::new(context.units.load, operation, tile, work).take(&buffer);
    let stamp = context.emitter.issue(step);
    buffer.written(stamp);
    buffer
}

impl Context {
    /// The last vector work on a tile: it leaves the output scratchpad.
    fn deliver(
        &mut self,
        mut step: Step,
        section: &Section,
        tile: &Tile,
        sums: impl Iterator<Item = Buffer>,
        operand: Option<super::chain::Operand>,
        state: Option<crate::lower::TensorId>,
    ) {
        let out = section.out;
        for buffer in sums {
            step = step.after(&buffer.ready).give(buffer);
        }
        let rows = tile.rows.end - tile.rows.start;
        let bytes = self.tensors[out.0].piece(rows, tile.columns.end - tile.columns.start);
        let number = step.tile;
        let chip = self.tensors[out.0].on_chip();
        let operand_tensor = operand.as_ref().and_then(|operand| operand.tensor);
        let loaded = operand.and_then(|operand| operand.buffer);
        let mut staged = None;
        match chip {
            // A residual on chip is updated where it is.
            Some(_) if operand_tensor == Some(out) => {
                step.overwrites.merge(&self.tensors[out.0].users);
            }
            Some(scratchpad) => {
                let buffer = self.tensor(out).hold(scratchpad, bytes);
                step = step.take(&buffer);
            }
            None => {
                let buffer = Buffer::new(ScratchpadId::Activations, bytes);
                step = step.take(&buffer);
                staged = Some(buffer);
            }
        }
        if let Some(buffer) = loaded {
            step = step.give(buffer);
        }
        let stamp = self.emitter.issue(step);
        if let Some(tensor) = operand_tensor {
            self.tensor(tensor).read(stamp);
        }
        if let Some(state) = state {
            let all = 0..self.tensors[state.0].spec.rows;
            self.tensor(state).written(&all, stamp);
        }
        match staged {
            Some(mut buffer) => {
                buffer.written(stamp);
                let at = (section.stored_by, number);
                self.store_piece(at, buffer, out, &tile.rows, &tile.columns);
            }
            None => self.tensor(out).written(&tile.rows, stamp),
        }
    }
}
