//! Input stationary: a tile of A stays in the PEs, B streams, and sums leave. It is weight
//! stationary with the roles of the operands exchanged, so the fold law is the same.

use super::{Axes, Dimension, Mapping, Operand, weight_stationary};

pub(super) const MAPPING: Mapping = Mapping {
    stays: Operand::A,
    west: Operand::B,
    north: Operand::A,
    moves: &[Operand::B, Operand::C],
    axes: Axes {
        rows: Dimension::K,
        columns: Dimension::M,
        steps: Dimension::N,
    },
    stall: weight_stationary::stall,
};
