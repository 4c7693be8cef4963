//! The published question, answered for all models, contexts and machines, with figures.

mod figures;
mod grid;
mod html;
mod page;
mod report;
mod resimulated;

use accelerator::MachineSpec;
use serde::Serialize;

use crate::beyond::{self, Bench, Chapter};
use crate::figure::Drawn;
use crate::lab::Lab;
use crate::published::{self, Cell, Checked};
use crate::setting::{Extent, Machines, ReproduceError};

pub use grid::{GridCell, csv, find, presets};
pub use page::{Block, Page};
pub use resimulated::{Resimulated, SpeedupPoint};

/// All results: numbers first, figures and page made of them.
#[derive(Clone, Debug, Serialize)]
pub struct Reproduction {
    /// Whether the chapters beyond the published account ran whole models (`full`) or shortened
    /// ones (`quick`).
    pub extent: Extent,
    /// Contexts of the grid.
    pub contexts: &'static [u64],
    /// Families, contexts, machines.
    pub grid: Vec<GridCell>,
    /// The law beside the machine.
    pub resimulated: Vec<Resimulated>,
    /// What the published account leaves out.
    pub beyond: Vec<Chapter>,
    /// Published figures beside ours.
    #[serde(skip)]
    pub checked: Vec<Checked>,
    /// All figures of the report.
    #[serde(skip)]
    pub figures: Vec<Drawn>,
    /// The report itself, to be written as Markdown or HTML.
    #[serde(skip)]
    pub page: Page,
}

/// How often [`reproduce`](reproduce()) reports a step.
pub const STEPS: u64 = 3 + beyond::CHAPTERS;

/// Runs all and writes the page; calls `step` at the begin of each of the [`STEPS`].
///
/// `published` are the figures that the edge machine's runs are set beside.
///
/// # Errors
/// If a run or a figure fails.
pub fn reproduce(
    machines: &Machines,
    extent: Extent,
    published: Vec<Cell>,
    step: &dyn Fn(),
) -> Result<Reproduction, ReproduceError> {
    let mut lab = Lab::default();
    let paper = [machines.edge.clone(), machines.cloud.clone()];
    let names = [machines.edge.name.as_str(), machines.cloud.name.as_str()];
    step();
    let grid = grid::grid(&mut lab, &paper, extent)?;
    step();
    let checked = checked(&mut lab, &machines.edge, published)?;
    step();
    let resimulated = resimulated::resimulated(&mut lab, &machines.edge, extent)?;
    let mut bench = Bench::new(machines, extent, lab);
    let beyond = beyond::chapters(&mut bench, step)?;
    let mut figures = Vec::new();
    for name in names {
        figures.extend(figures::of_machine(&grid, name, extent)?);
    }
    figures.push(figures::speedups(&resimulated, names[0])?);
    figures.extend(beyond.iter().flat_map(|chapter| chapter.figures.clone()));
    let mut all = Reproduction {
        extent,
        contexts: extent.contexts(),
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

/// Published figures beside the runs of a machine.
fn checked(
    lab: &mut Lab,
    spec: &MachineSpec,
    cells: Vec<Cell>,
) -> Result<Vec<Checked>, ReproduceError> {
    let (workloads, places) = published::workloads(&cells)?;
    let asked = workloads
        .into_iter()
        .map(|workload| (spec.clone(), workload));
    let runs = lab.all(&asked.collect::<Vec<_>>());
    let runs = runs.map_err(ReproduceError::Run)?;
    Ok(published::compare_all(cells, &places, |place| &runs[place]))
}
