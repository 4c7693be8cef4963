//! The comparison, cell by cell.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use accelerator::Machine;
use config::FieldError;
use workload_compiler::Workload;

use super::{Cell, Form, Quantity, projection_fraction, tokens_per_second, workload};
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

/// A figure of a run that cannot be: no workload has this model and context.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}:{}:{}: {}", .cell.file, .cell.line, .cell.column, .error.message)]
pub struct CellError {
    /// The figure, with its place.
    pub cell: Box<Cell>,
    /// What is wrong with the workload, and what would be right.
    pub error: FieldError,
}

/// Why figures could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A cell of a file asks for what cannot be.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The machine could not run a cell.
    #[error(transparent)]
    Point(#[from] PointError),
}

/// Runs what the cells ask for, each run once, and compares.
///
/// # Errors
/// At the first cell that cannot be run.
pub fn check(machine: &Machine, cells: Vec<Cell>) -> Result<Vec<Checked>, CheckError> {
    let (workloads, places) = workloads(&cells)?;
    let points = workloads
        .into_iter()
        .map(|workload| Point { machine, workload });
    let points: Vec<_> = points.collect();
    let runs = measure_all(&points).into_iter();
    let runs: Vec<Measured> = runs.collect::<Result<_, _>>()?;
    Ok(compare_all(cells, &places, |place| &runs[place]))
}

/// The workloads that cells ask for, each once, and for each cell the place of its own.
///
/// # Errors
/// At the first cell whose model cannot have its context.
pub(crate) fn workloads(cells: &[Cell]) -> Result<(Vec<Workload>, Vec<usize>), CellError> {
    let mut index = BTreeMap::new();
    let mut workloads = Vec::new();
    let mut places = Vec::new();
    for cell in cells {
        let key = (cell.preset.slug.as_str(), cell.context);
        let place = match index.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let workload = workload(cell.preset, Form::AsPublished, cell.context);
                workloads.push(workload.map_err(|error| CellError {
                    cell: Box::new(cell.clone()),
                    error,
                })?);
                *new.insert(workloads.len() - 1)
            }
        };
        places.push(place);
    }
    Ok((workloads, places))
}

/// Each cell beside the run at its place.
pub(crate) fn compare_all<'a>(
    cells: Vec<Cell>,
    places: &[usize],
    run: impl Fn(usize) -> &'a Measured,
) -> Vec<Checked> {
    let cells = cells.into_iter().zip(places);
    cells
        .map(|(cell, &place)| compare(cell, run(place)))
        .collect()
}

fn compare(cell: Cell, run: &Measured) -> Checked {
    let simulated = match cell.quantity {
        Quantity::ProjectionFraction => projection_fraction(run),
        Quantity::TokensPerSecond => tokens_per_second(run),
    };
    let digits = cell.printed.decimals().max(cell.quantity.digits());
    Checked {
        simulated,
        rounded: format!("{simulated:.digits$}"),
        published: cell.printed.padded(digits),
        cell,
    }
}
