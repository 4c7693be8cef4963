//! How many rows a vector stage takes at a time.

use quantities::Bytes;
use tile_program::{OperationId, Target};

use super::residency::Home;
use super::room::ScratchpadNeeds;
use super::{PassPlan, StageRoom, row_bytes, too_small};
use crate::error::CompileError;
use crate::graph::VectorStage;
use crate::tuning::BANDS_PER_VECTOR_STAGE;

/// The rows of a stage that takes several at a time.
pub(super) struct RowWork {
    /// The operation that an error names.
    pub(super) operation: OperationId,
    /// Bytes of the activation scratchpad that a row takes.
    pub(super) row: Bytes,
    /// How many bands of rows are on chip at once.
    pub(super) buffers: u64,
    /// The rows of the whole stage.
    pub(super) rows: u64,
}

/// Rows that a vector stage takes at a time: few enough for double buffers, and for units to
/// overlap; as many as that allows.
pub(super) fn vector_rows(
    pass: &PassPlan,
    stage: &VectorStage,
    room: &StageRoom,
    target: &Target,
) -> Result<u64, CompileError> {
    let tensors = &pass.graph.tensors;
    let bytes = |id: usize| row_bytes(&tensors[id], tensors[id].bits);
    let others = stage.steps.iter().filter_map(|step| step.with);
    let others = others.chain(std::iter::once(stage.out));
    let in_memory = others.filter(|id| pass.homes[id.0] == Home::Memory);
    let row = bytes(stage.input.0) + in_memory.map(|id| bytes(id.0)).sum();
    let work = RowWork {
        operation: stage
            .steps
            .first()
            .map_or(OperationId(0), |step| step.operation),
        row,
        buffers: 2,
        rows: stage.out_rows.end - stage.out_rows.start,
    };
    rows_that_fit(pass, &work, room, target)
}

/// Rows that a stage takes at a time: at most a band of [`BANDS_PER_VECTOR_STAGE`], one at least.
///
/// # Errors
/// [`CompileError::TileDoesNotFit`] if not even one row fits.
pub(super) fn rows_that_fit(
    pass: &PassPlan,
    work: &RowWork,
    room: &StageRoom,
    target: &Target,
) -> Result<u64, CompileError> {
    let activations = room.scratchpads.activations;
    if !activations.holds(work.row) {
        let name = &pass.graph.operations[work.operation.index()].name;
        let needs = ScratchpadNeeds {
            activations: work.row,
            ..ScratchpadNeeds::default()
        };
        return Err(too_small(name, needs, room, target));
    }
    let row = Bytes(work.row.get().max(1) * work.buffers);
    let fit = activations.pieces_of(row).unwrap_or(u64::MAX).max(1);
    let band = work.rows.div_ceil(BANDS_PER_VECTOR_STAGE);
    Ok(fit.min(band).max(1))
}
