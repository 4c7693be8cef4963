//! A stage of which some pieces are emitted: its kind, and how far emission is.

use std::task::Poll;

use tile_program::{ScratchpadId, TransferTile, Work};

use super::attention::AttentionEmitter;
use super::chain::VectorEmitter;
use super::context::Context;
use super::exchange::ExchangeEmitter;
use super::gemm::GemmEmitter;
use super::step::Step;
use crate::graph::{FetchStage, MoveDirection, MoveStage, Stage};
use crate::plan::StagePlan;

/// A stage of which some pieces are emitted.
pub(super) enum StageEmitter {
    Gemm(Box<GemmEmitter>),
    Vector(VectorEmitter),
    Attention(Box<AttentionEmitter>),
    Fetch(FetchEmitter),
    Move(MoveStage),
    Exchange(Box<ExchangeEmitter>),
}

impl StageEmitter {
    pub(super) fn begin(stage: Stage, plan: StagePlan, context: &mut Context) -> Self {
        match (stage, plan) {
            (Stage::Gemm(stage), StagePlan::Gemm(plan)) => {
                Self::Gemm(Box::new(GemmEmitter::new(stage, plan, context)))
            }
            (Stage::Attention(stage), StagePlan::Attention(plan)) => {
                Self::Attention(Box::new(AttentionEmitter::new(stage, plan, context)))
            }
            (Stage::Vector(stage), StagePlan::Rows(rows)) => {
                Self::Vector(VectorEmitter::new(stage, rows))
            }
            (Stage::Fetch(stage), StagePlan::Rows(rows)) => Self::Fetch(FetchEmitter {
                stage,
                rows,
                next: 0,
            }),
            (Stage::Move(stage), StagePlan::Rows(_)) => Self::Move(stage),
            (Stage::Exchange(stage), StagePlan::Rows(_)) => {
                Self::Exchange(Box::new(ExchangeEmitter::new(stage, context)))
            }
            (stage, plan) => unreachable!("{stage:?} is not planned by {plan:?}"),
        }
    }

    /// Emits a piece; false after the last one. Pending, while another core has to emit its own
    /// part of an exchange first.
    pub(super) fn step(&mut self, context: &mut Context) -> Poll<bool> {
        Poll::Ready(match self {
            Self::Gemm(emitter) => emitter.step(context),
            Self::Vector(emitter) => emitter.step(context),
            Self::Attention(emitter) => emitter.step(context),
            Self::Fetch(emitter) => emitter.step(context),
            Self::Move(stage) => {
                transfer(stage, context);
                false
            }
            Self::Exchange(emitter) => return emitter.step(context),
        })
    }

    /// About the number of its pieces that are work for arrays.
    pub(super) fn steps(&self) -> u64 {
        match self {
            Self::Gemm(emitter) => emitter.steps(),
            Self::Attention(emitter) => emitter.steps(),
            Self::Vector(_) | Self::Fetch(_) | Self::Move(_) | Self::Exchange(_) => 1,
        }
    }

    /// The number of rows, from the first on, that the next piece reads of earlier stages' results.
    pub(super) fn rows_needed(&self) -> u64 {
        match self {
            Self::Gemm(emitter) => emitter.rows_needed(),
            Self::Vector(emitter) => emitter.rows_needed(),
            Self::Attention(emitter) => emitter.rows_needed(),
            Self::Fetch(_) | Self::Move(_) | Self::Exchange(_) => u64::MAX,
        }
    }

    /// The number of rows of its result, from the first on, of which all is emitted.
    pub(super) fn rows_done(&self) -> u64 {
        match self {
            Self::Gemm(emitter) => emitter.rows_done(),
            Self::Vector(emitter) => emitter.rows_done(),
            Self::Attention(emitter) => emitter.rows_done(),
            Self::Fetch(_) | Self::Move(_) | Self::Exchange(_) => 0,
        }
    }
}

/// A fetch of rows of a table, of which some are emitted.
pub(super) struct FetchEmitter {
    stage: FetchStage,
    /// The number of rows at a time.
    rows: u64,
    /// The row that comes next.
    next: u64,
}

impl FetchEmitter {
    /// Emits the next rows; false after the last ones.
    fn step(&mut self, context: &mut Context) -> bool {
        let stage = &self.stage;
        let out = &context.tensors[stage.out];
        let (total, width, chip) = (out.spec.rows, out.spec.width, out.on_chip());
        // Where the table ends, the rows start over.
        let per_round = stage.available.div_ceil(stage.stride);
        let left = per_round - self.next % per_round;
        let range = self.next..(self.next + self.rows.min(left)).min(total);
        let count = range.end - range.start;
        let bytes = out.piece(count, width);
        let tile = context.emitter.tile(stage.operation);
        let work = Work::Transfer(TransferTile {
            region: crate::layout::region(
                stage.table + range.start % per_round * stage.stride * stage.row_bytes,
                stage.row_bytes,
                count,
                stage.stride * stage.row_bytes,
            ),
            scratchpad: ScratchpadId::Activations,
        });
        let mut buffer = match chip {
            Some(scratchpad) => context.hold(stage.out, scratchpad, bytes),
            None => context.emitter.buffer(ScratchpadId::Activations, bytes),
        };
        let step = Step::new(context.units.load, stage.operation, tile, work)
            .after(&context.history.token)
            .write(&buffer)
            .write_tensor(&context.tensors[stage.out], &range, &(0..width))
            .take(&buffer);
        let completion = context.emitter.issue(step);
        if chip.is_some() {
            context.tensors[stage.out].written(&range, completion);
        } else {
            buffer.written(completion);
            context.store_piece(
                (stage.operation, tile),
                buffer,
                stage.out,
                &range,
                &(0..width),
            );
        }
        self.next = range.end;
        self.next < total
    }
}

/// Moves a whole tensor on chip to or from its place in main memory. A tensor that is not on chip
/// needs no instruction.
fn transfer(stage: &MoveStage, context: &mut Context) {
    let live = &context.tensors[stage.tensor];
    let Some(scratchpad) = live.on_chip() else {
        return;
    };
    let (rows, columns) = (0..live.spec.rows, live.columns());
    let tile = context.emitter.tile(stage.operation);
    if stage.direction == MoveDirection::ToChip {
        let bytes = live.piece(live.spec.rows, live.spec.width);
        let work = Work::Transfer(TransferTile {
            region: live.all(),
            scratchpad,
        });
        let buffer = context.hold(stage.tensor, scratchpad, bytes);
        let step = Step::new(context.units.load, stage.operation, tile, work)
            .after(&context.history.stored)
            .write_tensor(&context.tensors[stage.tensor], &rows, &columns)
            .take(&buffer);
        let completion = context.emitter.issue(step);
        context.tensors[stage.tensor].written(&rows, completion);
        return;
    }
    for region in live.regions(&rows, 1, &columns) {
        let work = Work::Transfer(TransferTile { region, scratchpad });
        let step = Step::new(context.units.store, stage.operation, tile, work);
        let step = step.read_tensor(&context.tensors[stage.tensor], &rows, &columns);
        let completion = context.emitter.issue(step);
        context.tensors[stage.tensor].read(completion);
    }
}
