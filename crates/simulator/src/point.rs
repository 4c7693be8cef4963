//! Many runs side by side.

use accelerator::Machine;
use rayon::prelude::*;
use workload_compiler::Workload;

use crate::{RunRecord, Simulation, SimulationError};

/// A workload on a machine, to be run among others.
#[derive(Clone, Debug)]
pub struct Point<'a> {
    /// Where it runs.
    pub machine: &'a Machine,
    /// The workload that runs on it.
    pub workload: Workload,
}

impl Point<'_> {
    /// Compiles and runs.
    ///
    /// # Errors
    /// If the machine cannot run the workload.
    pub fn measure(&self) -> Result<RunRecord, SimulationError> {
        let simulation = Simulation::on(self.machine.clone());
        Ok(simulation.workload(self.workload.clone())?.run()?)
    }
}

/// Runs all points, as many at once as there are threads. Results stand in the order of the
/// points, whatever the order in which they end.
#[must_use]
pub fn measure_all(points: &[Point<'_>]) -> Vec<Result<RunRecord, SimulationError>> {
    points
        .par_iter()
        .with_max_len(1)
        .map(Point::measure)
        .collect()
}
