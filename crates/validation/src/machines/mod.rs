//! Published machines, predicted: real boards, chips and RTL, described as machine files, run
//! through the same compiler and machine as everything else, and set beside what was measured.
//!
//! A golden file ([`parse`]) names a machine, a workload or list of kernels, and a published value
//! a line; [`compare`] gives prediction, ratio and verdict. The crate's README tells the form of
//! the file.

mod golden;
mod table;

use explore::prediction::Prediction;

pub use golden::{Columns, Quantity, Row, RowKind, SHIPPED, parse};
pub use table::{summary, to_markdown, verdict};

/// A published result beside its prediction.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The published result.
    pub row: Row,
    /// The prediction, in the unit of the row.
    pub predicted: f64,
}

impl Compared {
    /// Predicted over published.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.predicted / self.row.published
    }

    /// How far the prediction is off, in percent of the published value.
    #[must_use]
    pub fn off_percent(&self) -> f64 {
        (self.predicted - self.row.published).abs() * 100.0 / self.row.published
    }

    /// Whether the prediction is within the row's tolerance.
    #[must_use]
    pub fn within(&self) -> bool {
        (self.predicted - self.row.published).abs() * 100.0
            <= self.row.tolerance * self.row.published
    }
}

/// Sets a prediction beside a published result; `None` where it has nothing of the name that the
/// row asks for.
#[must_use]
pub fn compare(row: Row, prediction: &Prediction) -> Option<Compared> {
    let predicted = row.quantity.of(prediction, &row.of)? / row.scale;
    Some(Compared { row, predicted })
}
