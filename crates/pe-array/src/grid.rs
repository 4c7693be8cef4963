//! A grid of PEs that really moves values from PE to PE.
//!
//! The grid is slow and small on purpose: it has registers and neighbours, and no formula. Tests
//! use it to show that the folds of a GEMM compute the right product for each PE kind and dataflow,
//! and that they take as long as the `Serial` law says (one step a cycle, latency 1).

mod arithmetic;
mod matrix;

pub use arithmetic::{Arithmetic, Floats, Integers};
pub use matrix::Matrix;

use quantities::Cycles;

use crate::Dataflow;

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
    /// Operand on its way east.
    east: Option<X::Operand>,
    /// Operand or stationary operand on its way south.
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
        if dataflow == Dataflow::InputStationary {
            // A stays as weights do: Cᵀ = Bᵀ · Aᵀ. Products do not mind their order.
            let (b, a) = (b.transposed(), a.transposed());
            let (c, cycles) = self.gemm(Dataflow::WeightStationary, &b, &a);
            return (c.transposed(), cycles);
        }
        let os = dataflow == Dataflow::OutputStationary;
        let (m, n, k) = (a.rows(), b.columns(), a.columns());
        let (sr, steps) = if os { (m, k) } else { (k, m) };
        let mut c = Matrix::filled(m, n, self.arithmetic.zero());
        let mut cycles = Cycles::ZERO;
        for column in (0..n).step_by(self.columns) {
            for row in (0..sr).step_by(self.rows) {
                let wave = Wave {
                    west: &|i, t| a[if os { (row + i, t) } else { (t, row + i) }],
                    north: &|t, j| {
                        b[if os {
                            (t, column + j)
                        } else {
                            (row + t, column + j)
                        }]
                    },
                    rows: self.rows.min(sr - row),
                    columns: self.columns.min(n - column),
                    steps,
                };
                let (results, took) = if os {
                    self.output_stationary(&wave)
                } else {
                    self.stationary(&wave)
                };
                cycles += took;
                for (x, j, value) in results {
                    let sum = &mut c[(if os { row + x } else { x }, column + j)];
                    *sum = if os || row == 0 {
                        value
                    } else {
                        self.arithmetic.add(*sum, value)
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

    /// Both operands stream; sums stay, then shift south. Yields (row, column, sum).
    fn output_stationary(
        &self,
        wave: &Wave<'_, X::Operand>,
    ) -> (Vec<(usize, usize, X::Sum)>, Cycles) {
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
                results.push((wave.rows - 1 - shift, j, out));
                for i in (1..wave.rows).rev() {
                    pes[(i, j)].sum = pes[(i - 1, j)].sum;
                }
            }
            cycle += 1;
        }
        (results, Cycles(cycle as u64))
    }

    /// One operand is loaded from the north and stays, the other streams from the west; sums move
    /// south. Yields (step, column, sum).
    fn stationary(&self, wave: &Wave<'_, X::Operand>) -> (Vec<(usize, usize, X::Sum)>, Cycles) {
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
                    results.push((step, j, sum));
                    last = cycle + 1;
                }
            }
            cycle += 1;
        }
        (results, Cycles(last as u64))
    }
}
