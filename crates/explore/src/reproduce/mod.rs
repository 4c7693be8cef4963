//! The published question, answered for all models, contexts and machines, with figures.

mod beyond;
mod figures;
mod grid;
mod page;
mod report;
mod resimulated;

use accelerator::{Machine, MachineSpec};
use config::FieldError;
use serde::Serialize;

use crate::PointError;
use crate::figure::FigureError;
use crate::published::{self, CheckError, Checked};

pub use beyond::BeyondRun;
pub use figures::Drawn;
pub use grid::{CONTEXTS, FAMILIES, GridCell, csv, find, presets};
pub use page::{Block, Page};
pub use resimulated::{Resimulated, SpeedupPoint};

/// Why nothing could be reproduced.
#[derive(Debug, thiserror::Error)]
pub enum ReproduceError {
    /// A machine or workload does not stand.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A run failed.
    #[error(transparent)]
    Point(#[from] PointError),
    /// The published figures could not be compared.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// A figure could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
}

/// The machines that are asked.
#[derive(Clone, Debug)]
pub struct Machines {
    /// The published edge machine.
    pub edge: MachineSpec,
    /// The published cloud machine, whose array is an assumption.
    pub cloud: MachineSpec,
    /// Machines with real memories, for what the published account leaves out.
    pub real: Vec<MachineSpec>,
}

/// All results: numbers first, figures and page made of them.
#[derive(Clone, Debug, Serialize)]
pub struct Reproduction {
    /// Families, contexts, machines.
    pub grid: Vec<GridCell>,
    /// The law beside the machine.
    pub resimulated: Vec<Resimulated>,
    /// What the published account leaves out.
    pub beyond: Vec<BeyondRun>,
    /// Published figures beside ours.
    #[serde(skip)]
    pub checked: Vec<Checked>,
    /// Figures.
    #[serde(skip)]
    pub figures: Vec<Drawn>,
    /// The report.
    #[serde(skip)]
    pub page: Page,
}

/// Runs all and writes the page.
///
/// # Errors
/// If a run or a figure fails.
///
/// # Panics
/// Never: the built-in published files are well formed.
pub fn reproduce(machines: &Machines) -> Result<Reproduction, ReproduceError> {
    let edge = Machine::new(machines.edge.clone())?;
    let cloud = Machine::new(machines.cloud.clone())?;
    let mut cells = Vec::new();
    for (name, text) in published::SHIPPED {
        cells.extend(published::parse(name, text).expect("the built-in files are read by a test"));
    }
    let checked = published::check(&edge, cells)?;
    let names = [machines.edge.name.as_str(), machines.cloud.name.as_str()];
    let grid = grid::grid(&[edge, cloud])?;
    let resimulated = resimulated::resimulated(&machines.edge)?;
    let beyond = beyond::beyond(&machines.real, &machines.edge)?;
    let mut figures = Vec::new();
    for name in names {
        figures.extend(figures::of_machine(&grid, name)?);
    }
    figures.push(figures::speedups(&resimulated, names[0])?);
    let mut all = Reproduction {
        grid,
        resimulated,
        beyond,
        checked,
        figures,
        page: Page::default(),
    };
    all.page = report::page(&all, names);
    Ok(all)
}
