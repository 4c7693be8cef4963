//! A machine, a workload, and the one compiled for the other.

use accelerator::{Machine, MachineSpec};
use config::{ConfigError, Document};
use energy::Priced;
use explore::price;
use workload_compiler::{CompileError, CompiledProgram, Concern, Workload};

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
    pub(crate) machine: Machine,
    pub(crate) program: CompiledProgram,
    /// The machine in its technology, if it names one.
    pub(crate) priced: Option<Vec<Priced>>,
}

impl Job {
    /// Opens the machine's file, changes the fields that `--set` names, and compiles: for every chip, or for
    /// one of those that do the same.
    pub(crate) fn load(
        hw: Option<&str>,
        workload: Document,
        set: &[String],
        every_chip: bool,
    ) -> Result<Self, Failure> {
        let overrides = load::overrides(set)?;
        let spec = load::machine(hw.unwrap_or(DEFAULT_MACHINE), &overrides)?;
        let workload = load::changed_workload(workload, &overrides)?;
        Self::of(spec, workload, every_chip)
    }

    /// Compiles a workload for a machine: for every chip, or for one of those that do the same.
    pub(crate) fn of(
        spec: Loaded<MachineSpec>,
        workload: Loaded<Workload>,
        every_chip: bool,
    ) -> Result<Self, Failure> {
        let machine = Machine::new(spec.value.clone()).map_err(|error| spec.point(&error))?;
        let priced = load::technology(&spec)?
            .map(|technology| price::priced(&machine, &technology))
            .transpose()
            .map_err(|error| spec.point(&error))?;
        let program = compiled(&workload, &machine, every_chip)
            .map_err(|error| placed(&error, &spec, &workload))?;
        let machine = machine.simulating(program.platform().clone());
        Ok(Self {
            spec,
            workload,
            machine,
            program,
            priced,
        })
    }

    /// About how many instructions the run has. They are counted on the program compiled once more:
    /// counting uses it up, and the run must not depend on whether it is traced.
    pub(crate) fn count_instructions(&self, every_chip: bool) -> Option<u64> {
        let machine = Machine::new(self.spec.value.clone()).ok()?;
        let mut program = compiled(&self.workload, &machine, every_chip).ok()?;
        Some(chrome_trace::count_instructions(&mut program, MOST_COUNTED))
    }
}

/// Instructions that are counted before a run; of more, the number is estimated. It takes a second
/// or two, and the run of as many takes minutes.
const MOST_COUNTED: u64 = 4_000_000;

fn compiled(
    workload: &Loaded<Workload>,
    machine: &Machine,
    every_chip: bool,
) -> Result<CompiledProgram, CompileError> {
    let compile = if every_chip {
        workload_compiler::compile_every_chip
    } else {
        workload_compiler::compile
    };
    compile(workload.value.clone(), machine.platform())
}

/// Why a workload cannot be compiled for a machine, at the field of the file that it concerns.
pub(crate) fn placed(
    error: &CompileError,
    spec: &Loaded<MachineSpec>,
    workload: &Loaded<Workload>,
) -> ConfigError {
    match error.field() {
        (Concern::Machine, error) => spec.point(&error),
        (Concern::Workload, error) => workload.point(&error),
    }
}
