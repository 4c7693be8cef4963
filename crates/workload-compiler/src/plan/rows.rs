//! How many rows a vector stage takes at a time.

use tile_program::Target;

use super::residency::Home;
use super::{PassPlan, Room, row_bytes, too_small};
use crate::error::CompileError;
use crate::graph::VectorStage;
use crate::tuning::BANDS_PER_VECTOR_STAGE;

/// Rows that a vector stage takes at a time: few enough for double buffers, and for units to
/// overlap; as many as that allows.
pub(super) fn vector_rows(
    pass: &PassPlan,
    stage: &VectorStage,
    room: Room,
    target: &Target,
) -> Result<u64, CompileError> {
    let tensors = &pass.graph.tensors;
    let input = &tensors[stage.input.0];
    let mut row = row_bytes(input, input.bits);
    if pass.homes[stage.out.0] == Home::Memory {
        row += row_bytes(&tensors[stage.out.0], tensors[stage.out.0].bits);
    }
    for step in &stage.steps {
        if let Some(with) = step.with
            && pass.homes[with.0] == Home::Memory
        {
            row += row_bytes(&tensors[with.0], tensors[with.0].bits);
        }
    }
    let operation = stage.steps.first().map_or(0, |step| step.operation.index());
    rows_that_fit(
        pass,
        operation,
        row,
        2,
        stage.out_rows.end - stage.out_rows.start,
        room,
        target,
    )
}

pub(super) fn rows_that_fit(
    pass: &PassPlan,
    operation: usize,
    row: u64,
    buffers: u64,
    rows: u64,
    room: Room,
    target: &Target,
) -> Result<u64, CompileError> {
    if row > room.activations {
        let name = &pass.graph.operations[operation].name;
        return Err(too_small(name, [row, 0, 0], room, target));
    }
    let fit = (room.activations / (row.max(1) * buffers)).max(1);
    Ok(fit.min(rows.div_ceil(BANDS_PER_VECTOR_STAGE)).max(1))
}
