//! One run of a study, and many of them side by side.

use accelerator::{Machine, MachineError, Outcome, RunOptions};
use attribution::{Amdahl, Ledger, Summary};
use quantities::{Bytes, Cycle, Frequency};
use rayon::prelude::*;
use tile_program::{Observer, Operation};
use workload_compiler::{CompileError, Workload, compile};

/// A workload on a machine.
#[derive(Clone, Debug)]
pub struct Point<'a> {
    /// Where it runs.
    pub machine: &'a Machine,
    /// What runs.
    pub workload: Workload,
}

/// What a study keeps of a run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The machine's reference clock, in which all cycles count.
    pub clock: Frequency,
    /// Tokens that the run adds to its results, over the whole batch.
    pub tokens: u64,
    /// GEMMs that the program consists of.
    pub gemms: u64,
    /// Bytes of main memory that the workload takes.
    pub footprint: Bytes,
    /// Where the cycles went.
    pub summary: Summary,
    /// What the machine counted.
    pub outcome: Outcome,
}

/// Why a point has no result.
#[derive(Debug, thiserror::Error)]
pub enum PointError {
    /// Workload and machine do not go together.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The machine stopped.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

impl Measured {
    /// F and what it allows.
    #[must_use]
    pub fn amdahl(&self) -> Amdahl {
        Amdahl::of(&self.summary)
    }

    /// The makespan in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.clock.seconds_f64(self.summary.total)
    }

    /// Tokens a second; 0 for a run of no time.
    #[must_use]
    pub fn tokens_per_second(&self) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 {
            self.tokens as f64 / seconds
        } else {
            0.0
        }
    }
}

/// Counts the GEMMs that a program announces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemms(pub u64);

impl Observer for Gemms {
    fn pass(&mut self, _name: &str, operations: &[Operation], _at: Cycle) {
        let gemms = operations.iter().filter_map(|operation| operation.gemm);
        self.0 += gemms.map(|gemm| gemm.count).sum::<u64>();
    }
}

impl Point<'_> {
    /// Compiles and runs.
    ///
    /// # Errors
    /// If the machine cannot run the workload.
    pub fn measure(&self) -> Result<Measured, PointError> {
        let mut program = compile(self.workload.clone(), self.machine.platform())?;
        let machine = self.machine.clone().simulating(program.platform().clone());
        let footprint = program.footprint();
        let observers = (Ledger::new(machine.platform()), Gemms::default());
        let options = RunOptions {
            cycle_limit: None,
            progress: &mut |_| (),
        };
        let (outcome, (ledger, gemms)) = machine.run(&mut program, observers, options)?;
        Ok(Measured {
            clock: self.machine.spec().clock,
            tokens: self.workload.tokens(),
            gemms: gemms.0,
            footprint,
            summary: ledger.summary(),
            outcome,
        })
    }
}

/// Runs all points, as many at once as there are threads. Results stand in the order of the
/// points, whatever the order in which they end.
#[must_use]
pub fn measure_all(points: &[Point<'_>]) -> Vec<Result<Measured, PointError>> {
    points
        .par_iter()
        .with_max_len(1)
        .map(Point::measure)
        .collect()
}
