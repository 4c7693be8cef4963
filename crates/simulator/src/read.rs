//! Machines and workloads from text, for callers that have no files to point at.

use accelerator::{MachineFile, MachineSpec};
use config::{ConfigError, Document, FieldError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use workload_compiler::{Workload, WorkloadFile};

/// Reads and checks the text of a machine file; `name` stands for the file in errors.
///
/// # Errors
/// A mistake in the text, with line and field.
pub fn read_machine(
    name: impl Into<String>,
    text: impl Into<String>,
) -> Result<MachineSpec, ConfigError> {
    read(name, text, |file: &MachineFile| accelerator::resolve(file))
}

/// Reads and checks the text of a workload file; `name` stands for the file in errors. A workload
/// that names further files, as a model's `config.json`, is refused: this function opens none.
///
/// # Errors
/// A mistake in the text, with line and field.
pub fn read_workload(
    name: impl Into<String>,
    text: impl Into<String>,
) -> Result<Workload, ConfigError> {
    let no_files = |path: &str| Err(format!("`{path}` is not opened: this workload is a text"));
    read(name, text, |file: &WorkloadFile| {
        workload_compiler::resolve(file, no_files)
    })
}

fn read<Raw: DeserializeOwned + Serialize, T>(
    name: impl Into<String>,
    text: impl Into<String>,
    check: impl FnOnce(&Raw) -> Result<T, FieldError>,
) -> Result<T, ConfigError> {
    Document::parse(name, text)?.resolve(check)
}
