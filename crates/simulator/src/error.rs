//! Why a simulation has no result.

use accelerator::MachineError;
use config::FieldError;
use workload_compiler::CompileError;

/// Why a simulation has no result, by the step that failed. Each step of
/// [`Simulation`](crate::Simulation) returns its own error, which `?` turns into this one.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// A field of the machine's description cannot stand, or its technology lacks a figure for it.
    #[error(transparent)]
    Spec(#[from] FieldError),
    /// The machine cannot run the workload.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The run ended before its program did.
    #[error(transparent)]
    Machine(#[from] MachineError),
}
