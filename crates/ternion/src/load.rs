//! From an argument to a checked machine or workload.

use std::path::{Path, PathBuf};

use accelerator::{MachineFile, MachineSpec};
use config::{ConfigError, Document, FieldError, Override, among, printable};
use energy::Technology;
use explore::prediction::{self, KernelList, KernelsFile, Load};
use serde::Serialize;
use serde::de::DeserializeOwned;
use simulator::Simulation;
use workload_compiler::{Workload, WorkloadFile};

use crate::failure::show;
use crate::input;
use crate::shipped::{KERNELS, Kind, MACHINES, PUBLISHED, WORKLOADS};
use crate::unknown;

/// A checked file, and the text that it came from.
pub(crate) struct Loaded<T> {
    pub(crate) value: T,
    document: Document,
    /// The file with its defaults filled in.
    defaults: Option<String>,
}

impl<T> Loaded<T> {
    /// The same file, its value made into another.
    pub(crate) fn map<U>(self, of: impl FnOnce(T) -> U) -> Loaded<U> {
        Loaded {
            value: of(self.value),
            document: self.document,
            defaults: self.defaults,
        }
    }

    /// The name of the file, without folder and ending, to be printed.
    pub(crate) fn name(&self) -> String {
        let name = Path::new(self.document.name()).file_stem();
        name.map_or_else(String::new, |name| {
            printable(&name.to_string_lossy()).into_owned()
        })
    }

    /// Shows an error that came to light later at its place in the file.
    pub(crate) fn point(&self, error: &FieldError) -> ConfigError {
        self.document.point(error, self.defaults.as_deref())
    }
}

/// Takes apart all `--set` arguments.
pub(crate) fn overrides(arguments: &[String]) -> Result<Vec<Override>, ConfigError> {
    let targets = [MACHINES.target, WORKLOADS.target];
    arguments
        .iter()
        .map(|argument| Override::parse(argument, &targets))
        .collect()
}

/// Opens a file by its path, a shipped one by its name, or standard input as `-`. A file that is
/// there wins; a folder does not.
pub(crate) fn open(argument: &str, kinds: &[&Kind]) -> Result<Document, ConfigError> {
    let path = Path::new(argument);
    let shipped = kinds
        .iter()
        .find_map(|kind| Some((kind, kind.find(argument)?)));
    if let Some((kind, file)) = shipped
        && (path.is_dir() || !path.exists())
    {
        return kind.document(file);
    }
    if argument != "-" && !path.exists() {
        if unknown::is_name(argument) {
            return Err(unknown::no_such(argument, kinds));
        }
        // A name that is also a path: `microsoft/bitnet-b1.58-2B-4T`.
        if let Some(error) = unknown::known_elsewhere(argument, &unknown::nouns(kinds)) {
            return Err(error);
        }
    }
    input::document(path)
}

/// A checked machine.
pub(crate) fn machine(
    argument: &str,
    overrides: &[Override],
) -> Result<Loaded<MachineSpec>, ConfigError> {
    let mut document = open(argument, &[&MACHINES, &PUBLISHED])?;
    change(&mut document, &MACHINES, overrides)?;
    resolve_machine(document)
}

/// The technology that a machine names, if it names one: a shipped one, or a file beside the
/// machine's.
fn technology(spec: &Loaded<MachineSpec>) -> Result<Option<Technology>, ConfigError> {
    let Some(name) = &spec.value.technology else {
        return Ok(None);
    };
    if let Some(technology) = Technology::shipped(name) {
        return Ok(Some(technology));
    }
    let folder = Path::new(spec.document.name()).parent();
    let path = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
    if path.is_dir() || !path.exists() {
        let names = Technology::names();
        let error = FieldError::new(
            "technology",
            format!(
                "no technology is called `{name}`, and there is no file `{}`",
                path.display()
            ),
        );
        return Err(spec.point(&error.help(format!(
            "shipped are {}; or the path of a file that begins `Technology(`",
            among(&names)
        ))));
    }
    let document = Document::parse(path.to_string_lossy(), input::file(&path)?)?;
    Technology::read(&document).map(Some)
}

/// A machine ready to be simulated, in the technology that it names.
pub(crate) fn simulation(spec: &Loaded<MachineSpec>) -> Result<Simulation, ConfigError> {
    let simulation = Simulation::new(spec.value.clone()).map_err(|error| spec.point(&error))?;
    match technology(spec)? {
        Some(technology) => simulation
            .technology(&technology)
            .map_err(|error| spec.point(&error)),
        None => Ok(simulation),
    }
}

/// A checked workload.
pub(crate) fn workload(
    argument: &str,
    overrides: &[Override],
) -> Result<Loaded<Workload>, ConfigError> {
    changed_workload(workload_document(argument)?, overrides)
}

/// The file of a workload or list of kernels, to be read once.
pub(crate) fn workload_document(argument: &str) -> Result<Document, ConfigError> {
    open(argument, &[&WORKLOADS, &KERNELS])
}

/// Whether a workload is a list of kernels.
pub(crate) fn lists_kernels(workload: &Document) -> bool {
    workload.root_name() == Some("Kernels")
}

/// A checked workload, with its fields changed.
pub(crate) fn changed_workload(
    mut document: Document,
    overrides: &[Override],
) -> Result<Loaded<Workload>, ConfigError> {
    change(&mut document, &WORKLOADS, overrides)?;
    resolve_workload(document)
}

/// A checked workload or list of kernels, with its fields changed.
pub(crate) fn changed_load(
    mut document: Document,
    overrides: &[Override],
) -> Result<Loaded<Load>, ConfigError> {
    change(&mut document, &WORKLOADS, overrides)?;
    if lists_kernels(&document) {
        return Ok(resolve_kernels(document)?.map(Load::Kernels));
    }
    let model = |workload| Load::Model(Box::new(workload));
    Ok(resolve_workload(document)?.map(model))
}

fn change(document: &mut Document, kind: &Kind, overrides: &[Override]) -> Result<(), ConfigError> {
    overrides
        .iter()
        .filter(|change| change.target() == kind.target)
        .try_for_each(|change| document.set(change))
}

/// Checks a machine file.
pub(crate) fn resolve_machine(document: Document) -> Result<Loaded<MachineSpec>, ConfigError> {
    resolve(document, |file: &MachineFile| accelerator::resolve(file))
}

/// Checks a workload file. Files that it names are looked for beside it; what in them is not
/// modelled, or not known, is said on stderr.
pub(crate) fn resolve_workload(document: Document) -> Result<Loaded<Workload>, ConfigError> {
    let folder = Path::new(document.name())
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf);
    let read =
        |path: &str| input::file(&folder.join(path)).map_err(|error| error.message().to_owned());
    let workload = resolve(document, |file: &WorkloadFile| {
        workload_compiler::resolve(file, read)
    })?;
    for warning in &workload.value.warnings {
        show(&workload.point(warning).as_warning());
    }
    Ok(workload)
}

/// Checks a list of kernels.
pub(crate) fn resolve_kernels(document: Document) -> Result<Loaded<KernelList>, ConfigError> {
    resolve(document, |file: &KernelsFile| prediction::resolve(file))
}

fn resolve<Raw: DeserializeOwned + Serialize, T>(
    document: Document,
    check: impl FnOnce(&Raw) -> Result<T, FieldError>,
) -> Result<Loaded<T>, ConfigError> {
    let raw: Raw = document.read()?;
    let defaults = Document::with_defaults(&raw);
    match check(&raw) {
        Ok(value) => Ok(Loaded {
            value,
            document,
            defaults,
        }),
        Err(error) => Err(document.point(&error, defaults.as_deref())),
    }
}
