//! A grid of PEs that really moves values from PE to PE.
//!
//! The grid is slow and small on purpose: it has registers and neighbours, and no formula. Tests
//! use it to show that the folds of a GEMM compute the right product for each PE kind and dataflow,
//! and that they take as long as the `Serial` law says (one step a cycle, latency 1).
//!
//! Which element goes where follows from the [`Mapping`] of the dataflow. The grid itself knows two
//! ways to move values: sums stay and both operands stream, or an operand stays and sums stream.

mod arithmetic;
mod matrix;

pub use arithmetic::{Arithmetic, Floats, Integers};
pub use matrix::Matrix;

use quantities::Cycles;

use crate::Dataflow;
use crate::dataflow::{Dimension, Dimensions, Mapping, Operand, Spatial};

/// `rows` × `columns` PEs and what they compute with.
#[derive(Clone, Debug)]
pub struct Grid<X> {
    rows: usize,
    columns: usize,
    arithmetic: X,
}

/// The registers of one PE.
#[derive(Clone, Copy, Debug)]
struct Pe<X: Arithmetic> {
    /// The operand on its way east.
    east: Option<X::Operand>,
    /// The streaming or stationary operand on its way south.
    south: Option<X::Operand>,
    /// The stationary operand (WS, IS).
    kept: Option<X::Operand>,
    /// The sum that stays (OS) or that is on its way south (WS, IS).
    sum: Option<X::Sum>,
}

/// A fold on the grid.
struct Wave<'a, O> {
    /// The operand that enters a row at a step.
    west: &'a dyn Fn(usize, usize) -> O,
    /// The operand that enters at a step (OS) or stays in a row (WS, IS), by column.
    north: &'a dyn Fn(usize, usize) -> O,
    rows: usize,
    columns: usize,
    steps: usize,
}

/// A sum that leaves the grid at the foot of a column.
struct Leaving<S> {
    /// The row in which the sum stayed (OS); 0 for a sum that passed all rows (WS, IS).
    row: usize,
    column: usize,
    /// The step that the sum belongs to (WS, IS); 0 for a sum over all steps (OS).
    step: usize,
    sum: S,
}

/// A place in a GEMM on an array, counted along the axes of the array. A matrix lacks one of the
/// dimensions, and so takes no notice of that coordinate.
#[derive(Clone, Copy)]
struct Coordinates {
    row: usize,
    column: usize,
    step: usize,
}

impl Coordinates {
    /// The first place of a fold.
    const fn of_fold(row: usize, column: usize) -> Self {
        Self {
            row,
            column,
            step: 0,
        }
    }

    const fn shifted(self, rows: usize, columns: usize, steps: usize) -> Self {
        Self {
            row: self.row + rows,
            column: self.column + columns,
            step: self.step + steps,
        }
    }

    /// The row and the column of an operand's element.
    fn element(self, mapping: &Mapping, operand: Operand) -> (usize, usize) {
        let along = |dimension: Dimension| {
            if dimension == mapping.axes.rows {
                self.row
            } else if dimension == mapping.axes.columns {
                self.column
            } else {
                self.step
            }
        };
        let [row, column] = operand.dimensions().map(along);
        (row, column)
    }
}

impl<X: Arithmetic + Copy> Grid<X> {
    /// A grid.
    ///
    /// # Panics
    /// Without rows or columns.
    pub fn new(rows: usize, columns: usize, arithmetic: X) -> Self {
        assert!(rows > 0 && columns > 0, "a grid has PEs");
        Self {
            rows,
            columns,
            arithmetic,
        }
    }

    /// C = A · B, fold after fold, and the cycles that it took.
    ///
    /// Sums run in the order of k; where K takes several folds (WS, IS), the sums of each are added
    /// to the results so far, in the order of the folds.
    ///
    /// # Panics
    /// If the columns of A are not the rows of B, or either is empty.
    pub fn gemm(
        &self,
        dataflow: Dataflow,
        a: &Matrix<X::Operand>,
        b: &Matrix<X::Operand>,
    ) -> (Matrix<X::Sum>, Cycles) {
        assert_eq!(a.columns(), b.rows(), "A and B share the dimension K");
        let mapping = Mapping::of(dataflow);
        let (m, n) = (a.rows(), b.columns());
        let Spatial {
            rows,
            columns,
            steps,
        } = mapping.spatial(Dimensions {
            m: m as u64,
            n: n as u64,
            k: a.columns() as u64,
        });
        let value = |operand: Operand, at: Coordinates| match operand {
            Operand::A => a[at.element(mapping, operand)],
            Operand::B => b[at.element(mapping, operand)],
            Operand::C => unreachable!("sums do not enter the grid"),
        };
        let loads = mapping.loads();
        let mut c = Matrix::filled(m, n, self.arithmetic.zero());
        let mut cycles = Cycles::ZERO;
        for column in (0..columns as usize).step_by(self.columns) {
            for row in (0..rows as usize).step_by(self.rows) {
                let origin = Coordinates::of_fold(row, column);
                let wave = Wave {
                    west: &|i, step| value(mapping.west, origin.shifted(i, 0, step)),
                    north: &|position, j| {
                        let (rows, steps) = if loads { (position, 0) } else { (0, position) };
                        value(mapping.north, origin.shifted(rows, j, steps))
                    },
                    rows: self.rows.min(rows as usize - row),
                    columns: self.columns.min(columns as usize - column),
                    steps: steps as usize,
                };
                let (results, took) = if loads {
                    self.stationary(&wave)
                } else {
                    self.output_stationary(&wave)
                };
                cycles += took;
                for leaving in results {
                    let at = origin.shifted(leaving.row, leaving.column, leaving.step);
                    let sum = &mut c[at.element(mapping, Operand::C)];
                    *sum = if mapping.sums_over_folds() && row > 0 {
                        self.arithmetic.add(*sum, leaving.sum)
                    } else {
                        leaving.sum
                    };
                }
            }
        }
        (c, cycles)
    }

    fn pes(&self) -> Matrix<Pe<X>> {
        let idle = Pe {
            east: None,
            south: None,
            kept: None,
            sum: None,
        };
        Matrix::filled(self.rows, self.columns, idle)
    }

    /// Both operands stream; sums stay, then shift south. Returns the sums in the order in which
    /// they leave, and the cycles that the fold takes.
    fn output_stationary(&self, wave: &Wave<'_, X::Operand>) -> (Vec<Leaving<X::Sum>>, Cycles) {
        let mut pes = self.pes();
        let mut results = Vec::new();
        let mut cycle = 0;
        let mut busy = true;
        while busy {
            let before = pes.clone();
            busy = false;
            for i in 0..self.rows {
                for j in 0..self.columns {
                    // Row i is fed i cycles late, column j j cycles late.
                    let west = match j {
                        0 => (i < wave.rows && cycle >= i && cycle - i < wave.steps)
                            .then(|| (wave.west)(i, cycle - i)),
                        _ => before[(i, j - 1)].east,
                    };
                    let north = match i {
                        0 => (j < wave.columns && cycle >= j && cycle - j < wave.steps)
                            .then(|| (wave.north)(cycle - j, j)),
                        _ => before[(i - 1, j)].south,
                    };
                    let pe = &mut pes[(i, j)];
                    pe.east = west;
                    pe.south = north;
                    if let (Some(a), Some(b)) = (west, north) {
                        let sum = pe.sum.unwrap_or(self.arithmetic.zero());
                        pe.sum = Some(self.arithmetic.step(sum, a, b));
                        busy = true;
                    }
                }
            }
            cycle += usize::from(busy);
        }
        for shift in 0..wave.rows {
            for j in 0..wave.columns {
                let out = pes[(wave.rows - 1, j)].sum.expect("every PE in use summed");
                results.push(Leaving {
                    row: wave.rows - 1 - shift,
                    column: j,
                    step: 0,
                    sum: out,
                });
                for i in (1..wave.rows).rev() {
                    pes[(i, j)].sum = pes[(i - 1, j)].sum;
                }
            }
            cycle += 1;
        }
        (results, Cycles(cycle as u64))
    }

    /// One operand is loaded from the north and stays, the other streams from the west; sums move
    /// south. Returns the sums in the order in which they leave, and the cycles that the fold
    /// takes.
    fn stationary(&self, wave: &Wave<'_, X::Operand>) -> (Vec<Leaving<X::Sum>>, Cycles) {
        let mut pes = self.pes();
        let mut results = Vec::new();
        let mut cycle = 0;
        let mut last = 0;
        while results.len() < wave.steps * wave.columns {
            let before = pes.clone();
            for i in 0..self.rows {
                for j in 0..self.columns {
                    // The load: a PE keeps the first value that it meets and passes on the others.
                    let north = match i {
                        0 => (j < wave.columns && cycle >= j && cycle - j < wave.rows)
                            .then(|| (wave.north)(cycle - j, j)),
                        _ => before[(i - 1, j)].south,
                    };
                    // The stream begins once the last row of the tile has entered.
                    let entered = wave.rows + i;
                    let west = match j {
                        0 => (i < wave.rows && cycle >= entered && cycle - entered < wave.steps)
                            .then(|| (wave.west)(i, cycle - entered)),
                        _ => before[(i, j - 1)].east,
                    };
                    let above = match i {
                        0 => Some(self.arithmetic.zero()),
                        _ => before[(i - 1, j)].sum,
                    };
                    let pe = &mut pes[(i, j)];
                    pe.sum = match (west, before[(i, j)].kept, above) {
                        (Some(a), Some(b), Some(sum)) => Some(self.arithmetic.step(sum, a, b)),
                        _ => None,
                    };
                    pe.east = west;
                    pe.south = if pe.kept.is_none() {
                        pe.kept = north;
                        None
                    } else {
                        north
                    };
                }
            }
            // The tap reads the register that the last row in use wrote a cycle ago.
            for j in 0..wave.columns {
                if let Some(sum) = before[(wave.rows - 1, j)].sum {
                    let step = cycle - (2 * wave.rows + j);
                    results.push(Leaving {
                        row: 0,
                        column: j,
                        step,
                        sum,
                    });
                    last = cycle + 1;
                }
            }
            cycle += 1;
        }
        (results, Cycles(last as u64))
    }
}
