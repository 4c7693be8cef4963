//! A small dense matrix.

use std::ops::{Index, IndexMut};

/// Row-major, indexed by (row, column).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix<T> {
    rows: usize,
    columns: usize,
    data: Vec<T>,
}

impl<T: Copy> Matrix<T> {
    /// A matrix whose elements are all `value`.
    pub fn filled(rows: usize, columns: usize, value: T) -> Self {
        Self {
            rows,
            columns,
            data: vec![value; rows * columns],
        }
    }

    /// A matrix whose element in each row and column is `value(row, column)`.
    pub fn from_fn(rows: usize, columns: usize, mut value: impl FnMut(usize, usize) -> T) -> Self {
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        Self {
            rows,
            columns,
            data: places.map(|(row, column)| value(row, column)).collect(),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All elements, row after row.
    pub fn values(&self) -> &[T] {
        &self.data
    }
}

impl<T> Index<(usize, usize)> for Matrix<T> {
    type Output = T;
    fn index(&self, (row, column): (usize, usize)) -> &T {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        &self.data[row * self.columns + column]
    }
}

impl<T> IndexMut<(usize, usize)> for Matrix<T> {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut T {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        &mut self.data[row * self.columns + column]
    }
}
