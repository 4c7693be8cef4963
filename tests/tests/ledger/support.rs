//! Small machines and models, and runs of them.

use accelerator::{Machine, Outcome, RunOptions};
use attribution::{Ledger, Summary};
use simulator::{read_machine, read_workload};
use tile_program::Observer;
use workload_compiler::{CompileError, Workload, compile};

/// A run and what is known of it.
pub(crate) struct Run {
    pub(crate) machine: Machine,
    pub(crate) outcome: Outcome,
    pub(crate) summary: Summary,
}

/// The machine of a file.
pub(crate) fn machine(text: &str) -> Machine {
    let spec = read_machine("machine.ron", text).unwrap_or_else(|error| panic!("{error}"));
    Machine::new(spec).unwrap_or_else(|error| panic!("{error}"))
}

/// The workload of a file.
pub(crate) fn workload(text: &str) -> Workload {
    read_workload("workload.ron", text).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a workload under an observer beside the ledger; `None` if the machine is too small for it.
pub(crate) fn observed<O: Observer>(
    machine: &Machine,
    text: &str,
    observer: O,
) -> Option<(Run, O)> {
    on_another(machine, machine, text, observer)
}

/// The same of the program that is compiled for one machine, on another that differs in speed
/// alone.
pub(crate) fn on_another<O: Observer>(
    compiled_for: &Machine,
    machine: &Machine,
    text: &str,
    observer: O,
) -> Option<(Run, O)> {
    let mut program = match compile(workload(text), compiled_for.platform()) {
        Ok(program) => program,
        Err(CompileError::TileDoesNotFit { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    let options = RunOptions {
        cycle_limit: None,
        progress: &mut |_| (),
    };
    let observers = (Ledger::new(machine.platform()), observer);
    let (outcome, (ledger, observer)) = machine
        .run(&mut program, observers, options)
        .unwrap_or_else(|error| panic!("{error}"));
    let run = Run {
        machine: machine.clone(),
        outcome,
        summary: ledger.summary(),
    };
    Some((run, observer))
}

/// Runs a workload; `None` if the machine is too small for it.
pub(crate) fn run(machine: &Machine, workload: &str) -> Option<Run> {
    observed(machine, workload, tile_program::NoObserver).map(|(run, _)| run)
}
