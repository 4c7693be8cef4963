//! Input stationary: a tile of A stays in the PEs, B streams, and sums leave. It is weight
//! stationary with the roles of the operands exchanged, so the fold law is the same.

use super::{Mapping, Operand, Passes, Spatial, weight_stationary};

pub(super) const MAPPING: Mapping = Mapping {
    stays: Operand::A,
    west: Operand::B,
    north: Operand::A,
    moves: &[Operand::B, Operand::C],
    spatial: |of| Spatial {
        rows: of.k,
        columns: of.m,
        steps: of.n,
    },
    passes: |blocks| Passes {
        a: 1,
        b: blocks.columns,
        c: blocks.rows,
    },
    stall: weight_stationary::stall,
};
