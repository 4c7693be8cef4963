//! The replicas of DRAM controllers beside golden results of DRAMsim3 and Ramulator 2.
//!
//! Such results are `golden.csv` (a row a run), `timings.csv` (the parameters of each
//! configuration) and `cmdtrace/` (whole command traces of some runs); those that the project ships
//! are part of the program. Each run's requests are generated again, and every column that a policy
//! determines is compared.

mod columns;
mod golden;
mod report;
mod shipped;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use dram::command::Issued;
use dram_replicas::command_trace::Style;
use dram_replicas::config::ReplicaConfig;
use dram_replicas::driver::{Recording, RunOptions, Stepping, run};
use dram_replicas::request::{generate, trace_text};
use sha2::{Digest, Sha256};
use strum::IntoEnumIterator;

use crate::table::{Form, GoldenError, Line, Table};

pub use columns::Column;
pub use golden::Golden;
pub use report::{CommandDifference, Difference, Report, RowReport, TraceReport};

/// Why golden results cannot be compared with.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// A file or folder cannot be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// The path of the file or folder.
        file: String,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// A table is not of its form.
    #[error(transparent)]
    Table(#[from] GoldenError),
    /// A command trace of a run that golden.csv does not hold.
    #[error("cmdtrace/{file}: golden.csv has no run `{run}`")]
    NoRun {
        /// The trace's file.
        file: String,
        /// The run that its name begins with.
        run: String,
    },
}

impl ValidateError {
    /// What would be right, where the error is at a place of a table.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Table(error) => Some(&error.help),
            Self::Unreadable { .. } | Self::NoRun { .. } => None,
        }
    }
}

const RUNS: Form = Form {
    required: &columns::ASKED,
    optional: &[],
    others: true,
    lines: "runs",
};

/// Compares all that a set of results holds.
///
/// # Errors
/// If a text is not of the form.
pub fn compare(golden: &Golden) -> Result<Report, ValidateError> {
    compare_some(golden, |_, _| true)
}

/// Compares some runs: `wanted` chooses rows by run and configuration.
///
/// # Errors
/// If a text is not of the form.
pub fn compare_some(
    golden: &Golden,
    wanted: impl Fn(&str, &str) -> bool,
) -> Result<Report, ValidateError> {
    let configs = golden.configs()?;
    let mut traces = traces_by_run(&golden.traces);
    let table = Table::read("golden.csv", &golden.runs, &RUNS)?;
    let (compared, missing): (Vec<_>, Vec<_>) =
        Column::iter().partition(|column| table.has(column.name()));
    if compared.is_empty() {
        return Err(table.head_error("there is no column of results").into());
    }
    let mut report = Report {
        missing: missing.into_iter().map(Column::name).collect(),
        ..Report::default()
    };
    let mut runs = BTreeSet::new();
    for line in table.lines() {
        let run = line.text("run_id");
        if !runs.insert(run) {
            let message = format!("run `{run}` stands there twice");
            return Err(line.at("run_id", message, "each run once").into());
        }
        let traces = traces.remove(run).unwrap_or_default();
        if !wanted(run, line.text("config")) {
            continue;
        }
        let recording = if traces.is_empty() {
            Recording::Off
        } else {
            Recording::Commands
        };
        let row = compare_row(line, &configs, &compared, recording)?;
        let commands = row.commands;
        report.rows.push(row.report);
        for (file, text) in traces {
            report.traces.push(compare_trace(file, text, &commands));
        }
    }
    match traces.first_key_value() {
        Some((run, files)) => Err(ValidateError::NoRun {
            file: files[0].0.to_owned(),
            run: (*run).to_owned(),
        }),
        None => Ok(report),
    }
}

/// The command traces of a run, one a channel: file name and text.
type Traces<'a> = Vec<(&'a str, &'a str)>;

fn traces_by_run(traces: &[(String, String)]) -> BTreeMap<&str, Traces<'_>> {
    let mut by_run = BTreeMap::<&str, Traces<'_>>::new();
    for (name, text) in traces {
        if let Some((run, _)) = name.split_once('_') {
            by_run.entry(run).or_default().push((name, text));
        }
    }
    by_run
}

/// A row compared, and the commands of our run, a list for each channel; empty unless they were
/// kept.
struct Compared {
    report: RowReport,
    commands: Vec<Vec<Issued>>,
}

/// Runs what a row asks for and compares columns of results.
fn compare_row(
    row: Line<'_>,
    configs: &BTreeMap<String, ReplicaConfig>,
    compared: &[Column],
    recording: Recording,
) -> Result<Compared, GoldenError> {
    let name = row.text("config");
    let config = configs.get(name).ok_or_else(|| {
        let message = format!("timings.csv has no configuration `{name}`");
        row.at("config", message, "a configuration of timings.csv")
    })?;
    let requests = generate(
        row.text("family"),
        row.whole("n_req", 0)?,
        row.whole("req_bytes", 0)?,
        row.whole("interval", 0)?,
        row.text("params"),
    );
    let help = "a family of requests with its parameters, such as `seq_rd` with `base=0`";
    let requests = requests.map_err(|error| row.at("family", error.to_string(), help))?;
    let sha = format!("{:x}", Sha256::digest(trace_text(&requests)));
    let options = RunOptions {
        recording,
        stepping: Stepping::Events,
        // Where the file says nothing: the simulator's own.
        inject_width: row.whole_or("inject_width", 0)?,
        channels: row.whole_or("channels", 0)?,
    };
    let help = "a configuration and requests that its simulator can run";
    let result = run(config, requests, options)
        .map_err(|error| row.at("config", error.to_string(), help))?;
    let differences = compared.iter().filter_map(|column| {
        let (theirs, ours) = (row.text(column.name()), column.value(&result, &sha));
        (theirs != ours).then(|| Difference {
            column: column.name(),
            theirs: theirs.to_owned(),
            ours,
        })
    });
    Ok(Compared {
        report: RowReport {
            run: row.text("run_id").to_owned(),
            config: name.to_owned(),
            family: row.text("family").to_owned(),
            differences: differences.collect(),
        },
        commands: result.commands,
    })
}

/// The channel that a trace names in its first lines, `# ... channel=3 ...`; else the first.
fn channel_of_trace(text: &str) -> usize {
    let mut comments = text.lines().take_while(|line| line.starts_with('#'));
    comments
        .find_map(|line| {
            let mut words = line.split_whitespace();
            words.find_map(|word| word.strip_prefix("channel=")?.parse().ok())
        })
        .unwrap_or(0)
}

fn compare_trace(file: &str, text: &str, ours: &[Vec<Issued>]) -> TraceReport {
    let style = Style::of(text);
    let theirs: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("clk"))
        .collect();
    let ours = ours
        .get(channel_of_trace(text))
        .map_or(&[][..], Vec::as_slice);
    let ours: Vec<String> = ours.iter().map(|issued| style.line(issued)).collect();
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let at = |lines: &[&str], index: usize| {
        let line = lines.get(index).copied();
        line.unwrap_or("(nothing)").to_owned()
    };
    let first = (0..theirs.len().max(ours.len())).find(|&i| theirs.get(i) != ours.get(i));
    TraceReport {
        file: file.to_owned(),
        commands: theirs.len(),
        first_difference: first.map(|index| CommandDifference {
            number: index + 1,
            theirs: at(&theirs, index),
            ours: at(&ours, index),
        }),
    }
}
