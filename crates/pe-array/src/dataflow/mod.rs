//! The dataflows: what each maps to rows, columns and time, what stays in the array, and what holds
//! the next fold back. Each has a file of its own, which holds all of it. The timing laws, the
//! traffic and the functional grid follow from these mappings.

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

impl Operand {
    /// The dimensions along the rows and the columns of the matrix.
    #[must_use]
    pub const fn dimensions(self) -> [Dimension; 2] {
        match self {
            Self::A => [Dimension::M, Dimension::K],
            Self::B => [Dimension::K, Dimension::N],
            Self::C => [Dimension::M, Dimension::N],
        }
    }

    /// The matrix that does not have a dimension: its elements are the same all along it.
    #[must_use]
    pub const fn without(dimension: Dimension) -> Self {
        match dimension {
            Dimension::M => Self::B,
            Dimension::N => Self::A,
            Dimension::K => Self::C,
        }
    }
}

/// A dimension of C\[M,N\] = A\[M,K\] · B\[K,N\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The rows of A and C.
    M,
    /// The columns of B and C.
    N,
    /// The columns of A and the rows of B, over which products are summed.
    K,
}

/// The dimension of a GEMM that lies along each axis of the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    /// The dimension along the PE rows.
    pub rows: Dimension,
    /// The dimension along the PE columns.
    pub columns: Dimension,
    /// The dimension along the steps that a fold streams.
    pub steps: Dimension,
}

/// The sizes of the dimensions of C\[M,N\] = A\[M,K\] · B\[K,N\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// Rows of A and C.
    pub m: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Columns of A and rows of B.
    pub k: u64,
}

impl Dimensions {
    const fn along(self, dimension: Dimension) -> u64 {
        match dimension {
            Dimension::M => self.m,
            Dimension::N => self.n,
            Dimension::K => self.k,
        }
    }
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
    /// The dimension of a GEMM that lies along each axis of the array.
    pub axes: Axes,
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
    pub const fn spatial(&self, dimensions: Dimensions) -> Spatial {
        Spatial {
            rows: dimensions.along(self.axes.rows),
            columns: dimensions.along(self.axes.columns),
            steps: dimensions.along(self.axes.steps),
        }
    }

    /// How often a matrix passes the ports of its scratchpad: once for each block of the dimension
    /// that it does not have. So A meets each block of columns of B, and sums whose K lies along
    /// the rows of the array leave and return for each block of rows.
    pub(crate) fn passes(&self, operand: Operand, blocks: Blocks) -> u64 {
        if operand == Operand::without(self.axes.rows) {
            blocks.rows
        } else if operand == Operand::without(self.axes.columns) {
            blocks.columns
        } else {
            1
        }
    }

    /// Whether each fold adds to the sums of the one before: where K lies along the rows.
    pub(crate) fn sums_over_folds(&self) -> bool {
        self.axes.rows == Dimension::K
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The same facts twice: what a file says of operands follows from what it says of axes.
    #[test]
    fn operands_stay_and_enter_where_the_axes_put_them() {
        for dataflow in [
            Dataflow::OutputStationary,
            Dataflow::WeightStationary,
            Dataflow::InputStationary,
        ] {
            let mapping = Mapping::of(dataflow);
            let Axes {
                rows,
                columns,
                steps,
            } = mapping.axes;
            assert_eq!(mapping.stays, Operand::without(steps), "{dataflow:?}");
            assert_eq!(mapping.west, Operand::without(columns), "{dataflow:?}");
            let north = match Operand::without(rows) {
                Operand::C => mapping.stays,
                operand => operand,
            };
            assert_eq!(mapping.north, north, "{dataflow:?}");
        }
    }
}
