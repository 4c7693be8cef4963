//! The dataflows: what each maps to rows, columns and time, what stays in the array, how often
//! operands pass the ports, and what holds the next fold back. Each has a file of its own, which
//! holds all of it.

mod input_stationary;
mod output_stationary;
mod weight_stationary;

use quantities::Ratio;
use tile_program::Dataflow;

use crate::Feed;
use crate::law::{Stall, Succession};

/// A matrix of C = A · B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Activations, M x K.
    A,
    /// Weights, or what stands in their place, K x N.
    B,
    /// Results and partial sums, M x N.
    C,
}

/// The dimensions of C\[M,N\] = A\[M,K\] · B\[K,N\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// Rows of A and C.
    pub m: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Columns of A and rows of B.
    pub k: u64,
}

/// What a GEMM takes of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spatial {
    /// PE rows that it spreads over, in as many folds as that takes.
    pub rows: u64,
    /// PE columns that it spreads over.
    pub columns: u64,
    /// Steps that each fold streams.
    pub steps: u64,
}

/// Into how many blocks of the array's rows and columns a GEMM is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) rows: u64,
    pub(crate) columns: u64,
}

/// How often each matrix passes the ports of its scratchpad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passes {
    pub(crate) a: u64,
    pub(crate) b: u64,
    pub(crate) c: u64,
}

/// How a dataflow maps a GEMM to an array.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// The matrix that stays in the PEs while the others move.
    pub stays: Operand,
    /// The operand that enters from the west, row by row.
    pub west: Operand,
    /// The operand that enters from the north: with each step, or, where it stays, before the
    /// first.
    pub north: Operand,
    /// The matrices of which each step moves an element from register to register of a PE.
    pub moves: &'static [Operand],
    /// Rows, columns and steps of a GEMM whose K is counted in steps.
    spatial: fn(Dimensions) -> Spatial,
    passes: fn(Blocks) -> Passes,
    /// How long the next fold's stream is held back where folds overlap.
    pub(crate) stall: fn(&Succession) -> Stall,
}

impl Mapping {
    /// The mapping of a dataflow.
    #[must_use]
    pub const fn of(dataflow: Dataflow) -> &'static Self {
        match dataflow {
            Dataflow::OutputStationary => &output_stationary::MAPPING,
            Dataflow::WeightStationary => &weight_stationary::MAPPING,
            Dataflow::InputStationary => &input_stationary::MAPPING,
        }
    }

    /// Rows and columns of the array that a GEMM spreads over, and the steps that it streams; `k`
    /// is counted in steps.
    #[must_use]
    pub fn spatial(&self, dimensions: Dimensions) -> Spatial {
        (self.spatial)(dimensions)
    }

    /// How often each matrix passes the ports of its scratchpad.
    pub(crate) fn passes(&self, blocks: Blocks) -> Passes {
        (self.passes)(blocks)
    }

    /// The matrix that stays and is written in each step: sums that are added to. A product of zero
    /// leaves them as they are.
    #[must_use]
    pub fn accumulates(&self) -> Option<Operand> {
        self.moves.contains(&self.stays).then_some(self.stays)
    }

    /// Whether a tile of an operand is loaded before each fold. Results that stay are not loaded.
    #[must_use]
    pub fn loads(&self) -> bool {
        self.stays != Operand::C
    }
}

impl Feed {
    /// The rate at which the ports give or take elements of a matrix; `None` without limit.
    pub(crate) const fn rate(&self, operand: Operand) -> Option<Ratio> {
        match operand {
            Operand::A => self.a,
            Operand::B => self.b,
            Operand::C => self.c,
        }
    }
}
