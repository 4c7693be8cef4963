//! Published machines, predicted: real boards, chips and RTL, described as machine files, run
//! through the same compiler and machine as everything else, and set beside what was measured.
//!
//! A golden file ([`parse`]) names a machine, a workload or [`KernelsFile`], and a published value a
//! line; [`compare`] tells prediction, ratio and verdict. The form of both files stands in the
//! crate's README.

mod golden;
mod kernel_time;
mod kernels;
mod predict;

pub use golden::{Columns, Quantity, Row, SHIPPED, parse};
pub use kernel_time::{BusyPart, CauseCycles, KernelTime, UnitCycles};
pub use kernels::{Kernel, KernelFile, KernelList, KernelWork, KernelsFile, Work, resolve};
pub use predict::{Counted, Load, PredictError, Prediction, SerialTime, predict, serial};

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

/// The comparison as a table of Markdown, one row a result.
#[must_use]
pub fn to_markdown(compared: &[Compared]) -> String {
    let mut text = String::from(
        "| machine | workload | quantity | published | predicted | ratio | what explains the rest |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for one in compared {
        let row = &one.row;
        let of = if row.of.is_empty() {
            String::new()
        } else {
            format!(" of {}", row.of)
        };
        let set = if row.set.is_empty() {
            String::new()
        } else {
            format!(" ({})", row.set.join(", "))
        };
        text.push_str(&format!(
            "| {} | {}{set} | {}{of} | {} {} | {} | {:.3} | {} |\n",
            row.machine,
            row.workload,
            row.quantity.name(),
            row.published,
            row.unit,
            digits(one.predicted),
            one.ratio(),
            row.note,
        ));
    }
    text
}

/// Four digits that tell.
#[must_use]
pub fn digits(number: f64) -> String {
    let places = match number.abs() {
        n if n >= 1000.0 => 0,
        n if n >= 100.0 => 1,
        n if n >= 10.0 => 2,
        _ => 3,
    };
    format!("{number:.places$}")
}
