//! A GEMM stage, tile by tile.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};
use tile_program::{
    GemmTile, LoopOrder, OperationId, ScratchpadId, Stream, TransferTile, UnitId, VectorKind,
    VectorTile, Work,
};

use super::chain::{Band, Goal};
use super::cuts::{Cut, cuts};
use super::emitter::{Buffer, Step};
use super::kept::KeptMatrix;
use super::pass::{Context, Streams};
use crate::lower::{GemmStage, Part, Section};
use crate::plan::{GemmPlan, Times, accumulator_bytes, assign, times};

/// A GEMM stage in the course of being emitted. One step is one tile of C of one section, with all
/// of its k.
pub(super) struct GemmRun {
    stage: GemmStage,
    plan: GemmPlan,
    /// The arrays that share the work, the cycles that each has been given, and those of a tile.
    team: Vec<usize>,
    loads: Vec<u64>,
    known: Vec<((u64, u64, u64), Times)>,
    accumulator_bytes: u64,
    /// A is held where the tensor is held.
    a_held: bool,
    /// Block of rows, section, block of columns that come next.
    row: u64,
    section: usize,
    column: u64,
    /// The present block of A, where it stays: cut by cut, or (after an entry) all k in one. And
    /// the next one, once its entry has been run.
    block: Vec<Buffer>,
    ahead: Option<Buffer>,
    /// Weights that stay while A passes: part by part, cut by cut.
    stay: Vec<Vec<Buffer>>,
}

/// A tile of C.
pub(super) struct Tile {
    pub(super) rows: Range<u64>,
    pub(super) columns: Range<u64>,
    /// First and last use of the block of A, and of the block of B.
    first_of_block: bool,
    last_of_block: bool,
    first_of_columns: bool,
    last_of_columns: bool,
}

/// The sums of a part of a section, one for each part of k.
struct Sums {
    buffers: SmallVec<[Buffer; 1]>,
    tile: u32,
}

impl GemmRun {
    pub(super) fn new(stage: GemmStage, plan: GemmPlan, context: &mut Context) -> Self {
        let parts = stage.sections.iter().flat_map(|section| &section.parts);
        for part in parts.filter(|part| part.kept) {
            context.emitter.kept.begin_stage(part.weights.base);
        }
        let a_held =
            context.tensors[stage.input.0].on_chip().is_some() && stage.prologue.is_empty();
        let team = context.team(stage.array, stage.sections[0].parts[0].operation);
        Self {
            accumulator_bytes: accumulator_bytes(&context.units.target, &team),
            loads: vec![0; team.len()],
            known: Vec::new(),
            team,
            stage,
            plan,
            a_held,
            row: 0,
            section: 0,
            column: 0,
            block: Vec::new(),
            ahead: None,
            stay: Vec::new(),
        }
    }

    /// Whether a block of rows of A stays for all columns.
    fn a_stays(&self) -> bool {
        self.plan.stays && self.plan.order == LoopOrder::RowsOuter && !self.a_held
    }

    /// Whether weights stay while the rows pass.
    fn b_stays(&self) -> bool {
        self.plan.stays && self.plan.order == LoopOrder::ColumnsOuter && self.plan.m < self.stage.m
    }

    /// Tiles of C.
    pub(super) fn steps(&self) -> u64 {
        let sections = self.stage.sections.iter().zip(&self.plan.n);
        let columns: u64 = sections.map(|(section, n)| section.n.div_ceil(*n)).sum();
        columns * self.stage.m.div_ceil(self.plan.m)
    }

    /// Rows of A that the next tile reads, with those of the block whose entry is run ahead.
    pub(super) fn rows_needed(&self) -> u64 {
        let blocks = if self.stage.prologue.is_empty() { 1 } else { 2 };
        let rows = self.row.saturating_add(blocks * self.plan.m);
        rows.min(self.stage.m)
    }

    /// Rows of C that are done.
    pub(super) fn rows_done(&self) -> u64 {
        let last_section = self.section + 1 == self.stage.sections.len();
        let last_column = || {
            let all = self.stage.sections[self.section].n;
            self.column.saturating_add(self.plan.n[self.section]) >= all
        };
        match self.plan.order {
            LoopOrder::RowsOuter => self.row,
            LoopOrder::ColumnsOuter if last_section && last_column() => self.row,
            LoopOrder::ColumnsOuter => 0,
        }
    }

    /// Emits one tile of C; false at the end.
    pub(super) fn step(&mut self, context: &mut Context) -> bool {
        let rows = self.row..(self.row + self.plan.m).min(self.stage.m);
        let n = self.plan.n[self.section];
        let all = self.stage.sections[self.section].n;
        let columns = self.column..(self.column + n).min(all);
        let tile = Tile {
            first_of_block: self.section == 0 && columns.start == 0,
            last_of_block: self.section + 1 == self.stage.sections.len() && columns.end == all,
            first_of_columns: rows.start == 0,
            last_of_columns: rows.end == self.stage.m,
            rows,
            columns,
        };
        let section = std::mem::replace(&mut self.stage.sections[self.section], Section::empty());
        self.tile(context, &section, &tile);
        self.stage.sections[self.section] = section;
        if tile.first_of_block && self.a_stays() && self.plan.double {
            self.look_ahead(context, tile.rows.end);
        }
        self.advance(&tile)
    }

    fn advance(&mut self, tile: &Tile) -> bool {
        let all = self.stage.sections[self.section].n;
        match self.plan.order {
            LoopOrder::RowsOuter => {
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
            LoopOrder::ColumnsOuter => {
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
            let steps = &self.stage.prologue;
            let piece = context.chain(self.stage.input, steps, &band, Goal::Buffer, None);
            if let Some(piece) = piece {
                block.bytes += piece.bytes;
                block.ready.merge(&piece.ready);
                block.users.merge(&piece.users);
            }
            from = to;
        }
        block
    }

    /// The arrays that sum the parts of k of a tile: each time the one that is done with it first.
    fn share(
        &mut self,
        context: &Context,
        section: &Section,
        tile: &Tile,
    ) -> SmallVec<[UnitId; 1]> {
        let target = &context.units.target;
        let cuts = self.stage.k.div_ceil(self.plan.k);
        let length = cuts.div_ceil(self.plan.splits);
        let unit = |place: usize| target.arrays[place].unit;
        if self.team.len() == 1 {
            return smallvec![unit(self.team[0])];
        }
        let m = tile.rows.end - tile.rows.start;
        let n = tile.columns.end - tile.columns.start;
        let part = (length * self.plan.k).min(self.stage.k);
        let mut units = SmallVec::new();
        let mut from = 0;
        while from < self.stage.k {
            let key = (m, n, part.min(self.stage.k - from));
            from += part;
            let known = self.known.iter().position(|(known, _)| *known == key);
            let index = known.unwrap_or_else(|| {
                let tile = GemmTile {
                    packed: self.stage.packed,
                    ..GemmTile::one(key.0, key.1, key.2)
                };
                let mut cycles = times(target, &self.team, &tile);
                for cycles in &mut cycles {
                    *cycles = cycles.saturating_mul(section.parts.len() as u64);
                }
                self.known.push((key, cycles));
                self.known.len() - 1
            });
            units.push(unit(
                self.team[assign(&mut self.loads, &self.known[index].1)],
            ));
        }
        units
    }

    /// One tile of C, all of k, and what follows on it.
    fn tile(&mut self, context: &mut Context, section: &Section, tile: &Tile) {
        let elements = (tile.rows.end - tile.rows.start) * (tile.columns.end - tile.columns.start);
        let bytes = elements * self.accumulator_bytes;
        let units = self.share(context, section, tile);
        let mut sums: SmallVec<[Sums; 2]> = section
            .parts
            .iter()
            .map(|part| Sums {
                buffers: units
                    .iter()
                    .map(|_| Buffer::new(ScratchpadId::Outputs, bytes))
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
        for cut in cuts(self.stage.k, self.plan.k, self.plan.splits) {
            let unit = units[cut.split];
            self.cut(context, section, tile, &mut sums, (unit, &cut));
        }
        self.add_up(context, section, tile, &mut sums);
        self.leave(context, section, tile, sums);
    }

    /// The vector unit adds up what several arrays have summed.
    fn add_up(&self, context: &mut Context, section: &Section, tile: &Tile, sums: &mut [Sums]) {
        let rows = tile.rows.end - tile.rows.start;
        for (part, sums) in section.parts.iter().zip(sums) {
            while sums.buffers.len() > 1 {
                let other = sums.buffers.pop().expect("just counted");
                let kept_on_chip = context.tensors[section.out.0].on_chip().is_some();
                // Where nothing follows, the last sum goes where it is wanted.
                let alone = section.parts.len() == 1 && part.epilogue.is_empty();
                let last = sums.buffers.len() == 1 && alone && kept_on_chip;
                let elements = rows * (tile.columns.end - tile.columns.start);
                let bits = 8 * self.accumulator_bytes;
                let add = VectorTile::on_sums(VectorKind::Add, elements, rows, bits);
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
                let step = Step::new(context.units.vector, part.operation, sums.tile, work)
                    .after(&sum.ready)
                    .after(&other.ready);
                if last {
                    let empty = Buffer::new(ScratchpadId::Outputs, 0);
                    let sum = std::mem::replace(&mut sums.buffers[0], empty);
                    context.deliver(step, section, tile, [sum, other].into_iter(), None, None);
                    return;
                }
                let stamp = context.emitter.issue(step.give(other));
                sums.buffers[0].written(stamp);
            }
        }
    }

    /// One cut of k for all parts of a tile.
    fn cut(
        &mut self,
        context: &mut Context,
        section: &Section,
        tile: &Tile,
        sums: &mut [Sums],
        (unit, cut): (UnitId, &Cut),
    ) {
        let mut a: Option<Buffer> = None;
        let parts = section.parts.len();
        for (index, part) in section.parts.iter().enumerate() {
            let at = (part.operation, sums[index].tile);
            let last_part = index + 1 == parts;
            // Weights come before A: they wait for nobody's result.
            let b = self.operand_b(context, at, (index, part), tile, cut);
            if index == 0 {
                a = self.operand_a(context, at, tile, cut);
            }
            let a_ready = match &a {
                Some(buffer) => buffer.ready.clone(),
                None => context.tensors[self.stage.input.0].ready(&tile.rows),
            };
            let work = Work::Gemm(GemmTile {
                accumulate: !cut.first,
                packed: self.stage.packed,
                ..GemmTile::one(
                    tile.rows.end - tile.rows.start,
                    tile.columns.end - tile.columns.start,
                    cut.k.end - cut.k.start,
                )
            });
            let mut step = Step::new(unit, at.0, at.1, work)
                .after(&b.ready)
                .after(&a_ready);
            let apart = sums[index].buffers.len() > 1;
            let sum = &mut sums[index].buffers[cut.split];
            if cut.first {
                step = step.take(sum);
            }
            if part.kept {
                let end = cut.end && tile.last_of_columns && tile.columns.end == section.n;
                let end = end && context.is_last_use(part.weights.base);
                step = Self::use_kept(context, part, step, end);
            }
            if !self.b_stays() || tile.last_of_columns {
                step = step.give(b);
            }
            if last_part
                && self.a_ends(tile, cut.end)
                && let Some(buffer) = a.take()
            {
                step = step.give(buffer);
            }
            let stamp = if cut.last && !apart && last_part && part.epilogue.is_empty() {
                self.drain(context, step, section, tile, sum)
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
                self.stay[index][cut.index].read(stamp);
            }
            if part.kept {
                context.emitter.kept.used(part.weights.base, stamp);
            }
            sum.written(stamp);
        }
        if let Some(buffer) = a {
            let index = self.block_index(cut);
            self.block[index] = buffer;
        }
    }

    /// Whether the buffer of A is used for the last time in this cut of this tile.
    fn a_ends(&self, tile: &Tile, last_cut: bool) -> bool {
        let all_k_in_one = !self.stage.prologue.is_empty();
        !self.a_stays() || (tile.last_of_block && (last_cut || !all_k_in_one))
    }

    /// Where the block keeps a cut.
    fn block_index(&self, cut: &Cut) -> usize {
        if self.stage.prologue.is_empty() {
            cut.index
        } else {
            0
        }
    }

    /// A for this cut: held by the tensor (none), the block that stays, or loaded.
    fn operand_a(
        &mut self,
        context: &mut Context,
        at: (OperationId, u32),
        tile: &Tile,
        cut: &Cut,
    ) -> Option<Buffer> {
        if self.a_held {
            return None;
        }
        let index = self.block_index(cut);
        if self.a_stays() && index < self.block.len() {
            return Some(self.block[index].clone());
        }
        let buffer = if self.stage.prologue.is_empty() {
            context.load_piece(at, self.stage.input, &tile.rows, 1, &cut.k)
        } else {
            let ahead = self.ahead.take();
            ahead.unwrap_or_else(|| self.enter(context, &tile.rows))
        };
        if self.a_stays() {
            self.block.push(buffer.clone());
        }
        Some(buffer)
    }

    /// B for this cut: weights that stay, or loaded.
    fn operand_b(
        &mut self,
        context: &mut Context,
        at: (OperationId, u32),
        (index, part): (usize, &Part),
        tile: &Tile,
        cut: &Cut,
    ) -> Buffer {
        if self.b_stays() && !tile.first_of_columns {
            return self.stay[index][cut.index].clone();
        }
        let (k, n) = (
            cut.k.end - cut.k.start,
            tile.columns.end - tile.columns.start,
        );
        let mut buffer = Buffer::new(ScratchpadId::Weights, part.weights.tile_bytes(k, n));
        let (base, warm) = (part.weights.base, context.emitter.kept.warm);
        let matrix = part.kept.then(|| context.emitter.kept.matrix(base));
        let there = |matrix: &KeptMatrix| warm || matrix.whole || !tile.first_of_columns;
        if let Some(matrix) = matrix.filter(|matrix| there(matrix)) {
            buffer.bytes = 0;
            buffer.ready = matrix.ready.clone();
        } else {
            let work = Work::Transfer(TransferTile {
                region: part.weights.region(tile.columns.start, n, cut.k.start, k),
                scratchpad: ScratchpadId::Weights,
            });
            let step = Step::new(context.units.load, at.0, at.1, work);
            let step = if part.kept {
                let bytes = std::mem::take(&mut buffer.bytes);
                step.keep(context.emitter.kept.take(base, bytes))
            } else {
                step.take(&buffer)
            };
            let stamp = context.emitter.issue(step);
            buffer.written(stamp);
            if part.kept {
                context.emitter.kept.matrix(base).ready.add(stamp);
            }
        }
        if self.b_stays() {
            self.stay[index].push(buffer.clone());
        }
        buffer
    }

    /// Uses weights that stay: where they are there from the start, the first use takes their
    /// bytes; `last` in the last pass gives them back.
    fn use_kept(context: &mut Context, part: &Part, mut step: Step, last: bool) -> Step {
        let kept = &mut context.emitter.kept;
        let base = part.weights.base;
        if kept.warm && kept.matrix(base).held == 0 {
            step = step.keep(kept.take(base, part.weights.footprint()));
        }
        if context.last && last {
            // Whatever took the bytes may be on another array.
            let buffer = kept.release(base);
            step = step.after(&buffer.ready).give(buffer);
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
                let mut step = Step::new(context.units.vector, work.operation, at, vector)
                    .after(&sums[index].buffers[0].ready);
                if let Some(operand) = &operand {
                    step = step.after(&operand.ready);
                }
                if let Some(state) = work.state {
                    let state = &context.tensors[state.0];
                    step = step.after(&state.ready(&(0..state.spec.rows)));
                }
                if last {
                    let all = std::mem::take(&mut sums);
                    let sums = all.into_iter().flat_map(|sums| sums.buffers);
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
                sums[index].buffers[0].written(stamp);
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
