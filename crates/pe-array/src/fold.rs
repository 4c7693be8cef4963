//! How a GEMM is cut into folds.
//!
//! ```text
//!               columns of the array
//!             C      C      ragged
//!          ┌──────┬──────┬───┐
//!        R │  0   │  3   │ 6 │      Folds are numbered in the order in which they run: down a
//!          ├──────┼──────┼───┤      block of columns, then the next block. For WS and IS the
//!        R │  1   │  4   │ 7 │      rows are K, so the partial sums of one block of results are
//!          ├──────┼──────┼───┤      complete before the next block begins.
//!   ragged │  2   │  5   │ 8 │
//!          └──────┴──────┴───┘
//! ```

/// The part of the array that one fold uses: its first `rows` rows and `columns` columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fold {
    /// The number of rows in use.
    pub rows: u64,
    /// The number of columns in use.
    pub columns: u64,
}

/// One side of a GEMM, cut to a side of the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    array: u64,
    whole: u64,
    ragged: u64,
}

impl Cut {
    pub(crate) fn new(length: u64, array: u64) -> Self {
        Self {
            array,
            whole: length / array,
            ragged: length % array,
        }
    }

    pub(crate) fn blocks(self) -> u64 {
        self.whole + u64::from(self.ragged > 0)
    }

    fn length(self, block: u64) -> u64 {
        if block < self.whole {
            self.array
        } else {
            self.ragged
        }
    }

    fn last(self) -> u64 {
        self.length(self.blocks() - 1)
    }

    fn first(self) -> u64 {
        self.length(0)
    }

    /// Lengths of blocks, each with how often it occurs.
    fn lengths(self) -> impl Iterator<Item = (u64, u64)> {
        [
            (self.array, self.whole),
            (self.ragged, u64::from(self.ragged > 0)),
        ]
        .into_iter()
        .filter(|&(_, count)| count > 0)
    }

    /// Pairs of neighbouring blocks, each with how often it occurs.
    fn steps(self) -> impl Iterator<Item = (u64, u64, u64)> {
        [
            (self.array, self.array, self.whole.saturating_sub(1)),
            (
                self.array,
                self.ragged,
                u64::from(self.whole > 0 && self.ragged > 0),
            ),
        ]
        .into_iter()
        .filter(|&(_, _, count)| count > 0)
    }
}

/// All folds of a GEMM of `repeat` equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Folds {
    pub(crate) rows: Cut,
    pub(crate) columns: Cut,
    pub(crate) repeat: u64,
    total: u64,
}

impl Folds {
    /// `None` if there are more than 64 bits can count.
    pub(crate) fn new(rows: Cut, columns: Cut, repeat: u64) -> Option<Self> {
        let total = rows
            .blocks()
            .checked_mul(columns.blocks())?
            .checked_mul(repeat)?;
        Some(Self {
            rows,
            columns,
            repeat,
            total,
        })
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn at(&self, index: u64) -> Fold {
        let rows = self.rows.blocks();
        Fold {
            rows: self.rows.length(index % rows),
            columns: self.columns.length(index / rows % self.columns.blocks()),
        }
    }

    pub(crate) fn first(&self) -> Fold {
        Fold {
            rows: self.rows.first(),
            columns: self.columns.first(),
        }
    }

    pub(crate) fn last(&self) -> Fold {
        Fold {
            rows: self.rows.last(),
            columns: self.columns.last(),
        }
    }

    /// Whether the last block of columns is narrower than one that runs before it.
    pub(crate) fn narrows(&self) -> bool {
        self.columns.whole > 0 && self.columns.ragged > 0
    }

    /// The distinct folds, each with how often it occurs.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (Fold, u64)> {
        let repeat = self.repeat;
        self.rows.lengths().flat_map(move |(rows, row_count)| {
            self.columns.lengths().map(move |(columns, column_count)| {
                (Fold { rows, columns }, row_count * column_count * repeat)
            })
        })
    }

    /// The distinct pairs of a fold and the one that follows it, each with how often it occurs.
    pub(crate) fn successions(&self) -> impl Iterator<Item = (Fold, Fold, u64)> {
        let repeat = self.repeat;
        let down = self.columns.lengths().flat_map(move |(columns, blocks)| {
            self.rows.steps().map(move |(from, to, count)| {
                (
                    Fold {
                        rows: from,
                        columns,
                    },
                    Fold { rows: to, columns },
                    count * blocks * repeat,
                )
            })
        });
        let across = self.columns.steps().map(move |(from, to, count)| {
            (
                Fold {
                    rows: self.rows.last(),
                    columns: from,
                },
                Fold {
                    rows: self.rows.first(),
                    columns: to,
                },
                count * repeat,
            )
        });
        let again = (repeat > 1).then(|| (self.last(), self.first(), repeat - 1));
        down.chain(across).chain(again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn kinds_and_successions_count_what_running_the_folds_counts(
            a in 1u64..30, b in 1u64..30, rows in 1u64..9, columns in 1u64..9, repeat in 1u64..4,
        ) {
            let folds = Folds::new(Cut::new(a, rows), Cut::new(b, columns), repeat).unwrap();
            let key = |fold: Fold| (fold.rows, fold.columns);
            let mut kinds = BTreeMap::new();
            let mut pairs = BTreeMap::new();
            for index in 0..folds.total() {
                *kinds.entry(key(folds.at(index))).or_insert(0) += 1;
                if index > 0 {
                    let pair = (key(folds.at(index - 1)), key(folds.at(index)));
                    *pairs.entry(pair).or_insert(0) += 1;
                }
            }
            let mut said = BTreeMap::new();
            for (fold, count) in folds.kinds() {
                *said.entry(key(fold)).or_insert(0) += count;
            }
            prop_assert_eq!(kinds, said);
            let mut said = BTreeMap::new();
            for (from, to, count) in folds.successions() {
                *said.entry((key(from), key(to))).or_insert(0) += count;
            }
            prop_assert_eq!(pairs, said);
            prop_assert_eq!(folds.first(), folds.at(0));
            prop_assert_eq!(folds.last(), folds.at(folds.total() - 1));
        }
    }
}
