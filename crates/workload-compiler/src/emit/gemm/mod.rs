//! A GEMM stage, tile by tile.

mod tile;

use std::ops::Range;

use quantities::Cycles;
use smallvec::{SmallVec, smallvec};
use tile_program::{GemmTile, LoopOrder, ScratchpadId, UnitId};

use super::buffer::Buffer;
use super::chain::{Band, ChainEnd, Goal};
use super::context::Context;
use crate::graph::{GemmStage, Section};
use crate::plan::{Buffering, GemmPlan, TileTimes, accumulator_bytes, assign, times};

/// A GEMM stage in the course of being emitted. One step is one tile of C of one section, with all
/// of its k.
pub(super) struct GemmEmitter {
    stage: GemmStage,
    plan: GemmPlan,
    /// The arrays that share the work, the cycles that each has been given, and those of a tile.
    team: Vec<usize>,
    loads: Vec<Cycles>,
    known: Vec<((u64, u64, u64), TileTimes)>,
    accumulator_bytes: u64,
    /// A is held where the tensor is held.
    a_held: bool,
    /// Block of rows, section, block of columns that come next.
    row: u64,
    section: usize,
    column: u64,
    /// The present block of A, where it is kept for all columns: slice of k by slice of k, or
    /// (after a prologue) all k in one.
    block: Vec<Buffer>,
    /// The next block of A, once its prologue has been emitted.
    ahead: Option<Buffer>,
    /// Weights that are kept while A passes: part by part, slice of k by slice of k.
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

impl Tile {
    /// The numbers of rows and of columns.
    pub(super) const fn shape(&self) -> (u64, u64) {
        let (rows, columns) = (&self.rows, &self.columns);
        (rows.end - rows.start, columns.end - columns.start)
    }
}

impl GemmEmitter {
    pub(super) fn new(stage: GemmStage, plan: GemmPlan, context: &mut Context) -> Self {
        let parts = stage.sections.iter().flat_map(|section| &section.parts);
        for part in parts.filter(|part| part.kept) {
            context.emitter.resident.begin_stage(part.weights.base);
        }
        let a_held = context.tensors[stage.input].on_chip().is_some() && stage.prologue.is_empty();
        let team = context.team(stage.array, stage.sections[0].parts[0].operation);
        Self {
            accumulator_bytes: accumulator_bytes(&context.units.target, &team),
            loads: vec![Cycles::ZERO; team.len()],
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

    /// Whether a block of rows of A is kept for all columns.
    fn a_stays(&self) -> bool {
        self.plan.stays && self.plan.order == LoopOrder::RowsOuter && !self.a_held
    }

    /// Whether weights are kept while the rows pass.
    fn b_stays(&self) -> bool {
        self.plan.stays && self.plan.order == LoopOrder::ColumnsOuter && self.plan.m < self.stage.m
    }

    /// The number of tiles of C.
    pub(super) fn steps(&self) -> u64 {
        let sections = self.stage.sections.iter().zip(&self.plan.n);
        let columns: u64 = sections.map(|(section, n)| section.n.div_ceil(*n)).sum();
        columns * self.stage.m.div_ceil(self.plan.m)
    }

    /// Rows of A that the next tile reads, with those of the block whose prologue is emitted ahead.
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
        if tile.first_of_block && !tile.last_of_block {
            self.look_ahead(context, &tile);
        }
        self.advance(&tile)
    }

    /// Moves on to the next tile; false after the last one.
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

    /// Emits the prologue of the next block, which runs while the present block is in the array: it
    /// stands behind the epilogue of the block's first tile, which would wait for it otherwise, but
    /// before that epilogue if the block has no other tile.
    fn look_ahead(&mut self, context: &mut Context, tile: &Tile) {
        let row = tile.rows.end;
        let ahead = self.plan.buffering == Buffering::Double
            && self.a_stays()
            && !self.stage.prologue.is_empty();
        if ahead && row < self.stage.m {
            let rows = row..(row + self.plan.m).min(self.stage.m);
            self.ahead = Some(self.prologue(context, &rows));
        }
    }

    /// Emits the prologue of a block of rows of A.
    fn prologue(&self, context: &mut Context, rows: &Range<u64>) -> Buffer {
        let mut block = Buffer::empty(ScratchpadId::Activations);
        let mut from = rows.start;
        while from < rows.end {
            let to = (from + self.plan.prologue_rows).min(rows.end);
            let band = Band {
                rows: from..to,
                stride: 1,
                out_rows: from..to,
                width: self.stage.k,
            };
            let steps = &self.stage.prologue;
            let end = ChainEnd {
                goal: Goal::Buffer,
                stored_by: None,
            };
            let piece = context.chain(self.stage.input, steps, &band, end);
            if let Some(piece) = piece {
                block.join(&piece);
            }
            from = to;
        }
        block
    }

    /// The arrays that sum the parts of k of a tile: for each part the one that is done with it
    /// first.
    fn assign_arrays(
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
        let (m, n) = tile.shape();
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
                let parts = section.parts.len() as u64;
                let cycles = times(target, &self.team, &tile).times(parts);
                self.known.push((key, cycles));
                self.known.len() - 1
            });
            units.push(unit(
                self.team[assign(&mut self.loads, &self.known[index].1)],
            ));
        }
        units
    }
}
