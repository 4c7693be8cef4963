//! A machine, a workload, and the one compiled for the other.

use accelerator::MachineSpec;
use config::{ConfigError, Document};
use simulator::{Chips, Compiled, Simulation, SimulationError};
use workload_compiler::{CompileError, Concern, Workload};

use crate::failure::Failure;
use crate::input;
use crate::load::{self, Loaded};

/// What runs when nothing is named.
pub(crate) const DEFAULT_MACHINE: &str = "edge-hybrid";
const DEFAULT_WORKLOAD: &str = "bitnet-b1.58-2b-4t-decode";

/// The file of the workload that an argument names, or of the one that runs when none is named.
pub(crate) fn workload_document(argument: Option<&str>) -> Result<Document, ConfigError> {
    load::workload_document(argument.unwrap_or(DEFAULT_WORKLOAD))
}

/// Refuses to read both files from standard input.
pub(crate) fn refuse_stdin_twice(
    hw: Option<&str>,
    workload: Option<&str>,
) -> Result<(), ConfigError> {
    let arguments = [("--hw", hw), ("--workload", workload)];
    let given = arguments.map(|(option, argument)| (option, argument.unwrap_or_default()));
    input::refuse_stdin_twice(&given)
}

/// What is run on what.
pub(crate) struct Job {
    pub(crate) spec: Loaded<MachineSpec>,
    pub(crate) workload: Loaded<Workload>,
    pub(crate) compiled: Compiled<'static>,
}

impl Job {
    /// Opens the machine's file, changes the fields that `--set` names, and compiles.
    pub(crate) fn load(
        hw: Option<&str>,
        workload: Document,
        set: &[String],
        chips: Chips,
    ) -> Result<Self, Failure> {
        let overrides = load::overrides(set)?;
        let spec = load::machine(hw.unwrap_or(DEFAULT_MACHINE), &overrides)?;
        let workload = load::changed_workload(workload, &overrides)?;
        Self::of(spec, workload, chips)
    }

    /// Compiles a workload for a machine in its technology.
    pub(crate) fn of(
        spec: Loaded<MachineSpec>,
        workload: Loaded<Workload>,
        chips: Chips,
    ) -> Result<Self, Failure> {
        let compiled = load::simulation(&spec)?
            .chips(chips)
            .workload(workload.value.clone())
            .map_err(|error| placed(&error, &spec, &workload))?
            .named(workload.name());
        Ok(Self {
            spec,
            workload,
            compiled,
        })
    }

    /// About how many instructions the run has. They are counted on the program compiled once more:
    /// counting uses it up, and the run must not depend on whether it is traced.
    pub(crate) fn count_instructions(&self, chips: Chips) -> Option<u64> {
        let simulation = Simulation::new(self.spec.value.clone()).ok()?.chips(chips);
        let compiled = simulation.workload(self.workload.value.clone()).ok()?;
        let (_, mut program) = compiled.into_parts();
        Some(chrome_trace::count_instructions(&mut program, MOST_COUNTED))
    }
}

/// Instructions that are counted before a run; of more, the number is estimated. It takes a second
/// or two, and the run of as many takes minutes.
const MOST_COUNTED: u64 = 4_000_000;

/// Why a workload cannot be compiled for a machine, at the field of the file that it concerns.
fn placed(
    error: &CompileError,
    spec: &Loaded<MachineSpec>,
    workload: &Loaded<Workload>,
) -> ConfigError {
    match error.field() {
        (Concern::Machine, error) => spec.point(&error),
        (Concern::Workload, error) => workload.point(&error),
    }
}

/// Why a simulation has no result, at the field of the file that it concerns if there is one.
pub(crate) fn failure(
    error: SimulationError,
    spec: &Loaded<MachineSpec>,
    workload: &Loaded<Workload>,
) -> Failure {
    match error {
        SimulationError::Spec(error) => spec.point(&error).into(),
        SimulationError::Compile(error) => placed(&error, spec, workload).into(),
        SimulationError::Machine(error) => error.into(),
    }
}
