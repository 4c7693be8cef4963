//! Golden results of DRAM simulators: those that the project ships, and folders of the same form.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use dram_replicas::config::{self, Parameter, ReplicaConfig};

use super::ValidateError;
use super::shipped;
use crate::table::{Form, GoldenError, Table};

/// The texts that runs are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Golden {
    /// A row a run (`golden.csv`).
    pub runs: String,
    /// The parameters of each configuration (`timings.csv`).
    pub timings: String,
    /// Whole command traces: file name, beginning with the run's, and text (`cmdtrace/`).
    pub traces: Vec<(String, String)>,
}

impl Golden {
    /// The results that the project ships: those of `data/dram`.
    #[must_use]
    pub fn shipped() -> Self {
        let trace = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Self {
            runs: shipped::RUNS.to_owned(),
            timings: shipped::TIMINGS.to_owned(),
            traces: shipped::TRACES.iter().map(trace).collect(),
        }
    }

    /// Reads a folder of the same form.
    ///
    /// # Errors
    /// If a file is missing or cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, ValidateError> {
        Ok(Self {
            timings: text(&folder.join("timings.csv"))?,
            runs: text(&folder.join("golden.csv"))?,
            traces: traces(&folder.join("cmdtrace"))?,
        })
    }

    /// The configurations, by name.
    ///
    /// # Errors
    /// At the first place of `timings.csv` that is not as it should be.
    pub fn configs(&self) -> Result<BTreeMap<String, ReplicaConfig>, GoldenError> {
        let table = Table::read("timings.csv", &self.timings, &TIMINGS)?;
        Ok(config::by_name(table.lines().map(|line| Parameter {
            config: line.text("config").to_owned(),
            param: line.text("param").to_owned(),
            value: line.text("value").to_owned(),
        })))
    }
}

const TIMINGS: Form = Form {
    required: &["config", "param", "value"],
    optional: &[],
    others: true,
    lines: "parameters",
};

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ValidateError {
    let file = path.display().to_string();
    move |error| ValidateError::Unreadable { file, error }
}

fn text(path: &Path) -> Result<String, ValidateError> {
    fs::read_to_string(path).map_err(unreadable(path))
}

/// All files of a folder of command traces, in the order of their names; none if there is no such
/// folder.
fn traces(folder: &Path) -> Result<Vec<(String, String)>, ValidateError> {
    let mut traces = Vec::new();
    if !folder.exists() {
        return Ok(traces);
    }
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        traces.push((name.into_owned(), text(&path)?));
    }
    traces.sort();
    Ok(traces)
}
