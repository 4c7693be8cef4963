//! From an argument to a checked machine or workload.

use std::path::Path;

use accelerator::MachineSpec;
use config::{ConfigError, Document, Override};

use crate::shipped::{Kind, MACHINES};

/// The documents that `--set` can change.
pub(crate) const TARGETS: [&str; 2] = ["hw", "workload"];

/// Opens a file by its path, or a shipped one by its name.
pub(crate) fn open(argument: &str, kind: &Kind) -> Result<Document, ConfigError> {
    let path = Path::new(argument);
    let is_path = path.components().count() > 1 || path.extension().is_some() || path.exists();
    // A shipped name wins over nothing but a path: `tpu-v1` in a folder that has such a file is
    // that file. Names may hold dots, so a name that is shipped is never taken for a lost path.
    if !path.exists() && kind.files.iter().any(|file| file.name == argument) {
        return kind.named(argument)?.document(kind);
    }
    if is_path {
        Document::load(path)
    } else {
        kind.named(argument)?.document(kind)
    }
}

/// Opens a document and applies the overrides that name it.
pub(crate) fn open_with(
    argument: &str,
    kind: &Kind,
    target: &str,
    overrides: &[Override],
) -> Result<Document, ConfigError> {
    let mut document = open(argument, kind)?;
    for change in overrides.iter().filter(|change| change.target() == target) {
        document.set(change)?;
    }
    Ok(document)
}

/// Takes apart all `--set` arguments.
pub(crate) fn overrides(arguments: &[String]) -> Result<Vec<Override>, ConfigError> {
    arguments
        .iter()
        .map(|argument| Override::parse(argument, &TARGETS))
        .collect()
}

/// A checked machine.
pub(crate) fn machine(
    argument: &str,
    overrides: &[Override],
) -> Result<(Document, MachineSpec), ConfigError> {
    let document = open_with(argument, &MACHINES, "hw", overrides)?;
    let spec = document.resolve(accelerator::resolve)?;
    Ok((document, spec))
}
