//! The comparison, cell by cell.

use std::collections::BTreeMap;

use accelerator::Machine;

use super::golden::{Cell, GoldenError, Quantity, decimals};
use super::{Form, projection_fraction, tokens_per_second, workload};
use crate::{Measured, Point, PointError, measure_all};

/// A published figure beside the one that was simulated.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was published.
    pub cell: Cell,
    /// What was simulated, in all digits.
    pub simulated: f64,
    /// The same, in as many digits as were printed.
    pub rounded: String,
    /// The published figure with the trailing zeros that were not printed.
    pub published: String,
}

impl Checked {
    /// Whether all printed digits are met.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.rounded == self.published
    }
}

/// Why figures could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A cell of a file asks for what cannot be.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// The machine could not run a cell.
    #[error(transparent)]
    Point(#[from] PointError),
}

/// Runs what the cells ask for, each run once, and compares.
///
/// # Errors
/// At the first cell that cannot be run.
pub fn check(machine: &Machine, cells: Vec<Cell>) -> Result<Vec<Checked>, CheckError> {
    let mut index = BTreeMap::new();
    let mut points = Vec::new();
    for cell in &cells {
        let key = (cell.preset.slug.as_str(), cell.context);
        if index.contains_key(&key) {
            continue;
        }
        let workload = workload(cell.preset, Form::AsPublished, cell.context);
        let workload = workload.map_err(|error| GoldenError {
            file: cell.file.clone(),
            line: cell.line,
            column: cell.column,
            message: error.message,
            help: error.help.unwrap_or_default(),
        })?;
        index.insert(key, points.len());
        points.push(Point { machine, workload });
    }
    let runs: Vec<Measured> = measure_all(&points).into_iter().collect::<Result<_, _>>()?;
    let places: Vec<usize> = cells
        .iter()
        .map(|cell| index[&(cell.preset.slug.as_str(), cell.context)])
        .collect();
    let checked = cells.into_iter().zip(places);
    Ok(checked
        .map(|(cell, place)| compare(cell, &runs[place]))
        .collect())
}

fn compare(cell: Cell, run: &Measured) -> Checked {
    let simulated = match cell.quantity {
        Quantity::ProjectionFraction => projection_fraction(run),
        Quantity::TokensPerSecond => tokens_per_second(run),
    };
    let printed = decimals(&cell.printed).expect("parsed cells are decimal numbers");
    let digits = printed.max(cell.quantity.digits());
    Checked {
        simulated,
        rounded: format!("{simulated:.digits$}"),
        published: padded(&cell.printed, digits),
        cell,
    }
}

/// A printed number with its trailing zeros, and without leading ones.
fn padded(printed: &str, digits: usize) -> String {
    let (whole, behind) = printed.split_once('.').unwrap_or((printed, ""));
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    format!("{whole}.{behind:0<digits$}")
}
